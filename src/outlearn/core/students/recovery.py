"""Performance gap recovered: how much of the way from teacher to ceiling the student goes.

PGR = (student - teacher) / (ceiling - teacher), on accuracy. It is a ratio of two noisy means that share teacher and
points, so the interval is Fieller's: all r for which the paired mean of (student - teacher) - r (ceiling - teacher)
cannot be told apart from 0. Unlike the delta method it stays right when the denominator is noisy, and it is finite
wherever the interval of ceiling - teacher excludes 0, which is the rule for withholding PGR. A percentile bootstrap
of the ratio has no such guard: replicates with a denominator near 0 set its ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Integer

from outlearn.core.gaps import over_answered
from outlearn.core.intervals import Interval, level_in_words, t_quantile
from outlearn.core.mean_intervals import (
    ROUNDING,
    ROW_CAUTION,
    TwoWayVariance,
    cluster_means,
    mean_interval,
    two_way_variance,
)
from outlearn.core.metrics import Labels, accuracy
from outlearn.core.plain_arrays import plain_array
from outlearn.core.point_models import check_same_points, labeled_by
from outlearn.core.predictions import Predictions, check_predictions
from outlearn.core.scales import DIFFERENCE, Scale
from outlearn.core.verdict import standing

__all__ = ["Recovery", "performance_gap_recovered", "recovery_of_scores"]


@dataclass(frozen=True)
class Recovery:
    """PGR with its interval, or `value` None and the `reason` why it is withheld.

    `gain` is student - teacher and `room` is ceiling - teacher, both in accuracy, with paired two-way intervals; they
    are given in either case. The interval of `room` is for new ceilings too, where there were several, and decides
    whether PGR is given. `value` is the ratio of their means.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str | None
    gain: Interval
    room: Interval


def performance_gap_recovered(
    labels: Labels,
    *,
    teacher: Predictions,
    student: Predictions,
    ceiling: Predictions,
    level: float = 0.95,
) -> Recovery:
    """Measure PGR = (student - teacher) / (ceiling - teacher) on accuracy, with Fieller's interval.

    Students are averaged within their teacher, teachers without students are left out, and both differences are paired
    by teacher and point, over the points that the teacher answers. Several ceilings are averaged, and their spread
    enters the variance of the denominator and its degrees of freedom; a single ceiling is taken as it is. With a single
    teacher all intervals are for new points and this very teacher: `gain.over` says so.

    Args:
        labels: true classes, `[points]` int; or their shares where the truth ties.
        teacher: `[teachers, points, classes]`.
        student: `[students, points, classes]`, with `teacher_of` unless there is one teacher or one student a teacher.
        ceiling: `[ceilings, points, classes]`, trained on true labels.
        level: of all intervals, between 0 and 1.

    Returns:
        The ratio (1 is the ceiling, 0 the teacher), or None with the reason: the interval of ceiling - teacher includes
        0, lies below 0, or cannot be given. Gain and room in either case, as shares of points.

    Raises:
        AlignmentError: if teacher, student and ceiling have different points, or the pairing is not said.
        AlignmentError, DomainError: for labels that are not one class a point. ConfigError: for a level outside (0, 1).

    Examples:
        >>> right, wrong = [0.9, 0.1], [0.1, 0.9]
        >>> rows = lambda *k: np.array([[right] * (k_ // 10) + [wrong] * (40 - k_ // 10) for k_ in k])
        >>> t, s, c = (Predictions.from_probs(rows(*k)) for k in ((200, 220), (280, 300), (400,)))
        >>> r = performance_gap_recovered(np.zeros(40, dtype=int), teacher=t, student=s, ceiling=c)
        >>> round(r.value, 3), round(r.room.mean, 3)
        (0.421, 0.475)

    Source: PGR: Burns et al., Weak-to-strong generalization, 2023. Interval: Fieller, Some problems in interval
    estimation, 1954.
    """
    check_predictions(teacher=teacher, student=student, ceiling=ceiling)
    labels = plain_array(labels, "labels")
    check_same_points(teacher, ceiling, ("teacher", "ceiling"))
    return recovery_of_scores(
        accuracy(teacher, labels),
        accuracy(student, labels),
        accuracy(ceiling, labels),
        own=labeled_by(teacher, student),
        answered=teacher.answered,
        scale=DIFFERENCE,
        level=level,
    )


def _points(value: float, *, sign: bool = True) -> str:
    """Write a difference of accuracies."""
    return f"{100 * value:{'+' if sign else ''}.1f}"


def recovery_of_scores(
    of_teacher: Float[np.ndarray, "teachers points"],
    of_student: Float[np.ndarray, "students points"],
    of_ceiling: Float[np.ndarray, "ceilings points"],
    *,
    own: Integer[np.ndarray, " students"],
    answered: Bool[np.ndarray, "teachers points"] | None,
    scale: Scale,
    level: float = 0.95,
    write: Callable[..., str] = _points,
    unit: str = "points",
) -> Recovery:
    """Measure PGR on any score by point of which more is better; of a risk it is -risk.

    Args:
        of_teacher, of_student, of_ceiling: the scores; as for `performance_gap_recovered` otherwise.
        own: for each student the row of its teacher.
        answered: where each teacher says something; None if all do everywhere.
        scale: of a difference of two mean scores.
        level: of all intervals.
        write, unit: how reasons write such a difference, with or without its sign, and what its unit is.
    """
    heard, with_students = answered, np.unique(own)
    gain = over_answered(of_student - of_teacher[own], None if heard is None else heard[own])
    gain = cluster_means(gain, own)
    room = of_ceiling.mean(axis=0) - of_teacher[with_students]
    room = over_answered(room, None if heard is None else heard[with_students])
    extra, freedom = _of_ceilings(of_ceiling, two_way_variance(room))
    gain_interval = mean_interval(gain, level, scale=scale)
    room_interval = _widened(mean_interval(room, level, scale=scale), two_way_variance(room), extra, freedom)

    def withheld(reason: str) -> Recovery:
        return Recovery(None, None, None, reason, gain_interval, room_interval)

    of_room = standing(room_interval)
    if of_room.outcome == "withheld":
        return withheld(f"the interval of ceiling - teacher cannot be given: {of_room.reason}")
    if of_room.outcome == "not told apart":
        return withheld(
            f"the {level_in_words(level)} interval of ceiling - teacher, {write(room_interval.low)} to "
            f"{write(room_interval.high)} {unit}, includes 0: no gap to recover is shown"
        )
    if of_room.outcome == "worse":
        return withheld(
            f"the ceiling is worse than the teacher, by {write(-room_interval.mean, sign=False)} {unit}: there is no "
            "gap to recover"
        )
    low, high = _fieller(gain, room, extra, t_quantile(level, freedom))
    return Recovery(gain_interval.mean / room_interval.mean, low, high, None, gain_interval, room_interval)


def _of_ceilings(of_ceiling: np.ndarray, parts: TwoWayVariance) -> tuple[float, float]:
    """Return what the spread of ceilings adds to the variance of the room, and the degrees of freedom of both."""
    n_ceilings = len(of_ceiling)
    extra = float(of_ceiling.mean(axis=1).var(ddof=1)) / n_ceilings if n_ceilings > 1 else 0.0
    own = parts.degrees_of_freedom
    if extra == 0:
        return 0.0, own
    # Satterthwaite 1946, freedom = v^2 / sum_k (v_k^2 / freedom_k), with the caution for few ceilings that the
    # intervals have for few teachers.
    spread = parts.total**2 / own + ROW_CAUTION * extra**2 / (n_ceilings - 1)
    return extra, max((parts.total + extra) ** 2 / spread, min(own, n_ceilings - 1.0))


def _widened(room: Interval, parts: TwoWayVariance, extra: float, freedom: float) -> Interval:
    if extra == 0 or math.isnan(room.low):
        return room
    half = t_quantile(room.level, freedom) * math.sqrt(parts.cautious + extra)
    error = math.hypot(room.standard_error, math.sqrt(extra))
    return replace(room, standard_error=error, half=half, freedom=freedom).moved_to(room.mean)


def _fieller(gain: np.ndarray, room: np.ndarray, extra: float, q: float) -> tuple[float, float]:
    """Solve (g - r d)^2 = q^2 v(gain - r room) for r; `extra` is variance of d alone, whose interval excludes 0.

    The quantile q is that of the rule for withholding, so that both agree.
    """
    g, d = float(gain.mean()), float(room.mean())
    covariance = _covariance(gain, room, extra)
    # Fieller 1954: the roots of a r^2 - 2 b r + c = 0; a > 0 exactly where the interval of d excludes 0
    a = d * d - q * q * covariance[1, 1]
    b = g * d - q * q * covariance[0, 1]
    c = g * g - q * q * covariance[0, 0]
    root = math.sqrt(max(b * b - a * c, 0.0))  # below 0 by rounding only: the covariance is positive semidefinite
    return (b - root) / a, (b + root) / a


def _covariance(gain: np.ndarray, room: np.ndarray, extra: float) -> np.ndarray:
    """Return the two-way covariance matrix of both grand means; positive semidefinite even with few models."""
    of_gain, of_room = two_way_variance(gain), two_way_variance(room)
    v_room = of_room.cautious + extra
    of_sum, of_difference = two_way_variance(gain + room), two_way_variance(gain - room)
    # Cov(x, y) = (Var(x + y) - Var(x - y)) / 4
    crossed = (_unfloored(of_sum) - _unfloored(of_difference)) / 4
    v_gain = _unfloored(of_gain)
    if v_gain * v_room < crossed**2 * (1 - ROUNDING):
        # Subtracting the cells went too far: keep those of the gain, which is conservative.
        v_gain = max(of_gain.rows + of_gain.columns, crossed**2 / v_room if v_room > 0 else 0.0)
    return np.array([[v_gain, crossed], [crossed, v_room]])


def _unfloored(parts: TwoWayVariance) -> float:
    """Return the variance with the caution for few teachers that the intervals of gain and room have."""
    return parts.rows + parts.columns - parts.cells + parts.cautious - parts.total
