"""Figures from the predictions of a run: calibration, where the gain comes from, who copies whom, what a loss feels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from outlearn.core.pairwise import pairwise_divergence
from outlearn.core.predictions import Predictions
from outlearn.core.risk_gap import RiskGap
from outlearn.report.cells import Cell, Column, Table, format_number
from outlearn.report.charts import Axis, Chart, Dots, Heat, Line, Mark, Panel, Rule
from outlearn.report.run_folder import Measured
from outlearn.report.score_figures import Drawn, drawn
from outlearn.report.style import ROLES, series_style

__all__ = ["confidence_figure", "misfit_map_figure", "reliability_figure", "sensitivity_figure"]

BINS = 10
SHOWN_STUDENTS = 24  # rows of the misfit map: beyond, labels cannot be read


def reliability_figure(measured: Measured) -> Drawn:
    """Show how often predictions of a confidence are right, for teachers, students and ceilings."""
    people = {"teacher": measured.teachers, **measured.students, "ceiling": measured.ceilings}
    marks: list[Mark] = [Rule(ROLES["gap"], diagonal=True, x=0.0, y=100.0)]
    rows: list[tuple[Cell, ...]] = []
    errors = {}
    for k, (name, predictions) in enumerate(people.items()):
        confidence, right, share = _reliability(predictions, measured.labels)
        look = ROLES[name] if name in ("teacher", "ceiling") else series_style(k - 1)
        hover = [
            f"{name}: {format_number(c, 'percent')}% sure, {format_number(r, 'percent')}% right"
            for c, r in zip(confidence, right, strict=True)
        ]
        marks.append(Line(name, look, [100 * c for c in confidence], [100 * r for r in right], hover))
        rows += [(name, c, r, s) for c, r, s in zip(confidence, right, share, strict=True)]
        errors[name] = float(np.sum(np.array(share) * (np.array(confidence) - np.array(right))))
    over = [name for name, error in errors.items() if error > 0.02]
    table = Table(
        "Reliability",
        (
            Column("who"),
            Column("confidence", "percent"),
            Column("right", "percent"),
            Column("share of predictions", "percent"),
        ),
        tuple(rows),
    )
    finding = f"More sure than right by over 2 points on average: {', '.join(over) or 'no one'}."
    least = 100 / measured.teachers.n_classes
    panel = Panel(
        Axis("confidence, %", limits=(min(least, 45) - 2, 102)), Axis("right, %", limits=(-2, 102)), tuple(marks)
    )
    return drawn(
        "reliability",
        "Calibration",
        Chart((panel,), panel_height=420),
        finding,
        table,
        "Below the diagonal a prediction is surer than it is right.",
    )


def confidence_figure(gaps: Mapping[str, RiskGap], unit: str) -> Drawn:
    """Show the gap in each tenth of the points by the teachers' mean confidence: where does the gain come from?"""
    marks: list[Mark] = [Rule(ROLES["gap"], y=0.0)]
    rows: list[tuple[Cell, ...]] = []
    first: dict[str, tuple[float, float]] = {}
    for k, (loss, gap) in enumerate(gaps.items()):
        order = np.argsort(gap.ledger().teacher_confidence, kind="stable")
        parts = [part for part in np.array_split(order, min(BINS, len(order))) if len(part)]
        means = [float(gap.gap[:, part].mean()) for part in parts]
        sure = [float(gap.ledger().teacher_confidence[part].mean()) for part in parts]
        first[loss] = (means[0], means[-1])
        hover = [
            f"{loss}: teachers {format_number(c, 'percent')}% sure, gap {format_number(m, 'signed')}"
            for c, m in zip(sure, means, strict=True)
        ]
        marks.append(Line(loss, series_style(k), [100 * c for c in sure], list(means), hover))
        rows += [(loss, d + 1, c, m) for d, (c, m) in enumerate(zip(sure, means, strict=True))]
    table = Table(
        "Gap by teacher confidence",
        (Column("loss"), Column("tenth", "count"), Column("teacher confidence", "percent"), Column("gap", "signed")),
        tuple(rows),
    )
    sure_wins = sum(last > start for start, last in first.values())
    finding = (
        f"The gain is larger where teachers are surest than where they are least sure with {sure_wins} of "
        f"{len(first)} losses: "
        "there a confident mistake costs the teacher most."
        if sure_wins * 2 > len(first)
        else f"The gain is larger where teachers are least sure with {len(first) - sure_wins} of {len(first)} losses."
    )
    panel = Panel(Axis("mean teacher confidence of the tenth, %"), Axis(f"gap, {unit}"), tuple(marks))
    return drawn("confidence", "Where the gain comes from", Chart((panel,), panel_height=360), finding, table)


def misfit_map_figure(measured: Measured, gaps: Mapping[str, RiskGap], loss: str, unit: str) -> Drawn | None:
    """Show the misfit of every student of one loss to every teacher; the own teacher stands on the diagonal."""
    student = measured.students[loss]
    if measured.source.n_models < 2 or student.teacher_of is None:
        return None
    own = np.asarray(student.teacher_of)
    kept = np.argsort(own, kind="stable")[:SHOWN_STUDENTS]
    shown = Predictions.from_logits(student.log_probs[kept])
    gap = gaps[loss]
    teachers = Predictions.from_logits(measured.source.log_probs)
    if gap.order == "target_first":
        values = pairwise_divergence(shown, teachers, generator=gap.generator)
    else:
        values = pairwise_divergence(teachers, shown, generator=gap.generator).T
    columns = tuple(f"teacher {m}" for m in range(teachers.n_models))
    names = tuple(f"student {i} of teacher {own[i]}" for i in kept.tolist())
    hover = [
        [f"{name}, {column}: {format_number(float(value), 'nats')}" for column, value in zip(columns, row, strict=True)]
        for name, row in zip(names, values, strict=True)
    ]
    heat = Heat(f"misfit, {unit}", values.tolist(), columns, names, (float(values.min()), float(values.max())), hover)
    chart = Chart(
        (Panel(Axis(categories=columns), Axis(categories=names), (heat,)),),
        legend=False,
        panel_height=max(220, 20 * len(names)),
    )
    of_own = float(values[np.arange(len(kept)), own[kept]].mean())
    of_others = float(np.mean([np.delete(row, own[i]).mean() for i, row in zip(kept, values, strict=True)]))
    finding = (
        f"Students of {loss} stand {format_number(of_own, 'nats')} {unit} from their own teacher and "
        f"{format_number(of_others, 'nats')} from the others; the difference is what they copied of their own."
    )
    cells: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *map(float, row)) for name, row in zip(names, values, strict=True)
    )
    table = Table(f"Misfit of students of {loss}", (Column("student"), *(Column(c, "nats") for c in columns)), cells)
    return drawn("misfit-map", f"Who copies whom: {loss}", chart, finding, table)


def sensitivity_figure(measured: Measured) -> Drawn:
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
    panel = Panel(
        Axis("teacher confidence, %"), Axis("response of the gradient to the teacher's log-odds"), tuple(marks)
    )

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
    return drawn(
        "sensitivity",
        "How losses feel the teacher's confidence",
        Chart((panel,), panel_height=340),
        finding,
        table,
        "Two-class case; the formulas are in the guide to losses.",
    )


def _reliability(
    predictions: Predictions, labels: np.ndarray
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    confidence = np.exp(predictions.log_probs.max(axis=-1)).ravel()
    right = (predictions.log_probs.argmax(axis=-1) == labels).ravel()
    least = 1 / predictions.n_classes
    place = np.clip(((confidence - least) / (1 - least) * BINS).astype(int), 0, BINS - 1)
    count = np.bincount(place, minlength=BINS)
    kept = count > 0
    sums = [np.bincount(place, weights=values, minlength=BINS)[kept] / count[kept] for values in (confidence, right)]
    return sums[0].tolist(), sums[1].tolist(), (count[kept] / count.sum()).tolist()
