"""Figures of confidence from the predictions of a run: who is surer than right, and what a loss feels of a sure
teacher."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outlearn.core.metrics import accuracy
from outlearn.core.predictions import Predictions
from outlearn.report.cells import (
    Cell,
    Column,
    Table,
    format_cell,
    format_number,
    has_interval,
    is_above_zero,
    is_below_zero,
)
from outlearn.report.charts import Axis, Chart, Dots, Line, Mark, Panel, Rule
from outlearn.report.page import Figure
from outlearn.report.style import ROLES, series_style
from outlearn.results.measurement import Measurement, mean_of
from outlearn.results.reading import Measured

__all__ = ["reliability_figure", "sensitivity_figure"]

BINS = 10


def reliability_figure(measured: Measured, level: float) -> Figure:
    """Show how often predictions of a confidence are right, for teachers, students and ceilings."""
    people = {"teacher": measured.teachers, **measured.students, "ceiling": measured.ceilings}
    marks: list[Mark] = [Rule(ROLES["gap"], diagonal=True, x=0.0, y=100.0)]
    rows: list[tuple[Cell, ...]] = []
    excess = {name: _excess(predictions, measured.labels, level) for name, predictions in people.items()}
    for k, (name, predictions) in enumerate(people.items()):
        confidence, right, share = _reliability(predictions, measured.labels)
        look = ROLES[name] if name in ("teacher", "ceiling") else series_style(k - 1)
        hover = [
            f"{name}: {format_number(c, 'percent')}% sure, {format_number(r, 'percent')}% right"
            for c, r in zip(confidence, right, strict=True)
        ]
        marks.append(Line(name, look, [100 * c for c in confidence], [100 * r for r in right], hover))
        rows.append((name, "all", excess[name], None, None, None))
        rows += [
            (name, number, None, c, r, s)
            for number, (c, r, s) in enumerate(zip(confidence, right, share, strict=True), start=1)
        ]
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
    least = 100 / measured.teachers.n_classes
    start = min(least, 45) - 2
    low = max(-2.0, min([start, *(100 * r - 2 for row in rows if isinstance(r := row[4], float))]))
    panel = Panel(Axis("confidence, %", limits=(start, 102)), Axis("right, %", limits=(low, 102)), tuple(marks))
    return Figure(
        "reliability",
        "Calibration",
        Chart((panel,), panel_height=420),
        _reliability_finding(excess),
        "Below the diagonal a prediction is surer than it is right.",
        table,
    )


def _excess(predictions: Predictions, labels: np.ndarray, level: float) -> Measurement:
    """Estimate mean confidence less accuracy, paired point by point."""
    confidence = np.exp(predictions.log_probs.max(axis=-1))
    values = confidence - accuracy(predictions, labels)
    return mean_of(values, level, predictions.teacher_of)


def _reliability_finding(excess: dict[str, Measurement]) -> str:
    said = []
    for words, chosen in (
        ("more sure than right", {name: e for name, e in excess.items() if is_above_zero(e)}),
        ("less sure than right", {name: e for name, e in excess.items() if is_below_zero(e)}),
    ):
        if chosen:
            listed = ", ".join(f"{name} {format_cell(e, 'points', intervals=False)}" for name, e in chosen.items())
            said.append(f"{words} on average, in points: {listed}")
    if said:
        found = "; ".join(said) + " (intervals that exclude 0)."
        return found[0].upper() + found[1:]
    if any(map(has_interval, excess.values())):
        return "No one is shown to be more sure or less sure than right: every interval includes 0."
    seen = ", ".join(f"{name} {format_cell(e, 'points')}" for name, e in excess.items())
    return f"Confidence less accuracy in points, as seen, without intervals: {seen}."


def sensitivity_figure(measured: Measured) -> Figure:
    """Show how strongly the gradients of forward and reverse CE respond to the teacher's logit, two classes."""
    sure = np.linspace(0.5, 0.99, 50)
    students = (0.55, 0.75, 0.95)
    logit_response = sure * (1 - sure)
    marks: list[Mark] = [
        Line(
            "forward CE, any student",
            ROLES["teacher"],
            (100 * sure).tolist(),
            logit_response.tolist(),
            [f"teacher {100 * t:.0f}% sure: {v:.3f}" for t, v in zip(sure, logit_response, strict=True)],
            markers=False,
        )
    ]
    for k, s in enumerate(students):
        name = f"reverse CE, student {100 * s:.0f}% sure"
        marks.append(
            Line(
                name,
                series_style(k),
                (100 * sure).tolist(),
                [s * (1 - s)] * len(sure),
                [f"{name}: {s * (1 - s):.3f}"] * len(sure),
                markers=False,
            )
        )
    confidence = np.exp(measured.source.log_probs.max(axis=-1)).ravel()
    tenths = np.quantile(confidence, np.linspace(0.05, 0.95, 10))
    height = [0.0] * len(tenths)
    marks.append(
        Dots(
            "tenths of these teachers' confidence",
            ROLES["ceiling"],
            (100 * tenths).tolist(),
            height,
            hover=[f"a tenth of the labels around {100 * c:.0f}%" for c in tenths],
            size=7,
        )
    )
    panel = Panel(Axis("teacher confidence, %"), Axis("response to the teacher's log-odds"), tuple(marks))

    table = Table(
        "Sensitivity of the gradient",
        (
            Column("teacher confidence", "percent"),
            Column("forward CE", "nats"),
            *(Column(f"reverse CE, student at {100 * s:.0f}%", "nats") for s in students),
        ),
        tuple((float(t), float(t * (1 - t)), *(s * (1 - s) for s in students)) for t in sure[::7]),
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


def _reliability(
    predictions: Predictions, labels: np.ndarray
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    confidence = np.exp(predictions.log_probs.max(axis=-1)).ravel()
    right = accuracy(predictions, labels).ravel()
    least = 1 / predictions.n_classes
    place = np.clip(((confidence - least) / (1 - least) * BINS).astype(int), 0, BINS - 1)
    count = np.bincount(place, minlength=BINS)
    kept = count > 0
    sums = [np.bincount(place, weights=values, minlength=BINS)[kept] / count[kept] for values in (confidence, right)]
    return sums[0].tolist(), sums[1].tolist(), (count[kept] / count.sum()).tolist()
