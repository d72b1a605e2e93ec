"""The page of an explanation of numbers: where do the students' gains come from, and what else would do?"""

from __future__ import annotations

from outlearn.core.verdict import is_above_zero
from outlearn.report.blocks import Block, TableBlock, Text
from outlearn.report.cells import Column, Table
from outlearn.report.gain_page import bad_news_of_gain, gain_page, steps_after_gain
from outlearn.report.gain_sections import OWN
from outlearn.results.measurement import Withheld
from outlearn.results.number_explanation import NumberControl, NumberExplanation, NumberPointOfGain

__all__ = ["number_explain_page"]


def number_explain_page(found: NumberExplanation) -> str:
    """Return the page as one string of HTML that makes no request."""
    control = found.control
    mean_may_do = isinstance(control, NumberControl) and not is_above_zero(control.student_over)
    said = control.sentence if isinstance(control, NumberControl) and mean_may_do else None
    return gain_page(
        found,
        OWN,
        bad_news=bad_news_of_gain(found, OWN, mean_may_do=said),
        steps=steps_after_gain(found, mean_may_do=mean_may_do, tamer="with a larger penalty"),
        denoising=_control(found.control),
        points=(_points("gain most", found.best), _points("lose most", found.worst)),
    )


def _control(control: NumberControl | Withheld) -> tuple[Block, ...]:
    if isinstance(control, Withheld):
        return (Text(f"Not given: {control.reason}."),)
    columns = (
        Column(""), Column("MSE", "number"), Column("MAE", "number"), Column("R2", "ratio"), Column("Spearman", "ratio")
    )  # fmt: skip
    rows = tuple((row.name, row.mse, row.mae, row.r2, row.spearman) for row in control.rows)
    over = (("a student", control.student_over), ("the mean student", control.mean_student_over))
    risks = Table("Risk of the mean teacher less that of", (Column(""), Column("risk", OWN.signed)), over)
    table = Table("Teachers, their ensembles and students", columns, rows)
    return (Text(control.answer), TableBlock(table), TableBlock(risks))


def _points(what: str, points: tuple[NumberPointOfGain, ...]) -> Table:
    names = ("target", "teacher", "student", "gap", "misfit", "residual")
    columns = (Column("point"), *(Column(name, "number" if k < 3 else OWN.signed) for k, name in enumerate(names)))
    rows = tuple(
        (str(point.id), point.target, point.teacher, point.student, point.gap, point.misfit, point.residual)
        for point in points
    )
    return Table(f"Where students {what}, means over teachers and their students", columns, rows)
