"""The page of an explanation: where do the students' gains over their teachers come from, and what else would do?"""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.core.students.denoising import DenoisingControl
from outlearn.core.verdict import is_above_zero, standing
from outlearn.report.blocks import Block, Listed, Section, TableBlock, Text
from outlearn.report.cells import Cell, Column, Table, format_cell
from outlearn.report.first_screen import FirstScreen, NextStep, Tile, Tone
from outlearn.report.gain_sections import NATS, bias_variance_blocks, gap_figure, posterior_blocks, slice_tables
from outlearn.report.page import render_page
from outlearn.report.wording import counted
from outlearn.results.explanation import Explanation
from outlearn.results.explanation_parts import Control
from outlearn.results.explanation_points import PointOfGain
from outlearn.results.measurement import Withheld

__all__ = ["explain_page"]

TONES: dict[str, Tone] = {"beats": "go", "worse": "stop"}


def explain_page(found: Explanation) -> str:
    """Return the page as one string of HTML that makes no request."""
    gap, words = found.summary.gap, found.directions
    students = counted(found.summary.n_students, "student")
    return render_page(
        title="Where does the student's gain come from?",
        subtitle=f"{students} of {counted(gap.n_models, 'teacher')}, {gap.n_points:,} points. Risk: {words.risk}.",
        first=_first_screen(found),
        sections=tuple(section for section in _sections(found) if section.blocks),
        footer=f"Intervals at {found.level:.0%}. Nothing was trained: predictions as they were given.",
    )


def _first_screen(found: Explanation) -> FirstScreen:
    who = found.sentences[0].removeprefix(found.title).strip(": ")
    return FirstScreen(
        verdict=f"{found.title}.",
        because=f"{who[:1].upper()}{who[1:]}",
        tone=TONES.get(standing(found.against_teacher).outcome, "open"),
        tiles=_tiles(found),
        figure=gap_figure(found, NATS),
        steps=_steps(found),
        bad_news=_bad_news(found),
    )


def _tiles(found: Explanation) -> tuple[Tile, ...]:
    summary, level = found.summary, found.level
    return (
        Tile("Teacher's risk", summary.teacher_risk, "nats", found.directions.risk, "teacher", level),
        Tile("Student's risk", summary.student_risk, "nats", "less is better", "student", level),
        Tile("Misfit", summary.misfit, "nats", found.directions.misfit, "student", level),
        Tile("Residual", summary.residual, "signed", "gap less misfit", "control", level),
    )


def _bad_news(found: Explanation) -> tuple[str, ...]:
    """Say what takes from the gain: ensembles that do as well, copied errors, and what could not be given."""
    news = []
    if isinstance(found.control, Control) and not _beats_ensembles(found.control.table):
        news.append(found.control.sentence)
    if is_above_zero(found.summary.overfit_covariance):
        copied = format_cell(found.summary.overfit_covariance, "nats")
        news.append(f"Students copy part of their own teacher's error: overfit covariance {copied}.")
    if found.summary.gap.n_models < 2:
        news.append("One teacher: nothing here speaks of another one, and its variance is not seen.")
    return tuple(news)


def _beats_ensembles(table: DenoisingControl) -> bool:
    return all(map(is_above_zero, table.accuracy_over.values()))


def _steps(found: Explanation) -> tuple[NextStep, ...]:
    steps = []
    outcome = standing(found.against_teacher).outcome
    if isinstance(found.control, Control) and not _beats_ensembles(found.control.table):
        steps.append(
            NextStep(
                "Try the mean of the teachers first: it needs no student, and the students are not shown to beat it."
            )
        )
    elif outcome == "beats":
        steps.append(NextStep("Use the students in their teachers' place."))
    if found.summary.gap.n_models < 2:
        steps.append(NextStep("Train a second teacher on other labels, and its student: bias and variance need two."))
    if outcome in ("not told apart", "withheld"):
        steps.append(NextStep("Measure on more points, or with more teachers: the interval of the gap says which."))
    if outcome == "worse":
        steps.append(NextStep("Train the students for fewer steps or with more regularisation, and explain again."))
    if isinstance(found.sharpening.students, Withheld) or found.sharpening.students.direction == "undecided":
        return tuple(steps)
    return (*steps, NextStep(found.sharpening.sentence))


def _sections(found: Explanation) -> tuple[Section, ...]:
    best, worst = found.points.best, found.points.worst
    return (
        Section("short", "In short", (Listed(found.sentences),)),
        Section("bias-variance", "Bias and variance", bias_variance_blocks(found, NATS)),
        Section("denoising", "Is this only denoising?", _control(found.control)),
        Section(
            "posterior",
            "The posterior-mean teacher",
            tuple(block for part in found.posterior for block in posterior_blocks(part, NATS)),
            folded=True,
        ),
        Section("blind-spots", "Where students are surely wrong and their teachers unsure", _blind_spots(found)),
        Section("slices", "Slices", tuple(map(TableBlock, slice_tables(found, NATS))), folded=True),
        Section(
            "points",
            "Points where students gain most, and lose most",
            (TableBlock(_points("gain most", best)), TableBlock(_points("lose most", worst))),
            folded=True,
        ),
        Section("notes", "Notes", (Listed(found.notes),) if found.notes else (), folded=True),
    )  # fmt: skip


def _control(control: Control | Withheld) -> tuple[Block, ...]:
    if isinstance(control, Withheld):
        return (Text(f"Not given: {control.reason}."),)
    columns = (Column(""), Column("accuracy, %", "percent"), Column("log loss", "nats"), Column("Brier", "nats"))
    rows = tuple((row.name, row.accuracy, row.log_loss, row.brier) for row in control.table.rows)
    note = f"Scored against {control.labels}; the best teacher was {control.best_teacher}."
    return (
        Text(control.table.answer),
        TableBlock(Table("Teachers, their ensembles and students", columns, rows, (note,))),
    )


def _blind_spots(found: Explanation) -> tuple[Block, ...]:
    spots = found.blind_spots
    if isinstance(spots, Withheld):
        return (Text(f"Not given: {spots.reason}."),)
    rows: tuple[tuple[Cell, ...], ...] = (
        (f"student wrong and sure (p at least {spots.threshold:.3g}), teacher unsure", spots.blind_spot),
        ("wrong, of students sure where their teacher is not", spots.error_where_blind),
        ("student sure of another class than its teacher", spots.confident_disagreement),
        ("right, of these", spots.right_when_disagreeing),
    )
    return (TableBlock(Table("Shares of points, %", (Column(""), Column("%", "percent")), rows)),)


def _points(what: str, points: Sequence[PointOfGain]) -> Table:
    columns = (
        Column("point"), Column("class", "count"), Column("gap", "signed"), Column("misfit", "signed"),
        Column("residual", "signed"), Column("teacher sure", "ratio"), Column("student sure", "ratio"),
        Column("teacher right", "ratio"), Column("student right", "ratio"),
    )  # fmt: skip
    rows = tuple(
        (
            str(point.id), point.target_class, point.gap, point.misfit, point.residual, point.teacher_confidence,
            point.student_confidence, point.teacher_correct, point.student_correct,
        )
        for point in points
    )  # fmt: skip
    return Table(f"Where students {what}, means over teachers and their students", columns, rows)
