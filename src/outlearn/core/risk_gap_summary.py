"""Means of the risk gap's terms with two-way intervals, and the text that says which direction and which mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Integer

from outlearn.core.crossed import CrossedMisfit
from outlearn.core.intervals import Interval, two_way_interval
from outlearn.core.orders import Directions

__all__ = ["RiskGapSummary", "summarise"]

ROWS = {
    "teacher_risk": "teacher risk",
    "student_risk": "student risk",
    "gap": "gap",
    "misfit": "  = misfit",
    "residual": "  + residual",
    "crossed_misfit": "crossed misfit",
    "overfit_covariance": "overfit covariance",
}


@dataclass(frozen=True)
class RiskGapSummary:
    """Means over teachers, their students and points, with intervals for new teachers and points; print() it.

    Attributes:
        teacher_risk, student_risk, gap, misfit, residual: gap = teacher_risk - student_risk = misfit + residual.
        crossed_misfit, overfit_covariance: against the teachers that did not label the student.
        directions: the words for order, misfit and posterior mean.
        identity_error: the largest |gap - misfit - residual| of any student and point.
        n_students: in all; the intervals' `n_models` is the number of teachers.
    """

    teacher_risk: Interval
    student_risk: Interval
    gap: Interval
    misfit: Interval
    residual: Interval
    crossed_misfit: Interval
    overfit_covariance: Interval
    directions: Directions
    identity_error: float
    n_students: int

    def __str__(self) -> str:
        lines = [f"Risk gap under {self.directions}", ""]
        notes: list[str] = []
        for name, label in ROWS.items():
            interval: Interval = getattr(self, name)
            cells = f"  {label:<20}{interval.mean:>10.4f}"
            if math.isnan(interval.low):
                if interval.reason not in notes:
                    notes.append(str(interval.reason))
                lines.append(f"{cells}   no interval ({notes.index(str(interval.reason)) + 1})")
            else:
                lines.append(f"{cells}   [{interval.low:.4f}, {interval.high:.4f}]")
        teachers, points = self.gap.n_models, self.gap.n_points
        lines += [f"  ({index}) {note}" for index, note in enumerate(notes, 1)]
        lines.append(
            f"  {teachers} teacher{'s' * (teachers != 1)}, {self.n_students} student{'s' * (self.n_students != 1)}, "
            f"{points} points; {self.gap.level:.0%} intervals over teachers and points; "
            f"identity off by at most {self.identity_error:.1e}"
        )
        return "\n".join(lines)


def summarise(
    values: Mapping[str, np.ndarray],
    teacher_of: Integer[np.ndarray, "students"],
    crossed: CrossedMisfit,
    words: Directions,
    identity_error: float,
    level: float,
) -> RiskGapSummary:
    """Give every term of the gap, each `[students, points]`, its interval."""
    means = {name: two_way_interval(array, level, clusters=teacher_of) for name, array in values.items()}
    return RiskGapSummary(
        **means,
        crossed_misfit=_of_pairs(crossed.mean, crossed.mean_pseudo, crossed.reason, means["gap"]),
        overfit_covariance=_of_pairs(crossed.covariance, crossed.covariance_pseudo, crossed.reason, means["gap"]),
        directions=words,
        identity_error=identity_error,
        n_students=len(teacher_of),
    )


def _of_pairs(mean: float, pseudo: np.ndarray | None, reason: str | None, like: Interval) -> Interval:
    if pseudo is None:
        nan = math.nan
        return Interval(mean, nan, nan, nan, like.n_models, like.n_points, like.level, reason)
    interval = two_way_interval(pseudo, like.level)
    # The jackknife's own centre is the mean itself unless some teachers have no student.
    shift = mean - interval.mean
    return replace(interval, mean=mean, low=interval.low + shift, high=interval.high + shift)
