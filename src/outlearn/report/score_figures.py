"""Figures of what a run measured: who scored what, gap = misfit + residual, bias and variance.

A caption counts what the intervals show and claims nothing that its counts do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.verdict import count_signs, has_interval, is_above_zero, is_below_zero
from outlearn.report.blocks import Figure
from outlearn.report.cells import Cell, Kind, format_cell, format_number, point_estimate
from outlearn.report.charts import Axis, Bars, Chart, Dots, Mark, Panel, Rule
from outlearn.report.style import ROLES, SeriesStyle
from outlearn.report.tables import ScoreRow, bias_variance_table, gap_table, main_table, score_rows
from outlearn.report.wording import first_reason, of_losses, rest_in_words
from outlearn.results.measurement import Measurement
from outlearn.results.run import RunResults

__all__ = ["bias_variance_figure", "first_figure", "gap_figure", "scores_figure"]


def scores_figure(results: RunResults) -> Figure:
    """Show accuracy and log loss of everyone with intervals, teacher and ceiling as lines."""
    rows = tuple(score_rows(results))
    panels = (
        _score_panel(rows, "accuracy", "accuracy, %", "percent"),
        _score_panel(rows, "log_loss", "log loss, nats", "nats"),
    )
    return Figure(
        "scores",
        "Students against teacher and ceiling",
        Chart(panels, columns=2, panel_height=max(220, 26 * len(rows)), share_y=True, legend=False),
        _scores_finding(results),
        "Bars are intervals; dashed lines mark the mean teacher and the ceiling.",
        main_table(results),
    )


def first_figure(results: RunResults, losses: Sequence[str]) -> Figure:
    """Show the accuracy of the few that a reader asks for first: labelers, these losses, controls, ceiling."""
    every = tuple(score_rows(results))
    combined = [row for row in every if row.role == "ensemble"]
    best = max(combined, key=lambda row: point_estimate(row.scores.get("accuracy")) or 0.0, default=None)
    names = {id(results.students[loss]) for loss in losses}
    rows = [
        row
        for row in every
        if row.role in ("teacher", "control", "ceiling") or row is best or (row.student and id(row.student) in names)
    ]
    unit = f"{results.task.point}s"
    panel = _score_panel(rows, "accuracy", f"accuracy, % of the test {unit}", "percent")
    return Figure(
        "first",
        "Who is right how often",
        Chart((panel,), panel_height=max(150, 32 * len(rows)), legend=False),
        f"Accuracy on {results.task.n_test:,} test {unit}, with {level_in_words(results.measure.level)} intervals.",
        "Dashed lines mark the mean teacher and the ceiling. Intervals that overlap decide nothing: who beats whom is "
        "told by paired differences.",
    )


def gap_figure(results: RunResults) -> Figure:
    """Show for each loss the waterfall gap = misfit + residual, and the overfit covariance."""
    losses, students = tuple(results.students), results.students

    def of_loss(part: str) -> dict[str, Measurement]:
        return {loss: getattr(student, part) for loss, student in students.items()}

    misfit, residual, overfit = of_loss("misfit"), of_loss("residual"), of_loss("overfit_covariance")
    zero = Rule(ROLES["gap"], x=0.0)
    axes = (Axis(results.measure.unit), Axis(categories=losses))
    waterfall = (
        _bars("misfit", misfit),
        _bars("residual", residual, base=misfit, kind="signed", lane=1),
        _dots("gap", ROLES["gap"], of_loss("gap"), "nats"),
        zero,
    )
    copied = _dots("overfit covariance", ROLES["student"], overfit, "signed")
    panels = (Panel(*axes, waterfall, "gap and its two parts"), Panel(*axes, (copied, zero), "overfit covariance"))
    return Figure(
        "gap",
        "Gain in risk = misfit + residual",
        Chart(panels, columns=2, panel_height=max(220, 34 * len(losses)), share_y=True, widths=(0.66, 0.34)),
        _gap_finding(tuple(residual.values()), tuple(overfit.values())),
        "The misfit bar starts at 0, the residual starts where it ends, and the diamond is their sum, the gap.",
        gap_table(results),
    )


def _gap_finding(residuals: Sequence[Measurement], overfit: Sequence[Measurement]) -> str:
    told = [residual for residual in residuals if has_interval(residual)]
    if not told:
        return f"No residual has an interval ({first_reason(residuals)}), so nothing is said about its sign."
    above, below = count_signs(told)
    said = []
    if below:
        said.append(f"below 0 for {of_losses(below, len(told))}: there misfit alone overstates the gain")
    if above:
        said.append(f"above 0 for {of_losses(above, len(told))}: there misfit alone understates the gain")
    words = "The residual is " + ("; it is ".join(said) if said else "not told apart from 0 for any loss")
    if any(map(has_interval, overfit)):
        copied = of_losses(sum(map(is_above_zero, overfit)), len(overfit))
        return words + f". Students are shown to copy part of their own teacher's error with {copied}."
    return words + f". The overfit covariance has no interval: {first_reason(overfit)}."


def bias_variance_figure(results: RunResults) -> Figure | None:
    """Show bias and variance of teachers and students as stacked bars, and the risk of the ensembles, which is one sum.

    None where no one has a variance that can be seen.
    """
    rows = tuple(score_rows(results))
    split = {row.label: results.teacher_bias_variance if row.role == "teacher" else row.student for row in rows}
    known = {label: parts for label, parts in split.items() if parts and point_estimate(parts.variance) is not None}
    if not known:
        return None
    bias = {label: parts.bias for label, parts in known.items()}
    marks: list[Mark] = [
        _bars("bias", bias),
        _bars("variance", {label: parts.variance for label, parts in known.items()}, base=bias),
    ]
    metric = results.measure.risk_metric
    ensembles = [row for row in rows if metric is not None and row.role == "ensemble"]
    alone = {row.label: risk for row in ensembles if point_estimate(risk := row.scores.get(metric or "")) is not None}
    if alone:
        marks.append(_dots("risk of an ensemble", ROLES["ensemble"], alone, "nats"))
    labels = tuple(row.label for row in rows if row.label in known or row.label in alone)
    of_teachers = results.teacher_bias_variance
    b, v = point_estimate(of_teachers.bias), point_estimate(of_teachers.variance)
    finding = "The teachers' bias and variance were not told apart."
    if b is not None and v is not None:
        finding = (
            f"Of the teachers' risk {format_number(b, 'nats')} is bias and {format_number(v, 'nats')} is variance, "
            "and only the variance goes away when teachers are averaged."
        )
    one = " An ensemble is one model: the diamond is its whole risk, with its interval." if alone else ""
    panel = Panel(Axis(results.measure.unit), Axis(categories=labels), tuple(marks))
    return Figure(
        "bias-variance",
        "Bias and variance",
        Chart((panel,), panel_height=max(200, 30 * len(labels))),
        finding,
        "Bars add up to the risk, corrected for the number of teachers by the jackknife." + one,
        bias_variance_table(results),
    )


def _score_panel(rows: Sequence[ScoreRow], metric: str, title: str, kind: Kind) -> Panel:
    marks: list[Dots | Rule] = []
    for look in ("majority", "teacher", "ensemble", "student", "control", "ceiling"):
        roles = {"teacher": ("teacher", "best_teacher"), "ceiling": ("ceiling", "untuned")}.get(look, (look,))
        scores = {row.label: row.scores.get(metric) for row in rows if row.role in roles}
        if any(point_estimate(score) is not None for score in scores.values()):
            marks.append(_dots(look, ROLES[look], scores, kind))
    for row in rows:
        mean = point_estimate(row.scores.get(metric))
        if row.role in ("teacher", "ceiling") and mean is not None:
            marks.append(Rule(ROLES[row.role], x=mean * (100 if kind == "percent" else 1)))
    return Panel(Axis(title), Axis(categories=tuple(row.label for row in rows)), tuple(marks))


def _scores_finding(results: RunResults) -> str:
    versus = {loss: student.differences["teacher"] for loss, student in results.students.items()}
    better = [loss for loss, difference in versus.items() if is_above_zero(difference)]
    worse = [loss for loss, difference in versus.items() if is_below_zero(difference)]
    if not any(map(has_interval, versus.values())):
        reason = first_reason(tuple(versus.values()))
        return f"No difference has an interval ({reason}): these are the scores as seen."
    rest = rest_in_words(versus.values(), "it")
    if not better and not worse:
        return f"No student is shown to be better or worse than its labeler: {rest} (paired intervals)."
    if not better:
        lost = ", ".join(worse)
        return f"No student is shown to beat its labeler; with {lost} students are less accurate (paired intervals)."
    lost = f", and less accurate with {', '.join(worse)}" if worse else ""
    tail = f"; of the others {rest}" if rest else ""
    won = ", ".join(better)
    return f"Students are more accurate than their own labeler with {won}{lost} (paired intervals){tail}."


def _dots(name: str, look: SeriesStyle, of_label: Mapping[str, Cell], kind: Kind) -> Dots:
    """Mark what is known of each label, with its interval where it has one."""
    scale = 100 if kind == "percent" else 1
    known = {label: cell for label, cell in of_label.items() if point_estimate(cell) is not None}
    ends = [(cell.low, cell.high) if isinstance(cell, Interval) else (math.nan, math.nan) for cell in known.values()]
    return Dots(
        name,
        look,
        [scale * (point_estimate(cell) or 0.0) for cell in known.values()],
        list(known),
        [scale * low if math.isfinite(low) else None for low, _ in ends],
        [scale * high if math.isfinite(high) else None for _, high in ends],
        [f"{label}: {format_cell(cell, kind)}" for label, cell in known.items()],
        horizontal=True,
    )


def _bars(
    name: str,
    of_label: Mapping[str, Measurement],
    *,
    base: Mapping[str, Measurement] | None = None,
    kind: Kind = "nats",
    lane: int = 0,
) -> Bars:
    """Draw a bar for each label, from where `base` ends; what is withheld has none."""
    return Bars(
        name,
        ROLES[name],
        tuple(of_label),
        [point_estimate(part) for part in of_label.values()],
        [point_estimate(base[label]) or 0.0 for label in of_label] if base else (),
        [f"{label}: {name} {format_cell(part, kind)}" for label, part in of_label.items()],
        lane=lane,
    )
