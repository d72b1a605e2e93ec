"""What consensus prefers where teachers share a bias: the inequality of docs/auto.md, by simulated labels."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import consensus

TRUTH_SHARE, BIAS = 0.5, 0.4  # t and |b| of the teachers
N_POINTS, N_MODELS = 20_000, 6


class Shared:
    """Hard labels of models whose mean is a y + beta b / |b| at each point, each model with noise of its own."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.truth, self.bias = np.where(self.rng.random((2, N_POINTS)) < 0.5, 1, -1)
        self.teachers = self.models(TRUTH_SHARE, BIAS)

    def models(self, a: float, beta: float) -> Predictions:
        positive = (1 + a * self.truth + beta * self.bias) / 2
        labels = (self.rng.random((N_MODELS, N_POINTS)) < positive).astype(int)
        return Predictions.from_probs(np.eye(2)[labels], teacher_of=np.arange(N_MODELS))

    def consensus(self, a: float, beta: float) -> float:
        return consensus(self.teachers, self.models(a, beta)).consensus


@pytest.mark.parametrize("unbiased", [0.6, 0.7, 0.8, 0.9])
def test_a_student_with_the_common_bias_is_preferred_where_the_inequality_says_so(unbiased):
    world, a, beta = Shared(), 0.5, 0.5
    preferred = (a**2 + beta**2) * (a * TRUTH_SHARE + beta * BIAS) > unbiased**3 * TRUTH_SHARE
    assert (world.consensus(a, beta) > world.consensus(unbiased, 0.0)) == preferred


def test_among_deterministic_students_the_teachers_majority_wins_although_it_is_wrong():
    """With |b| > t the majority is the bias, right at half of the points, and the truth itself has less consensus."""
    world = Shared()
    world.teachers = world.models(0.3, 0.5)
    assert world.consensus(0.0, 1.0) > world.consensus(1.0, 0.0)
