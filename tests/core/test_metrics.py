"""Metrics against scikit-learn and brute force, ties and single classes included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t
from sklearn import metrics as reference

from outlearn.core.metrics import (
    METRICS,
    _check_labels,
    accuracy,
    auroc,
    brier,
    log_loss,
    majority_accuracy,
    score,
    scorecard,
)
from outlearn.core.predictions import Predictions
from outlearn.core.top_class import true_shares
from outlearn.core.verdict import excludes_zero
from outlearn.errors import AlignmentError, ConfigError, DomainError

SUMS = 1e-12


def made_up(n_models=3, n_points=200, n_classes=3, seed=0, decimals=None):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n_points - n_classes)])
    logits = rng.normal(size=(n_models, n_points, n_classes)) + np.eye(n_classes)[labels]
    if decimals is not None:
        logits = logits.round(decimals)  # makes ties
    return Predictions.from_logits(logits), labels


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("decimals", [None, 0])
def test_metrics_equal_scikit_learn(n_classes, decimals):
    predictions, labels = made_up(n_classes=n_classes, decimals=decimals)
    for m, p in enumerate(predictions.probs):
        got = {name: METRICS[name](predictions, labels)[m].mean() for name in METRICS}
        shares = [np.mean(np.flatnonzero(row == row.max()) == label) for row, label in zip(p, labels, strict=True)]
        assert got["accuracy"] == pytest.approx(np.mean(shares), abs=SUMS)
        if decimals is None:
            assert got["accuracy"] == pytest.approx(reference.accuracy_score(labels, p.argmax(1)), abs=SUMS)
        assert got["log_loss"] == pytest.approx(reference.log_loss(labels, p), abs=1e-9)
        assert got["brier"] == pytest.approx(np.square(p - np.eye(n_classes)[labels]).sum(1).mean(), abs=SUMS)
        assert got["entropy"] == pytest.approx(-(p * np.log(p)).sum(1).mean(), abs=SUMS)
        scores = predictions.log_probs[m]
        if n_classes == 2:
            area = reference.roc_auc_score(labels, scores[:, 1] - scores[:, 0])
        else:
            area = np.mean([reference.roc_auc_score(labels == k, scores[:, k]) for k in range(n_classes)])
        assert got["auroc"] == pytest.approx(area, abs=1e-10)


def test_auroc_spread_is_that_of_delong():
    predictions, labels = made_up(n_models=1, n_classes=2, n_points=90, decimals=1)
    x = predictions.log_probs[0, :, 1] - predictions.log_probs[0, :, 0]
    right = (x[labels == 1][:, None] > x[labels == 0]) + 0.5 * (x[labels == 1][:, None] == x[labels == 0])
    n_positive, n_negative = right.shape
    delong = right.mean(1).var(ddof=1) / n_positive + right.mean(0).var(ddof=1) / n_negative
    error = score("auroc", predictions, labels).interval.standard_error
    assert error**2 == pytest.approx(delong, rel=3 / n_negative)  # ddof per side against ddof over all points


def test_auroc_tells_apart_what_rounds_to_probability_one():
    logits = np.array([[0.0, 50.0], [0.0, 60.0], [0.0, 40.0], [0.0, 70.0]])
    assert METRICS["auroc"](Predictions.from_logits(logits), np.array([0, 1, 0, 1])).mean() == 1.0


def test_auroc_leaves_out_classes_without_two_sides():
    predictions, labels = made_up(n_classes=4)
    labels = np.where(labels == 3, 0, labels)
    expected = np.mean([reference.roc_auc_score(labels == k, predictions.log_probs[0, :, k]) for k in range(3)])
    assert METRICS["auroc"](predictions, labels)[0].mean() == pytest.approx(expected, abs=1e-10)
    alone = score("auroc", predictions, np.zeros_like(labels))
    assert math.isnan(alone.interval.mean)
    assert "one class" in alone.interval.reason


def test_calibration_error_is_the_binned_sum():
    predictions, labels = made_up(n_models=2, n_points=500)
    p = predictions.probs
    for m in range(2):
        confidence, right = p[m].max(1), p[m].argmax(1) == labels
        expected = 0.0
        for low, high in zip(np.arange(15) / 15, np.arange(1, 16) / 15, strict=True):
            inside = (confidence > low) & (confidence <= high)
            expected += abs((confidence[inside] - right[inside]).sum()) / 500
        assert METRICS["ece"](predictions, labels)[m].mean() == pytest.approx(expected, abs=SUMS)


def test_zero_probabilities_are_defined():
    certain = Predictions.from_probs(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]))
    values = METRICS["log_loss"](certain, np.array([0, 1, 0, 1]))
    np.testing.assert_allclose(values, [[0.0, 0.0, math.log(2), np.inf]])
    np.testing.assert_allclose(METRICS["entropy"](certain, None), [[0.0, 0.0, math.log(2), 0.0]])
    infinite = score("log_loss", certain, np.array([0, 1, 0, 1])).interval
    assert infinite.mean == np.inf
    assert math.isnan(infinite.low)


def test_interval_goes_over_teachers_when_there_are_several_and_over_points_when_not():
    predictions, labels = made_up(n_models=4)
    assert score("accuracy", predictions, labels).interval.over == "models and points"
    one = Predictions.from_logits(predictions.log_probs[:1])
    assert score("accuracy", one, labels).interval.over == "points"
    same = Predictions.from_logits(predictions.log_probs, teacher_of=np.zeros(4, dtype=int))
    assert score("accuracy", same, labels).interval.over == "points"
    pairs = Predictions.from_logits(predictions.log_probs, teacher_of=np.array([0, 0, 1, 1]))
    assert score("accuracy", pairs, labels).interval.n_models == 2
    assert set(scorecard(predictions, labels)) == set(METRICS)
    assert len(score("accuracy", predictions, labels).each) == 4


def test_majority_is_the_most_common_class_of_the_reference():
    labels = np.array([0, 0, 0, 1])
    assert majority_accuracy(labels) == 0.75
    assert majority_accuracy(labels, np.array([1, 1, 0])) == 0.25
    with pytest.raises(DomainError, match="at least one label"):
        majority_accuracy(labels[:0])


@pytest.mark.parametrize("labels", [[0.0, 1.0], [0.0, np.nan], [True, False], ["0", "1"], [None, 1]], ids=str)
def test_labels_that_are_no_whole_numbers_are_refused(labels):
    """The check that every metric begins with; in tests the annotations of the metrics come before it."""
    p = Predictions.from_probs(np.array([[0.9, 0.1], [0.4, 0.6]]))
    with pytest.raises(DomainError, match=r"whole numbers from 0 to 1; got type .*, first"):
        _check_labels(p, np.array(labels))
    _check_labels(p, np.array([0, 1], dtype=np.uint8))


def test_labels_that_do_not_fit_are_refused():
    predictions, labels = made_up()
    with pytest.raises(AlignmentError, match="200"):
        score("accuracy", predictions, labels[:-1])
    with pytest.raises(DomainError, match="between 0 and 2"):
        score("log_loss", predictions, labels + 1)
    with pytest.raises(ConfigError, match="Did you mean"):
        score("acuracy", predictions, labels)


def test_a_tie_of_the_truth_is_half_a_hit_whoever_answers_and_changes_no_other_metric():
    predictions = Predictions.from_probs(np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.3, 0.7]]))
    target = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.0, 1.0]])
    labels = target.argmax(axis=1)
    truth = true_shares(labels, target)
    np.testing.assert_array_equal(accuracy(predictions, truth), [[0.5, 0.5, 0.5, 1.0]])
    np.testing.assert_array_equal(log_loss(predictions, truth), log_loss(predictions, labels))
    np.testing.assert_array_equal(brier(predictions, truth), brier(predictions, labels))
    np.testing.assert_array_equal(auroc(predictions, truth), auroc(predictions, labels))


def test_all_ties_are_half_a_hit_with_an_interval_and_tell_no_one_apart():
    predictions = Predictions.from_probs(np.full((3, 20, 2), 0.5))
    found = score("accuracy", predictions, np.arange(20) % 2).interval
    # No point of 20 was seen to differ: Wilson's end of the share that could, t^2 / (n + t^2), lies at 0 or 1.
    share = t.ppf(0.975, 19) ** 2 / (20 + t.ppf(0.975, 19) ** 2)
    assert (found.mean, found.low, found.high) == pytest.approx((0.5, 0.5 - share / 2, 0.5 + share / 2))
    assert not excludes_zero(found.minus(0.5))
