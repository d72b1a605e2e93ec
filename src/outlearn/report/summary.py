"""The text that a run prints: what was run, one table, how to read it, what was found.

It is plain text, good in a file and in a terminal of 80 columns and more: a table that is too wide is cut between
columns into blocks that repeat the first column, never between digits.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Mapping
from typing import Any

from outlearn.report.cells import Cell, Column, Estimate, Table, estimate_of, format_cell, format_number
from outlearn.report.findings import findings
from outlearn.report.tables import loss_names, main_table, risk_unit
from outlearn.report.wording import level_of

__all__ = ["describe", "summary_text", "text_table"]

Results = Mapping[str, Any]
_WITH_INTERVAL = ("accuracy", "PGR")


def summary_text(results: Results, *, width: int = 110) -> str:
    """Write the summary of a run as plain text.

    Args:
        results: the content of results.json.
        width: columns to fit into; at least 60.

    Returns:
        Lines of at most `width` columns, except where one cell alone is wider.
    """
    width = max(width, 60)
    lines = [f"{name + ':':<10}{value}" for name, value in describe(results)]
    head = [line for text in lines for line in _wrapped(text, width, indent=" " * 10)]
    table, notes = _plain(main_table(results))
    body = text_table(table, width=width)
    legend = [line for text in _legend(results) for line in _wrapped(text, width)]
    footnotes = [line for note in notes for line in _wrapped(note, width, indent="    ")]
    found = [line for text in findings(results) for line in _wrapped("- " + text, width, indent="  ")]
    parts = [head, [body, *footnotes], legend, ["What was found", *found]]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def describe(results: Results) -> tuple[tuple[str, str], ...]:
    """Say in pairs of a name and a value what was run, on what."""
    task = results.get("task") or {}
    unit = "pairs" if task.get("task") == "preference" else "points"
    names = [textwrap.shorten(str(name), 30, placeholder="…") for name in task.get("class_names") or []]
    classes = f"{task.get('n_classes')} classes"
    if names and len(names) <= 10:
        classes += f" ({', '.join(names)})"
    kind = "preference pairs" if task.get("task") == "preference" else f"classification, {classes}"
    sizes = ", ".join(
        f"{format_number(estimate_of(task.get(f'n_{split}')).mean, 'count')} {split}"
        + (_without_label(task) if split == "student" else "")
        for split in ("teacher", "student", "validation", "test")
    )
    n_teachers = results["teacher"].get("models")
    losses = loss_names(results)
    trained = sum(len((results["students"][loss].get("accuracy") or {}).get("each") or ()) for loss in losses)
    ceiling = results.get("ceiling") or {}
    n_ceilings = ceiling.get("models") or estimate_of(ceiling.get("accuracy")).n_models
    losses_in_words = "1 loss" if len(losses) == 1 else f"{len(losses)} losses"
    found = [
        ("task", f"{task.get('name')}, {kind}"),
        (unit, sizes),
        ("teachers", f"{n_teachers} weak {'teacher' if n_teachers == 1 else 'teachers'}"),
        (
            "students",
            f"{trained or 'strong students'}, one for each teacher, loss and seed; {losses_in_words}",
        ),
    ]
    if n_ceilings:
        found.append(("ceiling", f"{n_ceilings} strong students trained on {_true_labels(ceiling, task)}"))
    return tuple(found)


def _without_label(task: Mapping[str, Any]) -> str:
    count = task.get("n_unlabelled")
    return f" ({format_number(count, 'count')} of them without a true label)" if count else ""


def _true_labels(ceiling: Mapping[str, Any], task: Mapping[str, Any]) -> str:
    """Say what the ceilings learned from: PGR means what it says where that is as much as the students had."""
    labels, points = ceiling.get("labels"), task.get("n_student")
    if labels is None or points is None or labels >= points:
        return "the true labels"
    had = f"where students had {format_number(points, 'count')} points"
    return f"{format_number(labels, 'count')} true labels only, {had}, so that PGR is rather too high"


def text_table(table: Table, *, width: int = 110) -> str:
    """Write a table as aligned plain text, cut between columns where it is wider than `width`.

    Example:
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
        lines = [
            "  ".join([_left(columns[0][i], widths[0]), *(_right(columns[j][i], widths[j]) for j in block)]).rstrip()
            for i in kept
        ]
        rule = "-" * min(max(map(_columns_of, lines)), width)
        texts.append("\n".join([lines[0], rule, *lines[1:]]))
    return "\n\n".join(texts)


def _plain(table: Table) -> tuple[Table, list[str]]:
    """Turn the main table into text cells and footnotes.

    Gap, misfit and residual become one column that reads as the identity it is. Intervals stay where they fit: accuracy
    and PGR. A cell without a value or without its interval points to a footnote with the reason.
    """
    notes: dict[str, int] = {}

    def shown(cell: Cell, column: Column) -> str:
        with_interval = column.name in _WITH_INTERVAL
        text = format_cell(cell, column.kind, intervals=with_interval)
        if isinstance(cell, Estimate) and cell.reason and (with_interval or cell.mean is None):
            note = f"{'no interval' if cell.mean is not None else 'withheld'}: {cell.reason}."
            text += f" ({notes.setdefault(note, len(notes) + 1)})"
        return text

    columns = (*(Column(column.name) for column in table.columns[:-3]), Column("gap = misfit + residual"))
    rows = tuple(
        (*(shown(cell, column) for cell, column in zip(row[:-3], table.columns[:-3], strict=True)), _identity(row[-3:]))
        for row in table.rows
    )
    return Table(table.title, columns, rows), [f"({number}) {note}" for note, number in notes.items()]


def _identity(cells: tuple[Cell, ...]) -> str | None:
    gap, misfit, residual = (cell.mean if isinstance(cell, Estimate) else None for cell in cells)
    if gap is None or misfit is None or residual is None:
        return None
    sign = "+" if residual >= 0 else "-"
    return f"{gap:.3f} = {misfit:.3f} {sign} {abs(residual):.3f}"


def _legend(results: Results) -> tuple[str, ...]:
    misfit = (results.get("measure") or {}).get("misfit") or "KL(student || teacher)"
    return (
        f"accuracy, AUROC, ECE (calibration error) and agreement in %; log loss in nats, gap in {risk_unit(results)}; "
        f"[..] {level_of(results)} interval for {_population(results)}. PGR = (student - teacher) / "
        "(ceiling - teacher). agreement: how often a student repeats its own teacher. gap = risk of the teacher - risk "
        f"of its student; misfit = {misfit}.",
    )


def _population(results: Results) -> str:
    """Say what the students' intervals are for: other teachers can only be spoken of where several were seen."""
    record: Mapping[str, Any] = next(iter((results.get("students") or {}).values()), {})
    over = (record.get("accuracy") or {}).get("over", "models and points")
    return "new test points, with this very labeller" if over == "points" else "new teachers and new test points"


def _wrapped(text: str, width: int, *, indent: str = "") -> list[str]:
    clean = "".join(c if c.isprintable() else " " for c in text)
    return textwrap.wrap(clean, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def _transposed(table: Table) -> list[list[str]]:
    rows = [["".join(c if c.isprintable() else " " for c in cell) for cell in row] for row in table.text_rows()]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in table.columns]


def _columns_of(text: str) -> int:
    """Count terminal columns: wide characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _left(text: str, width: int) -> str:
    return text + " " * (width - _columns_of(text))


def _right(text: str, width: int) -> str:
    return " " * (width - _columns_of(text)) + text
