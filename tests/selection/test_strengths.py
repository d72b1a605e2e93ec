"""Strengths are walked until weaker ridges cannot win, and the winner is that of all strengths."""

import numpy as np
import pytest
from scipy.special import log_softmax

from outlearn.learners.convex_grid import ConvexGrid
from outlearn.selection import strengths
from outlearn.selection.folds import LabelSet, label_set
from outlearn.selection.strengths import HeldOutScores, head_on_all, walk
from outlearn.selection.tuning import STRENGTHS


def noisy(n: int, d: int, n_classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of which one tells the class and the others nothing: a weak ridge learns the noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    x = rng.normal(size=(n, d))
    x[:, :n_classes] += 0.8 * np.eye(n_classes)[labels]
    return x.astype(np.float32), labels


def walked(x: np.ndarray, y: np.ndarray, of: tuple[float, ...] = STRENGTHS) -> tuple[HeldOutScores, np.ndarray | None]:
    n_classes = int(y.max()) + 1
    convex = ConvexGrid.of(x, np.eye(n_classes)[y], {"own": x}, strengths=of)
    labeled = label_set(0, np.ones(len(y)), y, None, 0, 3)
    row = np.nonzero(labeled.held_out)[1]
    scores = HeldOutScores(len(of), y[row], labeled.weights[row])
    return scores, walk(convex, [labeled], [scores])[0]


def test_weak_ridges_that_cannot_win_are_not_fitted(monkeypatch):
    x, y = noisy(800, 500)
    monkeypatch.setattr(strengths, "SMALL", 0)
    scores, head = walked(x, y)
    n_fitted = int(np.isfinite(scores.accuracy).sum())
    assert 3 <= n_fitted < len(STRENGTHS)
    assert np.isfinite(scores.accuracy[:n_fitted]).all()  # the strong ones
    monkeypatch.setattr(strengths, "SIGNIFICANT", np.inf)
    everything, best_head = walked(x, y)
    assert np.isfinite(everything.accuracy).all()
    best = everything.best(range(len(STRENGTHS)))
    assert best == scores.best(range(n_fitted))
    np.testing.assert_array_equal(head, best_head)


def test_the_order_in_which_strengths_are_given_does_not_matter(monkeypatch):
    x, y = noisy(200, 20)
    monkeypatch.setattr(strengths, "SMALL", 0)
    ascending, head = walked(x, y, (0.001, 0.1, 10.0))
    descending, other = walked(x, y, (10.0, 0.1, 0.001))
    np.testing.assert_array_equal(ascending.accuracy, descending.accuracy[::-1])
    np.testing.assert_array_equal(head, other)


@pytest.mark.parametrize("small", [0, 2**17])
def test_sets_side_by_side_are_walked_as_each_alone(monkeypatch, small):
    x, y = noisy(900, 60)
    monkeypatch.setattr(strengths, "SMALL", small)
    convex = ConvexGrid.of(x, np.eye(2)[y], {"own": x}, strengths=STRENGTHS)
    sets = [
        LabelSet(np.arange(900)[s::3], np.ones(300), np.eye(3, dtype=bool)[:, np.arange(300) % 3], 0) for s in range(3)
    ]

    def walked_together(which: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        scores = [
            HeldOutScores(len(STRENGTHS), y[np.nonzero(sets[s].held_out)[1] * 3 + s], np.ones(300)) for s in which
        ]
        heads = walk(convex, [sets[s] for s in which], scores)
        return [(of.accuracy, head) for of, head in zip(scores, heads, strict=True)]

    for s, (accuracy, head) in enumerate(walked_together([0, 1, 2])):
        ((alone, own),) = walked_together([s])
        np.testing.assert_allclose(accuracy, alone, atol=1.5 / 300)  # of rounding one label may change
        np.testing.assert_allclose(head, own, atol=1e-3)


def test_small_sets_take_all_strengths_at_once():
    scores, head = walked(*noisy(60, 10))
    assert np.isfinite(scores.accuracy).all()
    assert head is not None


def test_of_many_classes_the_chosen_strength_is_fitted_on_the_whole_set_afterwards(monkeypatch):
    x, y = noisy(90, 12, n_classes=3)
    monkeypatch.setattr(strengths, "MANY_CLASSES", 2)
    scores, head = walked(x, y, (0.01, 1.0))
    assert head is None
    assert np.isfinite(scores.accuracy).all()
    convex = ConvexGrid.of(x, np.eye(3)[y], {"own": x}, strengths=(0.01, 1.0))
    labeled = LabelSet(np.arange(90), np.ones(90), np.zeros((0, 90), bool), 0)
    by_path = convex.predict(head_on_all(convex, labeled, 1.0), "own")
    from_0 = convex.predict(convex.fit(np.arange(90), np.ones((1, 90)))[0, 1], "own")
    assert np.abs(by_path - from_0).max() < 0.1  # both within the tolerance of one minimum


def test_a_member_is_beaten_by_pairs_of_labels_that_count_as_often_as_they_were_drawn():
    labels = np.zeros(40, dtype=int)
    right, wrong = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    best = np.tile(right, (40, 1))
    worse = best.copy()
    worse[:4] = wrong  # four labels lost, none gained: two standard errors
    for counts, beaten in ((np.ones(40), False), (np.r_[1.0, 1, 1, 1.5, np.ones(36)], False)):
        scores = HeldOutScores(2, labels, counts)
        scores.add(0, best)
        scores.add(1, worse)
        assert scores.is_beaten(1, 0) is beaten
    worse[4] = wrong
    scores = HeldOutScores(2, labels, np.ones(40))
    scores.add(0, best)
    scores.add(1, worse)
    assert scores.is_beaten(1, 0)
    assert not scores.is_beaten(0, 1)


@pytest.mark.parametrize("lower", [0, 1])
def test_of_equals_the_lower_log_loss_is_best(lower):
    scores = HeldOutScores(2, np.array([0, 1]), np.ones(2))
    for member in (0, 1):
        sure = 3.0 if member == lower else 1.0
        scores.add(member, sure * np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert scores.best([0, 1]) == lower


def test_the_factor_of_the_best_is_the_one_under_which_smoothed_held_out_labels_are_most_probable():
    rng = np.random.default_rng(0)
    labels, counts = rng.integers(0, 3, 200), rng.integers(1, 3, 200).astype(float)
    z = np.eye(3)[labels] + rng.normal(size=(200, 3))
    scores = HeldOutScores(2, labels, counts)
    scores.add(0, -z)
    scores.add(1, 5 * z)  # five times too sure of the same
    wanted = np.eye(3)[labels] * (1 - 1 / (counts.sum() + 1)) + 1 / (counts.sum() + 1) / 3
    tried = np.exp(np.linspace(-3, 0, 601))
    costs = [-(counts[:, None] * wanted * log_softmax(a * 5 * z, axis=-1)).sum() for a in tried]
    assert scores.factor() == pytest.approx(tried[np.argmin(costs)], rel=0.01)  # the step of the grid is 0.005


def test_labels_that_are_all_held_out_right_make_nobody_certain():
    labels = np.array([0, 1] * 10)
    scores = HeldOutScores(1, labels, np.ones(20))
    scores.add(0, 0.1 * np.eye(2)[labels])
    sure = 1 / (1 + np.exp(-0.1 * scores.factor()))
    assert sure == pytest.approx(1 - 1 / 42, abs=1e-3)  # a 21st label, spread over both classes
