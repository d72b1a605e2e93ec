"""What true labels would have done instead: the controls, the ceiling that is none, and what weak labels are worth."""

from __future__ import annotations

from outlearn.core.labelers.combinations import COMBINATIONS
from outlearn.core.students.equivalents import Equivalent
from outlearn.core.text import counted
from outlearn.core.verdict import has_interval, is_above_zero, is_below_zero
from outlearn.report.blocks import Figure
from outlearn.report.cells import Cell, Column, Table, format_cell, format_number, point_estimate
from outlearn.report.charts import Axis, Chart, Dots, Line, Mark, Panel, Rule
from outlearn.report.style import ROLES, series_style
from outlearn.report.wording import compare_words, name_list, signed_points, size_in_points
from outlearn.results.numbers import NumberEquivalents
from outlearn.results.run import NotTrained, RunResults, TrueLabelModels
from outlearn.results.true_labels import Equivalents, Worth
from outlearn.results.verdict import NOT_COMPARED

__all__ = [
    "ceiling_finding", "control_finding", "controls_beat_all", "label_curve_figure", "worth_finding", "worth_in_words",
]  # fmt: skip


def ceiling_finding(results: RunResults) -> str:
    """Say who is above the ceiling, if anyone is shown to be: then it is none, whatever it is called."""
    above = results.ceiling.exceeded_by
    if not above:
        return ""
    names = {
        f"ensemble_{name}": f"the {COMBINATIONS[name].of_teachers if name in COMBINATIONS else name}"
        for name in results.ensembles
    }
    said = [f"{names.get(name, name)} by {size_in_points(difference)}" for name, difference in above.items()]
    verb = "is" if len(said) == 1 else "are"
    return (
        f"The ceiling is none: {name_list(said)} {verb} shown to be above the strong model on "
        f"{results.ceiling.labels:,} true labels, and so no PGR is given."
    )


def controls_beat_all(results: RunResults) -> bool:
    """Say whether the strong model on the teachers' own true labels is shown to beat the students of every loss."""
    against = [student.differences.get("own_labels", NOT_COMPARED) for student in results.students.values()]
    return bool(against) and all(map(is_below_zero, against))


def control_finding(results: RunResults, loss: str) -> str:
    """Compare the students of a loss with the strong model on the true labels that their teachers had."""
    own, every = results.controls.own_labels, results.controls.all_labels
    if not isinstance(own, TrueLabelModels):
        return ""
    versus = results.students[loss].differences.get("own_labels", NOT_COMPARED)
    untuned = "" if own.tuning is not None else ", not tuned,"
    whose = "each teacher's own" if results.teacher.models > 1 else "the teacher's own"
    said = f"The strong model trained on {whose} {own.labels:,} true labels{untuned} gets {_percent(own)}%"
    if controls_beat_all(results):
        words = f"{said}, more than every weak-label student: {loss} is {size_in_points(versus)} below"
    elif is_below_zero(versus):
        words = f"{said}, {size_in_points(versus)} more than {loss}"
    elif is_above_zero(versus):
        words = f"{said}, which {loss} beats by {size_in_points(versus)}"
    else:
        words = f"{said}: {compare_words(versus, loss, 'that')}"
    if results.teacher.models > 1 and isinstance(every, TrueLabelModels):
        versus_all = results.students[loss].differences.get("all_labels", NOT_COMPARED)
        words += f"; on the {every.labels:,} of all teachers, {_percent(every)}% ({loss}: {signed_points(versus_all)})"
    return words + "."


def worth_finding(results: RunResults, loss: str) -> str:
    """Say how many true labels the weak labels of a loss's students are worth."""
    found = results.equivalents
    if isinstance(found, NotTrained) or loss not in found.worth:
        return ""
    had = "" if found.teacher_labels is None else f"; each teacher was trained on {found.teacher_labels:,}"
    if results.teacher.models == 1:
        had = had.replace("each teacher", "the teacher")
    return (
        f"True-label equivalent: to the students of {loss}, weak labels of {results.task.n_student:,} points are worth "
        f"{worth_in_words(found.worth[loss], found)} true ones of such points{had}."
    )


def worth_in_words(worth: Worth, found: Equivalents | NumberEquivalents) -> str:
    """Write a number of true labels with its interval; what lies beyond the curve is named by its end.

    Examples:
        >>> curve = Equivalents(curve=(), worth={}, teacher_labels=None)
        >>> worth_in_words(Worth(labels=183.4, low=121.9, high=260.2), curve)
        '183 [122, 260]'
    """
    fewest, most = (found.curve[0].labels, found.curve[-1].labels) if found.curve else (0, 0)
    return Equivalent(worth.labels, worth.beyond, worth.low, worth.high, worth.reason).in_words(fewest, most)


def label_curve_figure(results: RunResults, loss: str) -> Figure | None:
    """Show the strong model over its number of true labels, and where weak-label students stand; None without one."""
    found = results.equivalents
    if isinstance(found, NotTrained):
        return None
    sizes = [float(at.labels) for at in found.curve]
    means = [_of_100(at.accuracy) for at in found.curve]
    hover = [
        f"{at.labels:,} true labels, {counted(at.draws, 'draw')}: {format_cell(at.accuracy, 'percent')}"
        for at in found.curve
    ]
    ends = [at.accuracy if has_interval(at.accuracy) else None for at in found.curve]
    low, high = ([None if end is None else 100 * getattr(end, side) for end in ends] for side in ("low", "high"))
    marks: list[Mark] = [
        Line("smoothed", ROLES["ceiling"], sizes, [100 * at.smoothed for at in found.curve], hover, markers=False),
        Dots("strong model on true labels", ROLES["ceiling"], sizes, [m or 0.0 for m in means], low, high, hover),
    ]
    fixed = [name for name in results.students if name != loss]
    best = max(fixed, key=lambda name: point_estimate(results.students[name].accuracy) or 0.0, default=None)
    every = tuple(results.students)
    for name in (name for name in (loss, best) if name is not None):
        level = _of_100(results.students[name].accuracy)
        text = f"{name}: {format_cell(results.students[name].accuracy, 'percent')}"
        marks.append(
            Line(f"student, {name}", series_style(every.index(name)), [sizes[0], sizes[-1]], [level] * 2, [text] * 2)
        )
    teacher = point_estimate(results.teacher.accuracy)
    if teacher is not None:
        marks.append(Rule(ROLES["teacher"], y=100 * teacher))
    if found.teacher_labels is not None:
        marks.append(Rule(ROLES["teacher"], x=float(found.teacher_labels)))
    panel = Panel(Axis("true labels", log=True, ticks=tuple(sizes)), Axis("accuracy, % of test points"), tuple(marks))
    return Figure(
        "label-curve",
        "What weak labels are worth",
        Chart((panel,), panel_height=360),
        worth_finding(results, loss),
        "The strong model on n true labels of the student split, logistic regression tuned within the n: the mean over "
        "draws with its interval, and the nearest curve that never falls. Dashed: the mean teacher, and how many true "
        "labels each had. These labels serve this comparison alone; no student learned from them.",
        _worth_table(results, found),
    )


def _worth_table(results: RunResults, found: Equivalents) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (loss, results.students[loss].accuracy, worth_in_words(worth, found)) for loss, worth in found.worth.items()
    )
    columns = (Column("loss"), Column("accuracy", "percent"), Column("worth in true labels"))
    return Table("True-label equivalents", columns, rows)


def _percent(models: TrueLabelModels) -> str:
    return format_number(point_estimate(models.accuracy), "percent")


def _of_100(cell: Cell) -> float | None:
    mean = point_estimate(cell)
    return None if mean is None else 100 * mean
