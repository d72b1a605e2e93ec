"""The distance to the mean of the other teachers: against the mean written out, and what a copy cannot hide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax, rel_entr

from outlearn.core.decomposition.left_out_mean import distance_to_left_out_mean
from outlearn.core.predictions import Predictions
from outlearn.errors import DomainError

EXACT = 1e-12


def drawn(models: int, seed: int, **more: np.ndarray) -> Predictions:
    logits = np.random.default_rng(seed).normal(size=(models, 6, 3))
    return Predictions.from_logits(logits, **more)


@pytest.mark.parametrize("order", ["target_first", "prediction_first"])
def test_it_is_the_divergence_from_the_mean_of_the_others_written_out(order):
    teacher, owners = drawn(4, seed=0), np.array([0, 0, 2, 3, 3])
    student = drawn(5, seed=1, teacher_of=owners)
    found = distance_to_left_out_mean(teacher, student, order=order)
    for row, own in enumerate(owners):
        others = np.delete(teacher.log_probs, own, axis=0)
        if order == "target_first":
            centre = np.exp(log_softmax(others.mean(axis=0), axis=-1))
            expected = rel_entr(student.probs[row], centre).sum(axis=-1)
        else:
            expected = rel_entr(np.exp(others).mean(axis=0), student.probs[row]).sum(axis=-1)
        np.testing.assert_allclose(found[row], expected, atol=EXACT)


def test_a_student_that_is_the_mean_of_the_others_is_at_no_distance_and_a_copy_is_as_far_as_its_teacher():
    teacher = drawn(3, seed=2)
    means = np.stack([np.delete(teacher.log_probs, m, axis=0).mean(axis=0) for m in range(3)])
    assert distance_to_left_out_mean(teacher, Predictions.from_logits(means)).max() < EXACT
    assert distance_to_left_out_mean(teacher, teacher).mean(axis=1).min() > 0.01


def test_one_teacher_and_gaps_are_refused():
    with pytest.raises(DomainError, match="at least 2 teachers"):
        distance_to_left_out_mean(drawn(1, seed=0), drawn(1, seed=1))
    answered = np.ones((2, 6), dtype=bool)
    answered[0, 3] = False
    gappy = replace(drawn(2, seed=0), answered=answered)
    with pytest.raises(DomainError, match="gaps"):
        distance_to_left_out_mean(gappy, drawn(2, seed=1))
