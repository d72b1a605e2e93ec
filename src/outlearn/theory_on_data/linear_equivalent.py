"""Where a closed form applies on real data: linear random features of whitened inputs, and a penalty that regularises.

Whiten the strong features of all points, so that x has covariance I. A teacher is then t(x) = x.b_w + r(x), and the
target y = x.beta + e(x), where r and e are what no linear function of x explains. The deterministic equivalents of
Gaussian inputs (`ridge_equivalent`) treat r as label noise of variance sigma^2 = E r^2. For a student on p features
W x / sqrt(p),

    misfit = (1 - 2 a1 + a2) |b_w|^2 + (1 + v) sigma^2
    risk   = a2 |b_w|^2 + v sigma^2 - 2 a1 <b_w, beta> + |beta|^2 + E e^2.

Real inputs are neither Gaussian nor is r independent of them. Whether the formulas hold all the same is measured. They
do need points that are drawn one by one: here, and only here, points of one group may fall on both sides of a split.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from outlearn.theory.equivalents import ridge_equivalent
from outlearn.theory.ridge_solver import RidgePath
from outlearn.theory_on_data.capacity_teachers import Teachers
from outlearn.theory_on_data.tasks import RealTask

__all__ = ["LinearTask", "compare_linear"]

RANK = 1e-6  # of the largest singular value: below it a direction is rounding


@dataclass(frozen=True)
class LinearTask:
    """Hold a task whose points are drawn one by one, and its whitened strong features, `[points, dimension]`."""

    task: RealTask
    inputs: np.ndarray

    @classmethod
    def of(cls, task: RealTask) -> LinearTask:
        """Whiten, and take every point for a group of its own."""
        left, singular, _ = np.linalg.svd(task.strong - task.strong.mean(axis=0), full_matrices=False)
        points = len(task.target)
        return cls(replace(task, groups=np.arange(points)), left[:, singular > RANK * singular[0]] * np.sqrt(points))


def compare_linear(linear: LinearTask, teachers: Teachers, width: int, rng: np.random.Generator) -> dict[str, float]:
    """Measure misfit and gap of the linear student with the penalty n, and predict both: means over teachers."""
    x, y = linear.inputs, linear.task.target
    points = len(y)
    n, d = len(teachers.student), x.shape[1]
    penalty = float(n)
    labels = teachers.predictions - teachers.predictions.mean(axis=1, keepdims=True)
    features = x @ _root_of_gram(d, width, rng)
    path = RidgePath(features[teachers.student])
    weights = path.coefficients(labels[:, teachers.student].T, [penalty])[0]
    students = (features[teachers.test] @ weights).T
    weak, target = labels[:, teachers.test], y[teachers.test]
    law = ridge_equivalent(n, d, width, penalty=penalty)
    b_w, beta = labels @ x / points, y @ x / points
    unexplained, left = labels - b_w @ x.T, y - x @ beta
    power, alignment, noise = np.square(b_w).sum(axis=1), b_w @ beta, np.square(unexplained).mean(axis=1)
    shared = unexplained @ left / points
    teacher_risk = power - 2 * alignment + noise - 2 * shared  # without |beta|^2 + E e^2, which both risks have
    student_risk = law.moments.frobenius * power + law.noise * noise - 2 * law.moments.trace * alignment
    return {
        "misfit": float(np.square(students - weak).mean()),
        "misfit_predicted": float((law.moments.misfit * power + (1 + law.noise) * noise).mean()),
        "gap": float((np.square(weak - target) - np.square(students - target)).mean()),
        "gap_predicted": float((teacher_risk - student_risk).mean()),
    }


def _root_of_gram(dimension: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a matrix L with L L' distributed as W'W / width, of at most `dimension` columns: ridge sees no more."""
    weights = rng.standard_normal((width, dimension)) / np.sqrt(width)
    return weights.T if width <= dimension else np.linalg.cholesky(weights.T @ weights)
