"""The sizes of the capacity experiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outlearn.core.mean_intervals import MINIMUM_POINTS
from outlearn.errors import ConfigError
from outlearn.theory.scalars import Real
from outlearn.theory.settings import at_least, increasing

__all__ = ["RealCapacitySettings"]

LARGEST_PENALTY = 1e3  # in the unit of `small_penalty`: a student that predicts little more than the mean
STEPS_A_DECADE = 2


@dataclass(frozen=True, kw_only=True)
class RealCapacitySettings:
    """Sizes of teachers and students.

    Attributes:
        tasks: of `digits` and `vader-valence`.
        splits: independent draws of points, teachers and random features; intervals are over them.
        teachers: of each split, an even number; half of them teach while the other half measures, and in turn.
        weak_features: that a teacher sees, drawn anew for each teacher.
        teacher_examples: true labels of each teacher, drawn from those that no student sees.
        teacher_penalty: of the teachers' ridge, per example.
        student_examples: points that teachers label for the students, at most a third of a task.
        test_points: where everything is measured, at most a third of a task.
        widths: random features of the students, increasing.
        small_penalty: of the students, in units of the mean eigenvalue of their Gram matrix; the tuned ones are chosen
            from here up to 1000, two a decade.
    """

    tasks: tuple[str, ...] = ("digits", "vader-valence")
    splits: int = 8
    teachers: int = 32
    weak_features: int = 16
    teacher_examples: int = 100
    teacher_penalty: Real = 0.3
    student_examples: int = 1000
    test_points: int = 1000
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
    small_penalty: Real = 1e-4

    def __post_init__(self) -> None:
        at_least(self, MINIMUM_POINTS, "splits")  # fewer have no interval
        at_least(self, 8, "teachers")
        at_least(self, 1, "weak_features", "widths")
        at_least(self, 10, "teacher_examples", "student_examples", "test_points")
        at_least(self, 1e-9, "teacher_penalty", "small_penalty")
        increasing(self, "widths", length=2)
        if self.teachers % 2:
            raise ConfigError(f"teachers is {self.teachers}; give an even number, for one half measures the other")
        if not self.small_penalty < LARGEST_PENALTY:
            raise ConfigError(f"small_penalty is {self.small_penalty:g}; it must be below {LARGEST_PENALTY:g}")

    @property
    def penalties(self) -> np.ndarray:
        """Penalties to choose from, in units of the mean eigenvalue, increasing from the small one."""
        decades = np.log10(LARGEST_PENALTY / self.small_penalty)
        return np.geomspace(self.small_penalty, LARGEST_PENALTY, 1 + int(np.ceil(STEPS_A_DECADE * decades)))
