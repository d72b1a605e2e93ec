"""Figures from results.json alone: who scored what, gap = misfit + residual, bias and variance.

A caption counts what the intervals show and claims nothing that its counts do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outlearn.report.cells import Estimate, Kind, Table, estimate_of, format_cell, format_number
from outlearn.report.charts import Axis, Bars, Chart, Dots, Mark, Panel, Rule
from outlearn.report.page import Figure
from outlearn.report.plotly_charts import to_plotly
from outlearn.report.style import ROLES, SeriesStyle
from outlearn.report.tables import (
    bias_variance_table,
    gap_table,
    loss_names,
    main_table,
    risk_metric,
    risk_unit,
    score_rows,
    student_estimate,
)
from outlearn.report.wording import of_losses

__all__ = ["Drawn", "bias_variance_figure", "drawn", "gap_figure", "scores_figure"]

Results = Mapping[str, Any]
# A chart beside the figure that the page shows: the same marks are drawn for a paper.
Drawn = tuple[Figure, Chart]


def drawn(key: str, title: str, chart: Chart, finding: str, table: Table | None = None, how: str = "") -> Drawn:
    """Return a chart as the page's figure, and the chart itself."""
    return Figure(key, title, to_plotly(chart), finding, how, table), chart


def scores_figure(results: Results) -> Drawn:
    """Show accuracy and log loss of everyone with intervals, teacher and ceiling as lines."""
    rows = [(role, label, metrics) for role, label, metrics in score_rows(results) if metrics.get("accuracy")]
    panels = [_score_panel(rows, "accuracy", "accuracy, %", "percent", results)]
    panels.append(_score_panel(rows, "log_loss", "log loss, nats", "nats", results))
    chart = Chart(tuple(panels), columns=2, panel_height=max(220, 26 * len(rows)), share_y=True, legend=False)
    return drawn(
        "scores",
        "Students against teacher and ceiling",
        chart,
        _scores_finding(results),
        main_table(results),
        "Bars are intervals; dashed lines mark the mean teacher and the ceiling.",
    )


def gap_figure(results: Results) -> Drawn:
    """Show for each loss the waterfall gap = misfit + residual, and the overfit covariance."""
    losses = loss_names(results)
    unit = risk_unit(results)
    parts = {name: [student_estimate(results, loss, name) for loss in losses] for name in ("misfit", "residual", "gap")}
    bars = (
        Bars("misfit", ROLES["misfit"], losses, _means(parts["misfit"]), (), _hover(losses, "misfit", parts["misfit"])),
        Bars(
            "residual",
            ROLES["residual"],
            losses,
            _means(parts["residual"]),
            _zeros_for_none(parts["misfit"]),
            _hover(losses, "residual", parts["residual"]),
            lane=1,
        ),
        _dots("gap", ROLES["gap"], parts["gap"], losses, "nats"),
    )
    zero = Rule(ROLES["gap"], x=0.0)
    overfit = [student_estimate(results, loss, "overfit_covariance") for loss in losses]
    panels = (
        Panel(Axis(unit), Axis(categories=losses), (*bars, zero), "gap and its two parts"),
        Panel(
            Axis(unit),
            Axis(categories=losses),
            (_dots("overfit covariance", ROLES["student"], overfit, losses, "signed"), zero),
            "overfit covariance",
        ),
    )
    chart = Chart(panels, columns=2, panel_height=max(220, 34 * len(losses)), share_y=True, widths=(0.66, 0.34))
    finding = _gap_finding(parts["residual"], overfit)
    return drawn(
        "gap",
        "Gain in risk = misfit + residual",
        chart,
        finding,
        gap_table(results),
        "The misfit bar starts at 0, the residual starts where it ends, and the diamond is their sum, the gap.",
    )


def _gap_finding(residuals: Sequence[Estimate], overfit: Sequence[Estimate]) -> str:
    told = [estimate for estimate in residuals if estimate.has_interval]
    if not told:
        return f"No residual has an interval ({_reason(residuals)}), so nothing is said about its sign."
    below, above = sum(map(_below, told)), sum(map(_above, told))
    said = []
    if below:
        said.append(f"below 0 for {of_losses(below, len(told))}: there misfit alone overstates the gain")
    if above:
        said.append(f"above 0 for {of_losses(above, len(told))}: there misfit alone understates the gain")
    words = "The residual is " + ("; it is ".join(said) if said else "not told apart from 0 for any loss")
    if any(estimate.has_interval for estimate in overfit):
        copied = of_losses(sum(map(_above, overfit)), len(overfit))
        return words + f". Students are shown to copy part of their own teacher's error with {copied}."
    return words + f". The overfit covariance has no interval: {_reason(overfit)}."


def _reason(estimates: Sequence[Estimate]) -> str:
    return next((estimate.reason for estimate in estimates if estimate.reason), "none was measured")


def bias_variance_figure(results: Results) -> Drawn | None:
    """Show bias and variance of teachers and students as stacked bars, and the risk of the ensembles, which is one sum.

    None where no one has a variance that can be seen.
    """
    everyone = [(role, label, metrics) for role, label, metrics in score_rows(results)]
    split = {"teacher": results.get("teacher_bias_variance") or {}}
    rows = [(label, split.get(role, metrics)) for role, label, metrics in everyone if role in ("teacher", "student")]
    rows = [(label, parts) for label, parts in rows if estimate_of(parts.get("variance")).mean is not None]
    if not rows:
        return None
    stacked = tuple(label for label, _ in rows)
    bias = [estimate_of(parts.get("bias")) for _, parts in rows]
    variance = [estimate_of(parts.get("variance")) for _, parts in rows]
    marks: list[Mark] = [
        Bars("bias", ROLES["bias"], stacked, _means(bias), (), _hover(stacked, "bias", bias)),
        Bars(
            "variance",
            ROLES["variance"],
            stacked,
            _means(variance),
            _zeros_for_none(bias),
            _hover(stacked, "variance", variance),
        ),
    ]
    metric = risk_metric(results)
    alone = [
        (label, estimate_of(metrics.get(metric)))
        for role, label, metrics in everyone
        if metric and role.startswith("ensemble")
    ]
    alone = [(label, risk) for label, risk in alone if risk.mean is not None]
    if alone:
        names = [label for label, _ in alone]
        marks.append(_dots("risk of an ensemble", ROLES["ensemble"], [risk for _, risk in alone], names, "nats"))
    kept = {*stacked, *(label for label, _ in alone)}
    labels = tuple(label for _, label, _ in everyone if label in kept)
    panel = Panel(Axis(risk_unit(results)), Axis(categories=labels), tuple(marks))
    b, v = (estimate_of(split["teacher"].get(key)).mean for key in ("bias", "variance"))
    finding = "The teachers' bias and variance were not told apart."
    if b is not None and v is not None:
        finding = (
            f"Of the teachers' risk {format_number(b, 'nats')} is bias and {format_number(v, 'nats')} is variance, "
            "and only the variance goes away when teachers are averaged."
        )
    one = " An ensemble is one model: the diamond is its whole risk, with its interval." if alone else ""
    return drawn(
        "bias-variance",
        "Bias and variance",
        Chart((panel,), panel_height=max(200, 30 * len(labels))),
        finding,
        bias_variance_table(results),
        "Bars add up to the risk, corrected for the number of teachers by the jackknife." + one,
    )


def _score_panel(
    rows: Sequence[tuple[str, str, Mapping[str, Any]]], key: str, title: str, kind: Kind, results: Results
) -> Panel:
    labels = tuple(label for _, label, _ in rows)
    marks: list[Dots | Rule] = []
    for role in ("majority", "teacher", "ensemble", "student", "ceiling"):
        chosen = [(label, estimate_of(metrics.get(key))) for r, label, metrics in rows if _role(r) == role]
        chosen = [(label, estimate) for label, estimate in chosen if estimate.mean is not None]
        if chosen:
            names = tuple(label for label, _ in chosen)
            marks.append(_dots(role, ROLES[role], [estimate for _, estimate in chosen], names, kind))
    for role in ("teacher", "ceiling"):
        mean = estimate_of((results.get(role) or {}).get(key)).mean
        if mean is not None:
            marks.append(Rule(ROLES[role], x=mean * (100 if kind == "percent" else 1)))
    return Panel(Axis(title), Axis(categories=labels), tuple(marks))


def _role(role: str) -> str:
    return "teacher" if role == "best_teacher" else "ensemble" if role.startswith("ensemble") else role


def _scores_finding(results: Results) -> str:
    losses = loss_names(results)
    versus = {loss: student_estimate(results, loss, "differences", "teacher") for loss in losses}
    better = [loss for loss, difference in versus.items() if _above(difference)]
    worse = [loss for loss, difference in versus.items() if _below(difference)]
    untold = [loss for loss, difference in versus.items() if not difference.has_interval]
    if len(untold) == len(losses):
        return f"No difference has an interval ({_reason(list(versus.values()))}): these are the scores as seen."
    rest = len(losses) - len(better) - len(worse)
    tail = f"; with the other {rest} it cannot be told" if rest else ""
    if better and worse:
        return (
            f"Students are more accurate than their own labeller with {', '.join(better)}, and less accurate with "
            f"{', '.join(worse)} (paired intervals){tail}."
        )
    if better:
        return f"Students are more accurate than their own labeller with {', '.join(better)} (paired intervals){tail}."
    if worse:
        lost = ", ".join(worse)
        return f"No student is shown to beat its labeller; with {lost} students are less accurate (paired intervals)."
    return "No student is shown to be better or worse than its labeller: every paired interval includes 0."


def _above(estimate: Estimate) -> bool:
    return estimate.low is not None and estimate.low > 0


def _below(estimate: Estimate) -> bool:
    return estimate.high is not None and estimate.high < 0


def _dots(name: str, look: SeriesStyle, estimates: Sequence[Estimate], labels: Sequence[str], kind: Kind) -> Dots:
    scale = 100 if kind == "percent" else 1
    kept = [(label, e) for label, e in zip(labels, estimates, strict=True) if e.mean is not None]
    return Dots(
        name,
        look,
        [scale * (e.mean or 0.0) for _, e in kept],
        [label for label, _ in kept],
        [None if e.low is None else scale * e.low for _, e in kept],
        [None if e.high is None else scale * e.high for _, e in kept],
        [f"{label}: {format_cell(e, kind)}" for label, e in kept],
        horizontal=True,
    )


def _hover(labels: Sequence[str], name: str, estimates: Sequence[Estimate]) -> list[str]:
    return [
        f"{label}: {name} {format_cell(e, 'signed' if name == 'residual' else 'nats')}"
        for label, e in zip(labels, estimates, strict=True)
    ]


def _means(estimates: Sequence[Estimate]) -> list[float | None]:
    return [estimate.mean for estimate in estimates]


def _zeros_for_none(estimates: Sequence[Estimate]) -> list[float | None]:
    return [estimate.mean or 0.0 for estimate in estimates]
