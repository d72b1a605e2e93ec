"""The sizes of the random-features experiment, the teachers drawn from them, and the terms of the gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outlearn.theory.random_features import fit_random_features
from outlearn.theory.scalars import Real
from outlearn.theory.settings import at_least, increasing

__all__ = ["HEAVY", "RandomFeaturesSettings", "draw_teachers", "gap_terms", "squares"]

# Inverse Wishart entries have a variance from |p - n| = 4 on; the mean of 400 draws is near normal from about 10 on.
HEAVY = 10


@dataclass(frozen=True, kw_only=True)
class RandomFeaturesSettings:
    """Sizes of the teacher and the student; variances, not standard deviations.

    Args:
        dimension: d, inputs.
        signal_power: |beta|^2.
        noise_variance: of the teacher's labels.
        teacher_examples, teacher_width, teacher_penalty: of the teacher.
        student_examples: n, points that the teacher labels; at most `dimension`.
        student_penalty: of the second student; the first has none.
        widths: p of the student, increasing.
        subspace_dimension, subspace_examples: of case S3, a student that sees only a subspace.
        draws: independent repetitions of everything random.
    """

    dimension: int = 60
    signal_power: Real = 1.44
    noise_variance: Real = 1.0
    teacher_examples: int = 90
    teacher_width: int = 80
    teacher_penalty: Real = 0.5
    student_examples: int = 45
    student_penalty: Real = 5.0
    widths: tuple[int, ...] = (10, 20, 28, 34, 39, 43, 45, 47, 51, 57, 65, 75, 90, 120, 200, 480, 1000, 2250)
    subspace_dimension: int = 20
    subspace_examples: tuple[int, ...] = (32, 42, 60, 100, 200, 400, 1000)
    draws: int = 400

    def __post_init__(self) -> None:
        at_least(self, 2, "dimension", "teacher_examples", "teacher_width", "student_examples")
        at_least(self, 0, "noise_variance", "teacher_penalty")
        at_least(self, 1e-6, "student_penalty", "signal_power")
        at_least(self, 30, "draws")
        at_least(self, 1, "widths", "subspace_dimension")
        increasing(self, "widths", length=2)
        increasing(self, "subspace_examples", length=2)
        at_least(self, self.student_examples, "dimension")
        at_least(self, self.subspace_dimension + HEAVY, "subspace_examples")

    @property
    def beta(self) -> np.ndarray:
        """Coefficients of the target `[dimension]`, all on the first axis: everything else is rotation invariant."""
        beta = np.zeros(self.dimension)
        beta[0] = np.sqrt(self.signal_power)
        return beta


def draw_teachers(
    settings: RandomFeaturesSettings, rng: np.random.Generator, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit teachers to the signal and to the noise of their labels apart: ridge is linear in its labels.

    H X beta and H e, each `[count, dimension]`, sum to the teacher b_w.
    """
    inputs = rng.standard_normal((count, settings.teacher_examples, settings.dimension))
    weights = rng.standard_normal((count, settings.teacher_width, settings.dimension))
    noise = np.sqrt(settings.noise_variance) * rng.standard_normal((count, settings.teacher_examples))
    signal_part = fit_random_features(inputs, inputs @ settings.beta, weights, penalty=settings.teacher_penalty)
    return signal_part, fit_random_features(inputs, noise, weights, penalty=settings.teacher_penalty)


def squares(vectors: np.ndarray) -> np.ndarray:
    """Return |v|^2 of each vector `[..., dimension]`: a mean square over fresh points, since the inputs are N(0, I)."""
    return np.asarray((vectors**2).sum(-1))


def gap_terms(beta: np.ndarray, teacher: np.ndarray, student: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute gap, misfit and residual, each from its own formula: |b_w - beta|^2 - |b_s - beta|^2 and so on."""
    gap = squares(teacher - beta) - squares(student - beta)
    return gap, squares(student - teacher), 2 * ((student - teacher) * (beta - student)).sum(-1)
