"""What every loss promises, over the whole registry: a new entry of LOSSES is tested here at no cost.

Only its minimiser must be listed, in tests/losses/test_minimisers.py. References are autograd and central differences
in float64. AuxConf and Product hold the student's own prediction fixed in their target, so no finite difference is
their gradient: tests/losses compares them with forward CE at that target.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import pytest
import torch
from tests.draws import draw_examples

from outlearn.errors import ConfigError
from outlearn.losses import (
    CACE,
    LOSSES,
    AuxConf,
    ForwardCE,
    Loss,
    Regularised,
    ReverseCE,
    ReverseKL,
    SymmetricCE,
    get_loss,
    logit_gradient,
    loss_config,
    loss_name,
    margin_gradient,
    prepare,
    teacher_sensitivity,
)
from outlearn.losses.loss import Number, Range

VARIANTS: dict[str, Loss] = {
    **{name: get_loss(name) for name in LOSSES},
    "cace, soft switch": CACE(threshold=0.55, temperature=0.1),
    "symmetric_ce, heavy": SymmetricCE(alpha=0.3, beta=2.0, smoothing=0.2),
    "reverse_ce, heavy smoothing": ReverseCE(smoothing=0.3),
    "aux_conf, no warm-up": AuxConf(weight=0.9, warmup=0.0),
    "regularised reverse_kl": Regularised(ReverseKL(), entropy=-0.5),
    "regularised twice": Regularised(Regularised(ReverseCE(), entropy=0.2), entropy=0.3),
    "regularised aux_conf": Regularised(AuxConf(), entropy=0.2),
    "regularised, no closed form": Regularised(get_loss("hellinger"), entropy=0.2),
}
SEPARATE = {name: loss for name, loss in VARIANTS.items() if not loss.batch_coupled}
DETACHED = {"product", *(name for name, loss in VARIANTS.items() if loss.batch_coupled)}
DIFFERENTIABLE = {name: loss for name, loss in VARIANTS.items() if name not in DETACHED}

FLOAT64 = 1e-10  # sums of a few terms of size 10 in float64, with a wide margin
FLOAT32 = 3e-5  # the same in float32, at logits of size 3
DIFFERENCE = 1e-6  # central differences with step 1e-5: error of order step^2 and of rounding / step


draw = partial(draw_examples, examples=6)


def autograd(loss: Loss, logits: torch.Tensor, targets: torch.Tensor, progress: float = 1.0) -> torch.Tensor:
    """Differentiate the summed loss."""
    z = logits.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(z, targets, progress=progress).sum(), z)[0]


def every(losses: dict[str, Loss]):
    """Parametrise over losses by name."""
    return pytest.mark.parametrize("loss", losses.values(), ids=losses.keys())


@every(VARIANTS)
@pytest.mark.parametrize("batch", [(), (4,), (2, 3)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gives_one_number_per_example_in_the_dtype_of_the_logits(loss, batch, dtype):
    logits, targets = draw(classes=3, examples=5, batch=batch, dtype=dtype)
    value = loss(logits, targets)
    assert value.shape == (*batch, 5)
    assert value.dtype == dtype
    assert torch.isfinite(value).all()


@every(VARIANTS)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_float32_agrees_with_float64(loss, classes):
    # The teacher in float32 first: a switch at a threshold must see the same teacher.
    logits, targets = draw(classes=classes, dtype=torch.float32)
    torch.testing.assert_close(
        loss(logits, targets).double(), loss(logits.double(), targets.double()), atol=FLOAT32, rtol=FLOAT32
    )


@every(VARIANTS)
def test_targets_of_another_float_dtype_are_taken_in_the_dtype_of_the_logits(loss):
    logits, targets = draw(classes=3, dtype=torch.float32)
    assert loss(logits, targets.double()).dtype == torch.float32


@every(VARIANTS)
def test_targets_broadcast_over_the_batch(loss):
    logits, targets = draw(classes=3, batch=(4,))
    shared = targets[0]
    torch.testing.assert_close(loss(logits, shared), loss(logits, shared.expand(4, -1, -1)))


@every(VARIANTS)
@pytest.mark.parametrize("classes", [2, 5])
def test_batched_equals_a_loop_over_the_batch(loss, classes):
    logits, targets = draw(classes=classes, batch=(3,))
    loop = torch.stack([loss(z, t, progress=0.1) for z, t in zip(logits, targets, strict=True)])
    torch.testing.assert_close(loss(logits, targets, progress=0.1), loop)


@every(VARIANTS)
@pytest.mark.parametrize("classes", [2, 5])
def test_vmap_equals_a_loop(loss, classes):
    logits, targets = draw(classes=classes, batch=(3,))
    loop = torch.stack([loss(z, t) for z, t in zip(logits, targets, strict=True)])
    torch.testing.assert_close(torch.vmap(loss)(logits, targets), loop)
    per_sample = torch.vmap(torch.func.grad(lambda z, t: loss(z, t).sum()))(logits, targets)
    torch.testing.assert_close(per_sample, autograd(loss, logits, targets))


@every(SEPARATE)
def test_a_single_example_without_an_examples_axis_is_a_scalar(loss):
    logits, targets = draw(classes=3)
    value = loss(logits[0], targets[0])
    assert value.shape == ()
    torch.testing.assert_close(value, loss(logits, targets)[0])


@every(SEPARATE)
@pytest.mark.parametrize("classes", [2, 3])
def test_micro_batches_do_not_change_a_loss_that_is_not_batch_coupled(loss, classes):
    logits, targets = draw(classes=classes, examples=8)
    parts = torch.cat([loss(logits[i : i + 2], targets[i : i + 2]) for i in range(0, 8, 2)])
    torch.testing.assert_close(parts, loss(logits, targets))


@every({name: loss for name, loss in VARIANTS.items() if loss.batch_coupled})
def test_micro_batches_change_a_loss_that_says_it_is_batch_coupled(loss):
    # The student is sure of class 0 everywhere, the labels are half and half: in the batch the less sure half is
    # hardened to class 1, alone each example keeps its argmax.
    logits = torch.tensor([[2.0, 0.0], [3.0, 0.0], [4.0, 0.0], [5.0, 0.0]], dtype=torch.float64)
    targets = torch.full((4, 2), 0.5, dtype=torch.float64)
    parts = torch.cat([loss(logits[i : i + 1], targets[i : i + 1]) for i in range(4)])
    assert (parts - loss(logits, targets)).abs().max() > 0.1


@every(VARIANTS)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_shift_of_all_logits_changes_nothing(loss, classes):
    logits, targets = draw(classes=classes)
    torch.testing.assert_close(loss(logits + 7.25, targets), loss(logits, targets))


@every(VARIANTS)
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("size", [1e3, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_values_and_gradients_are_finite_at_extreme_logits_and_one_hot_targets(loss, classes, size, dtype):
    eye = torch.eye(classes, dtype=dtype)
    # Every pair of a sure student (right and wrong by `size`) with a one-hot, an interior and a uniform teacher.
    logits = torch.cat([size * eye, -size * eye, torch.zeros(1, classes, dtype=dtype)])
    interior = torch.full((1, classes), 0.1 / (classes - 1), dtype=dtype)
    interior[0, 0] = 0.9
    teachers = torch.cat([eye, interior, torch.full((1, classes), 1.0 / classes, dtype=dtype)])
    z = logits.repeat_interleave(len(teachers), 0)
    t = teachers.repeat(len(logits), 1)
    assert torch.isfinite(loss(z, t)).all()
    assert torch.isfinite(autograd(loss, z, t)).all()
    closed = logit_gradient(loss, z.T.unsqueeze(-1).contiguous(), t.T.unsqueeze(-1).contiguous())
    assert torch.isfinite(closed).all()


@every(DIFFERENTIABLE)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_autograd_equals_finite_differences(loss, classes):
    logits, targets = draw(classes=classes, seed=1)
    step = 1e-5
    shifts = step * torch.eye(classes, dtype=torch.float64)
    numeric = torch.stack([(loss(logits + d, targets) - loss(logits - d, targets)) / (2 * step) for d in shifts], -1)
    torch.testing.assert_close(autograd(loss, logits, targets), numeric, atol=DIFFERENCE, rtol=DIFFERENCE)


@every(VARIANTS)
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("progress", [0.05, 1.0])
@pytest.mark.parametrize("hard", [False, True], ids=["soft", "one-hot"])
def test_the_closed_form_equals_autograd(loss, classes, progress, hard):
    logits, targets = draw(classes=classes, examples=7, batch=(3,), seed=2)
    if hard:
        targets = torch.nn.functional.one_hot(targets.argmax(-1), classes).double()
    prepared = prepare(loss, targets.permute(2, 1, 0).contiguous())
    closed = logit_gradient(loss, logits.permute(2, 1, 0).contiguous(), prepared, progress=progress)
    expected = autograd(loss, logits, targets, progress).permute(2, 1, 0)
    torch.testing.assert_close(closed, expected, atol=FLOAT64, rtol=FLOAT64)
    assert not closed.requires_grad


@every(VARIANTS)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_closed_form_in_float32_equals_float64(loss, classes):
    logits, targets = draw(classes=classes, examples=7, batch=(3,), dtype=torch.float32, seed=2)
    z, t = logits.permute(2, 1, 0).contiguous(), targets.permute(2, 1, 0).contiguous()
    single = logit_gradient(loss, z, t)
    assert single.dtype == torch.float32
    torch.testing.assert_close(
        single.double(), logit_gradient(loss, z.double(), t.double()), atol=FLOAT32, rtol=FLOAT32
    )


@every(VARIANTS)
def test_the_margin_gradient_is_the_logit_gradient_of_class_1(loss):
    logits, targets = draw(classes=2, examples=7, batch=(3,))
    z, t = logits.permute(2, 1, 0).contiguous(), targets.permute(2, 1, 0).contiguous()
    full = logit_gradient(loss, z, t)
    torch.testing.assert_close(margin_gradient(loss, z[1] - z[0], t), full[1], atol=FLOAT64, rtol=FLOAT64)
    torch.testing.assert_close(full[0], -full[1], atol=FLOAT64, rtol=FLOAT64)


@every(SEPARATE)
@pytest.mark.parametrize("classes", [2, 4])
def test_the_gradient_of_a_minibatch_is_the_minibatch_of_the_gradient(loss, classes):
    logits, targets = draw(classes=classes, examples=9, batch=(3,))
    z, t = logits.permute(2, 1, 0).contiguous(), targets.permute(2, 1, 0).contiguous()
    prepared = prepare(loss, t)
    whole = logit_gradient(loss, z, prepared)
    indices = torch.tensor([5, 0, 8])
    part = logit_gradient(loss, z[:, indices].contiguous(), prepared.take(indices))
    torch.testing.assert_close(part, whole[:, indices], atol=FLOAT64, rtol=FLOAT64)
    sliced = logit_gradient(loss, z[:, 2:5], prepared.take(slice(2, 5)))
    torch.testing.assert_close(sliced, whole[:, 2:5], atol=FLOAT64, rtol=FLOAT64)


@every(VARIANTS)
@pytest.mark.parametrize("classes", [2, 4])
def test_labels_shared_by_all_models_equal_labels_repeated(loss, classes):
    logits, targets = draw(classes=classes, batch=(3,))
    z, shared = logits.permute(2, 1, 0).contiguous(), targets[:1].permute(2, 1, 0).contiguous()
    repeated = shared.expand(-1, -1, 3).contiguous()
    torch.testing.assert_close(logit_gradient(loss, z, shared), logit_gradient(loss, z, repeated))


@every(VARIANTS)
@pytest.mark.parametrize("classes", [2, 4])
def test_the_gradient_is_written_into_a_slice_of_a_larger_tensor(loss, classes):
    logits, targets = draw(classes=classes, batch=(3,))
    z, t = logits.permute(2, 1, 0).contiguous(), targets.permute(2, 1, 0).contiguous()
    before = z.clone()
    larger = torch.full((classes, z.shape[1], 8), torch.nan, dtype=torch.float64)
    returned = logit_gradient(loss, z, t, out=larger[:, :, 2:5])
    assert returned.data_ptr() == larger[:, :, 2:5].data_ptr()
    torch.testing.assert_close(larger[:, :, 2:5], logit_gradient(loss, z, t))
    assert larger[:, :, :2].isnan().all()
    assert torch.equal(z, before)


@every(VARIANTS)
def test_one_example_and_one_model_are_enough(loss):
    for classes in (2, 3):
        logits, targets = draw(classes=classes, examples=1, batch=(1,))
        z, t = logits.permute(2, 1, 0).contiguous(), targets.permute(2, 1, 0).contiguous()
        before = z.clone()
        expected = autograd(loss, logits, targets).permute(2, 1, 0)
        torch.testing.assert_close(logit_gradient(loss, z, t), expected, atol=FLOAT64, rtol=FLOAT64)
        assert torch.equal(z, before)


@every(VARIANTS)
def test_a_loss_is_a_value_frozen_hashable_and_equal_to_its_copy(loss):
    copy = get_loss(loss_config(loss))
    assert copy == loss
    assert hash(copy) == hash(loss)
    assert loss_name(copy) == loss_name(loss)
    with pytest.raises(AttributeError):
        loss.new_attribute = 1


def test_a_loss_of_the_user_needs_no_code_in_this_package():
    class Cubed(Loss):
        def per_example(self, logits, targets, progress):
            return (logits.softmax(-1) - targets).abs().pow(3).sum(-1)

    logits, targets = draw(classes=3, batch=(2,))
    z, t = logits.permute(2, 1, 0).contiguous(), targets.permute(2, 1, 0).contiguous()
    loss = Cubed()
    torch.testing.assert_close(logit_gradient(loss, z, t), autograd(loss, logits, targets).permute(2, 1, 0))
    assert prepare(loss, t).form == "autograd"


def test_a_subclass_with_another_formula_does_not_get_its_parents_closed_form():
    class Doubled(ForwardCE):
        def per_example(self, logits, targets, progress):
            return 2.0 * super().per_example(logits, targets, progress)

    logits, targets = draw(classes=2, batch=(2,))
    z, t = logits.permute(2, 1, 0).contiguous(), targets.permute(2, 1, 0).contiguous()
    torch.testing.assert_close(logit_gradient(Doubled(), z, t), 2.0 * logit_gradient(ForwardCE(), z, t))
    torch.testing.assert_close(
        teacher_sensitivity(Doubled(), logits, logits), 2.0 * teacher_sensitivity(ForwardCE(), logits, logits)
    )
    assert (Doubled.name, Doubled.label, Doubled.formula, Doubled.minimiser) == ("Doubled", "", "", "")


def test_a_parameter_is_held_to_the_range_that_its_type_states():
    @dataclass(frozen=True)
    class Ranged(Loss):
        power: Annotated[Number, Range(0.0, 2.0, open_low=True)] = 1.0
        limit: Annotated[Number, Range(0.0)] | None = None

        def per_example(self, logits, targets, progress):
            return (logits.softmax(-1) - targets).abs().pow(self.power).sum(-1)

    assert Ranged(power=2) == Ranged(power=2.0)
    assert isinstance(Ranged(power=2).power, float)
    assert Ranged().limit is None
    with pytest.raises(ConfigError, match=r"Ranged\.power is 0; expected a number in \(0, 2\]"):
        Ranged(power=0)
    with pytest.raises(ConfigError, match=r"Ranged\.limit is -1; expected a number of at least 0"):
        Ranged(limit=-1)
