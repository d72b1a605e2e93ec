"""Figures from the predictions of a run: where the gain comes from, and who copies whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from outlearn.core.decomposition.ledger import slice_points
from outlearn.core.decomposition.pairwise import pairwise_divergence
from outlearn.core.decomposition.risk_gap import RiskGap
from outlearn.core.intervals import Interval
from outlearn.core.mean_intervals import point_interval
from outlearn.core.predictions import Predictions
from outlearn.core.scales import SIGNED
from outlearn.core.verdict import count_signs, has_interval
from outlearn.report.blocks import Figure
from outlearn.report.cells import Column, Table, format_cell, format_number, point_estimate
from outlearn.report.charts import Axis, Chart, Dots, Heat, Line, Panel, Rule
from outlearn.report.style import ROLES, SeriesStyle, series_style
from outlearn.report.wording import of_losses
from outlearn.results.reading import Measured

__all__ = ["confidence_figure", "misfit_map_figure"]

MAX_STUDENTS = 24  # rows of the misfit map: beyond, labels cannot be read


def confidence_figure(gaps: Mapping[str, RiskGap], unit: str, level: float, losses: Sequence[str]) -> Figure:
    """Show the gap in each tenth of the points by the teachers' mean confidence, a panel for each gap, with intervals.

    A loss looks as it does wherever all `losses` of the run are told apart.

    Intervals are for new teachers and points; where there is one teacher, for new points.
    """
    tenths = {loss: _tenths(gap, level) for loss, gap in gaps.items()}
    ends = [v for of in tenths.values() for _, e in of for v in (e.mean, e.low, e.high) if np.isfinite(v)]
    room = 0.05 * (max(ends) - min(ends) or 1.0)
    limits = (min(*ends, 0.0) - room, max(*ends, 0.0) + room)
    panels = []
    for loss, of_loss in tenths.items():
        look = series_style(losses.index(loss))
        known = [(sure, gap) for sure, gap in of_loss if point_estimate(gap) is not None]
        x, y = [100 * sure for sure, _ in known], [gap.mean for _, gap in known]
        hover = [
            f"{loss}: teachers {format_number(c, 'percent')}% sure, gap {format_cell(e, 'signed')}" for c, e in known
        ]
        low, high = [point_estimate(gap.low) for _, gap in known], [point_estimate(gap.high) for _, gap in known]
        dots = Dots("", look, x, y, low, high, hover, size=6)
        marks = (Rule(ROLES["gap"], y=0.0), Line("", look, x, y, markers=False), dots)
        panels.append(Panel(Axis("teacher confidence, %"), Axis(f"gap, {unit}", limits=limits), marks, loss))
    rows = [(loss, number, *each) for loss, found in tenths.items() for number, each in enumerate(found, start=1)]
    reasons = dict.fromkeys(gap.reason for *_, gap in rows if gap.reason)
    table = Table(
        "Gap by teacher confidence",
        (Column("loss"), Column("tenth", "count"), Column("teacher confidence", "percent"), Column("gap", "signed")),
        tuple(rows),
        tuple(f"without an interval: {reason}." for reason in reasons),
    )
    return Figure(
        "confidence",
        "Where the gain comes from: sure or unsure teachers",
        Chart(tuple(panels), columns=min(3, len(panels)), panel_height=170, share_y=True, legend=False),
        _confidence_finding({loss: [gap for _, gap in of_loss] for loss, of_loss in tenths.items()}),
        "Test points in tenths by the mean confidence of the teachers. Bars are intervals.",
        table,
    )


def _tenths(gap: RiskGap, level: float) -> list[tuple[float, Interval]]:
    """Return mean confidence and gap of each slice; slices are runs of the points in order of confidence."""
    ledger = gap.ledger()
    _, names, of_point = slice_points(ledger, "teacher_confidence")
    one = len(np.unique(gap.teacher_of)) == 1
    found = []
    for k in range(len(names)):
        if (part := of_point == k).any():  # points that no teacher answers are in no slice
            mean = point_interval(gap.gap[:, part], level, scale=SIGNED) if one else gap.mean("gap", level, part)
            found.append((float(ledger.teacher_confidence[part].mean()), mean))
    return found


def _confidence_finding(tenths: Mapping[str, list[Interval]]) -> str:
    said = []
    for words, tenth in (("surest", -1), ("least sure", 0)):
        ends = [of_loss[tenth] for of_loss in tenths.values() if has_interval(of_loss[tenth])]
        if not ends:
            said.append(f"where teachers are {words} the gap has no interval")
            continue
        parts = zip(("a gain", "a loss"), count_signs(ends), strict=True)
        shown = " and ".join(f"{what} with {of_losses(count, len(tenths))}" for what, count in parts if count)
        said.append(f"where teachers are {words} students show {shown or 'neither a gain nor a loss'}")
    return f"In risk, by intervals that exclude 0: {said[0]}; {said[1]}."


def misfit_map_figure(measured: Measured, gaps: Mapping[str, RiskGap], loss: str, unit: str) -> Figure | None:
    """Show the misfit of every student of one loss to every teacher; the own teacher stands on the diagonal."""
    student, labelers = measured.students[loss], measured.labelers[loss]
    if labelers.n_models < 2 or student.teacher_of is None:
        return None
    own = np.asarray(student.teacher_of)
    kept = np.argsort(own, kind="stable")[:MAX_STUDENTS]
    shown = Predictions.from_logits(student.log_probs[kept], point_ids=student.point_ids)
    values = _misfits(shown, labelers, gaps[loss])
    columns = tuple(f"teacher {m}" for m in range(labelers.n_models))
    names = tuple(f"student {i} of teacher {own[i]}" for i in kept.tolist())
    hover = [
        [f"{name}, {column}: {format_number(float(value), 'nats')}" for column, value in zip(columns, row, strict=True)]
        for name, row in zip(names, values, strict=True)
    ]
    heat = Heat(f"misfit, {unit}", values.tolist(), columns, names, (float(values.min()), float(values.max())), hover)
    ring = SeriesStyle(ROLES["residual"].colour, "circle-open", "solid", "")
    mine = Dots("own teacher", ring, [columns[own[i]] for i in kept.tolist()], names, size=8)
    panel = Panel(Axis(categories=columns), Axis(categories=names), (heat, mine))
    chart = Chart((panel,), panel_height=max(220, 20 * len(names)))
    of_own = float(values[np.arange(len(kept)), own[kept]].mean())
    of_others = float(np.mean([np.delete(row, own[i]).mean() for i, row in zip(kept, values, strict=True)]))
    more = " The difference, as seen here, is what they copied of their own." if of_others > of_own else ""
    finding = (
        f"Students of {loss} stand {format_number(of_own, 'nats')} {unit} from their own teacher and "
        f"{format_number(of_others, 'nats')} from the others.{more}"
    )
    cells = tuple((name, *row.tolist()) for name, row in zip(names, values, strict=True))
    table = Table(f"Misfit of students of {loss}", (Column("student"), *(Column(c, "nats") for c in columns)), cells)
    return Figure("misfit-map", f"Who copies whom: {loss}", chart, finding, table=table)


def _misfits(students: Predictions, teachers: Predictions, gap: RiskGap) -> Float[np.ndarray, "students teachers"]:
    """Measure the misfit of every student to every teacher, over the points that the teacher answers."""
    if teachers.answered is not None:
        each = [teachers.only(m).select(teachers.point_ids[there]) for m, there in enumerate(teachers.answered)]
        return np.hstack([_misfits(students.select(one.point_ids), one, gap) for one in each])
    if gap.order == "target_first":
        return pairwise_divergence(students, teachers, generator=gap.generator)
    return pairwise_divergence(teachers, students, generator=gap.generator).T
