"""Students of one width: ridge on random features, for all teachers and penalties from one factorisation.

A student of width p sees random features phi(x) = max(0, W x + b) / sqrt(p) (`core.random_features`), centred, and
minimises the sum of squared distances to the labels it is given plus penalty |theta|^2. It is given the labels of one
teacher, or the mean of half of them. Its penalty is

- small: almost interpolation once it is wide;
- held-out: the one that predicts best what its own labels say where they are left out;
- others: the one that predicts best, at points left out, what the *other* teachers of its half say. No true label
  enters; the teachers that measure it are those of the other half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from outlearn.core.random_features import RandomFeatureMap
from outlearn.theory.ridge_solver import RidgePath
from outlearn.theory_on_data.capacity_settings import RealCapacitySettings
from outlearn.theory_on_data.capacity_teachers import Teachers
from outlearn.theory_on_data.tasks import RealTask

__all__ = ["STUDENTS", "Fitted", "StudentKind", "fit_students"]


@dataclass(frozen=True)
class StudentKind:
    """Name a kind of student: what it learns from, and by what its penalty is chosen."""

    name: str
    learns: Literal["one", "mean"]
    penalty: Literal["small", "held-out", "others"]


STUDENTS = (
    StudentKind("one teacher, small penalty", "one", "small"),
    StudentKind("one teacher, penalty by its own labels", "one", "held-out"),
    StudentKind("one teacher, penalty by other teachers", "one", "others"),
    StudentKind("mean of teachers, small penalty", "mean", "small"),
    StudentKind("mean of teachers, penalty by its own labels", "mean", "held-out"),
)


@dataclass(frozen=True)
class Fitted:
    """Hold predictions on test points.

    Attributes:
        students: of each kind: `[teachers, points]`, or `[2, points]` for the means of the two halves.
        ceiling: of the student trained on true labels, its penalty by those left out, `[points]`.
    """

    students: dict[str, np.ndarray]
    ceiling: np.ndarray


def fit_students(
    task: RealTask, teachers: Teachers, width: int, settings: RealCapacitySettings, rng: np.random.Generator
) -> Fitted:
    """Fit every kind of student of this width and predict the test points."""
    n_teachers, n_student = len(teachers.predictions), len(teachers.student)
    units = RandomFeatureMap.draw(task.strong.shape[1], width, rng)
    features = units(task.strong[np.concatenate([teachers.student, teachers.test])])
    features -= features[:n_student].mean(axis=0)
    seen, unseen = features[:n_student], features[n_student:]
    weak = teachers.predictions[:, teachers.student]
    means = np.array([weak[half].mean(axis=0) for half in teachers.halves])
    labels = np.concatenate([weak, means, task.target[teachers.student][None]]).T
    centre = labels.mean(axis=0)
    path = RidgePath(seen)
    penalties = settings.penalties * np.square(seen).sum() / min(seen.shape)
    own, others = _held_out_errors(path, labels, centre, penalties, teachers)
    chosen = {
        "small": np.zeros(n_teachers + 2, dtype=np.int64),
        "held-out": own.argmin(axis=0),
        "others": others.argmin(axis=0),
    }
    columns = {"one": np.arange(n_teachers), "mean": np.arange(n_teachers, n_teachers + 2)}

    def predict(which: np.ndarray, penalty_of: np.ndarray) -> np.ndarray:
        found = np.empty((len(which), len(unseen)))
        for index in np.unique(penalty_of):
            rows = np.flatnonzero(penalty_of == index)
            targets = labels[:, which[rows]] - centre[which[rows]]
            weights = path.coefficients(targets, penalties[[index]])[0]
            found[rows] = (unseen @ weights + centre[which[rows]]).T
        return found

    students = {
        kind.name: predict(columns[kind.learns], chosen[kind.penalty][columns[kind.learns]]) for kind in STUDENTS
    }
    truth = np.array([labels.shape[1] - 1])
    return Fitted(students, predict(truth, own.argmin(axis=0)[truth])[0])


def _held_out_errors(
    path: RidgePath, labels: np.ndarray, centre: np.ndarray, penalties: np.ndarray, teachers: Teachers
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean squared errors of left-out predictions, `[penalties, students]`.

    The first are against the student's own labels; the second against those of the other teachers of its half, less
    what does not depend on the penalty: mean_i f_i^2 - 2 f_i tbar_i, with tbar the mean of these teachers.
    """
    n_teachers = len(teachers.predictions)
    weak = labels[:, :n_teachers]
    mean_of_others = np.empty_like(weak)
    for half in teachers.halves:
        mean_of_others[:, half] = (weak[:, half].sum(axis=1, keepdims=True) - weak[:, half]) / (len(half) - 1)
    own, others = [], []
    for penalty in penalties:
        residuals = path.left_out_residuals(labels - centre, penalty, leverage=1 / len(labels))
        own.append(np.square(residuals).mean(axis=0))
        left_out = weak - residuals[:, :n_teachers]
        others.append((left_out * (left_out - 2 * mean_of_others)).mean(axis=0))
    return np.array(own), np.array(others)
