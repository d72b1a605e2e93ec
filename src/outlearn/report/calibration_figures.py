"""The figure of confidence from the predictions of a run: who is surer than right."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from outlearn.core.gaps import over_answered
from outlearn.core.metrics import accuracy
from outlearn.core.predictions import Predictions
from outlearn.core.scales import DIFFERENCE
from outlearn.core.verdict import has_interval, is_above_zero, is_below_zero
from outlearn.report.blocks import Figure
from outlearn.report.cells import Cell, Column, Table, format_cell, format_number
from outlearn.report.charts import Axis, Chart, Line, Mark, Panel, Rule
from outlearn.report.style import ROLES, series_style
from outlearn.results.measurement import Measurement, mean_of
from outlearn.results.reading import Measured

__all__ = ["reliability_figure"]

BINS = 10


def reliability_figure(measured: Measured, level: float, shown: Collection[str]) -> Figure:
    """Show how often predictions of a confidence are right, for teachers, the `shown` students and ceilings."""
    models = {"teacher": measured.teachers, **measured.students, "ceiling": measured.ceilings}
    excess = {name: _excess(predictions, measured.labels, level) for name, predictions in models.items()}
    marks: list[Mark] = [Rule(ROLES["gap"], diagonal=True, x=0.0, y=100.0)]
    rows: list[tuple[Cell, ...]] = []
    lowest = 100.0
    for k, (name, predictions) in enumerate(models.items()):
        bins = _bins(predictions, measured.labels)
        look = ROLES[name] if name in ("teacher", "ceiling") else series_style(k - 1)
        x, y = [100 * sure for sure, _, _ in bins], [100 * right for _, right, _ in bins]
        hover = [
            f"{name}: {format_number(sure, 'percent')}% sure, {format_number(right, 'percent')}% right"
            for sure, right, _ in bins
        ]
        if name in (*shown, "teacher", "ceiling"):
            marks.append(Line(name, look, x, y, hover))
            lowest = min(lowest, *y)
        rows.append((name, "all", excess[name], None, None, None))
        rows += [(name, number, None, *each) for number, each in enumerate(bins, start=1)]
    table = Table(
        "Reliability",
        (
            Column("who"),
            Column("bin", "count"),
            Column("confidence less accuracy", "points", "above 0: surer than right"),
            Column("confidence", "percent"),
            Column("right", "percent"),
            Column("share of predictions", "percent"),
        ),
        tuple(rows),
    )
    start = min(100 / measured.teachers.n_classes, 45) - 2
    low = max(-2.0, min(start, lowest - 2))
    panel = Panel(Axis("confidence, %", limits=(start, 102)), Axis("right, %", limits=(low, 102)), tuple(marks))
    return Figure(
        "reliability",
        "Calibration",
        Chart((panel,), panel_height=420),
        _reliability_finding(excess),
        "Below the diagonal a prediction is surer than it is right. The other losses are in the numbers.",
        table,
    )


def _bins(predictions: Predictions, labels: np.ndarray) -> list[tuple[float, float, float]]:
    """Sort predictions into bins of equal width between 1 / classes and 1; empty ones are left out.

    Each gives its mean confidence, the share that is right, and its share of all predictions.
    """
    right = accuracy(predictions, labels)
    said = ~np.isnan(right)
    confidence, right = np.exp(predictions.log_probs.max(axis=-1))[said], right[said]
    least = 1 / predictions.n_classes
    bin_of = np.clip(((confidence - least) / (1 - least) * BINS).astype(int), 0, BINS - 1)
    count = np.bincount(bin_of, minlength=BINS)
    some = count > 0
    means = [np.bincount(bin_of, values, BINS)[some] / count[some] for values in (confidence, right)]
    return list(zip(*(column.tolist() for column in (*means, count[some] / count.sum())), strict=True))


def _excess(predictions: Predictions, labels: np.ndarray, level: float) -> Measurement:
    """Estimate mean confidence less accuracy, paired point by point."""
    confidence = np.exp(predictions.log_probs.max(axis=-1))
    excess = over_answered(confidence - accuracy(predictions, labels), predictions.answered)
    return mean_of(excess, level, predictions.teacher_of, scale=DIFFERENCE)


def _reliability_finding(excess: dict[str, Measurement]) -> str:
    said = []
    for words, chosen in (("more sure than right", is_above_zero), ("less sure than right", is_below_zero)):
        named = [f"{name} {format_cell(e, 'points', intervals=False)}" for name, e in excess.items() if chosen(e)]
        if named:
            said.append(f"{words} on average, in points: {', '.join(named)}")
    if said:
        found = "; ".join(said) + " (intervals that exclude 0)."
        return found[0].upper() + found[1:]
    if any(map(has_interval, excess.values())):
        return "No one is shown to be more sure or less sure than right: every interval includes 0."
    seen = ", ".join(f"{name} {format_cell(e, 'points')}" for name, e in excess.items())
    return f"Confidence less accuracy in points, as seen, without intervals: {seen}."
