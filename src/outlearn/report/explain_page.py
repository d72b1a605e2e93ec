"""The page of an explanation: where do the students' gains over their teachers come from, and what else would do?"""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.core.students.denoising import DenoisingControl
from outlearn.core.verdict import is_above_zero
from outlearn.report.blocks import Block, Section, TableBlock, Text
from outlearn.report.cells import Cell, Column, Table
from outlearn.report.first_screen import NextStep
from outlearn.report.gain_page import bad_news_of_gain, gain_page, steps_after_gain
from outlearn.report.gain_sections import NATS
from outlearn.results.explanation import Explanation
from outlearn.results.explanation_parts import Control
from outlearn.results.explanation_points import PointOfGain
from outlearn.results.measurement import Withheld

__all__ = ["explain_page"]


def explain_page(found: Explanation) -> str:
    """Return the page as one string of HTML that makes no request."""
    control = found.control
    mean_may_do = isinstance(control, Control) and not _beats_ensembles(control.table)
    said = control.sentence if isinstance(control, Control) and mean_may_do else None
    blind = Section("blind-spots", "Where students are surely wrong and their teachers unsure", _blind_spots(found))
    return gain_page(
        found,
        NATS,
        bad_news=bad_news_of_gain(found, NATS, mean_may_do=said),
        steps=_steps(found, mean_may_do),
        denoising=_control(found.control),
        points=(_points("gain most", found.points.best), _points("lose most", found.points.worst)),
        beyond=(blind,),
    )


def _beats_ensembles(table: DenoisingControl) -> bool:
    return all(map(is_above_zero, table.accuracy_over.values()))


def _steps(found: Explanation, mean_may_do: bool) -> tuple[NextStep, ...]:
    steps = steps_after_gain(found, mean_may_do=mean_may_do, tamer="for fewer steps or with more regularisation")
    if isinstance(found.sharpening.students, Withheld) or found.sharpening.students.direction == "undecided":
        return steps
    return (*steps, NextStep(found.sharpening.sentence))


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
