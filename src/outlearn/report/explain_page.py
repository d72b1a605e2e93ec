"""The page of an explanation: where do the students' gains over their teachers come from, and what else would do?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from outlearn.core.intervals import Interval
from outlearn.core.students.denoising import DenoisingControl
from outlearn.core.verdict import is_above_zero, standing
from outlearn.report.blocks import Block, Figure, Listed, Section, TableBlock, Text
from outlearn.report.cells import Cell, Column, Table, format_cell
from outlearn.report.charts import Axis, Bars, Chart, Dots, Panel, Rule
from outlearn.report.first_screen import FirstScreen, NextStep, Tile, Tone
from outlearn.report.page import render_page
from outlearn.report.style import ROLES
from outlearn.report.wording import counted
from outlearn.results.explanation import Explanation
from outlearn.results.explanation_parts import Control, Decomposition, GainSplit, PosteriorMeanSummary
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
        figure=_gap_figure(found),
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


def _gap_figure(found: Explanation) -> Figure:
    """Show gap = misfit + residual for all points, and in slices by the teachers' confidence."""
    summary = found.summary
    rows: list[tuple[str, Interval, Interval, Interval]] = [
        ("all points", summary.gap, summary.misfit, summary.residual)
    ]
    for table in found.slices[:1]:
        rows += [
            (f"{table.by.replace('_', ' ')} {name}", table.gap[k], table.misfit[k], table.residual[k])
            for k, name in enumerate(table.names)
        ]
    rows = [row for row in rows if all(math.isfinite(part.mean) for part in row[1:])]
    names = tuple(row[0] for row in rows)
    terms = tuple(Column(name, "signed") for name in ("gap", "misfit", "residual"))
    misfits, residuals = [row[2].mean for row in rows], [row[3].mean for row in rows]
    marks = (
        Bars("misfit", ROLES["misfit"], names, misfits, hover=_hover("misfit", names, [row[2] for row in rows])),
        Bars(
            "residual", ROLES["residual"], names, residuals, misfits,
            _hover("residual", names, [row[3] for row in rows]), lane=1,
        ),
        _gaps(names, [row[1] for row in rows]),
        Rule(ROLES["gap"], x=0.0),
    )  # fmt: skip
    return Figure(
        "gap",
        "Gap = misfit + residual",
        Chart((Panel(Axis(found.directions.risk), Axis(categories=names), marks),), panel_height=60 + 28 * len(rows)),
        f"Of a gap of {format_cell(summary.gap, 'signed')}, misfit is {format_cell(summary.misfit, 'nats')} and the "
        f"residual {format_cell(summary.residual, 'signed')}.",
        "The misfit bar starts at 0, the residual starts where it ends, and the diamond is their sum, the gap, with "
        "its interval.",
        Table("Gap = misfit + residual", (Column("points"), *terms), tuple(rows)),
    )


def _gaps(names: tuple[str, ...], gaps: Sequence[Interval]) -> Dots:
    def end(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return Dots(
        "gap", ROLES["gap"], [gap.mean for gap in gaps], names, [end(gap.low) for gap in gaps],
        [end(gap.high) for gap in gaps], _hover("gap", names, gaps), horizontal=True,
    )  # fmt: skip


def _hover(term: str, names: Sequence[str], values: Sequence[Interval]) -> list[str]:
    return [f"{name}: {term} {format_cell(value, 'signed')}" for name, value in zip(names, values, strict=True)]


def _sections(found: Explanation) -> tuple[Section, ...]:
    best, worst = found.points.best, found.points.worst
    return (
        Section("short", "In short", (Listed(found.sentences),)),
        Section("bias-variance", "Bias and variance", _bias_variance(found)),
        Section("denoising", "Is this only denoising?", _control(found.control)),
        Section(
            "posterior",
            "The posterior-mean teacher",
            tuple(block for part in found.posterior for block in _posterior(part)),
            folded=True,
        ),
        Section("blind-spots", "Where students are surely wrong and their teachers unsure", _blind_spots(found)),
        Section("slices", "Slices", tuple(map(TableBlock, _slices(found))), folded=True),
        Section(
            "points",
            "Points where students gain most, and lose most",
            (TableBlock(_points("gain most", best)), TableBlock(_points("lose most", worst))),
            folded=True,
        ),
        Section("notes", "Notes", (Listed(found.notes),) if found.notes else (), folded=True),
    )  # fmt: skip


def _bias_variance(found: Explanation) -> tuple[Block, ...]:
    columns = (Column(""), *(Column(name, "nats") for name in ("risk", "noise", "bias", "variance")))
    rows = [_parts(kind) for kind in found.decompositions]
    rows += [(f"{each.name} (this one)", each.risk, None, None, None) for each in found.ensembles]
    blocks: list[Block] = [TableBlock(Table("Corrected by the jackknife", columns, tuple(rows)))]
    if isinstance(found.gain, GainSplit):
        gain = (("bias removed", found.gain.bias_removed), ("variance removed", found.gain.variance_removed))
        table = Table("The gap = bias removed + variance removed", (Column(""), Column("nats", "signed")), gain)
        blocks.append(TableBlock(table))
    else:
        blocks.append(Text(f"What was removed is not given: {found.gain.reason}."))
    return tuple(blocks)


def _parts(kind: Decomposition) -> tuple[Cell, ...]:
    parts = kind.parts
    if isinstance(parts, Withheld):
        return (kind.name, parts, parts, parts, parts)
    return (kind.name, parts.total, parts.noise, parts.bias, parts.variance)


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


def _posterior(part: PosteriorMeanSummary) -> tuple[Block, ...]:
    if isinstance(part.terms, Withheld):
        return (Text(f"{part.method}: not given: {part.terms.reason}."),)
    rows: tuple[tuple[Cell, ...], ...] = (
        ("misfit", part.terms.misfit),
        ("distance from the student to it", part.terms.distance),
        ("conditional variance of the teacher about it", part.terms.conditional_variance),
        ("residual with it in the teacher's place", part.terms.residual),
        ("which is at most, in size", part.terms.residual_bound),
    )
    table = Table(f"By the method {part.method}", (Column(""), Column("nats", "signed")), rows)
    return (Text(f"{part.method}: assumes that {part.assumption}."), TableBlock(table))


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


def _slices(found: Explanation) -> Iterator[Table]:
    names = ("teacher's risk", "student's risk", "gap", "misfit", "residual")
    for table in found.slices:
        terms = (table.teacher_risk, table.student_risk, table.gap, table.misfit, table.residual)
        by = table.by.replace("_", " ")
        columns = (Column(by), Column("points", "count"), *(Column(name, "signed") for name in names))
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (name, table.n_points[i], *(term[i] for term in terms)) for i, name in enumerate(table.names)
        )
        yield Table(f"By {by}", columns, rows)


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
