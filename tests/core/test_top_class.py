"""Ties for the most probable class are shared, so that no number depends on the order of the classes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.labelers.dawid_skene import dawid_skene
from outlearn.core.labelers.teacher_weights import teacher_weights
from outlearn.core.metrics import METRICS, accuracy, majority_accuracy
from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import agreement, kappa_matrix
from outlearn.core.students.blind_spots import blind_spots
from outlearn.core.top_class import hard_votes, hits, top_class

SUMS = 1e-9  # sums in another order
ROWS = np.array([[6, 2, 2], [4, 4, 2], [2, 6, 2], [2, 4, 4], [4, 2, 4], [2, 2, 6], [1, 1, 1]])
ROWS = ROWS / ROWS.sum(axis=1, keepdims=True)
ORDERS = list(itertools.permutations(range(3)))


def drawn(n_models=4, n_points=60, seed=0):
    """Draw models of three classes that tie at many points and abstain at some, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n_points)
    probs = ROWS[rng.integers(0, len(ROWS), (n_models, n_points))]
    sure = rng.random((n_models, n_points)) < 0.4
    return np.where(sure[..., None], 0.05 + 0.85 * np.eye(3)[labels], probs), labels


def test_a_score_without_ties_has_one_top_class():
    scores = np.random.default_rng(0).normal(size=(5, 20, 4))
    np.testing.assert_array_equal(top_class(scores), np.eye(4)[scores.argmax(axis=-1)])


def test_accuracy_is_the_mean_over_breaking_ties_at_random():
    probs, labels = drawn(n_models=1)
    broken = [np.array(order)[probs[0][:, order].argmax(axis=1)] == labels for order in ORDERS]
    found = accuracy(Predictions.from_probs(probs), labels)
    np.testing.assert_allclose(found[0], np.mean(broken, axis=0), atol=SUMS)
    np.testing.assert_allclose(found, hits(probs, labels), atol=SUMS)


def numbers(probs, labels):
    """Measure everything that takes a model's most probable class."""
    who = Predictions.from_probs(probs)
    teacher, student = Predictions.from_probs(probs[:2]), Predictions.from_probs(probs[2:], teacher_of=np.arange(2))
    spots = blind_spots(labels, teacher=teacher, student=student, threshold=0.55).summary()
    ledger = risk_gap(labels, teacher=teacher, student=student).ledger()
    return {
        **{name: metric(who, labels) for name, metric in METRICS.items()},
        "agreement": agreement(teacher, student),
        "kappa": kappa_matrix(who, who),
        "blind": [getattr(spots, name).mean for name in ("blind_spot", "index", "confident_disagreement")],
        "ledger": [ledger.teacher_correct, ledger.student_correct],
        "correlation": teacher_weights(who).correlation,
        "weights": teacher_weights(who).weights,
        "confident": dawid_skene(who).combine(who).probs.max(axis=-1),
        "true": dawid_skene(who, smoothing=0.0).combine(who).probs[0][np.arange(len(labels)), labels],
    }


@pytest.mark.parametrize("order", ORDERS[1:], ids=str)
def test_renaming_the_classes_changes_no_number(order):
    probs, labels = drawn()
    expected = numbers(probs, labels)
    found = numbers(probs[..., list(order)], np.argsort(order)[labels])
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=SUMS, err_msg=name)


def test_of_equally_common_labels_none_is_preferred():
    for order in ORDERS:
        seen, labels = np.array(order)[[0, 0, 1, 1, 2]], np.array(order)[[0, 0, 0, 1, 2]]
        assert majority_accuracy(labels, seen) == pytest.approx((3 / 5 + 1 / 5) / 2)


def test_a_tie_of_some_classes_splits_the_vote_and_one_of_all_is_none():
    votes = hard_votes(Predictions.from_probs(ROWS[None]))[0]
    np.testing.assert_array_equal(votes[1], [0.5, 0.5, 0.0])
    np.testing.assert_array_equal(votes[6], [0.0, 0.0, 0.0])
