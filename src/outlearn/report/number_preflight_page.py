"""The page of a report on labelers' numbers: in short, the labelers, their error, averages, students."""

from __future__ import annotations

import shlex

from outlearn.core.intervals import level_in_words
from outlearn.core.text import counted
from outlearn.report.blocks import Block, Listed, Section, TableBlock, Text
from outlearn.report.cells import Cell, Column, Table
from outlearn.report.first_screen import FirstScreen, NextStep, Tile
from outlearn.report.interval_tables import interval_blocks
from outlearn.report.labels_to_draw import label_steps, strata_table
from outlearn.report.page import render_page
from outlearn.report.preflight_page import TONES
from outlearn.results.measurement import Withheld
from outlearn.results.next_labels import NUMBER_AIMS, NumberNextLabels
from outlearn.results.number_preflight import NumberPreflight

__all__ = ["number_preflight_page"]


def number_preflight_page(found: NumberPreflight) -> str:
    """Return the page as one string of HTML that makes no request."""
    return render_page(
        title="Will my student beat my labeler?",
        subtitle=f"{counted(len(found.labelers), 'labeler')}, {found.n_points:,} points, {found.source}.",
        first=_first_screen(found),
        sections=(
            Section("in-short", "In short", (Listed(found.sentences),)),
            Section("error", "Error of a number", (TableBlock(_error(found)),)),
            *(
                (Section("intervals", "Do the labelers' intervals hold?", interval_blocks(found.intervals)),)
                if found.intervals
                else ()
            ),
            *(
                (Section("next-labels", "What to label next", _next_labels(found.next_labels)),)
                if isinstance(found.next_labels, NumberNextLabels)
                else ()
            ),
            Section("averages", "What averaging leaves", _averages(found)),
            Section("students", "Students, on points they did not see", _students(found)),
            Section("labelers", "Labelers", (TableBlock(_labelers(found)),)),
            Section("notes", "Notes", (Listed(found.notes),)),
        ),
        footer=f"Intervals at {level_in_words(found.level)}.",
    )


def _first_screen(found: NumberPreflight) -> FirstScreen:
    return FirstScreen(
        verdict=f"{found.verdict.title}.",
        because=found.verdict.because,
        tone=TONES.get(found.verdict.key, "open"),
        tiles=_tiles(found),
        steps=_steps(found),
        bad_news=tuple(each.sentences[0] for each in found.intervals if each.holds is False),
    )


def _tiles(found: NumberPreflight) -> tuple[Tile, ...]:
    truth, student, level = found.truth, found.student, found.level
    bias = truth if isinstance(truth, Withheld) else truth.shared_bias
    tiles = [
        Tile("A labeler varies by", found.variance, "number", "squared, about the shared answer", "teacher", level)
    ]
    if student is not None:
        measured = not isinstance(student.true_over_labeler, Withheld)
        where = "squared error, by true numbers" if measured else "squared distance from the shared answer"
        value = student.error if measured else student.from_shared
        tiles += [
            Tile("The student", value, "number", where, "student", level),
            Tile("Gain over a labeler", student.best_over_labeler, "signed_number", f"in {where}", "student", level),
        ]
    return (*tiles, Tile("Shared bias", bias, "number", "squared; no average removes it", "control", level))


def _steps(found: NumberPreflight) -> tuple[NextStep, ...]:
    command = f"outlearn preflight {shlex.quote(found.source)} --numbers"
    aim = "error" if found.student is None else "gain"
    known = not isinstance(found.truth, Withheld)
    return (
        *(NextStep(sentence) for sentence in found.verdict.advice),
        *label_steps(command, found.next_labels, truth_is_known=known, kind=NumberNextLabels, aim=aim),
    )


def _next_labels(drawn: NumberNextLabels) -> tuple[Block, ...]:
    columns = (Column("true numbers", "count"), Column("by strata, ±", "number"), Column("at random, ±", "number"))
    rows = tuple((at.n_labels, at.by_strata, at.random) for at in drawn.widths)
    return (
        Text(drawn.sentence),
        TableBlock(Table(f"Interval to expect of {NUMBER_AIMS[drawn.aim]}", columns, rows)),
        TableBlock(strata_table(drawn)),
    )


def _error(found: NumberPreflight) -> Table:
    rows: list[tuple[Cell, ...]] = [
        ("variance about the shared answer", found.variance),
        ("correlation of two labelers", found.agreement),
    ]
    truth = found.truth
    if not isinstance(truth, Withheld):
        rows += [
            (f"squared error of a number, {truth.n_points:,} true numbers", truth.error),
            ("R2 of a number", truth.r2),
            ("shared bias, squared", truth.shared_bias),
            ("squared error of the mean of all", truth.of_mean),
            ("mean error", truth.offset),
            ("slope of the true number on the mean", truth.slope),
            ("correlation of both", truth.correlation),
        ]
    reasons = (truth.reason,) if isinstance(truth, Withheld) else ()
    return Table("Variance, and shared bias", (Column(""), Column("value", "number")), tuple(rows), reasons)


def _averages(found: NumberPreflight) -> tuple[Block, ...]:
    if not found.averaged:
        return (Text("Not given: one labeler."),)
    columns = (
        Column("labelers", "count"), Column("variance left", "number"), Column("squared error", "number"),
        Column("reliability", "ratio"),
    )  # fmt: skip
    rows = tuple((each.labelers, each.variance, each.error, each.reliability) for each in found.averaged)
    return (TableBlock(Table("The mean of M labelers", columns, rows)),)


def _students(found: NumberPreflight) -> tuple[Block, ...]:
    if isinstance(found.encoder, Withheld):
        return (Text(f"None: {found.encoder.reason}."),)
    names = (
        "from the shared answer", "gain over its labels", "over a labeler", "squared error", "R2",
        "gain over its labels, by true numbers", "over a labeler, by true numbers",
    )  # fmt: skip
    columns = (Column("student of"), *(Column(name, "number") for name in names))
    rows = tuple(
        (
            each.of, each.from_shared, each.gain, each.over_labeler, each.error, each.r2, each.true_gain,
            each.true_over_labeler,
        )
        for each in found.students
    )  # fmt: skip
    return (Text(f"They see {found.encoder}."), TableBlock(Table("Ridge students", columns, rows)))


def _labelers(found: NumberPreflight) -> Table:
    names = ("mean", "deviation", "less others", "correlation", "squared error", "mean error")
    columns = (Column("labeler"), Column("points", "count"), *(Column(name, "number") for name in names))
    rows = tuple(
        (each.name, each.n_points, each.mean, each.deviation, each.offset, each.correlation, each.mse, each.bias)
        for each in found.labelers
    )
    return Table("Labelers", columns, rows)
