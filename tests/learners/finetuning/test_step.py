"""One step: its weights are those of a plain loop, and do not depend on how the batch is cut."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from tests.learners.finetuning.tiny import FAMILIES, PAIRS, SETTINGS, SOFT, TEXTS, fit, logits_of

from outlearn.learners.finetuning.batches import cut_sorted, epoch_batches, micro_batches
from outlearn.learners.finetuning.embeddings import add_gradients_by_row
from outlearn.learners.jobs import HeadJob
from outlearn.losses import LOSSES, get_loss

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.medium

# float64 sums in another order, enlarged by Adam, which divides by gradients as small as its epsilon of 1e-8.
SAME = 1e-7
EXACT = replace(SETTINGS, epochs=1, learning_rate=1e-3, precision="float64")
UNCOUPLED = [name for name, kind in LOSSES.items() if not kind.batch_coupled]


def labels(n_classes):
    return np.random.default_rng(1).dirichlet(np.ones(n_classes), len(TEXTS))[None]


# Each family and each loss, and losses that compare examples (aux_conf) with both kinds of models.
PLAIN = zip(FAMILIES, itertools.cycle(["forward_ce", "reverse_ce", "cace"]), strict=False)
CUTS = (*PLAIN, ("bert", "aux_conf"), ("llama", "aux_conf"))


@pytest.mark.parametrize(("family", "loss"), CUTS)
def test_weights_do_not_depend_on_how_a_batch_is_cut(tiny_model, family, loss):
    jobs = [HeadJob(0, get_loss(loss), seed=3)]
    found = [logits_of(fit(tiny_model(family), replace(EXACT, tokens_per_batch=n), jobs=jobs)) for n in (8, 10_000)]
    np.testing.assert_allclose(found[0], found[1], atol=SAME)


def plain_loop(folder, targets, loss, seed):
    """Train with torch's AdamW on whole batches, in the same order, and predict."""
    torch.manual_seed(seed)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=targets.shape[1], hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model = model.double().train()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    optimiser = torch.optim.AdamW(model.parameters(), lr=EXACT.learning_rate, weight_decay=0.0)
    batches = list(epoch_batches(len(TEXTS), EXACT.batch_size, seed=seed, epoch=0))
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = EXACT.learning_rate * 0.5 * (1 + math.cos(math.pi * step / len(batches)))
        tokens = tokenizer([TEXTS[i][0] for i in batch], padding=True, return_tensors="pt")
        logits = model(**tokens).logits
        loss(logits, torch.from_numpy(targets[batch]), progress=step / len(batches)).mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    with torch.inference_mode():
        return model.eval()(**tokenizer([t[0] for t in TEXTS], padding=True, return_tensors="pt")).logits.numpy()


@pytest.mark.parametrize(("name", "n_classes"), [*zip(UNCOUPLED, itertools.cycle([2, 5]), strict=False)])
def test_an_epoch_ends_where_a_plain_loop_ends(tiny_model, name, n_classes):
    folder, targets, loss = tiny_model("bert"), labels(n_classes), get_loss(name)
    found = logits_of(
        fit(folder, replace(EXACT, tokens_per_batch=40), targets=targets, jobs=[HeadJob(0, loss, seed=3)])
    )
    np.testing.assert_allclose(found, plain_loop(folder, targets[0], loss, seed=3), atol=SAME)


def test_a_quantile_is_settled_from_all_labels_and_not_from_a_batch(tiny_model):
    targets = labels(2)
    confidence = targets[0].max(-1)
    threshold = float(np.quantile(confidence, 0.5))
    found, expected = (
        logits_of(fit(tiny_model("bert"), EXACT, targets=targets, jobs=[HeadJob(0, get_loss("cace", **how))]))
        for how in ({"quantile": 0.5}, {"threshold": threshold})
    )
    np.testing.assert_allclose(found, expected, atol=SAME)


def test_the_order_of_an_epoch_depends_on_seed_and_epoch():
    orders = {(seed, epoch): np.concatenate(list(epoch_batches(20, 8, seed=seed, epoch=epoch))).tolist()
              for seed in (0, 1) for epoch in (0, 1)}  # fmt: skip
    assert len({tuple(order) for order in orders.values()}) == 4
    assert all(sorted(order) == list(range(20)) for order in orders.values())
    assert [len(batch) for batch in epoch_batches(20, 8, seed=0, epoch=0)] == [8, 8, 4]


@pytest.mark.parametrize("n_slots", [1, 2])
def test_micro_batches_hold_every_text_once_within_the_budget(n_slots):
    lengths = np.random.default_rng(0).integers(1, 50, (100, n_slots))
    batches = micro_batches(lengths, tokens=120, overhead=20)
    assert sorted(np.concatenate([batch.points for batch in batches]).tolist()) == list(range(100))
    for batch in batches:
        texts = lengths[batch.points].ravel()
        assert sorted(np.concatenate(batch.parts).tolist()) == list(range(len(texts)))
        assert all(len(part) * texts[part].max() <= 120 for part in batch.parts)


def test_the_micro_batch_that_holds_most_comes_first_and_texts_beyond_the_budget_last():
    texts = micro_batches(np.array([[50], [12], [13], [9], [20]]), tokens=30, overhead=1)
    assert [batch.points.tolist() for batch in texts] == [[2, 1], [4], [3], [0]]
    pairs = micro_batches(np.array([[50, 10], [12, 12], [13, 9]]), tokens=30, overhead=1)
    assert [batch.points.tolist() for batch in pairs] == [[1], [2], [0]]


def test_parts_are_the_cheapest_of_all_cuts():
    lengths = -np.sort(-np.random.default_rng(0).integers(1, 30, 9))

    def cost(cuts):
        return sum(int(lengths[cut].max()) * len(lengths[cut]) + 12 for cut in cuts)

    every = []
    for ends in itertools.chain.from_iterable(itertools.combinations(range(1, 9), k) for k in range(9)):
        cuts = [slice(a, b) for a, b in itertools.pairwise((0, *ends, 9))]
        if all(int(lengths[cut].max()) * len(lengths[cut]) <= 70 for cut in cuts):
            every.append(cost(cuts))
    assert cost(cut_sorted(lengths, tokens=70, overhead=12)) == min(every)


def test_pairs_that_fill_the_budget_take_few_passes_where_each_pass_is_dear():
    """A group filled to the limit without padding could only be cut into passes of equal texts."""
    lengths = np.exp(np.random.default_rng(0).uniform(np.log(50), np.log(512), (32, 2))).astype(int)
    tokens, overhead = 8192, 1024
    batches = micro_batches(lengths, tokens=tokens, overhead=overhead)
    assert sorted(np.concatenate([batch.points for batch in batches]).tolist()) == list(range(32))
    # Every pass but the last can be at least half full, and padding is cheaper than a pass.
    assert sum(len(batch.parts) for batch in batches) <= 2 * int(np.ceil(lengths.sum() / tokens)) + 3
    assert all(held_tokens(lengths, batch) <= tokens and batch.kept == len(batch.parts) for batch in batches)


def held_tokens(lengths, batch):
    """Return the most padded tokens whose activations exist at once: those kept, or one part computed again."""
    texts = lengths[batch.points].ravel()
    sizes = [len(part) * int(texts[part].max()) for part in batch.parts]
    return max([sum(sizes[len(sizes) - batch.kept :]), *sizes])


def test_a_pair_of_any_length_holds_the_budget_or_its_longer_text():
    lengths = np.array([[100, 90], [60, 50], [30, 20], [5, 5]])
    batches = micro_batches(lengths, tokens=80, overhead=10)
    assert [held_tokens(lengths, batch) for batch in batches] == [70, 60, 100]
    assert [batch.points.tolist() for batch in batches] == [[2, 3], [1], [0]]


@pytest.mark.parametrize("family", FAMILIES)
def test_computing_a_text_of_a_pair_again_changes_nothing(tiny_model, family):
    settings = replace(EXACT, dropout=0.3)
    points, targets = PAIRS[:12], SOFT[None, :12]
    # A budget below every pair: each is a micro-batch, its shorter text computed twice with the same dropout.
    again, once = (
        logits_of(fit(tiny_model(family), replace(settings, tokens_per_batch=n), points=points, targets=targets))
        for n in (1, 1)
    )
    np.testing.assert_array_equal(again, once)
    plain = replace(EXACT, dropout=0.0)
    small, large = (
        logits_of(fit(tiny_model(family), replace(plain, tokens_per_batch=n), points=points, targets=targets))
        for n in (1, 10_000)
    )
    np.testing.assert_allclose(small, large, atol=SAME)


def test_gradients_by_row_are_those_of_torch():
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Sequential(torch.nn.Embedding(9, 4, padding_idx=0)).double() for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    add_gradients_by_row(ours)
    for ids in (torch.tensor([[1, 2, 2], [0, 0, 5]]), torch.tensor([[8, 2, 0]])):
        weight = torch.randn(*ids.shape, 4).double()
        for model in (ours, theirs):
            (model(ids) * weight).sum().backward()
    torch.testing.assert_close(ours[0].weight.grad, theirs[0].weight.grad)


def test_soft_targets_are_learned_as_they_are(tiny_model):
    settings = replace(SETTINGS, epochs=60, learning_rate=1e-2, schedule="constant")
    found = logits_of(fit(tiny_model("bert"), settings, points=TEXTS[:6], targets=SOFT[None, :6]))
    probs = np.exp(found) / np.exp(found).sum(-1, keepdims=True)
    np.testing.assert_allclose(probs, SOFT[:6], atol=0.03)  # forward CE's minimum is the target itself
