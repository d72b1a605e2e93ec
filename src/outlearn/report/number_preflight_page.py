"""The page of a report on labelers' numbers: in short, the labelers, their error, averages, students."""

from __future__ import annotations

from outlearn.core.text import counted
from outlearn.report.blocks import Block, Listed, Section, TableBlock, Text
from outlearn.report.cells import Cell, Column, Table
from outlearn.report.page import render_page
from outlearn.results.measurement import Withheld
from outlearn.results.number_preflight import NumberPreflight

__all__ = ["number_preflight_page"]


def number_preflight_page(found: NumberPreflight) -> str:
    """Return the page as one string of HTML that makes no request."""
    return render_page(
        title="What do these numbers teach a student?",
        subtitle=f"{counted(len(found.labelers), 'labeler')}, {found.n_points:,} points, {found.source}.",
        findings=found.sentences,
        sections=(
            Section("error", "Error of a number", (TableBlock(_error(found)),)),
            Section("averages", "What averaging leaves", _averages(found)),
            Section("students", "Students, on points they did not see", _students(found)),
            Section("labelers", "Labelers", (TableBlock(_labelers(found)),)),
            Section("notes", "Notes", (Listed(found.notes),)),
        ),
        footer=f"Intervals at {found.level:.0%}.",
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
    names = ("from the shared answer", "gain", "squared error", "gain by true numbers")
    columns = (Column("student of"), *(Column(name, "number") for name in names))
    rows = tuple((each.of, each.from_shared, each.gain, each.error, each.true_gain) for each in found.students)
    return (Text(f"They see {found.encoder}."), TableBlock(Table("Ridge students", columns, rows)))


def _labelers(found: NumberPreflight) -> Table:
    names = ("mean", "deviation", "less others", "correlation", "squared error", "mean error")
    columns = (Column("labeler"), Column("points", "count"), *(Column(name, "number") for name in names))
    rows = tuple(
        (each.name, each.n_points, each.mean, each.deviation, each.offset, each.correlation, each.mse, each.bias)
        for each in found.labelers
    )
    return Table("Labelers", columns, rows)
