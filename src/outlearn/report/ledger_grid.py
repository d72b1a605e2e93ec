"""The ledger on the page: every test point with its text, what teachers and students said, and gap = misfit +
residual."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.decomposition.risk_gap import RiskGap
from outlearn.core.gaps import mean_of_known
from outlearn.core.metrics import accuracy
from outlearn.report.blocks import Grid, GridColumn
from outlearn.report.cells import Cell
from outlearn.results.reading import Measured

__all__ = ["ledger_grid"]

# A page with more rows than this opens slowly; the worst and the best points are kept.
MAX_POINTS = 4000
MAX_TEXT = 2000
PER_LOSS = ("gap", "misfit", "residual", "student right", "student confidence")


def ledger_grid(measured: Measured, gaps: Mapping[str, RiskGap], class_names: Sequence[str], first_loss: str) -> Grid:
    """Return the ledger as a sortable grid; a chooser switches between losses, from `first_loss`."""
    ledgers = {loss: gap.ledger() for loss, gap in gaps.items()}
    kept = _kept(ledgers[first_loss].gap)
    teachers_right = mean_of_known(accuracy(measured.teachers, measured.labels))
    confidence = ledgers[first_loss].teacher_confidence
    named = any(point.id != point.text for point in measured.points)
    columns = (
        *([GridColumn("id")] if named else []),
        GridColumn("text"),
        GridColumn("label", filter=True),
        GridColumn("teachers right", "percent", "share of teachers that are right"),
        GridColumn("teacher confidence", "percent", "mean probability of the teachers' own class"),
        *(GridColumn(name, "percent" if name.startswith("student") else "signed") for name in PER_LOSS),
    )
    rows: list[list[Cell]] = []
    for i in kept.tolist():
        point = measured.points[i]
        text = point.text if len(point.text) <= MAX_TEXT else point.text[:MAX_TEXT] + " …"
        numbers = (_rounded(values[i]) for values in (teachers_right, confidence))
        about = [point.id, text] if named else [text]
        rows.append([*about, class_names[point.label], *numbers, *[None] * len(PER_LOSS)])
    variants = {}
    for loss, ledger in ledgers.items():
        right = accuracy(measured.students[loss], measured.labels).mean(axis=0)
        values = np.stack([ledger.gap, ledger.misfit, ledger.residual, right, ledger.student_confidence])
        variants[loss] = [list(map(_rounded, row)) for row in values[:, kept].T]
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


def _kept(gap: Float[np.ndarray, " points"]) -> Int[np.ndarray, " kept"]:
    if len(gap) <= MAX_POINTS:
        return np.arange(len(gap))
    order = np.argsort(gap, kind="stable")[: np.count_nonzero(~np.isnan(gap))]  # nan, where no teacher answers, is last
    return np.sort(np.concatenate([order[: MAX_POINTS // 2], order[-MAX_POINTS // 2 :]]))


def _rounded(value: float) -> float | None:
    """Round for the page; nothing stands where no teacher answers."""
    return None if math.isnan(value) else round(float(value), 4)
