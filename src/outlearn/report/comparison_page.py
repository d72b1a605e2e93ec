"""The page of several runs: one row for each run and loss, and what was to be expected against what was gained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from outlearn.report.cells import Cell, Column, Table, estimate_of, format_cell
from outlearn.report.charts import Axis, Chart, Dots, Panel, Rule
from outlearn.report.page import Figure, Grid, GridColumn, Section, render_page
from outlearn.report.plotly_charts import to_plotly
from outlearn.report.run_folder import RunFolder
from outlearn.report.style import ROLES, series_style
from outlearn.report.tables import loss_names

__all__ = ["comparison_page", "comparison_rows", "loss_summary"]

NAMES = (
    "run",
    "task",
    "teachers",
    "loss",
    "teacher",
    "student",
    "ceiling",
    "gain",
    "PGR",
    "gap",
    "misfit",
    "overfit covariance",
)


def comparison_rows(runs: Sequence[RunFolder]) -> list[list[Any]]:
    """Return one row for each run and loss, columns as `NAMES`; estimates as [mean, low, high]."""
    rows: list[list[Any]] = []
    for run in runs:
        results = run.results
        task = results["task"]
        teacher, ceiling = (estimate_of((results.get(k) or {}).get("accuracy")).mean for k in ("teacher", "ceiling"))
        for loss in loss_names(results):
            record = results["students"][loss]
            gain = (record.get("differences") or {}).get("teacher")
            rows.append(
                [
                    run.name,
                    str(task.get("name")),
                    results["teacher"].get("models"),
                    loss,
                    teacher,
                    _triple(record.get("accuracy")),
                    ceiling,
                    _triple(gain),
                    _triple(record.get("pgr")),
                    *(_triple(record.get(k)) for k in ("gap", "misfit", "overfit_covariance")),
                ]
            )
    return rows


def loss_summary(runs: Sequence[RunFolder]) -> Table:
    """Return for each loss how often it beats its teacher and forward_ce (paired intervals), and its mean rank."""
    losses = list(dict.fromkeys(loss for run in runs for loss in loss_names(run.results)))
    rows: list[tuple[Cell, ...]] = []
    for loss in losses:
        records = [run.results["students"][loss] for run in runs if loss in run.results["students"]]
        over = [estimate_of((record.get("differences") or {}).get("teacher")) for record in records]
        against = [estimate_of((record.get("differences") or {}).get("forward_ce")) for record in records]
        ranks = [_rank(run, loss) for run in runs if loss in run.results["students"]]
        rows.append(
            (
                loss,
                len(records),
                sum(e.low is not None and e.low > 0 for e in over),
                sum(e.low is not None and e.low > 0 for e in against),
                sum(e.high is not None and e.high < 0 for e in against),
                float(np.mean(ranks)),
            )
        )
    columns = (
        Column("loss"),
        Column("runs", "count"),
        Column("beats its teacher", "count", "paired interval above 0"),
        Column("beats forward_ce", "count", "paired interval above 0"),
        Column("loses to forward_ce", "count", "paired interval below 0"),
        Column("mean rank", "ratio", "by accuracy among the losses of a run, 1 is best"),
    )
    return Table("Losses over runs", columns, tuple(rows))


def comparison_page(runs: Sequence[RunFolder]) -> str:
    """Return the comparison of several runs as one HTML page."""
    summary = loss_summary(runs)
    tasks = len({str(run.results["task"].get("name")) for run in runs})
    best = min(summary.rows, key=lambda row: _number(row[5]))
    found = [
        f"{len(runs)} runs on {tasks} task{'s' * (tasks != 1)}: {best[0]} has the best mean rank, "
        f"{_number(best[5]):.1f} of {len(summary.rows)} losses."
    ]
    found += [
        f"{row[0]} beats its teacher in {row[2]} of {row[1]} runs, beats forward_ce in {row[3]} and loses to it in "
        f"{row[4]} (paired intervals)."
        for row in summary.rows
        if row[0] != "forward_ce"
    ][:3]
    kinds = dict.fromkeys(NAMES, "text") | {
        "teachers": "count",
        "teacher": "percent",
        "student": "percent",
        "ceiling": "percent",
        "gain": "points",
        "PGR": "ratio",
        "gap": "signed",
        "misfit": "nats",
        "overfit covariance": "signed",
    }
    grid = Grid(
        key="runs",
        title="Every run and loss",
        caption="Accuracies in %, gain in points over the own teacher, risks in nats; [..] intervals.",
        columns=tuple(GridColumn(name, kinds[name], filter=name in ("task", "loss")) for name in NAMES),
        rows=comparison_rows(runs),
        sort_by="gain",
        descending=True,
        unit="rows",
    )
    return render_page(
        title=f"Comparison of {len(runs)} runs",
        findings=found,
        sections=[
            Section("overview", "Gain by loss", (_gain_figure(runs, summary), _misfit_figure(runs))),
            Section("rows", "Run by run", (grid,)),
        ],
    )


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def _triple(value: Any) -> Any:
    estimate = estimate_of(value)
    return (
        estimate.mean
        if estimate.mean is None or not estimate.has_interval
        else [estimate.mean, estimate.low, estimate.high]
    )


def _rank(run: RunFolder, loss: str) -> float:
    scores = {
        name: estimate_of(run.results["students"][name].get("accuracy")).mean or 0.0 for name in loss_names(run.results)
    }
    own = scores[loss]
    return (
        1 + sum(value > own for value in scores.values()) + 0.5 * (sum(value == own for value in scores.values()) - 1)
    )


def _pairs(runs: Sequence[RunFolder], loss: str, key: str) -> list[tuple[RunFolder, Any, Any]]:
    found = []
    for run in runs:
        record = run.results["students"].get(loss) or {}
        gain, other = estimate_of((record.get("differences") or {}).get("teacher")), estimate_of(record.get(key))
        if gain.mean is not None and other.mean is not None:
            found.append((run, other, gain))
    return found


def _gain_figure(runs: Sequence[RunFolder], summary: Table) -> Figure:
    losses = tuple(str(row[0]) for row in summary.rows)
    marks = []
    for k, loss in enumerate(losses):
        gains = [gain for _, _, gain in _pairs(runs, loss, "accuracy")]
        marks.append(
            Dots(
                loss,
                series_style(k),
                [100 * gain.mean for gain in gains],
                [loss] * len(gains),
                hover=[
                    f"{run.name}, {loss}: {format_cell(gain, 'points')} points"
                    for run, _, gain in _pairs(runs, loss, "accuracy")
                ],
                horizontal=True,
                size=7,
            )
        )
    panel = Panel(
        Axis("gain over the own teacher, points"), Axis(categories=losses), (*marks, Rule(ROLES["gap"], x=0.0))
    )
    ahead = max(summary.rows, key=lambda row: _number(row[2]))
    chart = Chart((panel,), legend=False, panel_height=max(220, 30 * len(losses)))
    finding = f"{ahead[0]} beats its teacher most often: in {ahead[2]} of {ahead[1]} runs (paired intervals)."
    return Figure("gains", "Gain over the own teacher, one mark a run", to_plotly(chart), finding, "", summary)


def _misfit_figure(runs: Sequence[RunFolder]) -> Figure:
    losses = list(dict.fromkeys(loss for run in runs for loss in loss_names(run.results)))
    marks = []
    pairs: list[tuple[float, float]] = []
    for k, loss in enumerate(losses):
        found = [
            (
                run,
                estimate_of(run.results["students"][loss].get("misfit")),
                estimate_of(run.results["students"][loss].get("gap")),
            )
            for run in runs
            if loss in run.results["students"]
        ]
        found = [(run, m, g) for run, m, g in found if m.mean is not None and g.mean is not None]
        pairs += [(m.mean, g.mean) for _, m, g in found if m.mean is not None and g.mean is not None]
        marks.append(
            Dots(
                loss,
                series_style(k),
                [m.mean or 0.0 for _, m, _ in found],
                [g.mean or 0.0 for _, _, g in found],
                hover=[
                    f"{run.name}, {loss}: misfit {format_cell(m, 'nats')}, gap {format_cell(g, 'signed')}"
                    for run, m, g in found
                ],
                size=7,
            )
        )
    high = max([m for m, _ in pairs], default=1.0)
    below = sum(g < m for m, g in pairs)
    panel = Panel(
        Axis("predicted gain: misfit, nats"),
        Axis("measured gain in risk: gap, nats"),
        (*marks, Rule(ROLES["gap"], diagonal=True, x=0.0, y=high)),
    )
    table = Table("Misfit and gap", (Column("misfit", "nats"), Column("gap", "signed")), tuple(pairs))
    finding = (
        f"The measured gain is below the misfit in {below} of {len(pairs)} cases: the residual, not the misfit alone, "
        "decides."
    )
    how = "On the dashed line gap = misfit: the student is its teacher's posterior mean."
    return Figure(
        "misfit-gap",
        "Predicted against measured gain",
        to_plotly(Chart((panel,), panel_height=380)),
        finding,
        how,
        table,
    )
