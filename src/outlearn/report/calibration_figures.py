"""Figures of confidence from the predictions of a run: who is surer than right, and what a loss feels of a sure
teacher."""

from __future__ import annotations

import numpy as np

from outlearn.core.gaps import over_answered
from outlearn.core.metrics import accuracy
from outlearn.core.predictions import Predictions
from outlearn.core.scales import DIFFERENCE
from outlearn.core.verdict import has_interval, is_above_zero, is_below_zero
from outlearn.report.blocks import Figure
from outlearn.report.cells import Cell, Column, Table, format_cell, format_number
from outlearn.report.charts import Axis, Chart, Dots, Line, Mark, Panel, Rule
from outlearn.report.style import ROLES, series_style
from outlearn.results.measurement import Measurement, mean_of
from outlearn.results.reading import Measured

__all__ = ["reliability_figure", "sensitivity_figure"]

BINS = 10


def reliability_figure(measured: Measured, level: float) -> Figure:
    """Show how often predictions of a confidence are right, for teachers, students and ceilings."""
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
        marks.append(Line(name, look, x, y, hover))
        rows.append((name, "all", excess[name], None, None, None))
        rows += [(name, number, None, *each) for number, each in enumerate(bins, start=1)]
        lowest = min(lowest, *y)
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
        "Below the diagonal a prediction is surer than it is right.",
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


def sensitivity_figure(measured: Measured) -> Figure:
    """Show how strongly the gradients of forward and reverse CE respond to the teacher's logit, two classes."""
    teachers = np.linspace(0.5, 0.99, 50)
    students = (0.55, 0.75, 0.95)
    # With u the log-odds of the teacher's t, dt/du = t (1 - t). The gradient of forward CE in the student's logit is
    # s - t, that of reverse CE s (1 - s) (logit s - u): in u they change by t (1 - t) and by s (1 - s).
    forward, reverse = teachers * (1 - teachers), {s: s * (1 - s) for s in students}
    x = (100 * teachers).tolist()
    hover = [f"teacher {100 * t:.0f}% sure: {v:.3f}" for t, v in zip(teachers, forward, strict=True)]
    marks: list[Mark] = [Line("forward CE, any student", ROLES["teacher"], x, forward.tolist(), hover, markers=False)]
    for k, (s, response) in enumerate(reverse.items()):
        name = f"reverse CE, student {100 * s:.0f}% sure"
        hover = [f"{name}: {response:.3f}"] * len(x)
        marks.append(Line(name, series_style(k), x, [response] * len(x), hover, markers=False))
    labeler = next(iter(measured.labelers.values()))
    confidence = np.exp(labeler.log_probs.max(axis=-1))
    confidence = confidence.ravel() if labeler.answered is None else confidence[labeler.answered]
    tenths = 100 * np.quantile(confidence, np.linspace(0.05, 0.95, 10))
    name, hover = "tenths of these teachers' confidence", [f"a tenth of the labels around {c:.0f}%" for c in tenths]
    marks.append(Dots(name, ROLES["ceiling"], tenths.tolist(), [0.0] * len(tenths), hover=hover, size=7))
    panel = Panel(Axis("teacher confidence, %"), Axis("response to the teacher's log-odds"), tuple(marks))
    table = Table(
        "Sensitivity of the gradient",
        (
            Column("teacher confidence", "percent"),
            Column("forward CE", "nats"),
            *(Column(f"reverse CE, student at {100 * s:.0f}%", "nats") for s in students),
        ),
        tuple((float(t), float(v), *reverse.values()) for t, v in zip(teachers[::7], forward[::7], strict=True)),
    )
    median = float(np.median(confidence))
    finding = (
        "Forward cross-entropy responds to the teacher as t(1 - t), most where the teacher is unsure; reverse "
        "cross-entropy as s(1 - s), whatever the teacher says. Half of these labels are below "
        f"{format_number(median, 'percent')}% confidence: a student surer than its teacher feels the teacher less "
        "under the reverse loss, and a less sure one feels it more."
    )
    return Figure(
        "sensitivity",
        "How losses feel the teacher's confidence",
        Chart((panel,), panel_height=340),
        finding,
        "How strongly each loss's gradient responds to the teacher, two classes; formulas are in the guide to losses.",
        table,
    )
