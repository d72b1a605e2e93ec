"""Figures of a run of numbers: who scored what, gap = misfit + residual, true labels, the choice, the points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from outlearn.core.intervals import level_in_words
from outlearn.report.blocks import Figure
from outlearn.report.cells import Cell, Kind, format_cell, point_estimate
from outlearn.report.charts import Axis, Bars, Chart, Dots, Line, Mark, Panel, Rule
from outlearn.report.number_findings import (
    best_of_numbers,
    choice_of_numbers,
    headline_of_numbers,
    who_predicts_best,
    why_numbers,
    worth_of_numbers,
)
from outlearn.report.number_tables import KINDS, NumberRow, number_gaps, number_rows, number_scores, penalties_tried
from outlearn.report.style import ROLES, series_style
from outlearn.report.training_figure import path_figure
from outlearn.results.number_run import NumberRun
from outlearn.results.numbers import NumberEquivalents, NumberResults

__all__ = ["first_number_figure", "number_figures"]


def number_figures(run: NumberRun) -> dict[str, Figure]:
    """Draw every figure of a run, by its key.

    Raises:
        DataError: if the folder's predictions cannot be read.
    """
    results = run.results
    found = (
        _scores(results), _gaps(results), path_figure(results, tuple(results.students)), _curve(results),
        _penalties(results), _scatter(run),
    )  # fmt: skip
    return {figure.key: figure for figure in found if figure is not None}


def first_number_figure(results: NumberResults) -> Figure:
    """Show the few that a reader asks for first: labelers, the headline and the best loss, controls, ceiling."""
    shown = {id(results.students[loss]) for loss in (headline_of_numbers(results), best_of_numbers(results))}
    every = tuple(number_rows(results))
    combined = [row for row in every if row.role == "ensemble"]
    best = min(combined, key=lambda row: point_estimate(row.scores.get("mse")) or math.inf, default=None)
    rows = [
        row
        for row in every
        if row.role in ("teacher", "control", "ceiling") or row is best or (row.student and id(row.student) in shown)
    ]
    return Figure(
        "first",
        "Who is how far off",
        Chart((_mse_panel(rows),), panel_height=max(150, 32 * len(rows)), legend=False),
        f"Mean squared error on {results.task.n_test:,} test points, less is better, with "
        f"{level_in_words(results.measure.level)} intervals.",
        "Dashed lines mark the mean teacher and the ceiling. Intervals that overlap decide nothing: who beats whom is "
        "told by paired differences.",
    )


def _mse_panel(rows: Sequence[NumberRow]) -> Panel:
    marks: list[Mark] = []
    for role in dict.fromkeys(row.role for row in rows):
        scores = {row.label: row.scores.get("mse") for row in rows if row.role == role}
        marks.append(_dots("teacher" if role == "best_teacher" else role, scores, "number"))
    for row in rows:
        mean = point_estimate(row.scores.get("mse"))
        if row.role in ("teacher", "ceiling") and mean is not None:
            marks.append(Rule(ROLES[row.role], x=mean))
    return Panel(Axis("mean squared error"), Axis(categories=tuple(row.label for row in rows)), tuple(marks))


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
        who_predicts_best(results, headline_of_numbers(results)),
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
        why_numbers(results, headline_of_numbers(results)) or "The gap was not measured.",
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
    return Figure(
        "label-curve",
        "What weak labels are worth",
        Chart((panel,), panel_height=360),
        worth_of_numbers(results, headline_of_numbers(results)),
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
    return Figure(
        "penalties",
        "What other teachers say of each penalty",
        Chart(panels, columns=2, panel_height=280, legend=False),
        choice_of_numbers(results),
        "Students of one teacher against the teachers that did not label them, on points held out; the line marks the "
        "choice. No true label enters.",
        penalties_tried(results),
    )


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
