"""PGR: the ratio of paired means, Fieller's interval, and when it is withheld."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.metrics import accuracy
from outlearn.core.predictions import Predictions
from outlearn.core.students.recovery import performance_gap_recovered
from outlearn.core.verdict import excludes_zero

N_POINTS = 400


def marked(right, teacher_of=None):
    """Make two-class predictions that are right (class 0) where `right` is 1."""
    p = np.where(np.asarray(right, dtype=float) > 0, 0.9, 0.1)
    return Predictions.from_probs(np.stack([p, 1 - p], axis=-1), teacher_of=teacher_of)


def draw(rng, accuracy, n_models, difficulty, teacher_of=None):
    centre = np.log(accuracy / (1 - accuracy)) * 1.1
    shift = 0.15 * rng.normal(size=(n_models, 1))
    p = 1 / (1 + np.exp(-(centre + shift + difficulty)))
    return marked(rng.random((n_models, len(difficulty))) < p, teacher_of)


LABELS = np.zeros(N_POINTS, dtype=int)


def test_value_is_the_ratio_of_paired_mean_differences():
    rng = np.random.default_rng(0)
    difficulty = 0.5 * rng.normal(size=N_POINTS)
    teacher_of = np.array([0, 0, 1, 1, 2, 2])
    teacher, ceiling = draw(rng, 0.6, 4, difficulty), draw(rng, 0.9, 1, difficulty)
    student = draw(rng, 0.75, 6, difficulty, teacher_of)
    t, s, c = (p.probs[..., 0].round() for p in (teacher, student, ceiling))
    expected = (s.mean() - t[:3].mean()) / (c.mean() - t[:3].mean())  # teacher 3 has no student
    got = performance_gap_recovered(LABELS, teacher=teacher, student=student, ceiling=ceiling)
    assert got.value == pytest.approx(expected)
    assert got.low < got.value < got.high
    assert got.reason is None
    assert got.gain.n_models == 3


def test_student_like_teacher_recovers_nothing_and_like_ceiling_everything():
    rng = np.random.default_rng(1)
    teacher, ceiling = (rng.random((4, N_POINTS)) < 0.6), np.ones((1, N_POINTS))
    nothing = performance_gap_recovered(
        LABELS, teacher=marked(teacher), student=marked(teacher), ceiling=marked(ceiling)
    )
    assert nothing.value == nothing.low == nothing.high == 0
    everything = np.repeat(ceiling, 4, axis=0)
    got = performance_gap_recovered(
        LABELS, teacher=marked(teacher), student=marked(everything), ceiling=marked(ceiling)
    )
    assert got.value == 1
    assert got.low == pytest.approx(1, abs=1e-7)
    assert got.high == pytest.approx(1, abs=1e-7)


def test_withheld_exactly_when_the_interval_of_the_room_includes_zero():
    rng = np.random.default_rng(2)
    withheld = 0
    for _ in range(60):
        difficulty = 0.5 * rng.normal(size=N_POINTS)
        teacher, student = draw(rng, 0.6, 5, difficulty), draw(rng, 0.62, 5, difficulty)
        ceiling = draw(rng, 0.65, 1, difficulty)
        got = performance_gap_recovered(LABELS, teacher=teacher, student=student, ceiling=ceiling)
        assert (got.value is None) == (not got.room.low > 0)
        withheld += got.value is None
        if got.value is None:
            assert ("includes 0" in got.reason) != ("worse than the teacher" in got.reason)
            assert ("includes 0" in got.reason) == (got.room.high >= 0)
            assert got.low is None
    assert 0 < withheld < 60


def test_ceiling_below_the_teacher_leaves_no_gap_to_recover():
    rng = np.random.default_rng(6)
    easy = np.zeros(N_POINTS)
    teacher, ceiling = draw(rng, 0.9, 4, easy), draw(rng, 0.5, 1, easy)
    got = performance_gap_recovered(LABELS, teacher=teacher, student=teacher, ceiling=ceiling)
    assert got.value is None
    assert "worse than the teacher" in got.reason


def test_spread_of_several_ceilings_widens_the_interval():
    rng = np.random.default_rng(4)
    difficulty = 0.5 * rng.normal(size=N_POINTS)
    teacher, student = draw(rng, 0.6, 6, difficulty), draw(rng, 0.75, 6, difficulty)
    right = rng.random((4, N_POINTS)) < np.array([[0.8], [0.85], [0.9], [0.95]])
    several = performance_gap_recovered(LABELS, teacher=teacher, student=student, ceiling=marked(right))
    one = performance_gap_recovered(LABELS, teacher=teacher, student=student, ceiling=marked(right[:1]))
    assert several.high - several.low > one.high - one.low


@pytest.mark.parametrize("skills", [(0.95, 0.55), (0.95, 0.93), (0.9, 0.9, 0.2), (0.8, 0.75, 0.7)], ids=str)
def test_room_of_several_ceilings_is_what_the_decision_is_made_on(skills):
    rng = np.random.default_rng(7)
    easy = np.zeros(N_POINTS)
    teacher, student = draw(rng, 0.6, 6, easy), draw(rng, 0.65, 6, easy)
    right = rng.random((len(skills), N_POINTS)) < np.array(skills)[:, None]
    got = performance_gap_recovered(LABELS, teacher=teacher, student=student, ceiling=marked(right))
    assert (got.value is None) == (not excludes_zero(got.room))
    if got.value is None:
        assert f"{100 * got.room.low:+.1f} to {100 * got.room.high:+.1f} points" in got.reason
    of_ceilings = right.mean(axis=1).var(ddof=1) / len(skills)
    assert got.room.standard_error**2 > of_ceilings
    assert got.room.low < got.room.mean - np.sqrt(of_ceilings)


def test_two_ceilings_that_differ_leave_one_degree_of_freedom():
    """Teachers alike and right nowhere, ceilings a share a and b of all points: the room is t with 1 degree of freedom.

    The points add (1 - a) part of a variance, small beside the ceilings'; so the half-width is at least 12.706 errors
    of the ceilings, and at most a few per cent more. The interval stays between -1 and 1 all the same.
    """
    n = 40_000
    labels, ranks = np.zeros(n, dtype=int), np.arange(n)
    ceiling = marked(np.stack([ranks < 0.9 * n, ranks < 0.5 * n]))
    got = performance_gap_recovered(
        labels, teacher=marked(np.zeros((4, n))), student=marked(np.zeros((4, n))), ceiling=ceiling
    )
    assert -1 <= got.room.low < got.room.mean < got.room.high <= 1
    assert got.room.half_width == pytest.approx(12.7062 * 0.4 / np.sqrt(2) / np.sqrt(2), rel=0.01)
    assert got.value is None
    assert "includes 0" in got.reason


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("n_ceilings", [2, 3])
def test_room_covers_the_truth_with_few_ceilings_that_differ(n_ceilings):
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(600):
        skill = rng.normal(0, 0.05, size=(n_ceilings, 1))
        teacher = marked(rng.random((6, N_POINTS)) < 0.6 + rng.normal(0, 0.02, size=(6, 1)))
        ceiling = marked(rng.random((n_ceilings, N_POINTS)) < 0.8 + skill)
        room = performance_gap_recovered(LABELS, teacher=teacher, student=teacher, ceiling=ceiling).room
        hits += room.low <= 0.2 <= room.high
    assert 0.92 <= hits / 600 <= 0.99


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_interval_covers_the_true_ratio_at_the_nominal_rate():
    rng = np.random.default_rng(5)
    covered, given = 0, 0
    for _ in range(600):
        # Linear in probability, so the true means are known: teacher .6, student .7, ceiling .8.
        n_models, n_points = 6, 300
        hard = rng.uniform(-0.15, 0.15, size=n_points)
        skill = rng.normal(0, 0.02, size=(n_models, 1))
        labels = np.zeros(n_points, dtype=int)
        teacher = marked(rng.random((n_models, n_points)) < 0.6 + hard + skill)
        student = marked(rng.random((n_models, n_points)) < 0.7 + hard + 0.5 * skill)
        ceiling = marked(rng.random((1, n_points)) < 0.8 + hard)
        got = performance_gap_recovered(labels, teacher=teacher, student=student, ceiling=ceiling)
        if got.value is not None:
            given += 1
            covered += got.low <= 0.5 <= got.high
    assert given > 500
    assert 0.92 <= covered / given <= 0.98


def test_a_single_teacher_has_an_interval_over_points():
    rng = np.random.default_rng(3)
    easy = np.zeros(N_POINTS)
    teacher, student, ceiling = draw(rng, 0.6, 1, easy), draw(rng, 0.75, 3, easy), draw(rng, 0.9, 1, easy)
    got = performance_gap_recovered(LABELS, teacher=teacher, student=student, ceiling=ceiling)
    assert got.value is not None
    assert got.gain.over == got.room.over == "points"
    assert got.low < got.value < got.high
    # Its own gain and room, point by point, by the textbook's paired standard error.
    difference = accuracy(ceiling, LABELS)[0] - accuracy(teacher, LABELS)[0]
    assert got.room.standard_error == pytest.approx(difference.std(ddof=1) / np.sqrt(N_POINTS))
