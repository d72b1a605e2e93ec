"""Figures from results.json alone: who scored what, gap = misfit + residual, bias and variance, the path of
training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outlearn.report.cells import Estimate, Kind, Table, estimate_of, excludes_zero, format_cell, format_number
from outlearn.report.charts import Axis, Bars, Chart, Dots, Line, Panel, Rule
from outlearn.report.page import Figure
from outlearn.report.plotly_charts import to_plotly
from outlearn.report.style import ROLES, SeriesStyle, series_style
from outlearn.report.tables import (
    bias_variance_table,
    gap_table,
    loss_names,
    main_table,
    path_table,
    risk_unit,
    score_rows,
    student_estimate,
)

__all__ = ["Drawn", "bias_variance_figure", "drawn", "gap_figure", "path_figure", "scores_figure"]

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
        Panel(Axis(unit), Axis(categories=losses), (*bars, zero), "gap = misfit + residual"),
        Panel(
            Axis(unit),
            Axis(categories=losses),
            (_dots("overfit covariance", ROLES["student"], overfit, losses, "signed"), zero),
            "overfit covariance",
        ),
    )
    chart = Chart(panels, columns=2, panel_height=max(220, 34 * len(losses)), share_y=True, widths=(0.66, 0.34))
    residuals = [estimate for estimate in parts["residual"] if estimate.mean is not None]
    negative = [estimate for estimate in residuals if excludes_zero(estimate) and (estimate.mean or 0) < 0]
    copied = sum(excludes_zero(estimate) and (estimate.mean or 0) > 0 for estimate in overfit)
    finding = (
        f"The residual is below 0 for {len(negative)} of {len(residuals)} losses, so there misfit alone overstates "
        "the gain; "
        f"students copy part of their own teacher's error with {copied} of {len(losses)} losses."
    )
    return drawn(
        "gap",
        "Where the gain in risk comes from",
        chart,
        finding,
        gap_table(results),
        "The misfit bar starts at 0, the residual starts where it ends, and the diamond is their sum, the gap.",
    )


def bias_variance_figure(results: Results) -> Drawn | None:
    """Show bias and variance of teachers and students as stacked bars; None where one model shows no variance."""
    rows = [(label, results["teacher_bias_variance"]) for role, label, _ in score_rows(results) if role == "teacher"]
    rows += [(label, metrics) for role, label, metrics in score_rows(results) if role == "student"]
    rows = [(label, parts) for label, parts in rows if estimate_of(parts.get("variance")).mean is not None]
    if not rows:
        return None
    labels = tuple(label for label, _ in rows)
    bias = [estimate_of(parts.get("bias")) for _, parts in rows]
    variance = [estimate_of(parts.get("variance")) for _, parts in rows]
    marks = (
        Bars("bias", ROLES["bias"], labels, _means(bias), (), _hover(labels, "bias", bias)),
        Bars(
            "variance",
            ROLES["variance"],
            labels,
            _means(variance),
            _zeros_for_none(bias),
            _hover(labels, "variance", variance),
        ),
    )
    panel = Panel(Axis(risk_unit(results)), Axis(categories=labels), marks)
    teacher = results["teacher_bias_variance"]
    b, v = estimate_of(teacher.get("bias")).mean or 0.0, estimate_of(teacher.get("variance")).mean or 0.0
    finding = (
        f"Of the teachers' risk {format_number(b, 'nats')} is bias and {format_number(v, 'nats')} is variance: "
        "averaging over teachers, or a student that ignores its own teacher, can remove the variance only."
    )
    return drawn(
        "bias-variance",
        "Bias and variance",
        Chart((panel,), panel_height=max(200, 30 * len(rows))),
        finding,
        bias_variance_table(results),
        "Corrected for the number of teachers by the jackknife.",
    )


def path_figure(results: Results) -> Drawn | None:
    """Show accuracy, misfit, overfit covariance and entropy along training; None where only the end was recorded."""
    losses = loss_names(results)
    paths = {loss: results["students"][loss].get("path") or [] for loss in losses}
    if max((len(path) for path in paths.values()), default=0) < 2:
        return None
    unit = risk_unit(results)
    shown: tuple[tuple[str, str, Kind], ...] = (
        ("accuracy", "accuracy, %", "percent"),
        ("misfit", f"misfit, {unit}", "nats"),
        ("overfit_covariance", f"overfit covariance, {unit}", "signed"),
        ("entropy", "entropy, nats", "nats"),
    )
    panels = []
    for key, title, kind in shown:
        scale = 100 if kind == "percent" else 1
        lines = tuple(
            Line(
                loss,
                series_style(k),
                [float(entry["epoch"]) for entry in paths[loss]],
                [None if entry.get(key) is None else scale * entry[key] for entry in paths[loss]],
                [
                    f"{loss}, epoch {entry['epoch']:g}: {title.split(',')[0]} {format_number(entry.get(key), kind)}"
                    for entry in paths[loss]
                ],
            )
            for k, loss in enumerate(losses)
        )
        panels.append(Panel(Axis("epoch", log=True, ticks=_epochs(paths)), Axis(title), lines))
    return drawn(
        "path",
        "Along training",
        Chart(tuple(panels), columns=2, panel_height=260),
        _path_finding(paths),
        path_table(results),
    )


def _path_finding(paths: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    copying = [loss for loss, path in paths.items() if len(path) > 1 and _rises(path, "overfit_covariance")]
    falling = [
        loss for loss in copying if (path := paths[loss]) and path[-1]["accuracy"] < max(p["accuracy"] for p in path)
    ]
    return (
        f"From the first to the last recorded epoch the overfit covariance rises with {len(copying)} of "
        f"{len(paths)} losses, and {len(falling)} of these end below their best accuracy: training longer "
        "copies the individual teacher."
    )


def _rises(path: Sequence[Mapping[str, Any]], key: str) -> bool:
    first, last = path[0].get(key), path[-1].get(key)
    return first is not None and last is not None and last > first


def _epochs(paths: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[float, ...]:
    return tuple(sorted({float(entry["epoch"]) for path in paths.values() for entry in path}))


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
    better = [loss for loss in losses if _above(student_estimate(results, loss, "differences", "teacher"))]
    worse = [loss for loss in losses if _below(student_estimate(results, loss, "differences", "teacher"))]
    if better and worse:
        return (
            f"Students are more accurate than their own labeller with {', '.join(better)}, and less accurate with "
            f"{', '.join(worse)} (paired intervals)."
        )
    if better:
        rest = f"; with the other {len(losses) - len(better)} it cannot be told" if len(better) < len(losses) else ""
        return f"Students are more accurate than their own labeller with {', '.join(better)} (paired intervals){rest}."
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
