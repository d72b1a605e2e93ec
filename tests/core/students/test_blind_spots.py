"""Blind spots by hand, at the edges, and the index as the average over all thresholds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outlearn.core.predictions import Predictions
from outlearn.core.students.blind_spots import blind_spots, halfway_to_certainty
from outlearn.errors import AlignmentError, ConfigError


def drawn(n_models, seed, n_points=60, n_classes=3, teacher_of=None):
    logits = 2 * np.random.default_rng(seed).normal(size=(n_models, n_points, n_classes))
    return Predictions.from_logits(logits, teacher_of=teacher_of)


def labels_of(n_points=60, n_classes=3):
    return np.random.default_rng(9).integers(0, n_classes, n_points)


def test_every_rate_equals_a_count_over_students_and_points():
    own = np.array([0, 0, 1, 1, 2, 2])  # as many students of each teacher, so that all weigh the same
    teacher, student, y = drawn(3, 0), drawn(6, 1, teacher_of=own), labels_of()
    blind = unseen = disagreeing = right = 0
    for m in range(6):
        for i in range(60):
            s, t = student.probs[m, i], teacher.probs[own[m], i]
            sure, wrong = s.max() >= 0.7, s.argmax() != y[i]
            unseen += sure and t.max() < 0.7
            blind += sure and t.max() < 0.7 and wrong
            disagreeing += sure and s.argmax() != t.argmax()
            right += sure and s.argmax() != t.argmax() and not wrong
    found = blind_spots(y, teacher=teacher, student=student, threshold=0.7).summary()
    assert found.blind_spot.mean == pytest.approx(blind / 360)
    assert found.error_where_blind.mean == pytest.approx(blind / unseen)
    assert found.confident_disagreement.mean == pytest.approx(disagreeing / 360)
    assert found.right_when_disagreeing.mean == pytest.approx(right / disagreeing)
    assert found.blind_spot.n_models == 3


def test_the_index_is_the_blind_spot_rate_averaged_over_all_thresholds_by_rank():
    marks = blind_spots(labels_of(), teacher=drawn(1, 0), student=drawn(1, 1))
    u, v, wrong = marks.rank[0], marks.teacher_rank[0], marks.wrong[0]
    # Thresholds a for the student, b for the teacher, on a grid that hits every step between mid-ranks.
    grid = (np.arange(60 * 4) + 0.5) / (60 * 4)
    rates = [(wrong * (u >= a) * (v < b)).mean() for a in grid for b in grid]
    assert marks.summary().index.mean == pytest.approx(4 * np.mean(rates) / wrong.mean(), abs=1e-9)


def test_the_index_is_one_where_errors_have_nothing_to_do_with_confidence():
    rng = np.random.default_rng(0)
    n = 40_000
    confidence = rng.uniform(0.5, 1, (2, 1, n))
    side = rng.integers(0, 2, n)
    probs = [np.where(np.eye(2)[side] > 0, c[..., None], 1 - c[..., None]) for c in confidence]
    y = np.where(rng.random(n) < 0.3, 1 - side, side)
    t, s = (Predictions.from_probs(p) for p in probs)
    found = blind_spots(y, teacher=t, student=s).summary().index
    assert found.low < 1 < found.high
    assert found.high - found.low < 0.1


def test_errors_put_where_the_student_is_sure_and_the_teacher_not_have_the_largest_index():
    n = 100
    order = np.linspace(0.51, 0.99, n)
    student = Predictions.from_probs(np.stack([order, 1 - order], axis=-1))
    teacher = Predictions.from_probs(np.stack([order[::-1], 1 - order[::-1]], axis=-1))
    hidden, seen = np.zeros(n, int), np.zeros(n, int)
    hidden[-10:] = 1  # student surest, teacher least sure
    seen[:10] = 1
    largest, smallest = (blind_spots(y, teacher=teacher, student=student).summary().index.mean for y in (hidden, seen))
    # By hand: ranks of the ten are .905, .915, ... .995; 4 E[u^2] and 4 E[(1 - u)^2].
    u = (np.arange(90, 100) + 0.5) / n
    assert largest == pytest.approx(4 * np.mean(u**2))
    assert smallest == pytest.approx(4 * np.mean((1 - u) ** 2))


def test_the_index_knows_no_calibration_and_the_rates_do():
    # For two classes tempering keeps the order of the confidences.
    y, teacher, student = labels_of(n_classes=2), drawn(2, 0, n_classes=2), drawn(2, 1, n_classes=2)
    sharper = Predictions.from_logits(7 * student.log_probs)
    plain, sharp = (blind_spots(y, teacher=teacher, student=each).summary() for each in (student, sharper))
    assert sharp.index.mean == pytest.approx(plain.index.mean)
    assert sharp.blind_spot.mean > plain.blind_spot.mean
    assert sharp.confident_disagreement.mean > plain.confident_disagreement.mean


def test_a_student_that_repeats_its_teacher_has_no_blind_spot_and_never_disagrees():
    t = drawn(3, 0)
    found = blind_spots(labels_of(), teacher=t, student=t).summary()
    assert found.blind_spot.mean == 0
    assert found.confident_disagreement.mean == 0
    assert math.isnan(found.error_where_blind.mean)
    assert "no such point" in found.error_where_blind.reason
    assert "no such point" in str(found)


def test_a_student_without_errors_has_no_index():
    y = labels_of()
    right = Predictions.from_probs(np.where(np.eye(3)[y] > 0, 0.8, 0.1))
    found = blind_spots(y, teacher=drawn(1, 0), student=right).summary()
    assert math.isnan(found.index.mean)
    assert found.blind_spot.mean == 0


def test_certain_predictions_are_ranked_by_their_log_odds():
    logits = np.zeros((1, 4, 2))
    logits[0, :, 0] = [800.0, 900.0, 50.0, 40.0]  # all have p = 1.0 in float64
    marks = blind_spots(
        np.zeros(4, int), teacher=Predictions.from_logits(logits), student=Predictions.from_logits(logits)
    )
    np.testing.assert_allclose(marks.rank[0], [0.625, 0.875, 0.375, 0.125])


def test_one_teacher_gives_intervals_over_points_and_several_over_both():
    y = labels_of()
    one = blind_spots(y, teacher=drawn(1, 0), student=drawn(3, 1)).summary().blind_spot
    several = blind_spots(y, teacher=drawn(3, 0), student=drawn(3, 1)).summary().blind_spot
    assert one.over == "points"
    assert several.over == "models and points"


def test_the_threshold_lies_between_a_guess_and_certainty():
    assert halfway_to_certainty(4) == 0.625
    for wrong in (0.3, 1 / 3, 1.1):
        with pytest.raises(ConfigError, match=r"above 0\.333"):
            blind_spots(labels_of(), teacher=drawn(1, 0), student=drawn(1, 1), threshold=wrong)


def test_other_labels_are_refused():
    with pytest.raises(AlignmentError, match="labels"):
        blind_spots(np.zeros(3, int), teacher=drawn(1, 0), student=drawn(1, 1))
