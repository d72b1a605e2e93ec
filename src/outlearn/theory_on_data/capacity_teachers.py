"""One split of a task and its teachers: ridge on a few weak features, each from labels of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outlearn.errors import ConfigError
from outlearn.theory.ridge_solver import RidgePath
from outlearn.theory_on_data.capacity_settings import RealCapacitySettings
from outlearn.theory_on_data.tasks import RealTask

__all__ = ["Teachers", "draw_teachers"]


@dataclass(frozen=True)
class Teachers:
    """Hold what teachers say of every point of a task, and which points are whose.

    Given the points with true labels, teachers are independent draws: of their examples and of their features.

    Attributes:
        predictions: `[teachers, points]`.
        student: indices of the points that are labeled for the students.
        test: indices of those where everything is measured.
    """

    predictions: np.ndarray
    student: np.ndarray
    test: np.ndarray

    @property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the teachers of each half: one is never measured by its own."""
        both = np.arange(len(self.predictions))
        return both[::2], both[1::2]


def draw_teachers(task: RealTask, settings: RealCapacitySettings, rng: np.random.Generator) -> Teachers:
    """Split the points by whole groups, and fit the teachers.

    Raises:
        ConfigError: if the task has too few points or weak features.
    """
    order = np.argsort(rng.permutation(task.groups.max() + 1)[task.groups], kind="stable")
    third = len(order) // 3
    student, rest = _first(task, order, min(settings.student_examples, third))
    test, labeled = _first(task, rest, min(settings.test_points, third))
    if len(labeled) < settings.teacher_examples:
        raise ConfigError(
            f"teacher_examples is {settings.teacher_examples}, but of {len(task.target)} points {task.name} has "
            f"{len(labeled)} left beside those for students and tests; use fewer"
        )
    if settings.weak_features > task.weak.shape[1]:
        raise ConfigError(
            f"weak_features is {settings.weak_features}, but {task.name} has {task.weak.shape[1]} of them at most"
        )
    predictions = np.empty((settings.teachers, len(task.target)))
    for teacher in range(settings.teachers):
        seen = task.weak[:, rng.choice(task.weak.shape[1], settings.weak_features, replace=False)]
        own = rng.choice(labeled, settings.teacher_examples, replace=False)
        centre, mean = seen[own].mean(axis=0), task.target[own].mean()
        penalty = settings.teacher_penalty * settings.teacher_examples
        weights = RidgePath(seen[own] - centre).coefficients((task.target[own] - mean)[:, None], [penalty])[0, :, 0]
        predictions[teacher] = (seen - centre) @ weights + mean
    return Teachers(predictions, student, test)


def _first(task: RealTask, order: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Take the first points, and leave those of groups of which none was taken."""
    taken, rest = order[:count], order[count:]
    return taken, rest[task.groups[rest] != task.groups[taken[-1]]]
