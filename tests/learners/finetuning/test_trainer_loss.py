"""The Trainer adapter: one gradient whatever the micro-batches and processes, that of a plain loop; any K; padding."""

from __future__ import annotations

import numpy as np
import pytest

import outlearn
from outlearn.errors import ConfigError, DomainError, ShapeError
from outlearn.learners.finetuning.trainer_loss import hf_loss
from outlearn.learners.finetuning.window import ReferenceWindow
from outlearn.losses import LOSSES, AuxConf, get_loss, resolve

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

pytestmark = pytest.mark.medium

UNCOUPLED = [name for name, kind in LOSSES.items() if not kind.batch_coupled]
# float32 sums in another order, relative to gradients of size 1e-2 and more.
SAME = 1e-6


class Linear(torch.nn.Module):
    """The smallest model that the Trainer takes: `x [batch, 6]` to logits."""

    def __init__(self, n_classes):
        super().__init__()
        self.layer = torch.nn.Linear(6, n_classes)

    def forward(self, x, labels=None):
        return {"logits": self.layer(x)}


def rows(n_classes, n=8, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.dirichlet(np.ones(n_classes), n).astype(np.float32)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    return [{"x": torch.from_numpy(a), "labels": torch.from_numpy(b)} for a, b in zip(x, labels, strict=True)]


def one_step(loss, data, n_classes, *, batch, accumulate, tmp_path, epochs=1):
    """Train by SGD at rate 1, so that the change of the weights is the gradient."""
    torch.manual_seed(0)
    model = Linear(n_classes)
    before = [p.detach().clone() for p in model.parameters()]
    adapter = hf_loss(loss)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulate,
        num_train_epochs=epochs,
        learning_rate=1.0,
        lr_scheduler_type="constant",
        optim="sgd",
        max_grad_norm=0.0,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        logging_strategy="no",
    )
    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=data,
        compute_loss_func=adapter,
        callbacks=[adapter],
        data_collator=transformers.default_data_collator,
    )
    trainer.train()
    return [b - p.detach() for b, p in zip(before, model.parameters(), strict=True)]


def loop_gradient(loss, data, n_classes):
    """Compute the gradient of the mean loss in plain PyTorch."""
    torch.manual_seed(0)
    model = Linear(n_classes)
    x, labels = (torch.stack([row[key] for row in data]) for key in ("x", "labels"))
    loss(model(x)["logits"], labels, progress=0.0).mean().backward()
    return [p.grad for p in model.parameters()]


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("name", UNCOUPLED)
def test_one_step_of_8_is_4_accumulated_steps_of_2_and_the_plain_loop(name, n_classes, tmp_path):
    data = rows(n_classes)
    loss = resolve(get_loss(name), torch.stack([row["labels"] for row in data]))
    whole = one_step(loss, data, n_classes, batch=8, accumulate=1, tmp_path=tmp_path)
    parts = one_step(loss, data, n_classes, batch=2, accumulate=4, tmp_path=tmp_path)
    plain = loop_gradient(loss, data, n_classes)
    for a, b, c in zip(whole, parts, plain, strict=True):
        torch.testing.assert_close(a, b, atol=SAME, rtol=1e-5)
        torch.testing.assert_close(a, c, atol=SAME, rtol=1e-5)


def test_class_labels_give_the_gradient_of_their_one_hot_rows(tmp_path):
    data = rows(5)
    classes = [{"x": row["x"], "labels": row["labels"].argmax()} for row in data]
    one_hot = [{"x": row["x"], "labels": torch.eye(5)[row["labels"].argmax()]} for row in data]
    loss = get_loss("forward_ce")
    found = one_step(loss, classes, 5, batch=2, accumulate=4, tmp_path=tmp_path)
    for a, b in zip(found, loop_gradient(loss, one_hot, 5), strict=True):
        torch.testing.assert_close(a, b, atol=SAME, rtol=1e-5)


def test_rows_of_padding_count_for_nothing(tmp_path):
    data = rows(3, n=6)
    padded = [*data, *({"x": row["x"], "labels": torch.full((3,), -100.0)} for row in data[:2])]
    loss = get_loss("reverse_ce")
    found = one_step(loss, padded, 3, batch=4, accumulate=2, tmp_path=tmp_path)
    for a, b in zip(found, loop_gradient(loss, data, 3), strict=True):
        torch.testing.assert_close(a, b, atol=SAME, rtol=1e-5)


def test_a_micro_batch_of_padding_alone_has_loss_0():
    logits = torch.zeros(2, 3, requires_grad=True)
    loss = hf_loss("forward_ce")({"logits": logits}, torch.full((2, 3), -100.0), torch.tensor(6))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert not logits.grad.any()


def test_a_last_smaller_accumulation_is_divided_by_its_own_size(tmp_path):
    data = rows(2, n=6)
    loss = get_loss("forward_ce")
    # One epoch of 6 in steps of 4: the second step has 2 examples. The order is drawn by the Trainer, the same twice.
    whole = one_step(loss, data, 2, batch=4, accumulate=1, tmp_path=tmp_path)
    parts = one_step(loss, data, 2, batch=2, accumulate=2, tmp_path=tmp_path)
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, atol=SAME, rtol=1e-5)


def test_progress_goes_from_0_to_the_last_step(tmp_path):
    seen = []

    class Spy(AuxConf):
        def per_example(self, logits, targets, progress):
            seen.append(progress)
            return super().per_example(logits, targets, progress)

    one_step(Spy(), rows(2), 2, batch=2, accumulate=1, tmp_path=tmp_path, epochs=2)
    assert seen == [step / 8 for step in range(8)]


def test_the_window_makes_up_a_batch_with_the_last_examples():
    rng = torch.Generator().manual_seed(0)
    loss, window = AuxConf(), ReferenceWindow(6)
    logits, targets = torch.randn(10, 3, generator=rng), torch.rand(10, 3, generator=rng).softmax(-1)
    for start in range(0, 10, 2):
        part = slice(start, start + 2)
        found = window.loss(loss, logits[part], targets[part], progress=1.0, remember=True)
        seen = slice(max(0, start - 4), start + 2)
        expected = loss.against(logits[part], targets[part], logits[seen], targets[seen])
        torch.testing.assert_close(found, expected)


def test_a_micro_batch_as_large_as_the_window_looks_at_itself_alone():
    loss, window = AuxConf(), ReferenceWindow(6)
    for shift in (0.0, 50.0, 100.0):  # a model that drifts: all predictions of the step before are on one side
        logits, targets = torch.randn(6, 2) + torch.tensor([shift, 0.0]), torch.full((6, 2), 0.5)
        found = window.loss(loss, logits, targets, progress=1.0, remember=True)
        torch.testing.assert_close(found, loss(logits, targets))


def test_aux_conf_at_a_micro_batch_of_1_is_not_plain_self_training():
    torch.manual_seed(0)
    # A student biased to class 1 and balanced labels: argmax gives class 1 always, the window about half.
    logits, targets = torch.randn(400, 2) + torch.tensor([0.0, 3.0]), torch.full((400, 2), 0.5)
    adapter = hf_loss(AuxConf(weight=1.0, warmup=0.0))
    chosen = []
    for z, t in zip(logits, targets, strict=True):
        z = z[None].clone().requires_grad_()
        adapter({"logits": z}, t[None], 2).backward()
        chosen.append(int(z.grad.argmin()))
    assert 0.4 < np.mean(chosen[100:]) < 0.6


def test_evaluation_leaves_the_window_alone():
    # Beside those evaluated the example would be the least of class 1; alone its class is 1.
    loss, example, label = AuxConf(weight=1.0, warmup=0.0), torch.tensor([[0.0, 3.0]]), torch.full((1, 2), 0.5)
    adapter = hf_loss(loss)
    with torch.no_grad():
        adapter({"logits": torch.tensor([[0.0, 9.0]] * 4)}, torch.full((4, 2), 0.5))
    torch.testing.assert_close(adapter({"logits": example}, label), hf_loss(loss)({"logits": example}, label))


def test_rewards_of_pairs_are_the_two_logits():
    rewards = torch.tensor([[1.0], [2.0], [0.5], [4.0]])  # slot a: 1, 2; slot b: 0.5, 4
    labels = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    found = hf_loss("forward_ce")({"logits": rewards}, labels)
    expected = get_loss("forward_ce")(torch.tensor([[1.0, 0.5], [2.0, 4.0]]), labels).mean()
    torch.testing.assert_close(found, expected)


def test_what_does_not_fit_is_named():
    adapter = hf_loss("forward_ce")
    with pytest.raises(ShapeError, match=r"\(4, 2\) and labels \(3, 2\)"):
        adapter({"logits": torch.zeros(4, 2)}, torch.zeros(3, 2))
    with pytest.raises(ShapeError, match="expected equal"):
        adapter({"logits": torch.zeros(4, 2)}, torch.zeros(4, 3))
    with pytest.raises(ConfigError, match="reverse_ce"):
        hf_loss("revers_ce")


@pytest.mark.parametrize(
    ("labels", "kind", "what"),
    [
        (torch.tensor([0.0, 1.0]), ShapeError, "type torch.float32; expected classes"),
        (torch.tensor([True, False]), ShapeError, "type torch.bool"),
        (torch.zeros(2, 2, 2), ShapeError, r"shape \(2, 2, 2\)"),
        (torch.tensor(1), ShapeError, r"labels \(\)"),
        (torch.tensor([0, 2]), DomainError, r"labels\[1\] is 2, expected a class from 0 to 1"),
        (torch.tensor([-1, 1]), DomainError, r"labels\[0\] is -1"),
        (torch.tensor([[0.5, 0.5], [3.0, -7.0]]), DomainError, r"labels\[1\] is \[3.0, -7.0\], which is no dist"),
        (torch.tensor([[90.0, 10.0], [0.5, 0.5]]), DomainError, "Divide percentages by 100"),
        (torch.tensor([[np.nan, 1.0], [0.5, 0.5]]), DomainError, r"labels\[0\]"),
        (torch.tensor([[-100.0, 1.0], [0.5, 0.5]]), DomainError, r"labels\[0\]"),
    ],
)
def test_labels_that_say_no_class_and_no_distribution_are_named(labels, kind, what):
    with pytest.raises(kind, match=what):
        hf_loss("forward_ce")({"logits": torch.zeros(2, 2)}, labels)


def test_whole_numbers_of_any_size_and_half_precision_are_labels():
    logits, classes = torch.tensor([[1.0, 2.0], [0.5, -1.0], [0.0, 3.0]]), torch.tensor([1, 0, -100])
    adapter = hf_loss("forward_ce")
    expected = adapter({"logits": logits}, classes)
    for dtype in (torch.int8, torch.int32):
        torch.testing.assert_close(adapter({"logits": logits}, classes.to(dtype)), expected)
    soft = torch.tensor([[0.3, 0.7], [0.9, 0.1], [0.123, 0.877]])
    for dtype, close in ((torch.bfloat16, 1e-2), (torch.float16, 1e-3)):
        torch.testing.assert_close(
            adapter({"logits": logits}, soft.to(dtype)), adapter({"logits": logits}, soft), rtol=close, atol=close
        )


def test_it_is_a_public_name():
    assert outlearn.hf_loss is hf_loss
