"""The page of a preflight report: will my student beat my labeler, how sure is that, what next?"""

from __future__ import annotations

import math
import shlex

from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.text import counted
from outlearn.core.verdict import is_below_zero
from outlearn.report.blocks import Block, Facts, Listed, Section, TableBlock, Text
from outlearn.report.cells import Cell, Column, Table
from outlearn.report.first_screen import FirstScreen, NextStep, Tile, Tone
from outlearn.report.labels_to_draw import label_steps, strata_table
from outlearn.report.page import render_page
from outlearn.report.preflight_figures import vote_figure, width_figure
from outlearn.report.selection import label_gain_table
from outlearn.report.wording import signed_points
from outlearn.results.measurement import Withheld
from outlearn.results.next_labels import NextLabels
from outlearn.results.preflight import Preflight
from outlearn.results.preflight_parts import CHECKS
from outlearn.results.shares import one_minus, within_ends

__all__ = ["TONES", "preflight_page"]

TONES: dict[str, Tone] = {"gain": "go", "no gain": "stop", "unrelated labels": "stop"}
POINTS_SHOWN = 25  # of each kind; the others are in points_to_check.csv


def preflight_page(found: Preflight) -> str:
    """Return the page as one string of HTML that makes no request."""
    return render_page(
        title="Will my student beat my labeler?",
        subtitle=_subtitle(found),
        first=_first_screen(found),
        sections=tuple(section for section in _sections(found) if section.blocks),
        footer=f"Intervals at {level_in_words(found.level)}, over points, for these labelers. Seed {found.seed}.",
    )


def _subtitle(found: Preflight) -> str:
    who = "one labeler, asked again" if found.asked_twice else counted(len(found.labelers), "labeler")
    classes = ", ".join(found.class_names[:6]) + (", ..." if len(found.class_names) > 6 else "")
    return f"{found.source}: {who}, {found.n_points:,} points, {len(found.class_names)} classes ({classes})."


def _first_screen(found: Preflight) -> FirstScreen:
    return FirstScreen(
        verdict=f"{found.verdict.title}.",
        because=found.verdict.because,
        tone=TONES.get(found.verdict.key, "open"),
        tiles=_tiles(found),
        figure=vote_figure(found),
        steps=_steps(found),
        bad_news=_bad_news(found),
    )


def _tiles(found: Preflight) -> tuple[Tile, ...]:
    truth, student, level = found.truth, found.student, found.level
    if isinstance(truth, Withheld):
        first = Tile("Two labels agree", one_minus(found.disagreement), note="of a point, from two labelers")
        bias: Interval | Withheld = truth
    else:
        first = Tile("A label is right", one_minus(truth.error), note=f"by {truth.n_labels:,} true labels")
        bias = truth.shared_bias
    tiles = [first]
    if student is not None:
        measured = not isinstance(student.true_gain, Withheld)
        value, how = (student.true_accuracy, "is right") if measured else (student.accuracy, "gives the shared answer")
        gain = student.true_gain if measured else student.gain
        over = "in accuracy, measured with true labels" if measured else "on the answer that labelers share"
        tiles += [
            Tile("The student", within_ends(value), note=f"{how}, on points it did not see", role="student"),
            Tile("Gain over a labeler", gain, "points", note=f"points, {over}", role="student"),
        ]
    else:
        tiles.append(Tile("A labeler misses", within_ends(found.missed), note="the answer that labelers share"))
    tiles.append(
        Tile("Shared mistakes", within_ends(bias), note="how often the shared answer is wrong", role="control")
    )
    return tuple(Tile(t.name, t.value, t.kind, t.note, t.role or "teacher", level) for t in tiles)


def _bad_news(found: Preflight) -> tuple[str, ...]:
    """Say what speaks against the verdict, or against the labels: doubts, a vote that does better, shared mistakes."""
    news = list(found.warnings)
    student = found.student
    if student is not None:
        over = student.over_vote if isinstance(student.true_over_vote, Withheld) else student.true_over_vote
        if is_below_zero(over):
            news.append(f"Where all labelers answer, their vote does better than the student: {signed_points(over)}.")
    if not isinstance(found.truth, Withheld) and found.truth.removable.high < 0.5:
        news.append("Most of the error is shared by the labelers: neither more of them nor a student removes it.")
    return tuple(news)


def _steps(found: Preflight) -> tuple[NextStep, ...]:
    source = shlex.quote(found.source)
    steps = [NextStep(sentence) for sentence in found.verdict.advice]
    if found.verdict.key in ("gain", "gain unless shared bias"):
        steps.append(NextStep("To train it:", f"outlearn run {source}"))
    aim = "gain" if found.students else "accuracy"
    known = not isinstance(found.truth, Withheld)
    steps += label_steps(
        f"outlearn preflight {source}", found.next_labels, truth_is_known=known, kind=NextLabels, aim=aim
    )
    return tuple(steps)


def _sections(found: Preflight) -> tuple[Section, ...]:
    drawn = found.next_labels
    return (
        Section("labelers", "The labelers", (TableBlock(_labelers(found)),)),
        Section(
            "error",
            "How wrong a label is, and what of it a student can remove",
            (TableBlock(_error(found)),),
            "Labelers that miss the answer they share do so by accident: a vote or a student removes that. Where the "
            "shared answer is wrong, both inherit it.",
        ),
        Section("rates", "Rates, corrected for the labels' errors", _rates(found)),
        Section("students", "Students of these labels, on points they did not see", _students(found)),
        Section(
            "next-labels",
            "What to label next",
            (width_figure(drawn), TableBlock(strata_table(drawn)), *_taught(found))
            if isinstance(drawn, NextLabels)
            else (),
        ),
        Section("points", "Points to check by hand", _points(found), folded=True),
        Section("assumptions", "What this takes for granted", (Listed(found.assumptions),), folded=True),
        Section("notes", "Notes", (Listed(found.notes),) if found.notes else (), folded=True),
    )


def _labelers(found: Preflight) -> Table:
    with_error = any(isinstance(row.error, Interval) for row in found.labelers)
    columns = (
        Column("labeler"), Column("labels", "count"), Column("agrees with another, %", "percent"),
        Column("misses the shared answer, %", "percent"),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (row.name, row.n_labels, within_ends(row.agreement), within_ends(row.missed), within_ends(row.error))
        for row in found.labelers
    ]
    if not with_error:
        return Table("Labelers", columns, tuple(row[:-1] for row in rows))
    return Table("Labelers", (*columns, Column("is wrong, %", "percent")), tuple(rows))


def _error(found: Preflight) -> Table:
    truth, bounds = found.truth, found.missed_bounds
    rows: list[tuple[Cell, ...]] = [
        ("two labels of a point differ", within_ends(found.disagreement), ""),
        ("so the mean error is at least", within_ends(found.least_error), "whatever the errors are"),
        ("variance: the shared answer is missed", within_ends(found.missed), _between(bounds.low, bounds.high)),
        ("no answers agree with the labels more than", within_ends(found.ceiling), "self-agreement ceiling"),
    ]
    if isinstance(truth, Withheld):
        rows.append(("shared bias: the shared answer is wrong", truth, truth.reason))
    else:
        rows += [
            (
                "shared bias: the shared answer is wrong",
                within_ends(truth.shared_bias),
                f"{truth.n_labels:,} true labels",
            ),
            ("error of a label", within_ends(truth.error), ""),
            ("share of the error that is variance", within_ends(truth.removable), ""),
        ]
    return Table("Error of a label, %", (Column(""), Column("%", "percent"), Column("")), tuple(rows))


def _rates(found: Preflight) -> tuple[Block, ...]:
    if isinstance(found.rates, Withheld):
        return ()
    columns = (
        Column(""), Column("as labeled, %", "percent"), Column("true labels alone, %", "percent"),
        Column("corrected, %", "percent"), Column("Rogan-Gladen, %", "percent"),
    )  # fmt: skip
    rows = tuple(
        (rate.name, rate.as_labeled, rate.true_alone, rate.corrected, rate.rogan_gladen) for rate in found.rates.rates
    )
    return (TableBlock(Table(f"By {found.rates.n_true:,} true labels", columns, rows)),)


def _inherited(found: Preflight) -> tuple[Block, ...]:
    part = found.inheritance
    if isinstance(part, Withheld):
        return ()
    rows: tuple[tuple[Cell, ...], ...] = (
        ("error of a label", part.error),
        ("variance, which a student can remove", part.variance),
        ("bias that the student repeats", part.repeated),
        ("bias that it does not repeat", part.not_repeated),
        ("the student is wrong", part.student_error),
    )
    measure = (Column(""), Column("%", "percent"))
    return (TableBlock(Table(f"What the {part.student} inherits, in half squared distance", measure, rows)),)


def _between(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{100 * low:.1f} to {100 * high:.1f} for any noise"


def _students(found: Preflight) -> tuple[Block, ...]:
    if not found.students:
        return (Text(f"None: {found.encoder.reason}." if isinstance(found.encoder, Withheld) else "None."),)
    shared = Table(
        "On the answer that labelers share",
        (
            Column("student"), Column("gives it, %", "percent"), Column("gain over a labeler, points", "points"),
            Column("over a vote, points", "points"),
        ),
        tuple((each.name, within_ends(each.accuracy), each.gain, each.over_vote) for each in found.students),
    )  # fmt: skip
    blocks: list[Block] = [Facts((("they see", str(found.encoder)),)), TableBlock(shared)]
    if not isinstance(found.truth, Withheld):
        blocks.append(TableBlock(_in_truth(found)))
    blocks += _inherited(found)
    if found.more_labels:
        rows = tuple((at.n_points, within_ends(at.accuracy)) for at in found.more_labels)
        columns = (Column("points seen", "count"), Column("gives the shared answer, %", "percent"))
        blocks.append(TableBlock(Table("Would more points help?", columns, rows)))
    return tuple(blocks)


def _in_truth(found: Preflight) -> Table:
    columns = (
        Column("student"), Column("is right, %", "percent"), Column("gain over a labeler, points", "points"),
        Column("over a vote, points", "points"), Column("the gain foreseen without them was off by", "points"),
    )  # fmt: skip
    rows = tuple(
        (each.name, within_ends(each.true_accuracy), each.true_gain, each.true_over_vote, each.off)
        for each in found.students
    )
    return Table("With true labels", columns, rows)


def _taught(found: Preflight) -> tuple[Block, ...]:
    """Show what the labels that are drawn would teach a student."""
    gain = found.label_gain
    return (Text(found.taught), *(() if isinstance(gain, Withheld) else (TableBlock(label_gain_table(gain)),)))


def _points(found: Preflight) -> tuple[Block, ...]:
    columns = ("id", "labelers say", "students say", "why")
    blocks: list[Block] = []
    for kind, why in CHECKS.items():
        points = [point for point in found.points_to_check if point.kind == kind]
        rows = tuple((point.id, point.vote, point.student or "", point.reason) for point in points[:POINTS_SHOWN])
        if rows:
            blocks.append(TableBlock(Table(f"{kind}: {why}", tuple(map(Column, columns)), rows)))
            if len(points) > len(rows):
                blocks.append(Text(f"And {len(points) - len(rows):,} more in points_to_check.csv."))
    return tuple(blocks)
