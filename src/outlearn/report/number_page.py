"""The page of one run of numbers: a first screen, then everything that was measured, behind headings that open."""

from __future__ import annotations

import shlex

import numpy as np
import yaml

from outlearn.core.decomposition.ledger import NumberLedger
from outlearn.core.text import counted
from outlearn.report.blocks import Block, Code, Facts, Folded, Grid, GridColumn, Listed, Section, TableBlock, Text
from outlearn.report.cells import Cell, Kind, Table
from outlearn.report.first_screen import about_the_data
from outlearn.report.interval_tables import interval_blocks
from outlearn.report.number_figures import number_figures
from outlearn.report.number_findings import best_of_numbers, number_findings
from outlearn.report.number_first_screen import number_first_screen
from outlearn.report.number_summary import describe_numbers
from outlearn.report.number_tables import number_bias_variance, number_differences, number_scores
from outlearn.report.page import render_page
from outlearn.results.number_run import NumberRun
from outlearn.results.numbers import NumberResults

__all__ = ["number_page"]

MAX_POINTS = 4000  # as of classes: a page with more rows opens slowly
PER_LOSS = ("student", "gap", "misfit", "residual")


INTERVALS = (
    "Those of students are the mean of the students of a loss +- a quantile of its errors on the true numbers of the "
    "validation points (split conformal): they hold the truth of new points as often as stated, on average over "
    "points. Any level can be asked of the student that was kept: outlearn predict RUN NEW --interval 0.9."
)


def number_page(run: NumberRun) -> str:
    """Return the report of one run of numbers as one HTML page; raises as `number_figures` does."""
    results = run.results
    return render_page(
        title=f"{results.task.name}: does the student beat its labeler?",
        subtitle=_setting(results),
        first=number_first_screen(run),
        sections=(*about_the_data(results.task.caveats), *_sections(run)),
        footer=f"outlearn {results.outlearn}, run {run.name}, configuration {results.config_key[:12]}",
    )


def _setting(results: NumberResults) -> str:
    """Say on a line what was run: a reader must know it before the findings."""
    task = results.task
    who = counted(results.teacher.models, "labeler" if task.n_teacher == 0 else "weak teacher")
    sizes = f"{task.n_student:,} points to learn from, {task.n_test:,} to test on"
    numbers = f"numbers from {task.low:.4g} to {task.high:.4g}"
    return f"{who}, {sizes}; {numbers}."


def _sections(run: NumberRun) -> tuple[Section, ...]:
    results, figures = run.results, number_figures(run)
    measure, of_intervals = results.measure, (*results.intervals.values(), *results.given_intervals)

    def chosen(*keys: str) -> tuple[Block, ...]:
        return tuple(figures[key] for key in keys if key in figures)

    def part(key: str, heading: str, blocks: tuple[Block, ...], lead: str = "") -> Section:
        return Section(key, heading, blocks, lead, folded=True)

    scores = TableBlock(_without_parts(number_scores(results)))
    return (
        part("found", "Everything that was found", (Listed(number_findings(results)),)),
        part("scores-part", "Who wins", (*chosen("scores"), scores)),
        part(
            "paired",
            "Paired differences",
            (TableBlock(number_differences(results)),),
            "Risk of the other minus risk of the student, on the same points and, for teachers, with its own teacher: "
            "above 0 the student is better.",
        ),
        part(
            "true-labels",
            "What true labels would have done",
            chosen("label-curve"),
            "The controls are the student's model on the true labels that the teachers learned from. They, the ceiling "
            "and the curve are tuned by cross-validation on the very labels they learn from.",
        ),
        part(
            "why",
            "Why",
            (*chosen("gap"), TableBlock(number_bias_variance(results)), *chosen("path")),
            f"Risk of the teacher less risk of its student is misfit, {measure.misfit}, plus a residual, which is 0 on "
            f"average where the student is the {measure.posterior_mean} posterior mean of its teacher. Order "
            f"{measure.order}; the identity holds to {measure.identity_error:.0e} here.",
        ),
        *([part("choice", "The choice without labels", chosen("penalties"))] if "penalties" in figures else []),
        *([part("intervals", "Intervals", interval_blocks(of_intervals), INTERVALS)] if of_intervals else []),
        part("points", "Point by point", (*chosen("points-figure"), _ledger(run))),
        part("setting", "What was run", _what_was_run(run)),
    )


def _what_was_run(run: NumberRun) -> tuple[Block, ...]:
    results, task = run.results, run.results.task
    facts = tuple((name, value) for name, value in describe_numbers(results) if value)
    about = tuple((name, value) for name, value in (("source", task.source), ("licence", task.licence)) if value)
    again = f"outlearn run {shlex.quote(str(run.folder / 'config.yaml'))}"
    configuration = yaml.safe_dump(dict(run.config), sort_keys=False, allow_unicode=True)
    return (
        Facts((*facts, *about)),
        *map(Text, task.notes),
        Code("The command that gives this run again", again),
        Folded("Configuration", (Code("config.yaml", configuration),)),
    )


def _without_parts(table: Table) -> Table:
    """Leave the decomposition to its own figure: narrow enough for a page."""
    return Table(table.title, table.columns[:-3], tuple(row[:-3] for row in table.rows), table.footnotes)


def _ledgers(run: NumberRun) -> dict[str, NumberLedger]:
    return {loss: run.gap(loss).number_ledger() for loss in run.students}


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


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
