"""Agreement beyond chance against scikit-learn, and which pairs are crossed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from outlearn.core.point_models import labeled_by
from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import agreement, consensus, consensus_without, kappa_matrix
from outlearn.errors import AlignmentError


def drawn(n_models, seed, n_classes=3, teacher_of=None):
    logits = np.random.default_rng(seed).normal(size=(n_models, 80, n_classes))
    logits += 2 * np.random.default_rng(99).normal(size=(80, n_classes))  # what all models agree on
    return Predictions.from_logits(logits, teacher_of=teacher_of)


def test_kappa_equals_scikit_learn():
    a, b = drawn(3, 0), drawn(4, 1)
    expected = [[cohen_kappa_score(x.argmax(1), y.argmax(1)) for y in b.probs] for x in a.probs]
    np.testing.assert_allclose(kappa_matrix(a, b), expected, atol=1e-12)


def test_models_that_always_answer_one_class_agree_no_more_than_chance():
    constant = Predictions.from_probs(np.tile([0.8, 0.1, 0.1], (80, 1)))
    assert kappa_matrix(constant, constant)[0, 0] == 0
    np.testing.assert_allclose(kappa_matrix(constant, drawn(2, 0)), 0, atol=1e-12)


def test_consensus_crosses_teachers_only():
    teacher_of = np.array([0, 0, 1, 2])
    teacher, student = drawn(4, 0), drawn(4, 1, teacher_of=teacher_of)
    kx, ks = kappa_matrix(student, teacher), kappa_matrix(student, student)
    crossed = [kx[i, j] for i in range(4) for j in range(4) if j != teacher_of[i]]
    among = [ks[i, j] for i in range(4) for j in range(4) if teacher_of[i] != teacher_of[j]]
    got = consensus(teacher, student)
    assert got.crossed_kappa == pytest.approx(np.mean(crossed))
    assert got.student_kappa == pytest.approx(np.mean(among))
    assert got.consensus == pytest.approx(math.sqrt(np.mean(crossed) * np.mean(among)))


def test_consensus_needs_two_teachers():
    alone = consensus(drawn(1, 0), drawn(3, 1))
    assert math.isnan(alone.consensus)
    assert "one teacher" in alone.reason
    half = consensus(drawn(2, 0), drawn(3, 1, teacher_of=np.array([1, 1, 1])))
    assert not math.isnan(half.crossed_kappa)
    assert math.isnan(half.consensus)


def test_agreement_is_with_the_own_teacher():
    teacher = drawn(2, 0)
    student = Predictions.from_logits(teacher.log_probs[[1, 1, 0]], teacher_of=np.array([1, 1, 0]))
    assert agreement(teacher, student).all()
    swapped = Predictions.from_logits(teacher.log_probs, teacher_of=np.array([1, 0]))
    assert not agreement(teacher, swapped).all()


def test_pairing_is_said_or_obvious_never_guessed():
    teacher = drawn(3, 0)
    np.testing.assert_array_equal(labeled_by(teacher, drawn(3, 1)), [0, 1, 2])
    np.testing.assert_array_equal(labeled_by(drawn(1, 0), drawn(3, 1)), [0, 0, 0])
    with pytest.raises(AlignmentError, match="teacher_of"):
        labeled_by(teacher, drawn(6, 1))
    with pytest.raises(AlignmentError, match="got 3"):
        labeled_by(teacher, drawn(2, 1, teacher_of=np.array([0, 3])))
    with pytest.raises(AlignmentError, match="classes"):
        labeled_by(teacher, drawn(3, 1, n_classes=2))
    moved = Predictions.from_logits(teacher.log_probs, point_ids=np.arange(80)[::-1].copy())
    with pytest.raises(AlignmentError, match="80 of 80 ids differ, first 0 against 79"):
        labeled_by(teacher, moved)


@pytest.mark.parametrize("n_points", [4, 157])
def test_consensus_without_each_block_is_that_of_the_other_points(n_points):
    rng = np.random.default_rng(0)
    truth = np.eye(3)[rng.integers(0, 3, n_points)]
    said = [Predictions.from_logits(2 * truth + rng.normal(size=(4, n_points, 3))) for _ in range(2)]
    labelers = Predictions(said[0].log_probs, said[0].point_ids, answered=rng.random((4, n_points)) < 0.7)
    students = Predictions(said[1].log_probs, said[1].point_ids, np.array([0, 1, 1, 3]))
    blocks = np.arange(n_points) % 4
    parts = [labelers.point_ids[blocks != block] for block in range(4)]
    expected = [consensus(labelers.select(ids), students.select(ids)).consensus for ids in parts]
    assert max(expected) > 0.1
    np.testing.assert_allclose(consensus_without(labelers, students, blocks), expected, atol=1e-12)
