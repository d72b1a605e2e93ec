"""Texts made of several columns, and of one answer out of several: how a question with its answers becomes a point.

The name of a text column that has fields in braces is a template, such as `{title} {content}`. One field may list
alternatives, `{correct|wrong1|wrong2}`: a fair coin, thrown for each record by the seed, shows the right one or one of
the others, and the label says which it was. The right one is the first, or the one whose number, counted from 0, is in
the label column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import cell_value
from outlearn.data.raw_table import RawTable
from outlearn.data.wording import kind_of
from outlearn.errors import suggest

__all__ = ["ANSWER_CLASSES", "fill_templates", "template_columns"]

FIELD = re.compile(r"\{([^{}]+)\}")
ANSWER_CLASSES = ("wrong", "right")


def template_columns(name: str) -> tuple[str, ...]:
    """List the columns that a template reads; none if the name is that of a column.

    Examples:
        >>> template_columns("Q: {question} A: {correct|wrong}"), template_columns("text")
        (('question', 'correct', 'wrong'), ())
    """
    return tuple(column for field in FIELD.findall(name) for column in field.split("|"))


def fill_templates(table: RawTable, names: Sequence[str], label: str, errors: InputErrors, *, seed: int) -> RawTable:
    """Add a column for each template among the names of text columns, under the template's own name.

    With alternatives, its label column holds 0 for a wrong answer and 1 for the right one; the seed is of the coin and
    of the choice among wrong answers.
    """
    templates = [name for name in names if name not in table.columns and FIELD.search(name)]
    fields = [field for name in templates for field in FIELD.findall(name) if "|" in field]
    for name in templates:
        for column in template_columns(name):
            if column not in table.columns:
                errors.add(f"no column {column!r} for the template {name!r}; {suggest(column, table.columns)}")
    if len(fields) > 1 or (fields and len(names) > 1):
        errors.add(f"{len(fields)} fields list alternatives ({', '.join(fields)}); expected one, in data.text_column.")
    if errors or not templates:
        return table
    columns, class_names = dict(table.columns), table.class_names
    shown: dict[str, list[Any]] = {}
    if fields:
        shown[fields[0]], columns[label] = _answers(table, fields[0].split("|"), label, errors, seed)
        class_names = ANSWER_CLASSES
    for name in templates:
        parts = FIELD.split(name)  # text, field, text, field, ..., text
        cells = [shown.get(part, table.columns.get(part)) if i % 2 else None for i, part in enumerate(parts)]
        columns[name] = [
            "".join(
                part if column is None else _text(column[row], part, at, errors)
                for part, column in zip(parts, cells, strict=True)
            )
            for row, at in enumerate(table.positions)
        ]
    return replace(table, columns=columns, class_names=class_names)


def _text(cell: Any, field: str, at: int, errors: InputErrors) -> str:
    """Read a cell: nothing is an empty text, and a number is written out."""
    if cell is None:
        return ""
    if isinstance(cell, str | int | float):
        return str(cell)
    errors.add(f"is a {kind_of(cell)}; expected a text.", at=at, column=field)
    return ""


def _answers(
    table: RawTable, alternatives: list[str], label: str, errors: InputErrors, seed: int
) -> tuple[list[Any], list[int]]:
    """Choose the answer to show in each record, and say whether it is the right one."""
    # A stream of its own: data.limit and the slots of pairs have theirs.
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[1])
    n, k = len(table), len(alternatives)
    heads, steps = rng.integers(0, 2, n).tolist(), rng.integers(1, k, n).tolist()
    rights = [0] * n
    if label in table.columns:
        for row, (cell, at) in enumerate(zip(table.columns[label], table.positions, strict=True)):
            value = cell_value(cell)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < k:
                errors.add(
                    f"is {cell!r}; with the alternatives {'|'.join(alternatives)} it is the number of the right one, "
                    f"0 to {k - 1}. Drop records without an answer.",
                    at=at,
                    column=label,
                )
            else:
                rights[row] = value
    shown = []
    for row, (right, head, step, at) in enumerate(zip(rights, heads, steps, table.positions, strict=True)):
        column = alternatives[right if head else (right + step) % k]
        cell = table.columns[column][row]
        if cell is None or not str(cell).strip():
            errors.add("is empty. Fill it or drop the record.", at=at, column=column)
        shown.append(cell)
    return shown, heads
