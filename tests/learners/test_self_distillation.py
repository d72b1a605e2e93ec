"""Self-distillation: what round r + 1 learns from, that rounds are as told, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.errors import ConfigError, DomainError, ShapeError
from outlearn.learners import HeadJob, HeadSettings, fit_predict
from outlearn.learners.self_distillation import distillation_targets, fit_rounds, round_epochs
from outlearn.losses import get_loss

FLOAT32 = 2e-4  # logits of heads trained beside others differ by rounding
FLOAT64 = 1e-9
SETTINGS = HeadSettings(epochs=4, batch_size=32)


def world(n_labelers: int = 2, n: int = 96, *, n_classes: int = 3, seed: int = 0):
    """Make points, noisy soft labels, one job a labeler."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n)
    x = (np.eye(n_classes)[truth] + rng.normal(size=(n, n_classes))).astype(np.float32)
    weak = 0.5 * np.eye(n_classes)[truth] + 0.5 * rng.dirichlet(np.ones(n_classes), size=(n_labelers, n))
    jobs = [HeadJob(m, get_loss("reverse_ce"), seed=m) for m in range(n_labelers)]
    return x, weak, jobs


def test_targets_keep_the_class_means_of_the_weak_labels():
    _, weak, _ = world()
    own = np.random.default_rng(1).dirichlet([5, 1, 1], size=weak.shape[:2])
    found = distillation_targets(weak, own)
    np.testing.assert_allclose(found.mean(axis=1), weak.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, atol=FLOAT64)


def test_targets_by_hand_where_means_match_already():
    weak, own = np.array([[[0.8, 0.2], [0.2, 0.8]]]), np.array([[[0.9, 0.1], [0.1, 0.9]]])
    sharp = 0.9**1.5 / (0.9**1.5 + 0.1**1.5)
    expected = 0.3 * 0.8 + 0.7 * sharp
    np.testing.assert_allclose(distillation_targets(weak, own)[0, 0, 0], expected, atol=FLOAT64)


def test_where_a_labeler_abstains_the_target_is_the_students_own_and_means_are_of_the_others():
    weak = np.array([[[0.9, 0.1], [0.7, 0.3], [0.5, 0.5], [0.5, 0.5]]])
    own = np.random.default_rng(2).dirichlet([1, 1], size=(1, 4))
    found = distillation_targets(weak, own)
    sharp = own**1.5 / (own**1.5).sum(axis=-1, keepdims=True)
    log_odds = np.log(found[0, 2:, 0] / found[0, 2:, 1]) - np.log(sharp[0, 2:, 0] / sharp[0, 2:, 1])
    np.testing.assert_allclose(log_odds[0], log_odds[1], atol=FLOAT64)  # one factor a class, no weak label mixed in
    everything = 0.7 * 0.8 + 0.3 * np.array([0.9, 0.7]).mean()
    assert np.isclose((found[0, :2].mean(axis=0)[0] - 0.3 * 0.8) / 0.7 * 0.5 + found[0, 2:, 0].mean() * 0.5, 0.8)
    assert everything == pytest.approx(0.8)


def test_round_0_is_the_plain_fit_and_later_rounds_learn_from_distillation_targets():
    x, weak, jobs = world()
    rounds = fit_rounds(x, weak, jobs, {"train": x}, rounds=1, settings=SETTINGS)
    plain = fit_predict(x, weak, jobs, {"train": x}, settings=SETTINGS).logits["train"]
    np.testing.assert_allclose(rounds[0].logits["train"], plain, atol=FLOAT32)
    own = np.exp(plain[-1].astype(float))
    again = [HeadJob(m, job.loss, seed=job.seed + 1000 * SETTINGS.order_groups) for m, job in enumerate(jobs)]
    later = HeadSettings(epochs=round_epochs(len(x), SETTINGS), batch_size=32)
    targets = distillation_targets(weak, own / own.sum(axis=-1, keepdims=True))
    second = fit_predict(x, targets, again, {"train": x}, settings=later).logits["train"]
    np.testing.assert_allclose(rounds[1].logits["train"], second, atol=FLOAT32)


def test_start_takes_the_place_of_the_first_fit():
    x, weak, jobs = world()
    both = fit_rounds(x, weak, jobs, {"train": x}, rounds=2, settings=SETTINGS)
    logits = both[0].logits["train"][-1].astype(float)
    probs = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    rest = fit_rounds(x, weak, jobs, {"train": x}, rounds=2, settings=SETTINGS, start=probs)
    assert len(rest) == 2
    for one, other in zip(both[1:], rest, strict=True):
        np.testing.assert_allclose(one.logits["train"], other.logits["train"], atol=FLOAT32)


def test_jobs_of_two_losses_on_one_labeling_each_learn_from_themselves():
    x, weak, _ = world()
    jobs = [HeadJob(0, get_loss(name), seed=0) for name in ("reverse_ce", "forward_ce")]
    together = fit_rounds(x, weak, jobs, {"train": x}, rounds=2, settings=SETTINGS)[-1].logits["train"]
    alone = fit_rounds(x, weak, jobs[1:], {"train": x}, rounds=2, settings=SETTINGS)[-1].logits["train"]
    np.testing.assert_allclose(together[:, 1:], alone, atol=FLOAT32)


def test_progress_ends_at_the_end():
    x, weak, jobs = world()
    seen: list[tuple[int, int]] = []
    fit_rounds(x, weak, jobs, {}, rounds=2, settings=SETTINGS, progress=lambda at, of: seen.append((at, of)))
    shares = [at / of for at, of in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_no_names_of_the_callers_points_are_lost():
    x, weak, jobs = world()
    found = fit_rounds(x, weak, jobs, {"a": x[:3], "b": x[:5]}, rounds=1, settings=SETTINGS)
    assert {name: z.shape for name, z in found[1].logits.items()} == {"a": (1, 2, 3, 3), "b": (1, 2, 5, 3)}


@pytest.mark.parametrize(("rounds", "start"), [(-1, False), (True, False), (1.5, False), (0, True)])
def test_a_number_of_rounds_that_does_not_do_is_an_error(rounds, start):
    x, weak, jobs = world()
    with pytest.raises(ConfigError, match="rounds is"):
        fit_rounds(x, weak, jobs, {}, rounds=rounds, start=weak if start else None)


def test_labels_of_weight_0_are_never_heard_in_any_round():
    x, weak, jobs = world()
    weights = (np.arange(len(x)) % 3 > 0).astype(float)[None]
    weighted = [HeadJob(job.labeling, job.loss, weighting=0, seed=job.seed) for job in jobs]
    other = weak.copy()
    other[:, ::3] = other[:, ::3, ::-1]
    found = [
        fit_rounds(x, labels, weighted, {"train": x}, rounds=2, settings=SETTINGS, weights=weights)
        for labels in (weak, other)
    ]
    for one, another in zip(*found, strict=True):
        np.testing.assert_array_equal(one.logits["train"], another.logits["train"])
    unweighted = fit_rounds(x, weak, jobs, {"train": x}, rounds=2, settings=SETTINGS)[-1].logits["train"]
    assert np.abs(found[0][-1].logits["train"] - unweighted).max() > FLOAT32


def test_labels_that_are_not_heard_stay_unheard_where_all_others_are_uniform():
    weak = np.array([[[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]])
    own = np.random.default_rng(3).dirichlet([1, 1], size=(1, 4))
    learned_from = np.array([[True, True, False, False]])
    other = weak.copy()
    other[:, 2:] = other[:, 2:, ::-1]
    found = distillation_targets(weak, own, learned_from)
    np.testing.assert_array_equal(found, distillation_targets(other, own, learned_from))
    # Taken at its word where it is learned_from: 0.3 of the target is its uniform label, and class means are uniform.
    assert found[0, :2].min() >= 0.3 * 0.5
    np.testing.assert_allclose(distillation_targets(weak[:, :2], own[:, :2]).mean(axis=1), 0.5, atol=1e-6)


def test_a_start_of_another_shape_is_an_error():
    x, weak, jobs = world()
    with pytest.raises(ShapeError, match="start has shape"):
        fit_rounds(x, weak, jobs, {}, rounds=1, start=weak[:1])


@pytest.mark.parametrize("given", [False, True], ids=["first fit", "start"])
@pytest.mark.parametrize(
    ("change", "kind", "what"),
    [
        (lambda x, w, j: (w * 5, j), DomainError, "target"),
        (lambda x, w, j: (w, [HeadJob(-1, j[0].loss), j[1]]), ConfigError, r"jobs\[0\].labeling is -1"),
        (lambda x, w, j: (w, [j[0], HeadJob(5, j[0].loss)]), ConfigError, r"jobs\[1\].labeling is 5"),
        (lambda x, w, j: (w, [j[0], HeadJob(1, j[0].loss, weighting=3)]), ConfigError, "weighting is 3"),
        (lambda x, w, j: (w[0], j), ShapeError, r"targets\[None\]"),
        (lambda x, w, j: (w[:, 1:], j), ShapeError, "96 examples"),
        (lambda x, w, j: (w, []), ConfigError, "jobs is empty"),
    ],
)
def test_labels_and_jobs_are_checked_with_a_start_too(change, kind, what, given):
    x, weak, jobs = world()
    targets, changed = change(x, weak, jobs)
    with pytest.raises(kind, match=what):
        fit_rounds(x, targets, changed, {}, rounds=1, settings=SETTINGS, start=weak if given else None)


def test_a_start_that_is_no_distribution_is_an_error():
    x, weak, jobs = world()
    wrong = weak.copy()
    wrong[1, 7] *= 7
    for start, place in ((wrong, r"start\[1, 7\]"), (np.log(weak), r"start\[0, 0\]"), (weak * np.nan, "start")):
        with pytest.raises(DomainError, match=place):
            fit_rounds(x, weak, jobs, {}, rounds=1, settings=SETTINGS, start=start)


def test_targets_are_made_of_distributions_only():
    _, weak, _ = world()
    with pytest.raises(DomainError, match=r"weak_labels\[0, 0\].*Divide percentages by 100"):
        distillation_targets(100 * weak, weak)
    with pytest.raises(DomainError, match=r"own\[0, 0\]"):
        distillation_targets(weak, 100 * weak)
    with pytest.raises(ShapeError, match="own has shape"):
        distillation_targets(weak, weak[:, :, :2])
    with pytest.raises(ShapeError, match="learned_from has shape"):
        distillation_targets(weak, weak, np.ones((2, 3), dtype=bool))
    with pytest.raises(DomainError, match=r"learned_from\[1\]"):
        distillation_targets(weak, weak, np.repeat([[True], [False]], 96, axis=1))
