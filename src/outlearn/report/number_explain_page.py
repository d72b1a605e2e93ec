"""The page of an explanation of numbers: where do the students' gains come from, and what else would do?"""

from __future__ import annotations

from outlearn.core.verdict import is_above_zero, standing
from outlearn.report.blocks import Block, Listed, Section, TableBlock, Text
from outlearn.report.cells import Column, Table, format_cell
from outlearn.report.first_screen import FirstScreen, NextStep, Tile, Tone
from outlearn.report.gain_sections import OWN, bias_variance_blocks, gap_figure, posterior_blocks, slice_tables
from outlearn.report.page import render_page
from outlearn.report.wording import counted
from outlearn.results.measurement import Withheld
from outlearn.results.number_explanation import NumberControl, NumberExplanation, NumberPointOfGain

__all__ = ["number_explain_page"]

TONES: dict[str, Tone] = {"beats": "go", "worse": "stop"}


def number_explain_page(found: NumberExplanation) -> str:
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


def _first_screen(found: NumberExplanation) -> FirstScreen:
    summary, level = found.summary, found.level
    who = found.sentences[0].removeprefix(found.title).strip(": ")
    return FirstScreen(
        verdict=f"{found.title}.",
        because=f"{who[:1].upper()}{who[1:]}",
        tone=TONES.get(standing(found.against_teacher).outcome, "open"),
        tiles=(
            Tile("Teacher's risk", summary.teacher_risk, OWN.value, found.directions.risk, "teacher", level),
            Tile("Student's risk", summary.student_risk, OWN.value, "less is better", "student", level),
            Tile("Misfit", summary.misfit, OWN.value, found.directions.misfit, "student", level),
            Tile("Residual", summary.residual, OWN.signed, "gap less misfit", "control", level),
        ),
        figure=gap_figure(found, OWN),
        steps=_steps(found),
        bad_news=_bad_news(found),
    )


def _mean_may_do(found: NumberExplanation) -> bool:
    return isinstance(found.control, NumberControl) and not is_above_zero(found.control.student_over)


def _bad_news(found: NumberExplanation) -> tuple[str, ...]:
    """Say what takes from the gain: a mean that does as well, copied errors, and what could not be given."""
    news = []
    if isinstance(found.control, NumberControl) and _mean_may_do(found):
        news.append(found.control.answer)
    if is_above_zero(found.summary.overfit_covariance):
        copied = format_cell(found.summary.overfit_covariance, OWN.value)
        news.append(f"Students copy part of their own teacher's error: overfit covariance {copied}.")
    if found.summary.gap.n_models < 2:
        news.append("One teacher: nothing here speaks of another one, and its variance is not seen.")
    return tuple(news)


def _steps(found: NumberExplanation) -> tuple[NextStep, ...]:
    steps = []
    outcome = standing(found.against_teacher).outcome
    if _mean_may_do(found):
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
        steps.append(NextStep("Train the students with a larger penalty, and explain again."))
    return tuple(steps)


def _sections(found: NumberExplanation) -> tuple[Section, ...]:
    return (
        Section("short", "In short", (Listed(found.sentences),)),
        Section("bias-variance", "Bias and variance", bias_variance_blocks(found, OWN)),
        Section("denoising", "Is this only denoising?", _control(found.control)),
        Section(
            "posterior",
            "The posterior-mean teacher",
            tuple(block for part in found.posterior for block in posterior_blocks(part, OWN)),
            folded=True,
        ),
        Section("slices", "Slices", tuple(map(TableBlock, slice_tables(found, OWN))), folded=True),
        Section(
            "points",
            "Points where students gain most, and lose most",
            (TableBlock(_points("gain most", found.best)), TableBlock(_points("lose most", found.worst))),
            folded=True,
        ),
        Section("notes", "Notes", (Listed(found.notes),) if found.notes else (), folded=True),
    )  # fmt: skip


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
