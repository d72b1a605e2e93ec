"""The page of several runs: one row for each run and loss, and what was to be expected against what was gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outlearn.core.verdict import count_signs
from outlearn.report.blocks import Figure, Grid, GridColumn, Section, TableBlock
from outlearn.report.cells import Cell, Column, Table, format_cell, point_estimate
from outlearn.report.charts import Axis, Chart, Dots, Panel, Rule
from outlearn.report.comparison_tables import (
    all_losses,
    comparison_findings,
    comparison_table,
    loss_summary,
    residual_finding,
)
from outlearn.report.page import render_page
from outlearn.report.style import ROLES, series_style
from outlearn.report.wording import rest_in_words
from outlearn.results.run_folder import Run

__all__ = ["comparison_figures", "comparison_page"]

# A longer table behind a figure slows the page down; the grid below the figures holds every number in any case.
MAX_TABLE_ROWS = 300
Rows = Sequence[Mapping[str, Cell]]


def comparison_page(runs: Sequence[Run]) -> str:
    """Return the comparison of several runs as one HTML page."""
    table = comparison_table(runs)
    grid = Grid(
        key="runs",
        title=table.title,
        caption=f"Accuracies in %; gain in points over the own labeler; gap, misfit and residual in {_unit(runs)}; "
        "[..] intervals.",
        columns=tuple(GridColumn(c.name, c.kind, filter=c.name in ("task", "loss")) for c in table.columns),
        rows=table.rows,
        sort_by="gain",
        descending=True,
        unit="rows",
    )
    return render_page(
        title=f"Comparison of {len(runs)} runs",
        findings=comparison_findings(runs),
        sections=[
            Section("overview", "Loss by loss", (TableBlock(loss_summary(runs)), *comparison_figures(runs))),
            Section("rows", "Run by run", (grid,)),
        ],
    )


def comparison_figures(runs: Sequence[Run]) -> tuple[Figure, ...]:
    """Draw every gain of several runs, and the gains in risk against the misfits that predict them."""
    table = comparison_table(runs)
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, row, strict=True)) for row in table.rows]
    if not rows:
        return ()
    of_loss = {loss: [row for row in rows if row["loss"] == loss] for loss in all_losses(runs)}
    return (_gain_figure(of_loss, rows), _misfit_figure(of_loss, rows, _unit(runs), residual_finding(runs)))


def _unit(runs: Sequence[Run]) -> str:
    units = {run.measure.unit for run in runs}
    return units.pop() if len(units) == 1 else "each run's unit"


def _table(title: str, rows: Rows, columns: Sequence[Column]) -> tuple[Table | None, str]:
    """Return the table of a figure, or None and the sentence that says where its numbers are."""
    if len(rows) > MAX_TABLE_ROWS:
        return None, " The numbers are in the table below."
    return Table(title, tuple(columns), tuple(tuple(row[column.name] for column in columns) for row in rows)), ""


def _means(rows: Rows, name: str) -> list[float]:
    return [point_estimate(row[name]) or 0.0 for row in rows]


def _gain_figure(of_loss: Mapping[str, Rows], rows: Rows) -> Figure:
    losses = tuple(of_loss)
    marks = []
    for k, (loss, mine) in enumerate(of_loss.items()):
        known = [row for row in mine if point_estimate(row["gain"]) is not None]
        hover = [f"{row['run']}, {loss}: {format_cell(row['gain'], 'points')} points" for row in known]
        gains = [100 * gain for gain in _means(known, "gain")]
        marks.append(Dots(loss, series_style(k), gains, [loss] * len(known), hover=hover, horizontal=True, size=7))
    axis = Axis("gain over the own labeler, points")
    panel = Panel(axis, Axis(categories=losses), (*marks, Rule(ROLES["gap"], x=0.0)))
    chart = Chart((panel,), legend=False, panel_height=max(220, 30 * len(losses)))
    above, below = count_signs(row["gain"] for row in rows)
    rest = rest_in_words(row["gain"] for row in rows)
    finding = (
        f"Of {len(rows)} gains {above} are shown to be above 0 and {below} below 0{f'; {rest}' if rest else ''} "
        "(paired intervals, each for itself)."
    )
    columns = (Column("run"), Column("task"), Column("loss"), Column("student", "percent"), Column("gain", "points"))
    table, how = _table("Gains", rows, columns)
    return Figure("gains", "Gain over the own labeler, one mark a run", chart, finding, how.strip(), table)


def _misfit_figure(of_loss: Mapping[str, Rows], rows: Rows, unit: str, finding: str) -> Figure:
    marks = []
    known = [row for row in rows if all(point_estimate(row[name]) is not None for name in ("gap", "misfit"))]
    for k, loss in enumerate(of_loss):
        mine = [row for row in known if row["loss"] == loss]
        terms = [
            f"misfit {format_cell(row['misfit'], 'nats')}, gap {format_cell(row['gap'], 'signed')}" for row in mine
        ]
        hover = [f"{row['run']}, {loss}: {of_row}" for row, of_row in zip(mine, terms, strict=True)]
        marks.append(Dots(loss, series_style(k), _means(mine, "misfit"), _means(mine, "gap"), hover=hover, size=7))
    high = max(_means(known, "misfit"), default=1.0)
    axes = (Axis(f"predicted gain: misfit, {unit}"), Axis(f"measured gain in risk: gap, {unit}"))
    panel = Panel(*axes, (*marks, Rule(ROLES["gap"], diagonal=True, x=0.0, y=high)))
    columns = (Column("run"), Column("loss"), Column("misfit", "nats"), Column("gap", "signed"))
    table, more = _table("Misfit and gap", known, columns)
    how = "On the line gap = misfit: the student is its teacher's posterior mean." + more
    chart = Chart((panel,), panel_height=380)
    return Figure("misfit-gap", "Predicted against measured gain", chart, finding, how, table)
