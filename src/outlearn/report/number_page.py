"""The page of one run of numbers: findings on top, then scores, true labels, why, the choice, the points."""

from __future__ import annotations

import numpy as np

from outlearn.core.decomposition.risk_gap import NumberLedger
from outlearn.report.blocks import Facts, Figure, Grid, GridColumn, Listed, Section, TableBlock, Text
from outlearn.report.cells import Cell, Kind, Table, format_cell, point_estimate
from outlearn.report.charts import Axis, Bars, Chart, Dots, Line, Mark, Panel, Rule
from outlearn.report.number_findings import best_of_numbers, headline_of_numbers, number_findings
from outlearn.report.number_summary import describe_numbers
from outlearn.report.number_tables import (
    KINDS,
    number_bias_variance,
    number_differences,
    number_gaps,
    number_rows,
    number_scores,
    penalties_tried,
)
from outlearn.report.page import render_page
from outlearn.report.style import ROLES, series_style
from outlearn.report.wording import counted
from outlearn.results.number_run import NumberRun
from outlearn.results.numbers import NumberEquivalents, NumberResults

__all__ = ["number_figures", "number_page"]

MAX_POINTS = 4000  # as of classes: a page with more rows opens slowly
PER_LOSS = ("student", "gap", "misfit", "residual")


def number_figures(run: NumberRun) -> dict[str, Figure]:
    """Draw every figure of a run, by its key.

    Raises:
        DataError: if the folder's predictions cannot be read.
    """
    found = (_scores(run.results), _gaps(run.results), _curve(run.results), _penalties(run.results), _scatter(run))
    return {figure.key: figure for figure in found if figure is not None}


def number_page(run: NumberRun) -> str:
    """Return the report of one run of numbers as one HTML page; raises as `number_figures` does."""
    results, figures = run.results, number_figures(run)
    measure, task = results.measure, results.task
    scores, about = number_scores(results), (("source", task.source), ("licence", task.licence))
    sections = (
        *([Section("data", "About the data", (Listed(task.caveats),))] if task.caveats else []),
        Section("scores-part", "Who wins", (figures["scores"], TableBlock(_without_parts(scores)))),
        Section(
            "true-labels",
            "What true labels would have done",
            tuple(figures[key] for key in ("label-curve",) if key in figures),
            "The controls, in the table above, are the strong model on the true labels that the teachers learned from. "
            "They, the ceiling and the curve are tuned by cross-validation on the very labels they learn from.",
        ),
        Section(
            "why",
            "Why",
            (figures["gap"], TableBlock(number_bias_variance(results))),
            f"Risk of the teacher less risk of its student is misfit, {measure.misfit}, plus a residual, which is 0 on "
            f"average where the student is the {measure.posterior_mean} posterior mean of its teacher. Order "
            f"{measure.order}; the identity holds to {measure.identity_error:.0e} here.",
        ),
        *([Section("choice", "The choice without labels", (figures["penalties"],))] if "penalties" in figures else []),
        Section(
            "paired",
            "Paired differences",
            (TableBlock(number_differences(results)),),
            "Risk of the other minus risk of the student, on the same points and, for teachers, with its own teacher: "
            "above 0 the student is better.",
        ),
        Section("points", "Point by point", (figures["points-figure"], _ledger(run))),
        Section(
            "setting",
            "What was run",
            (Facts(tuple(pair for pair in (*describe_numbers(results), *about) if pair[1])), *map(Text, task.notes)),
        ),
    )
    return render_page(
        title=f"{task.name}: students against their weak teachers",
        subtitle=_setting(results),
        findings=number_findings(results),
        sections=sections,
        footer=f"outlearn {results.outlearn}, run {run.name}, configuration {results.config_key[:12]}",
    )


def _setting(results: NumberResults) -> str:
    """Say on a line what was run, and in what numbers the errors below are to be read."""
    task = results.task
    who = counted(results.teacher.models, "weak teacher" if task.n_teacher else "labeler")
    sizes = f"{task.n_student:,} points to learn from, {task.n_test:,} to test on"
    return f"{who}, {sizes}; numbers from {task.low:.4g} to {task.high:.4g}, {task.mean:.4g} ± {task.deviation:.4g}."


def _without_parts(table: Table) -> Table:
    """Leave the decomposition to its own figure: narrow enough for a page."""
    return Table(table.title, table.columns[:-3], tuple(row[:-3] for row in table.rows), table.footnotes)


def _scores(results: NumberResults) -> Figure:
    rows = tuple(number_rows(results))
    panels = []
    for metric, title in (("mse", "mean squared error"), ("spearman", "Spearman's correlation")):
        marks: list[Mark] = []
        for role in dict.fromkeys(row.role for row in rows):
            look = "teacher" if role == "best_teacher" else role
            cells = {row.label: row.scores.get(metric) for row in rows if row.role == role}
            marks.append(_dots(look, cells, KINDS[metric]))
        panels.append(Panel(Axis(title), Axis(categories=tuple(row.label for row in rows)), tuple(marks)))
    return Figure(
        "scores",
        "Students against teacher and ceiling",
        Chart(tuple(panels), columns=2, panel_height=max(220, 26 * len(rows)), share_y=True, legend=False),
        number_findings(results)[0],
        "Bars are intervals. Less squared error is better, more correlation is.",
        number_scores(results),
    )


def _gaps(results: NumberResults) -> Figure:
    losses = tuple(results.students)
    misfit, residual, gap = (
        {loss: getattr(student, part) for loss, student in results.students.items()}
        for part in ("misfit", "residual", "gap")
    )
    base = [point_estimate(misfit[loss]) for loss in losses]
    marks: tuple[Mark, ...] = (
        Bars("misfit", ROLES["misfit"], losses, base, hover=[format_cell(misfit[x], "number") for x in losses]),
        Bars(
            "residual",
            ROLES["residual"],
            losses,
            [point_estimate(residual[loss]) for loss in losses],
            base=base,
            hover=[format_cell(residual[x], "signed_number") for x in losses],
            lane=1,
        ),
        _dots("gap", gap, "signed_number"),
        Rule(ROLES["gap"], x=0.0),
    )
    return Figure(
        "gap",
        "Gain in risk = misfit + residual",
        Chart(
            (Panel(Axis(results.measure.unit), Axis(categories=losses), marks),), panel_height=120 + 40 * len(losses)
        ),
        next((said for said in number_findings(results) if said.startswith("Gap = ")), "The gap was not measured."),
        "The misfit bar starts at 0, the residual starts where it ends, and the diamond is their sum, the gap.",
        number_gaps(results),
    )


def _curve(results: NumberResults) -> Figure | None:
    found = results.equivalents
    if not isinstance(found, NumberEquivalents):
        return None
    sizes = [float(at.labels) for at in found.curve]
    ends = [(getattr(at.mse, "low", None), getattr(at.mse, "high", None)) for at in found.curve]
    marks: list[Mark] = [
        Dots(
            "strong model on true labels",
            ROLES["ceiling"],
            sizes,
            [point_estimate(at.mse) or 0.0 for at in found.curve],
            [low for low, _ in ends],
            [high for _, high in ends],
            [f"{at.labels:,} true labels: {format_cell(at.mse, 'number')}" for at in found.curve],
        )
    ]
    for k, (loss, student) in enumerate(results.students.items()):
        level = point_estimate(student.mse)
        marks.append(Line(f"student, {loss}", series_style(k), [sizes[0], sizes[-1]], [level] * 2, [loss] * 2))
    teacher = point_estimate(results.teacher.mse)
    marks += [] if teacher is None else [Rule(ROLES["teacher"], y=teacher)]
    panel = Panel(Axis("true labels", log=True, ticks=tuple(sizes)), Axis("risk on test points"), tuple(marks))
    loss = headline_of_numbers(results)
    said = next((each for each in number_findings(results) if each.startswith("True-label equivalent")), loss)
    return Figure(
        "label-curve",
        "What weak labels are worth",
        Chart((panel,), panel_height=360),
        said,
        "The strong model on n true labels of the student split, its penalty tuned within the n. Dashed: the mean "
        "teacher. These labels serve this comparison alone; no student learned from them.",
    )


def _penalties(results: NumberResults) -> Figure | None:
    found = results.selection
    if found is None:
        return None
    x = [each.penalty for each in found.tried]
    panels = tuple(
        Panel(
            Axis("penalty", log=True),
            Axis(title),
            (
                Line(title, series_style(k), x, [getattr(each, name) for each in found.tried]),
                Rule(ROLES["gap"], x=found.chosen),
            ),
        )
        for k, (name, title) in enumerate((("crossed_misfit", "crossed misfit"), ("concordance", "concordance")))
    )
    said = next((each for each in number_findings(results) if each.startswith("auto chose")), "")
    return Figure(
        "penalties",
        "What other teachers say of each penalty",
        Chart(panels, columns=2, panel_height=280, legend=False),
        said,
        "Students of one teacher against the teachers that did not label them, on points held out; the line marks the "
        "choice. No true label enters.",
        penalties_tried(results),
    )


def _ledgers(run: NumberRun) -> dict[str, NumberLedger]:
    return {loss: run.gap(loss).number_ledger() for loss in run.students}


def _scatter(run: NumberRun) -> Figure:
    loss = best_of_numbers(run.results)
    ledger = run.gap(loss).number_ledger()
    shown = np.linspace(0, len(ledger) - 1, min(len(ledger), 600)).astype(int)
    x = ledger.target[shown].tolist()
    panel = Panel(
        Axis("true number"),
        Axis("predicted"),
        (
            Dots("teachers, mean", ROLES["teacher"], x, ledger.teacher[shown].tolist(), size=5),
            Dots(f"student, {loss}", ROLES["student"], x, ledger.student[shown].tolist(), size=5),
            Rule(ROLES["theory"], diagonal=True),
        ),
    )
    spread = [float(np.nanstd(values)) for values in (ledger.teacher, ledger.student, ledger.target)]
    return Figure(
        "points-figure",
        "Predicted against true",
        Chart((panel,), panel_height=380),
        f"Standard deviation of what is said: teachers' mean {spread[0]:.3g}, student {spread[1]:.3g}; of the true "
        f"numbers {spread[2]:.3g}. Predictions with less spread lean towards the mean.",
        "On the diagonal a prediction is right.",
    )


def _ledger(run: NumberRun) -> Grid:
    ledgers, points = _ledgers(run), run.predictions.points
    first = best_of_numbers(run.results)
    gap = ledgers[first].gap
    order = np.argsort(gap, kind="stable")[: np.count_nonzero(~np.isnan(gap))]
    half = MAX_POINTS // 2
    kept = np.arange(len(gap)) if len(gap) <= MAX_POINTS else np.sort(np.concatenate([order[:half], order[-half:]]))
    rows: list[list[Cell]] = []
    for i in kept.tolist():
        of_point = ledgers[first]
        numbers = [_rounded(of_point.target[i]), _rounded(of_point.teacher[i])]
        rows.append([points[i].id, points[i].text[:2000], *numbers, *[None] * len(PER_LOSS)])
    kinds: dict[str, Kind] = {"student": "number"}
    return Grid(
        key="ledger",
        title="Every test point",
        caption="Where students gain most over their teachers, and where they lose most.",
        columns=(
            GridColumn("id"),
            GridColumn("text"),
            GridColumn("target", "number"),
            GridColumn("teachers", "number", "mean of what they say"),
            *(GridColumn(name, kinds.get(name, "signed_number")) for name in PER_LOSS),
        ),
        rows=rows,
        sort_by="gap",
        descending=True,
        variants={
            loss: [[_rounded(getattr(ledger, name)[i]) for name in PER_LOSS] for i in kept.tolist()]
            for loss, ledger in ledgers.items()
        },
        variant_columns=PER_LOSS,
        first_variant=first,
        orders=(("best first", "gap", True), ("worst first", "gap", False)),
    )


def _dots(role: str, cells: dict[str, Cell], kind: Kind) -> Dots:
    labels = [label for label, cell in cells.items() if point_estimate(cell) is not None]
    ends = [(getattr(cells[label], "low", None), getattr(cells[label], "high", None)) for label in labels]
    return Dots(
        role,
        ROLES[role],
        [point_estimate(cells[label]) or 0.0 for label in labels],
        labels,
        [low for low, _ in ends],
        [high for _, high in ends],
        [f"{label}: {format_cell(cells[label], kind)}" for label in labels],
        horizontal=True,
    )


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
