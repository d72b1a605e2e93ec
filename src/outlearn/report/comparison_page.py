"""The page of several runs: one row for each run and loss, and what was to be expected against what was gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outlearn.report.cells import Cell, Column, Estimate, Table, format_cell
from outlearn.report.charts import Axis, Chart, Dots, Panel, Rule
from outlearn.report.comparison_tables import (
    all_losses,
    comparison_findings,
    comparison_table,
    loss_summary,
    residual_finding,
)
from outlearn.report.page import Figure, Grid, GridColumn, Section, TableBlock, render_page
from outlearn.report.plotly_charts import to_plotly
from outlearn.report.style import ROLES, series_style
from outlearn.report.tables import risk_unit
from outlearn.results.reading import RunFolder

__all__ = ["comparison_figures", "comparison_page"]

# A longer table behind a figure slows the page down; the grid below the figures holds every number in any case.
LONGEST_TABLE = 300
Rows = Sequence[dict[str, Any]]


def comparison_page(runs: Sequence[RunFolder]) -> str:
    """Return the comparison of several runs as one HTML page."""
    table = comparison_table(runs)
    unit = _unit(runs)
    summary = loss_summary(runs)
    grid = Grid(
        key="runs",
        title=table.title,
        caption=f"Accuracies in %; gain in points over the own labeller; gap, misfit and residual in {unit}; "
        "[..] intervals.",
        columns=tuple(GridColumn(c.name, c.kind, filter=c.name in ("task", "loss")) for c in table.columns),
        rows=[[_in_grid(cell) for cell in row] for row in table.rows],
        sort_by="gain",
        descending=True,
        unit="rows",
    )
    return render_page(
        title=f"Comparison of {len(runs)} runs",
        findings=comparison_findings(runs),
        sections=[
            Section("overview", "Loss by loss", (TableBlock(summary), *comparison_figures(runs))),
            Section("rows", "Run by run", (grid,)),
        ],
    )


def _in_grid(cell: Cell) -> Any:
    if not isinstance(cell, Estimate):
        return cell
    return [cell.mean, cell.low, cell.high] if cell.mean is not None and cell.has_interval else cell.mean


def comparison_figures(runs: Sequence[RunFolder]) -> tuple[Figure, ...]:
    """Draw every gain of several runs, and the gains in risk against the misfits that predict them."""
    table = comparison_table(runs)
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, row, strict=True)) for row in table.rows]
    if not rows:
        return ()
    of_loss = {loss: [row for row in rows if row["loss"] == loss] for loss in all_losses(runs)}
    return (_gain_figure(of_loss, rows), _misfit_figure(of_loss, rows, _unit(runs), residual_finding(runs)))


def _unit(runs: Sequence[RunFolder]) -> str:
    units = sorted({risk_unit(run.results) for run in runs})
    return units[0] if len(units) == 1 else "each run's unit"


def _table(title: str, rows: Rows, columns: Sequence[Column]) -> tuple[Table | None, str]:
    if len(rows) > LONGEST_TABLE:
        return None, " The numbers are in the table below."
    return Table(title, tuple(columns), tuple(tuple(row[column.name] for column in columns) for row in rows)), ""


def _gain_figure(of_loss: Mapping[str, Rows], rows: Rows) -> Figure:
    losses = tuple(of_loss)
    marks = []
    for k, (loss, mine) in enumerate(of_loss.items()):
        known = [row for row in mine if row["gain"].mean is not None]
        hover = [f"{row['run']}, {loss}: {format_cell(row['gain'], 'points')} points" for row in known]
        gains = [100 * row["gain"].mean for row in known]
        places = [loss] * len(known)
        marks.append(Dots(loss, series_style(k), gains, places, hover=hover, horizontal=True, size=7))
    axis = Axis("gain over the own labeller, points")
    panel = Panel(axis, Axis(categories=losses), (*marks, Rule(ROLES["gap"], x=0.0)))
    chart = Chart((panel,), legend=False, panel_height=max(220, 30 * len(losses)))
    gains = [row["gain"] for row in rows]
    above = sum(gain.low is not None and gain.low > 0 for gain in gains)
    below = sum(gain.high is not None and gain.high < 0 for gain in gains)
    finding = (
        f"Of {len(gains)} gains {above} are shown to be above 0 and {below} below 0; the rest cannot be told apart "
        "from 0 (paired intervals)."
    )
    table, how = _table(
        "Gains", rows, (Column("run"), Column("task"), Column("loss"), Column("student", "percent"), _GAIN)
    )
    return Figure("gains", "Gain over the own labeller, one mark a run", to_plotly(chart), finding, how.strip(), table)


_GAIN = Column("gain", "points")


def _misfit_figure(of_loss: Mapping[str, Rows], rows: Rows, unit: str, finding: str) -> Figure:
    marks = []
    known = [row for row in rows if row["gap"].mean is not None and row["misfit"].mean is not None]
    for k, loss in enumerate(of_loss):
        mine = [row for row in known if row["loss"] == loss]
        hover = [
            f"{row['run']}, {loss}: misfit {format_cell(row['misfit'], 'nats')}, "
            f"gap {format_cell(row['gap'], 'signed')}"
            for row in mine
        ]
        x, y = ([row[key].mean for row in mine] for key in ("misfit", "gap"))
        marks.append(Dots(loss, series_style(k), x, y, hover=hover, size=7))
    high = max((row["misfit"].mean for row in known), default=1.0)
    panel = Panel(
        Axis(f"predicted gain: misfit, {unit}"),
        Axis(f"measured gain in risk: gap, {unit}"),
        (*marks, Rule(ROLES["gap"], diagonal=True, x=0.0, y=high)),
    )
    columns = (Column("run"), Column("loss"), Column("misfit", "nats"), Column("gap", "signed"))
    table, more = _table("Misfit and gap", known, columns)
    how = "On the line gap = misfit: the student is its teacher's posterior mean." + more
    chart = Chart((panel,), panel_height=380)
    return Figure("misfit-gap", "Predicted against measured gain", to_plotly(chart), finding, how, table)
