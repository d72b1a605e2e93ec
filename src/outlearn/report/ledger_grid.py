"""The ledger on the page: every test point with its text, what teachers and students said, and gap = misfit +
residual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from outlearn.core.decomposition.risk_gap import RiskGap
from outlearn.core.metrics import accuracy
from outlearn.report.page import Grid, GridColumn
from outlearn.results.reading import Measured

__all__ = ["MOST_POINTS", "ledger_grid"]

# A page with more rows than this opens slowly; the worst and the best points are kept.
MOST_POINTS = 4000
LONGEST_TEXT = 2000
PER_LOSS = ("gap", "misfit", "residual", "student right", "student confidence")


def ledger_grid(measured: Measured, gaps: Mapping[str, RiskGap], class_names: Sequence[str], first_loss: str) -> Grid:
    """Return the ledger as a sortable grid; a chooser switches between losses.

    Args:
        measured: the run's predictions and points.
        gaps: loss -> its gap.
        class_names: names of the labels.
        first_loss: the loss shown first.
    """
    kept = _kept(gaps[first_loss])
    ledgers = {loss: gap.ledger() for loss, gap in gaps.items()}
    teacher_right = accuracy(measured.teachers, measured.labels).mean(axis=0)
    sure = ledgers[first_loss].teacher_confidence
    named = any(point.id != point.text for point in measured.points)
    columns = (
        *([GridColumn("id")] if named else []),
        GridColumn("text"),
        GridColumn("label", filter=True),
        GridColumn("teachers right", "percent", "share of teachers that are right"),
        GridColumn("teacher confidence", "percent", "mean probability of the teachers' own class"),
        *(GridColumn(name, "percent" if name.startswith("student") else "signed") for name in PER_LOSS),
    )
    rows: list[list[Any]] = []
    for i in kept.tolist():
        point = measured.points[i]
        text = point.text if len(point.text) <= LONGEST_TEXT else point.text[:LONGEST_TEXT] + " …"
        known = [
            *([point.id] if named else []),
            text,
            class_names[point.label],
            round(float(teacher_right[i]), 4),
            round(float(sure[i]), 4),
        ]
        rows.append([*known, *[None] * len(PER_LOSS)])
    variants = {}
    for loss, gap in gaps.items():
        student = measured.students[loss]
        right = accuracy(student, measured.labels).mean(axis=0)
        values = np.stack(
            [
                gap.gap.mean(axis=0),
                gap.misfit.mean(axis=0),
                gap.residual.mean(axis=0),
                right,
                ledgers[loss].student_confidence,
            ]
        )
        variants[loss] = np.round(values[:, kept].T, 4).tolist()
    shown = f" The {len(kept):,} points with the largest gains and losses are shown."
    note = "" if len(kept) == len(measured.points) else shown
    return Grid(
        key="ledger",
        title="Every test point",
        caption="Where students gain most over their teachers, and where they lose most." + note,
        columns=columns,
        rows=rows,
        sort_by="gap",
        descending=True,
        variants=variants,
        variant_columns=PER_LOSS,
        first_variant=first_loss,
        orders=(("best first", "gap", True), ("worst first", "gap", False)),
    )


def _kept(gap: RiskGap) -> np.ndarray:
    mean = gap.gap.mean(axis=0)
    if len(mean) <= MOST_POINTS:
        return np.arange(len(mean))
    order = np.argsort(mean, kind="stable")
    return np.sort(np.concatenate([order[: MOST_POINTS // 2], order[-MOST_POINTS // 2 :]]))
