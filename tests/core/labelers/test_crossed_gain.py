"""A student's gain judged by labelers that did not label for it: what it estimates, and how shared bias bounds it."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.labelers.crossed_gain import (
    Judged,
    accuracy_for,
    break_even_bias,
    crossed_gain,
    gain_bounds,
    true_gain,
    vote_shares,
)
from outlearn.core.labelers.influence import LinearisedEstimate, mean_estimate
from outlearn.core.labelers.labeler_agreement import chance_corrected, pair_table
from outlearn.core.labelers.shared_answer import skills_of_labelers

WITHIN = 4.0
EXACT = 1e-9


def certain(value: float, n: int = 4) -> LinearisedEstimate:
    return LinearisedEstimate(value, np.zeros(n), n)


def world(n: int = 20_000, classes: int = 3, seed: int = 0):
    """Three labelers of a shared answer, and a student right about it 90% of the time, independently of them."""
    rng = np.random.default_rng(seed)
    shared = rng.integers(0, classes, n)

    def noisy(rate: float) -> np.ndarray:
        return np.where(rng.random(n) < rate, (shared + rng.integers(1, classes, n)) % classes, shared)

    labels = np.array([noisy(0.2), noisy(0.3), noisy(0.1)])
    student = noisy(0.1)
    skills = skills_of_labelers({p: chance_corrected(a, classes) for p, a in pair_table(labels).items()}, 3)
    return shared, labels, student, skills, classes


def judged_by_others(labels: np.ndarray, student: np.ndarray, classes: int) -> Judged:
    eye = np.eye(classes)
    pairs = [(a, b) for b in range(len(labels)) for a in range(len(labels)) if a != b]
    return Judged(tuple(b for _, b in pairs), (eye[student],) * len(pairs), tuple(eye[labels[a]] for a, _ in pairs))


def test_the_gain_over_the_shared_answer_and_the_accuracy_are_recovered():
    shared, labels, student, skills, classes = world()
    judged = judged_by_others(labels, student, classes)
    gain, accuracy = crossed_gain(judged, labels, skills), accuracy_for(judged, labels, skills, classes)
    # The judges weigh by skill: the labeler that judges least is compared most. Here 0.9 against its rivals' mean.
    weights = np.array([1 - rate * 1.5 for rate in (0.2, 0.3, 0.1)])
    rivals = [0.8, 0.75, 0.75]
    rivals = [np.mean([0.7, 0.9]), np.mean([0.8, 0.9]), np.mean([0.8, 0.7])]
    expected = 0.9 - float(weights @ rivals) / weights.sum()
    assert abs(gain.value - expected) < WITHIN * gain.standard_error
    assert abs(accuracy.value - (student == shared).mean()) < WITHIN * accuracy.standard_error


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_bounds_of_the_gain_are_reached_by_the_worst_and_the_best_student(classes):
    """Population: bias b, labelers of even noise. The worst follows every wrong answer, the best corrects each."""
    bias, rate, elsewhere = 0.15, 0.2, 0.93
    labeler = (1 - bias) * (1 - rate) + bias * rate / (classes - 1)
    for follows, corrects, end in ((1.0, 0.0, 0), (0.0, 1.0, 1)):
        gain = (1 - bias) * elsewhere + bias * follows - (1 - rate)
        in_truth = (1 - bias) * elsewhere + bias * corrects - labeler
        bounds = gain_bounds(certain(gain), certain(rate), bias, classes)
        assert bounds[end].value == pytest.approx(in_truth, abs=EXACT)


@pytest.mark.parametrize("gain", [0.05, -0.05])
def test_at_the_break_even_bias_a_bound_is_zero(gain):
    bias = break_even_bias(certain(gain), certain(0.2), 3).value
    assert bias > 0
    low, high = gain_bounds(certain(gain), certain(0.2), bias, 3)
    assert (low if gain > 0 else high).value == pytest.approx(0, abs=EXACT)


def test_true_labels_of_a_sample_give_the_true_gain_more_sharply_with_the_crossed_difference():
    shared, labels, student, skills, classes = world(4000)
    truth = np.where(np.arange(4000) < 300, shared, -1)
    judged = judged_by_others(labels, student, classes)
    found = true_gain(judged, labels, truth)
    exact = (student == shared).mean() - (labels == shared).mean()
    assert abs(found.value - exact) < WITHIN * found.standard_error
    eye = np.eye(classes)
    plain = mean_estimate(
        eye[student][np.arange(4000), shared] - (labels == shared).mean(axis=0), np.arange(4000) < 300
    )
    assert found.standard_error < plain.standard_error
    assert skills.each


def test_a_judge_that_gave_no_label_at_a_point_does_not_judge_it():
    labels = np.array([[0, -1, 1, 0], [0, 1, 1, 0]])
    answer = np.eye(2)[[0, 0, 1, 0]]
    one = Judged((0,), (answer,), (np.eye(2)[labels[1]],))
    from outlearn.core.labelers.shared_answer import Skills

    gain = crossed_gain(one, labels, Skills({0: certain(1.0)}))
    assert gain.value == 0.0
    assert gain.n_points == 3


def test_votes_share_ties_and_points_without_labels_have_none():
    shares = vote_shares(np.array([[0, 1, -1], [1, 1, -1], [2, 0, -1]]), 3, plurality=True)
    np.testing.assert_allclose(shares[0], 1 / 3)
    np.testing.assert_allclose(shares[1], [0, 1, 0])
    assert np.isnan(shares[2]).all()
