"""Turn a column of labels into classes: whole numbers, names, or distributions.

Nothing is guessed: a column is of one of these kinds, or the error names the line that differs. An empty cell means a
point without a label, of which students alone can learn.
"""

from __future__ import annotations

import json
import math
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from outlearn.data.problems import Problems
from outlearn.data.records import Records
from outlearn.data.spellings import refuse_two_spellings
from outlearn.data.task import SUM_TOLERANCE, UNLABELLED
from outlearn.errors import suggest

__all__ = ["LARGEST", "Labels", "cell_value", "distribution", "parse_labels"]

# Up to 15 digits a whole number is exact as a float; Python refuses to read thousands of them.
LARGEST = 10**15
WHOLE_NUMBER = re.compile(r"[+-]?\d{1,15}(\.0*)?")
DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?")
# What programs write for a missing number. Among names it may be the name of a class; among numbers it is none.
BLANKS = ("n/a", "na", "nan", "none", "null")


@dataclass(frozen=True, eq=False)
class Labels:
    """Hold parsed labels.

    Attributes:
        class_names: in label order.
        labels: int64 `[points]`; of a distribution the most probable class, the first if several are; -1 if missing.
        target: float64 `[points, classes]` if distributions were given, nan if missing; else None.
    """

    class_names: tuple[str, ...]
    labels: Int64[np.ndarray, " points"]
    target: Float[np.ndarray, "points classes"] | None


def cell_value(cell: object) -> Any:
    """Read one cell: None if missing, a list, a mapping, a bool, an int, a float, or a stripped string.

    Strings of a text file are read as the number, list or object that they spell.

    Example:
        >>> cell_value(" 1 "), cell_value("[0.25, 0.75]"), cell_value("pos"), cell_value(float("nan"))
        (1, [0.25, 0.75], 'pos', None)
    """
    if isinstance(cell, str):
        text = cell.strip()
        if text[:1] in ("[", "{"):
            try:
                return json.loads(text)
            except ValueError:
                return text
        if WHOLE_NUMBER.fullmatch(text):
            return int(float(text)) if "." in text else int(text)
        return float(text) if DECIMAL.fullmatch(text) else text or None
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    if isinstance(cell, int):
        return cell
    if isinstance(cell, numbers.Real):
        value = float(cell)
        if math.isnan(value):
            return None
        return int(value) if value.is_integer() else value
    if isinstance(cell, np.ndarray | tuple):
        return list(cell)
    return cell


def parse_labels(records: Records, column: str, problems: Problems) -> Labels | None:
    """Parse a column of labels.

    - whole numbers, counted from 0 or from 1 without a gap;
    - names, in alphabetical order; true and false are names;
    - distributions: a list of one number a class, or an object from class name to number.

    A label is missing if its cell is empty, is -1 where the format marks it so, or is a list of nan. The classes are
    those of the labels that are there.

    Args:
        records: the table. If it declares `class_names`, whole numbers index them.
        column: name of the column.
        problems: what is wrong is added here.

    Returns:
        The labels, or None if there was a problem.
    """
    cells = records.columns[column]
    there = [row for row, cell in enumerate(cells) if not _is_missing(cell_value(cell), records)]
    if not there:
        problems.add(
            "no record has a label, and so no class is known. Label some records, or name the column that has the "
            "labels: data.label_column.",
            column=column,
        )
        return None
    given = replace(
        records, columns={column: [cells[row] for row in there]}, positions=[records.positions[row] for row in there]
    )
    parsed = _parse(given, column, problems)
    if parsed is None or len(there) == len(cells):
        return parsed
    labels = np.full(len(cells), UNLABELLED)
    labels[there] = parsed.labels
    target = None
    if parsed.target is not None:
        target = np.full((len(cells), len(parsed.class_names)), np.nan)
        target[there] = parsed.target
    return Labels(parsed.class_names, labels, target)


def _is_missing(value: object, records: Records) -> bool:
    """Say whether a cell says that its point has no label."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(p, float) and math.isnan(p) for p in value)
    return value is None or (value == UNLABELLED and records.minus_1_is_missing)


def _parse(records: Records, column: str, problems: Problems) -> Labels | None:
    """Parse a column of labels of which none is missing."""
    before = len(problems)
    values = [cell_value(cell) for cell in records.columns[column]]
    kinds = [_kind(value) for value in values]
    if {"name", "number"} == set(kinds) and all(isinstance(cell, str) for cell in records.columns[column]):
        # In a text file "3" may be the name of a class beside "many".
        for value, at in zip(values, records.positions, strict=True):
            if str(value).lower() in BLANKS:
                problems.add(
                    f"is {value!r} where other labels are numbers. Leave the cell empty if the point has no label.",
                    at=at,
                    column=column,
                )
        values, kinds = [str(cell).strip() for cell in records.columns[column]], ["name"] * len(values)
    first = next((kind for kind in kinds if kind in ("name", "number", "list", "object")), "name")
    for value, kind, at in zip(values, kinds, records.positions, strict=True):
        if kind == "fraction":
            problems.add(
                f"is {value}, expected a whole number or a name. Write a soft label as a list, such as [0.3, 0.7].",
                at=at,
                column=column,
            )
        elif kind != first:
            problems.add(
                f"is {value!r}, a {kind}, where the first label is a {first}. Write all labels in one way.",
                at=at,
                column=column,
            )
    if first in ("name", "number"):
        refuse_two_spellings(values, records, column, problems)
    if len(problems) > before:
        return None
    if first in ("list", "object"):
        return _parse_distributions(values, records, column, problems)
    return _parse_classes(values, first, records, column, problems)


def _kind(value: object) -> str:
    """Say what a label is."""
    if isinstance(value, bool | str):
        return "name"
    if isinstance(value, int):
        return "number"
    if isinstance(value, float):
        return "fraction"
    return "list" if isinstance(value, list) else "object" if isinstance(value, dict) else type(value).__name__


def _parse_classes(
    values: Sequence[Any], kind: str, records: Records, column: str, problems: Problems
) -> Labels | None:
    """Parse whole numbers or names."""
    if kind == "name":
        values = [str(value).lower() if isinstance(value, bool) else value for value in values]
    names = records.class_names
    present = sorted(set(values))
    if names is not None:
        allowed: list[Any] = list(range(len(names))) if kind == "number" else list(names)
    elif kind == "number":
        start = 1 if present[0] == 1 else 0
        allowed = list(range(start, min(start + len(present), len(values) + 2)))
    else:
        allowed = present
    index = {value: i for i, value in enumerate(allowed)}
    for value, at in zip(values, records.positions, strict=True):
        if value not in index:
            problems.add(_out_of_range(value, allowed, None if names else present), at=at, column=column)
    if problems:
        return None
    if len(present) < 2:
        problems.add(
            f"every label is {present[0]!r}: one class cannot be learned. Give points of two classes or more."
            f"{' (-1 marks a missing label.)' if records.minus_1_is_missing else ''}",
            column=column,
        )
        return None
    if names is None and len(present) >= len(values):
        problems.add(
            f"{len(present)} different labels for {len(values)} points, but a class needs several. "
            "Is it the right column?",
            column=column,
        )
        return None
    return Labels(names or tuple(str(value) for value in allowed), np.array([index[value] for value in values]), None)


def _out_of_range(value: object, allowed: Sequence[object], present: Sequence[object] | None) -> str:
    """Say why a label is none of the classes; `present` are the labels of a file that declares no classes."""
    if not isinstance(value, int):
        return f"is {value!r}; {suggest(value, map(str, allowed))}"
    if value == -1:
        return "is -1, which often marks a missing label. Leave the cell empty then, or write classes as names."
    if present is None:
        return f"is {value}, out of range: the classes are 0 to {len(allowed) - 1}. Relabel or drop these records."
    return (
        f"is {value}, out of range: the labels {_few(present)} are not counted from 0 or 1 without a gap. "
        "Renumber them, or write them as names."
    )


def _few(values: Sequence[object]) -> str:
    return ", ".join(map(str, values[:5])) + (", ..." if len(values) > 5 else "")


def _parse_distributions(values: Sequence[Any], records: Records, column: str, problems: Problems) -> Labels | None:
    """Parse lists or objects of one probability a class."""
    first = values[0]
    names = records.class_names or (
        tuple(str(name) for name in first) if isinstance(first, Mapping) else tuple(str(i) for i in range(len(first)))
    )
    if len(names) < 2:
        problems.add(
            "the first label is a distribution over one class or none. Give two numbers or more.", column=column
        )
        return None
    rows = []
    for value, at in zip(values, records.positions, strict=True):
        row, problem = distribution(value, names)
        if problem:
            problems.add(problem, at=at, column=column)
        else:
            rows.append(row)
    if problems:
        return None
    target = np.array(rows, dtype=np.float64)
    if len(names) < 2:
        problems.add(
            "every distribution has one class, which cannot be learned. Give two numbers or more.", column=column
        )
        return None
    labels = target.argmax(1)
    if len(np.unique(labels)) < 2:
        problems.add(
            f"class {names[labels[0]]!r} is the most probable of every point: one class cannot be learned.",
            column=column,
        )
        return None
    return Labels(names, labels, target)


def distribution(value: object, class_names: Sequence[str]) -> tuple[list[float], str | None]:
    """Check one distribution over the classes.

    Args:
        value: a list in class order, or an object from class name to number.
        class_names: the classes.

    Returns:
        The probabilities, scaled to sum to 1 exactly, and None; or an empty list and what is wrong.
    """
    if isinstance(value, Mapping):
        different = set(map(str, value)) ^ set(class_names)
        if different:
            return [], f"has the classes {sorted(map(str, value))}, expected {sorted(class_names)}. Name every class."
        value = [value[name] for name in class_names]
    if not isinstance(value, Sequence) or len(value) != len(class_names):
        return (
            [],
            f"is {value!r}, expected one number for each of the {len(class_names)} classes ({_few(class_names)}).",
        )
    if not all(isinstance(p, int | float) and not isinstance(p, bool) and abs(p) < LARGEST for p in value):
        return [], f"is {value!r}, expected finite numbers."
    total = math.fsum(value)
    if min(value) < 0 or abs(total - 1) > SUM_TOLERANCE:
        return [], f"is {value!r}, which sums to {total:.6g}; a distribution is at least 0 and sums to 1 (within 1e-6)."
    return [float(p) / total for p in value], None
