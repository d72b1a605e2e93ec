"""What is measured of students against their teachers: distances to the posterior mean, and the terms of the gap."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from outlearn.theory_on_data.capacity_students import STUDENTS, Fitted
from outlearn.theory_on_data.capacity_teachers import Teachers
from outlearn.theory_on_data.tasks import RealTask

__all__ = ["TERMS", "Terms", "conditional_distance", "distance_to_mean", "measure"]


@dataclass(frozen=True)
class Terms:
    """Hold the means over test points, and over students of one kind."""

    distance: float
    conditional_distance: float
    misfit: float
    residual: float
    gap: float
    risk: float


TERMS = tuple(field.name for field in fields(Terms))


def distance_to_mean(student: np.ndarray, teachers: np.ndarray) -> float:
    """Estimate E |s - c|^2, c the mean of all teachers that could have been drawn, without bias.

    Args:
        student: `[points]`; independent of the teachers.
        teachers: `[teachers, points]`, independent draws.

    The mean over pairs of different teachers of (s - t)(s - t') has the expectation (s - c)^2 at every point, where
    (s - mean t)^2 would add the variance of the mean. It may fall below 0.
    """
    apart = student - teachers
    count = len(teachers)
    pairs = np.square(apart.sum(axis=0)) - np.square(apart).sum(axis=0)
    return float(pairs.mean() / (count * (count - 1)))


def conditional_distance(students: np.ndarray, teachers: np.ndarray) -> float:
    """Estimate E |s - E[t | s]|^2, each student given, with E[t | s] = mean t + slope (s - mean s) as for Gaussians.

    Means and slope are those of the other pairs, so that no pair explains itself; the noise of these means counts as
    distance. A student that copies its teacher has the slope 1 and no distance: it is the posterior mean, emptily.

    Args:
        students, teachers: `[pairs, points]`, the student of each teacher.
    """
    count = len(students)
    found = []
    for pair in range(count):
        others = np.arange(count) != pair
        s, t = students[others], teachers[others]
        s_mean, t_mean = s.mean(axis=0), t.mean(axis=0)
        slope = ((s - s_mean) * (t - t_mean)).sum() / np.square(s - s_mean).sum()
        found.append(np.square(students[pair] - t_mean - slope * (students[pair] - s_mean)).mean())
    return float(np.mean(found))


def measure(task: RealTask, teachers: Teachers, fitted: Fitted) -> dict[str, Terms]:
    """Measure every kind of student, by name.

    A student of one teacher is measured against this teacher; a student of a mean against each teacher of the other
    half, whose mean it has not seen. Distances are to the mean of the other half's teachers for both.
    """
    target = task.target[teachers.test]
    weak = teachers.predictions[:, teachers.test]
    found = {}
    for kind in STUDENTS:
        students = fitted.students[kind.name]
        parts = []
        for own, (half, fresh) in enumerate((teachers.halves, teachers.halves[::-1])):
            if kind.learns == "one":
                parts.append(_of_one(students[half], weak[half], weak[fresh], target))
            else:
                parts.append(_of_mean(students[own], weak[fresh], target))
        found[kind.name] = Terms(*np.mean(parts, axis=0).tolist())
    return found


def _of_one(students: np.ndarray, own: np.ndarray, fresh: np.ndarray, target: np.ndarray) -> np.ndarray:
    distance = np.mean([distance_to_mean(student, fresh) for student in students])
    return np.array([distance, conditional_distance(students, own), *_gap_terms(students, own, target)])


def _of_mean(student: np.ndarray, fresh: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.array([distance_to_mean(student, fresh), np.nan, *_gap_terms(student, fresh, target)])


def _gap_terms(student: np.ndarray, teacher: np.ndarray, target: np.ndarray) -> tuple[float, float, float, float]:
    """Compute misfit, residual, gap and risk, each from its own formula."""
    misfit = np.square(student - teacher).mean()
    residual = 2 * ((student - teacher) * (target - student)).mean()
    risk = np.square(student - target).mean()
    return float(misfit), float(residual), float(np.square(teacher - target).mean() - risk), float(risk)
