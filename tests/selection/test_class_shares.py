"""Class shares where nothing is known but labels from elsewhere: chance errors push them towards equal ones."""

from __future__ import annotations

import numpy as np
import pytest

import outlearn as ol
from outlearn.core.predictions import Predictions
from outlearn.selection.class_shares import reconciled_shares, shares_called, shares_of_weak_labels
from outlearn.selection.known_shares import best_known_shares

RNG = np.random.default_rng(0)
N = 1200
RARE = (RNG.random(N) < 0.1).astype(int)
X = RNG.normal(size=(N, 6)) + 2.0 * RARE[:, None]


def votes(labelers, wrong, seed=1):
    """Votes that are exchanged by chance, `[labelers, points]`."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random((labelers, N)) < wrong, 1 - RARE, RARE)


def one_hot(said):
    probs = np.eye(2)[np.maximum(said, 0)]
    probs[said < 0] = 0.5
    found = Predictions.from_probs(probs)
    return Predictions(found.log_probs, found.point_ids, None, said >= 0)


@pytest.mark.parametrize("labelers", [1, 2, 5])
def test_the_share_of_a_rare_class_is_found_where_the_labels_own_share_is_three_times_as_large(labelers):
    who = one_hot(votes(labelers, 0.3))
    assert shares_of_weak_labels(who).values[1] > 0.3
    assert shares_called(who, X).values[1] == pytest.approx(RARE.mean(), abs=0.04)


def test_a_point_that_nobody_labels_is_called_too_and_teaches_nothing():
    said = votes(3, 0.2)
    said[:, RARE == 1] = np.where(RNG.random((3, RARE.sum())) < 0.5, -1, said[:, RARE == 1])
    found = shares_called(one_hot(said), X).values
    assert found[1] == pytest.approx(RARE.mean(), abs=0.04)
    assert found.sum() == pytest.approx(1)


def test_a_class_that_no_majority_calls_has_one_point():
    said = np.zeros((2, N), int)
    np.testing.assert_allclose(shares_called(one_hot(said), X).values, [(N + 1) / (N + 2), 1 / (N + 2)])
    probs = np.concatenate([np.eye(2)[votes(3, 0.2)], np.zeros((3, N, 1))], axis=-1)
    assert shares_called(Predictions.from_probs(probs), X).values[2] == pytest.approx(1 / (N + 3))


@pytest.mark.parametrize("n_answered", [N, 100])
def test_a_class_that_only_one_half_of_the_points_shows_is_called_all_the_same(n_answered):
    said = np.concatenate([RARE[:n_answered], np.full(N - n_answered, -1)])
    probs = np.eye(3)[np.maximum(said, 0)]
    probs[said < 0] = 1 / 3
    probs[7] = [0.0, 0.0, 1.0]
    who = Predictions(np.log(np.maximum(probs, 1e-12))[None], np.arange(N), None, (said >= 0)[None])
    found = shares_called(who, X).values
    assert found[1] == pytest.approx(RARE.mean(), abs=0.04)
    assert 0 < found[2] < 0.01


def test_true_labels_go_before_what_a_student_calls():
    who = one_hot(votes(2, 0.3))
    assert best_known_shares(np.array([4, 4]), [], who, X).source == "training_labels"
    assert best_known_shares(None, [0, 0, 1], who, X).source == "true_labels"
    assert best_known_shares(None, [], who, X).source == "weak_labels"


def test_the_student_of_noisy_labelers_finds_a_rare_class():
    """Cut at the weak labels' own shares it would call three points in ten the class that one in ten is of."""
    model = ol.WeakToStrongClassifier(loss="auto", random_state=0).fit(X[:800], weak_labels=votes(5, 0.3)[:, :800])
    assert model.score(X[800:], RARE[800:]) > 0.96


def counts(rng, n, shares):
    return (rng.multinomial(n, shares) + 1) / (n + len(shares))


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_a_student_without_prejudice_keeps_its_shares_and_a_prejudiced_one_is_brought_to_the_labels(n_classes):
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.full(n_classes, 5.0))
    leaning = true * np.linspace(0.3, 1.7, n_classes)
    apart = {"fair": [], "leaning": []}
    for _ in range(100):
        known = counts(rng, 1000, true)
        for name, said in (("fair", true), ("leaning", leaning / leaning.sum())):
            own = counts(rng, 1500, said)
            moved = reconciled_shares(own[None], known, 1000, 1500)[0]
            np.testing.assert_allclose(moved.sum(), 1)
            apart[name].append([np.abs(each - true).sum() for each in (moved, own, known)])
    (moved, _, known), (moved_leaning, leaning_own, _) = (np.mean(apart[name], axis=0) for name in apart)
    assert moved < known  # fewer labels told of it than points did
    assert moved_leaning < 0.9 * leaning_own


def test_given_shares_are_taken_as_they_are_and_a_student_that_agrees_is_left_alone():
    own, known = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]]), np.array([0.2, 0.2, 0.6])
    np.testing.assert_array_equal(reconciled_shares(own, known, np.inf, 10), [known, known])
    np.testing.assert_array_equal(reconciled_shares(own, known, 10_000, 10_000)[1], known)


def test_labels_are_counted_where_the_shares_come_from():
    who = one_hot(np.arange(500)[None] % 2)
    features = np.arange(500.0)[:, None]
    assert best_known_shares(np.array([30.0, 12.0]), [0, 1], who, features).counted == 42
    assert best_known_shares(None, [0, 1, 1], who, features).counted == 3
    assert best_known_shares(None, [], who, features).counted == 500
