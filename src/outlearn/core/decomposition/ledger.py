"""Where a gap comes from, point by point: a row for each, and the terms of the gap in slices of the points."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Integer, Shaped

from outlearn.core.intervals import Interval
from outlearn.errors import AlignmentError, ConfigError

__all__ = ["TERMS", "Ledger", "NumberLedger", "SliceTable", "slice_points"]

TERMS = ("teacher_risk", "student_risk", "gap", "misfit", "residual")
N_SLICES = 10  # of about equal size, by confidence or by the target


@dataclass(frozen=True, eq=False)
class _Rows:
    """Columns `[points]` of one table."""

    point_ids: Shaped[np.ndarray, " points"]

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns by name, in order."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __len__(self) -> int:
        return len(self.point_ids)


@dataclass(frozen=True, eq=False)
class Ledger(_Rows):
    """One row per point, as columns `[points]`, averaged over teachers and their students (every teacher the same).

    Attributes:
        point_ids: what identifies each point.
        target_class: the target's most probable class (the label, for labels).
        teacher_risk, student_risk, gap, misfit, residual: as in `RiskGap`.
        teacher_confidence, student_confidence: mean probability of each model's own most probable class.
        teacher_correct, student_correct: share of models whose most probable class is `target_class`; 0 or 1 for one.
    """

    target_class: Integer[np.ndarray, " points"]
    teacher_risk: Float[np.ndarray, " points"]
    student_risk: Float[np.ndarray, " points"]
    gap: Float[np.ndarray, " points"]
    misfit: Float[np.ndarray, " points"]
    residual: Float[np.ndarray, " points"]
    teacher_confidence: Float[np.ndarray, " points"]
    student_confidence: Float[np.ndarray, " points"]
    teacher_correct: Float[np.ndarray, " points"]
    student_correct: Float[np.ndarray, " points"]


@dataclass(frozen=True, eq=False)
class NumberLedger(_Rows):
    """One row per point of a numeric target, as columns `[points]`, averaged as in `Ledger`.

    Attributes:
        point_ids: what identifies each point.
        target: the target, the mean of its draws.
        teacher_risk, student_risk, gap, misfit, residual: as in `RiskGap`.
        teacher, student: mean prediction of each.
    """

    target: Float[np.ndarray, " points"]
    teacher_risk: Float[np.ndarray, " points"]
    student_risk: Float[np.ndarray, " points"]
    gap: Float[np.ndarray, " points"]
    misfit: Float[np.ndarray, " points"]
    residual: Float[np.ndarray, " points"]
    teacher: Float[np.ndarray, " points"]
    student: Float[np.ndarray, " points"]


@dataclass(frozen=True)
class SliceTable:
    """The terms of the gap in slices of the points, each with a two-way interval; print() it.

    Attributes:
        by: what the points were sliced by.
        names: of the slices.
        n_points: in each.
        teacher_risk, student_risk, gap, misfit, residual: one interval per slice.
    """

    by: str
    names: tuple[str, ...]
    n_points: tuple[int, ...]
    teacher_risk: tuple[Interval, ...]
    student_risk: tuple[Interval, ...]
    gap: tuple[Interval, ...]
    misfit: tuple[Interval, ...]
    residual: tuple[Interval, ...]

    def __str__(self) -> str:
        width = max(len(self.by), *(len(name) for name in self.names))
        lines = [f"{self.by:<{width}}  points" + "".join(f"{term.replace('_', ' '):>18}" for term in TERMS)]
        for index, name in enumerate(self.names):
            cells = "".join(f"{_with_half_width(getattr(self, term)[index]):>18}" for term in TERMS)
            lines.append(f"{name:<{width}}  {self.n_points[index]:>6}{cells}")
        return "\n".join(lines)


def _with_half_width(interval: Interval) -> str:
    if math.isnan(interval.low):
        return f"{interval.mean:.3f}       "
    return f"{interval.mean:.3f} ± {interval.high - interval.mean:.3f}"


def slice_points(ledger: Ledger | NumberLedger, by: str | np.ndarray) -> tuple[str, list[str], np.ndarray]:
    """Cut the points into slices, as `RiskGap.slices` says: a title, their names, and each point's slice, -1 for none.

    Raises:
        ConfigError: for another name. AlignmentError: if the groups are not one for each point.
    """
    title = by if isinstance(by, str) else "group"
    if isinstance(ledger, NumberLedger) and isinstance(by, str):
        if by != "target":
            raise ConfigError(f"slices of numbers are by 'target' or an array of one group per point; got {by!r}.")
        cuts = np.unique(np.quantile(ledger.target, np.arange(1, N_SLICES) / N_SLICES))
        ends = [ledger.target.min(), *cuts, ledger.target.max()]
        names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(ends)]
        return title, names, np.searchsorted(cuts, ledger.target, side="right")
    if title == "teacher_confidence" and isinstance(ledger, Ledger):
        confidence = ledger.teacher_confidence
        known = confidence[~np.isnan(confidence)]
        cuts = np.unique(np.quantile(known, np.arange(1, N_SLICES) / N_SLICES))
        # Points that no teacher answers are in no slice.
        of_point = np.where(np.isnan(confidence), -1, np.searchsorted(cuts, confidence, side="right"))
        ends = [known.min(), *cuts, known.max()]
        return title, [f"{low:.3f} to {high:.3f}" for low, high in pairwise(ends)], of_point
    if isinstance(by, str) and by != "class":
        raise ConfigError(
            f"slices are by 'teacher_confidence', 'class' or an array of one group per point; got {by!r}."
        )
    groups = ledger.target_class if isinstance(by, str) and isinstance(ledger, Ledger) else np.asarray(by)
    if groups.shape != (len(ledger),):
        raise AlignmentError(f"slices need one group per point, shape ({len(ledger)},); got shape {groups.shape}.")
    values, of_point = np.unique(groups, return_inverse=True)
    return title, [str(value) for value in values.tolist()], of_point
