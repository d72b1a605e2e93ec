"""The ledger on the page: every test point with its text, what is true, what teachers and students said, and who
is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.decomposition.risk_gap import RiskGap
from outlearn.core.gaps import mean_of_known
from outlearn.core.metrics import accuracy
from outlearn.core.predictions import Predictions
from outlearn.report.blocks import Grid, GridColumn
from outlearn.report.cells import Cell
from outlearn.results.reading import Measured

__all__ = ["ledger_grid"]

# A page with more rows than this opens slowly; the worst and the best points are kept.
MAX_POINTS = 4000
MAX_TEXT = 2000
WHO = {
    (True, True): "both right",
    (True, False): "student alone right",
    (False, True): "teachers alone right",
    (False, False): "both wrong",
}


def ledger_grid(
    measured: Measured, gaps: Mapping[str, RiskGap], class_names: Sequence[str], first_loss: str, unit: str
) -> Grid:
    """Return the ledger as a sortable grid; a chooser switches between losses, from `first_loss`."""
    ledgers = {loss: gap.ledger() for loss, gap in gaps.items()}
    kept = _kept(ledgers[first_loss].gap)
    teachers_right = mean_of_known(accuracy(measured.teachers, measured.labels))
    of_teachers = _classes(measured.teachers, class_names)
    confidence = ledgers[first_loss].teacher_confidence
    named = any(point.id != point.text for point in measured.points)
    per_loss = (
        GridColumn("student says", filter=True, note="class of the students' mean prediction"),
        GridColumn("who is right", filter=True, note="by the class of the mean prediction"),
        GridColumn(f"gap, {unit}", "signed", "risk of the teacher less risk of its student, here; above 0: a gain"),
        GridColumn(f"misfit, {unit}", "signed", "how far student and teacher are apart"),
        GridColumn(f"residual, {unit}", "signed", "gap less misfit"),
        GridColumn("students right, %", "percent", "share of students that are right"),
        GridColumn("student confidence, %", "percent", "mean probability of the students' own class"),
    )
    columns = (
        *([GridColumn("id")] if named else []),
        GridColumn("text"),
        GridColumn("true class", filter=True),
        GridColumn("teachers say", filter=True, note="class of the teachers' mean prediction"),
        *per_loss[:3],
        GridColumn("teachers right, %", "percent", "share of teachers that are right"),
        GridColumn("teacher confidence, %", "percent", "mean probability of the teachers' own class"),
        *per_loss[3:],
    )
    of_all = _rounded(teachers_right, confidence)
    rows: list[list[Cell]] = []
    for i in kept.tolist():
        point = measured.points[i]
        text = point.text if len(point.text) <= MAX_TEXT else point.text[:MAX_TEXT] + " …"
        about = [point.id, text] if named else [text]
        rows.append([*about, class_names[point.label], of_teachers[i], *[None] * 3, *of_all[i], *[None] * 4])
    truth = [class_names[point.label] for point in measured.points]
    variants = {}
    for loss, ledger in ledgers.items():
        says = _classes(measured.students[loss], class_names)
        right = accuracy(measured.students[loss], measured.labels).mean(axis=0)
        numbers = _rounded(ledger.gap, ledger.misfit, ledger.residual, right, ledger.student_confidence)
        variants[loss] = [
            [says[i], WHO[says[i] == truth[i], of_teachers[i] == truth[i]], *numbers[i]] for i in kept.tolist()
        ]
    shown = f" The {len(kept):,} points with the largest gains and losses are shown."
    note = "" if len(kept) == len(measured.points) else shown
    return Grid(
        key="ledger",
        title="Every test point",
        caption="First the points where students gain most over their teachers; the chooser “who is right” keeps "
        "those that only one of both gets right." + note,
        columns=columns,
        rows=rows,
        sort_by=per_loss[2].name,
        descending=True,
        variants=variants,
        variant_columns=tuple(column.name for column in per_loss),
        first_variant=first_loss,
        orders=(("gains first", per_loss[2].name, True), ("losses first", per_loss[2].name, False)),
    )


def _classes(predictions: Predictions, class_names: Sequence[str]) -> list[str]:
    """Return the class of the mean prediction at each point; nothing where nobody answers."""
    probs = np.exp(predictions.log_probs)
    if predictions.answered is not None:
        probs = np.where(predictions.answered[..., None], probs, 0.0)
    total = probs.sum(axis=0)
    return [class_names[k] if there else "" for k, there in zip(total.argmax(-1), total.any(-1), strict=True)]


def _kept(gap: Float[np.ndarray, " points"]) -> Int[np.ndarray, " kept"]:
    if len(gap) <= MAX_POINTS:
        return np.arange(len(gap))
    order = np.argsort(gap, kind="stable")[: np.count_nonzero(~np.isnan(gap))]  # nan, where no teacher answers, is last
    return np.sort(np.concatenate([order[: MAX_POINTS // 2], order[-MAX_POINTS // 2 :]]))


def _rounded(*columns: Float[np.ndarray, " points"]) -> list[list[float | None]]:
    """Round for the page, a row a point; nothing stands where no teacher answers."""
    values = np.stack(columns, axis=1).round(4)
    said = values.astype(object)
    said[np.isnan(values)] = None
    rows: list[list[float | None]] = said.tolist()
    return rows
