"""Crossed misfit: a student against the teachers that did not label it, and how much more its own teacher explains.

    overfit covariance = crossed misfit - misfit = tr Cov(grad phi(teacher), student)      (order target_first)
                                                 = tr Cov(teacher, grad phi(student))      (order prediction_first)

Near 0 the student ignores which teacher it had; large, it memorised that teacher. Every divergence is affine in one
coordinate of its second and one of its first argument, D(a, b) = phi(a) + phi*(grad phi(b)) - <a, grad phi(b)>, so the
sum over all other teachers needs their summed coordinates only: time and memory are linear in students plus teachers,
not in pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from outlearn.core.generators import BregmanGenerator
from outlearn.core.log_space import row_sum
from outlearn.core.numbers import AnyPredictions
from outlearn.core.orders import model_blocks

__all__ = ["CrossedMisfit", "crossed_misfit"]


@dataclass(frozen=True, eq=False)
class CrossedMisfit:
    """Crossed misfit as a U-statistic over ordered pairs of teachers, each with its students averaged.

    Attributes:
        mean: over pairs (teacher with students, other teacher) and points; nan for a single teacher.
        covariance: overfit covariance, mean - paired misfit; nan for a single teacher.
        mean_pseudo, covariance_pseudo: jackknife pseudo-values `[teachers, points]`, for intervals; None below 3
            teachers or with students of fewer than 2.
        reason: why something is missing.
    """

    mean: float
    covariance: float
    mean_pseudo: Float[np.ndarray, "teachers points"] | None
    covariance_pseudo: Float[np.ndarray, "teachers points"] | None
    reason: str | None


def crossed_misfit(
    teacher: AnyPredictions,
    student: AnyPredictions,
    own: Integer[np.ndarray, "students"],
    generator: BregmanGenerator,
    order: str,
) -> CrossedMisfit:
    """Average the misfit over all ordered pairs of a teacher's students and another teacher.

    Args:
        teacher, student: predictions, without gaps.
        own: for each student the row of its teacher.
        generator, order: as in `risk_gap`.

    Returns:
        The crossed misfit and overfit covariance, with pseudo-values for their intervals. A teacher without students is
        still an other teacher for the rest.
    """
    n_teachers = teacher.n_models
    if n_teachers < 2:
        return CrossedMisfit(math.nan, math.nan, None, None, "only one teacher: none to cross with")
    has_students = np.bincount(own, minlength=n_teachers) > 0
    sums = _pair_sums(teacher, student, own, generator, order)
    n_rows = int(has_students.sum())
    total = sums.rows.sum(axis=0)
    crossed = total / (n_rows * (n_teachers - 1))
    paired = sums.own.sum(axis=0) / n_rows
    # Where every teacher has students, phi and phi* cancel: what is left is <grad phi(t), s>, paired less crossed.
    mean = float(crossed.mean())
    covariance = float((crossed - paired).mean())
    if not np.isfinite(sums.rows).all():
        reason = "a teacher gives probability 0 to a class that another teacher's student does not: infinite"
        return CrossedMisfit(mean, covariance, None, None, reason)
    if n_teachers < 3 or n_rows < 2:
        return CrossedMisfit(mean, covariance, None, None, "an interval of crossed pairs needs at least 3 teachers")
    # Without teacher a, in both its roles.
    rows_left = (n_rows - has_students)[:, None]
    # The terms d(m, b) with neither m = a nor b = a.
    crossed_without = (total - sums.rows - sums.columns) / (rows_left * (n_teachers - 2))
    paired_without = (sums.own.sum(axis=0) - sums.own) / rows_left
    crossed_pseudo = n_teachers * crossed - (n_teachers - 1) * crossed_without
    paired_pseudo = n_teachers * paired - (n_teachers - 1) * paired_without
    return CrossedMisfit(mean, covariance, crossed_pseudo, crossed_pseudo - paired_pseudo, None)


@dataclass(frozen=True, eq=False)
class _PairSums:
    """Sums `[teachers, points]` of the misfit d(m, a) of teacher m's students (averaged) to teacher a.

    `own` d(m, m); `rows` the sum over a != m; `columns` the sum over m != a.
    """

    own: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


def _pair_sums(
    teacher: AnyPredictions, student: AnyPredictions, own: np.ndarray, generator: BregmanGenerator, order: str
) -> _PairSums:
    t_dual = teacher.duals(generator, argument="teacher")
    linear, constant = _sides(t_dual, teacher, generator, slice(None), second=order == "target_first")
    n_teachers = teacher.n_models
    share = 1 / np.bincount(own, minlength=n_teachers)[own]
    finite = np.isfinite(linear).all() and np.isfinite(constant).all()
    if order == "prediction_first":  # the student's dual coordinates are multiplied: they must be finite too
        finite = finite and all(
            np.isfinite(student.duals(generator, argument="student", models=s)).all() for s in range(len(own))
        )
    if not finite:
        return _pair_sums_one_by_one(t_dual, student, own, share, generator, order)

    shape = t_dual.shape[:2]
    paired, rows, own_constant, own_product = sums = np.zeros((4, *shape))
    all_linear, all_constant = linear.sum(axis=0), constant.sum(axis=0)
    sum_constant, sum_linear = np.zeros(shape[1]), np.zeros(t_dual.shape[1:])
    others = n_teachers - 1
    for block in model_blocks(len(own), t_dual[0].size):
        s_dual = student.duals(generator, argument="student", models=block)
        x, c = _sides(s_dual, student, generator, block, second=order != "target_first")
        m, weight = own[block], share[block, None]
        product = row_sum(x * linear[m])
        # D = phi + phi* - <., .>, with c of the student and `constant` of the teachers; to its own, then to all others
        to_others = row_sum(x * all_linear) - product
        to_own, to_all = c + constant[m] - product, others * c + (all_constant - constant[m]) - to_others
        teachers, at = np.unique(m, return_inverse=True)
        averages = (np.arange(len(teachers))[:, None] == at) * share[block]  # [teachers, students] of this block
        for of_teacher, of_student in zip(sums, (to_own, to_all, c, product), strict=True):
            of_teacher[teachers] += averages @ of_student
        sum_constant += (weight * c).sum(axis=0)
        sum_linear += np.einsum("s,sik->ik", share[block], x)
    has_students = np.bincount(own, minlength=n_teachers) > 0
    columns = (
        sum_constant
        - own_constant
        + (has_students.sum() - has_students)[:, None] * constant
        - (np.einsum("ik,mik->mi", sum_linear, linear) - own_product)
    )
    return _PairSums(paired, rows, columns)


def _sides(
    dual: np.ndarray, models: AnyPredictions, generator: BregmanGenerator, which: int | slice, *, second: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return what enters the product and the argument's own term: grad phi and phi* if second, else a and phi."""
    if second:
        return dual, generator.conjugate(dual)
    points = models.coordinates(which)
    return points, generator.potential(points)


def _pair_sums_one_by_one(
    t_dual: np.ndarray,
    student: AnyPredictions,
    own: np.ndarray,
    share: np.ndarray,
    generator: BregmanGenerator,
    order: str,
) -> _PairSums:
    """Compute the same sums pair by pair: at a probability of 0 the product of sums would be 0 times infinity."""
    paired, rows, columns = (np.zeros(t_dual.shape[:2]) for _ in range(3))
    for s, m in enumerate(own.tolist()):
        s_dual = student.duals(generator, argument="student", models=s)
        for a, other in enumerate(t_dual):
            if order == "target_first":
                d = share[s] * generator.divergence_from_dual(s_dual, other)
            else:
                d = share[s] * generator.divergence_from_dual(other, s_dual)
            if a == m:
                paired[m] += d
            else:
                rows[m] += d
                columns[a] += d
    return _PairSums(paired, rows, columns)
