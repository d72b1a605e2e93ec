"""The text that a run prints: what was run, one table, how to read it, what was found.

It is plain text, good in a file and in a terminal of 80 columns and more: a table that is too wide is cut between
columns into blocks that repeat the first column, never between digits.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Collection

from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.text import counted, printable, wrapped
from outlearn.report.cells import Cell, Column, Table, format_cell, point_estimate
from outlearn.report.findings import findings
from outlearn.report.tables import main_table, metrics_in_tables
from outlearn.report.tuned_baselines import tuned_table
from outlearn.report.wording import name_list
from outlearn.results.measurement import Withheld
from outlearn.results.run import RunResults, TrueLabelModels

__all__ = ["describe", "plain_table", "summary_text", "text_table"]

WITH_INTERVAL = ("accuracy", "PGR")


def summary_text(results: RunResults, *, width: int = 110) -> str:
    """Write the summary of a run in lines of at most `width` columns, or 60, except where one cell alone is wider."""
    width = max(width, 60)
    table, notes = plain_table(main_table(results), WITH_INTERVAL, "{:.3f}".format)
    parts = [
        [wrapped(f"{name + ':':<10}{value}", rest=" " * 10, width=width) for name, value in describe(results)],
        [text_table(table, width=width), *(wrapped(note, rest="    ", width=width) for note in notes)],
        [wrapped(_legend(results), width=width)],
        *([_tuned(results, width)] if results.tuned_baselines else []),
        ["What was found", *(wrapped(said, first="- ", rest="  ", width=width) for said in findings(results))],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _tuned(results: RunResults, width: int) -> list[str]:
    """Write the tuned baselines without intervals, but for `auto` against them."""
    table = tuned_table(results)
    if table is None:
        return []
    kept = [j for j, column in enumerate(table.columns) if column.kind != "points"]
    rows = tuple(tuple(format_cell(row[j], table.columns[j].kind, intervals=False) for j in kept) for row in table.rows)
    plain = Table(table.title, tuple(Column(table.columns[j].name) for j in kept), rows)
    return [table.title, text_table(plain, width=width), *(wrapped(note, width=width) for note in table.footnotes[:1])]


def describe(results: RunResults) -> tuple[tuple[str, str], ...]:
    """Say in pairs of a name and a value what was run, on what."""
    task, n_teachers, losses = results.task, results.teacher.models, len(results.students)
    classes = f"{task.n_classes} classes"
    if 0 < len(task.class_names) <= 10:
        classes += f" ({', '.join(textwrap.shorten(name, 30, placeholder='…') for name in task.class_names)})"
    kind = "preference pairs" if task.point == "pair" else f"classification, {classes}"
    unlabeled = f" ({task.n_unlabeled:,} of them without a true label)" if task.n_unlabeled else ""
    sizes = (
        *([f"{task.n_teacher:,} teacher"] if task.n_teacher else []),
        f"{task.n_student:,} student{unlabeled}",
        f"{task.n_validation:,} validation",
        f"{task.n_test:,} test",
    )
    of_losses = "1 loss" if losses == 1 else f"{losses} losses"
    trained = sum(student.models for student in results.students.values())
    ceilings = counted(results.ceiling.models, "strong student")
    return (
        ("task", f"{task.name}, {kind}"),
        (f"{task.point}s", ", ".join(sizes)),
        ("teachers", f"{n_teachers} weak {'teacher' if n_teachers == 1 else 'teachers'}"),
        ("students", f"{trained or 'strong students'}, one for each labeler, loss and seed; {of_losses}"),
        ("ceiling", f"{ceilings} trained on {_true_labels(results)}; {_chosen(results)}"),
        *(("note", caveat) for caveat in task.caveats),
    )


def _true_labels(results: RunResults) -> str:
    """Say what the ceilings learned from: PGR means what it says where that is as much as the students had."""
    labels, points = results.ceiling.labels, results.task.n_student
    if labels >= points:
        return "the true labels"
    return f"{labels:,} true labels only, where students had {points:,} points, so that PGR is rather too high"


def _chosen(results: RunResults) -> str:
    """Say how the ceilings were chosen."""
    tuning = results.ceiling.tuning
    if tuning is None:
        return "as configured, not tuned"
    return f"chosen by cross-validation on those, among {tuning.members}"


def text_table(table: Table, *, width: int = 110) -> str:
    """Write a table as aligned plain text, cut between columns where it is wider than `width`.

    Examples:
        >>> print(text_table(Table("", (Column("who"), Column("accuracy", "percent")), (("mae", 0.75), ("ce", None)))))
        who  accuracy
        -------------
        mae      75.0
        ce          —
    """
    columns = [[column.name, *cells] for column, cells in zip(table.columns, _transposed(table), strict=True)]
    widths = [max(map(_columns_of, cells)) for cells in columns]
    blocks: list[list[int]] = [[]]
    used = widths[0]
    for j in range(1, len(columns)):
        if blocks[-1] and used + 2 + widths[j] > width:
            blocks.append([])
            used = widths[0]
        blocks[-1].append(j)
        used += 2 + widths[j]
    texts = []
    for block in blocks:
        # A row that says nothing in a later block is left out of it.
        kept = [i for i in range(len(table.rows) + 1) if block is blocks[0] or any(columns[j][i] != "—" for j in block)]
        lines = ["  ".join(_padded(columns[j][i], widths[j], left=j > 0) for j in (0, *block)).rstrip() for i in kept]
        rule = "-" * min(max(map(_columns_of, lines)), width)
        texts.append("\n".join([lines[0], rule, *lines[1:]]))
    return "\n\n".join(texts)


def plain_table(
    table: Table, with_interval: Collection[str], number: Callable[[float], str]
) -> tuple[Table, list[str]]:
    """Turn a table of scores into text cells and footnotes.

    Its last three columns, gap, misfit and residual, become one that reads as the identity it is. Intervals stay where
    they fit: in the columns named. A cell without a value or without its interval points to a footnote with the reason.
    """
    notes: dict[str, int] = {}

    def shown(cell: Cell, column: Column) -> str:
        intervals = column.name in with_interval
        text = format_cell(cell, column.kind, intervals=intervals)
        if isinstance(cell, Withheld):
            note = f"withheld: {cell.reason}."
        elif isinstance(cell, Interval) and cell.reason and intervals:
            note = f"no interval: {cell.reason}."
        else:
            return text
        return f"{text} ({notes.setdefault(note, len(notes) + 1)})"

    def identity(cells: tuple[Cell, ...]) -> str | None:
        gap, misfit, residual = map(point_estimate, cells)
        if gap is None or misfit is None or residual is None:
            return None
        return f"{number(gap)} = {number(misfit)} {'+' if residual >= 0 else '-'} {number(abs(residual))}"

    columns = (*(Column(column.name) for column in table.columns[:-3]), Column("gap = misfit + residual"))
    rows = tuple(
        (*(shown(cell, column) for cell, column in zip(row[:-3], table.columns[:-3], strict=True)), identity(row[-3:]))
        for row in table.rows
    )
    return Table(table.title, columns, rows), [f"({at}) {note}" for note, at in notes.items()]


def _legend(results: RunResults) -> str:
    metrics = metrics_in_tables(results)
    shares = [f"{m.label} ({m.abbreviates})" if m.abbreviates else m.label for m in metrics if m.unit == "percent"]
    others = [f"{m.label} in {m.unit}" for m in metrics if m.unit != "percent"]
    measure = results.measure
    trained = isinstance(results.controls.own_labels, TrueLabelModels)
    control = "; control: on those that the teachers learned from" if trained else ""
    return (
        f"{name_list([*shares, 'agreement'])} in %; {', '.join([*others, f'gap in {measure.unit}'])}; "
        f"[..] {level_in_words(measure.level)} interval for {_population(results)}. PGR = (student - teacher) / "
        f"(ceiling - teacher). ceiling: the strong model on the true labels of the student split{control}. agreement: "
        "how often a student repeats its own teacher. gap = risk of the teacher - risk of its student; "
        f"misfit = {measure.misfit}."
        + (" Who beats whom is said of these very labelers, for new test points." if results.teacher.given else "")
    )


def _population(results: RunResults) -> str:
    """Say what the students' intervals are for: other teachers can only be spoken of where several were seen."""
    over_points = [
        loss
        for loss, student in results.students.items()
        if isinstance(student.accuracy, Interval) and student.accuracy.over.startswith("points")
    ]
    if over_points and results.teacher.models == 1:
        return "new test points, with this very labeler"
    given = f"; of {name_list(over_points)} for new test points, given these teachers' labels" if over_points else ""
    return f"{results.teacher.population} and new test points{given}"


def _transposed(table: Table) -> list[list[str]]:
    rows = [[printable(cell) for cell in row] for row in table.text_rows()]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in table.columns]


def _columns_of(text: str) -> int:
    """Count terminal columns: wide characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _padded(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - _columns_of(text))
    return space + text if left else text + space
