"""Where the gain comes from: one row per point, and slices of points by teacher confidence, class or group."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Integer, Shaped

from outlearn.core.intervals import Interval, cluster_means, two_way_interval
from outlearn.core.predictions import Predictions
from outlearn.core.targets import Target
from outlearn.core.top_class import hits
from outlearn.errors import AlignmentError, ConfigError

if TYPE_CHECKING:
    from outlearn.core.risk_gap import RiskGap

__all__ = ["Ledger", "SliceTable", "make_ledger", "make_slices"]

SLICES = 10
TERMS = ("teacher_risk", "student_risk", "gap", "misfit", "residual")


@dataclass(frozen=True, eq=False)
class Ledger:
    """One row per point, as columns `[points]`, averaged over teachers and their students (every teacher the same).

    Attributes:
        point_ids: what identifies each point.
        target_class: the target's most probable class (the label, for labels).
        teacher_risk, student_risk, gap, misfit, residual: as in `RiskGap`.
        teacher_confidence, student_confidence: mean probability of each model's own most probable class.
        teacher_correct, student_correct: share of models whose most probable class is `target_class`; 0 or 1 for one.
    """

    point_ids: Shaped[np.ndarray, " points"]
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

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns by name, in order."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __len__(self) -> int:
        return len(self.point_ids)


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


def make_ledger(gap: RiskGap, teacher: Predictions, student: Predictions, target: Target) -> Ledger:
    """Average a risk gap over teachers and students at each point."""
    own = gap.teacher_of
    label = target.probs.mean(axis=0).argmax(axis=-1)

    def averaged(values: np.ndarray) -> np.ndarray:
        return cluster_means(values, own).mean(axis=0)

    with_students = teacher.log_probs[np.unique(own)]
    return Ledger(
        point_ids=gap.point_ids,
        target_class=label,
        **{term: averaged(getattr(gap, term)) for term in TERMS},
        teacher_confidence=np.exp(with_students.max(axis=-1)).mean(axis=0),
        student_confidence=averaged(np.exp(student.log_probs.max(axis=-1))),
        teacher_correct=hits(with_students, label).mean(axis=0),
        student_correct=averaged(hits(student.log_probs, label)),
    )


def make_slices(gap: RiskGap, ledger: Ledger, by: str | np.ndarray, level: float) -> SliceTable:
    """Summarise the terms of a risk gap in slices of its points."""
    title, names, of_point = _groups(ledger, by)
    present = [k for k in range(len(names)) if np.any(of_point == k)]

    def intervals(term: str) -> tuple[Interval, ...]:
        values = getattr(gap, term)
        return tuple(two_way_interval(values[:, of_point == k], level, clusters=gap.teacher_of) for k in present)

    return SliceTable(
        by=title,
        names=tuple(names[k] for k in present),
        n_points=tuple(int(np.sum(of_point == k)) for k in present),
        **{term: intervals(term) for term in TERMS},
    )


def _groups(ledger: Ledger, by: str | np.ndarray) -> tuple[str, list[str], np.ndarray]:
    """Return a title, the names of the groups, and each point's group."""
    if isinstance(by, str):
        if by == "class":
            values, of_point = np.unique(ledger.target_class, return_inverse=True)
            return by, [str(value) for value in values.tolist()], of_point
        if by == "teacher_confidence":
            confidence = ledger.teacher_confidence
            cuts = np.unique(np.quantile(confidence, np.arange(1, SLICES) / SLICES))
            of_point = np.searchsorted(cuts, confidence, side="right")
            ends = [confidence.min(), *cuts, confidence.max()]
            return by, [f"{low:.3f} to {high:.3f}" for low, high in pairwise(ends)], of_point
        raise ConfigError(
            f"slices are by 'teacher_confidence', 'class' or an array of one group per point; got {by!r}."
        )
    groups = np.asarray(by)
    if groups.shape != (len(ledger),):
        raise AlignmentError(f"slices need one group per point, shape ({len(ledger)},); got shape {groups.shape}.")
    values, of_point = np.unique(groups, return_inverse=True)
    return "group", [str(value) for value in values.tolist()], of_point
