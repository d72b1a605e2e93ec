"""What one cell of labels says: nothing, a class, or a distribution over classes; the same in every container.

A gap is None, NaN, NaT, pandas.NA, a masked element, blank text, an empty list or a list of NaN; in arrays and
datasets, where no cell can be empty, also -1. The words "nan" and "<NA>" in a text file are refused by name: programs
write them for a gap, and a gap in text is an empty cell.
"""

from __future__ import annotations

import json
import math
import numbers
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from outlearn.data.label_table import UNLABELED
from outlearn.data.model_answers import ModelAnswer
from outlearn.data.raw_table import RawTable
from outlearn.data.task import ROUNDED, SUM_TOLERANCE
from outlearn.data.wording import shortened

__all__ = [
    "MINUS_1",
    "NEVER_A_CLASS",
    "LabelCell",
    "cell_value",
    "distribution",
    "is_gap",
    "label_cells",
    "rounding_note",
]

# Up to 15 digits a whole number is exact as a float; Python refuses to read thousands of them.
LARGEST = 10**15
LONGEST_NUMBER = 400  # digits of the longest that a float holds, and more
WHOLE_NUMBER = re.compile(r"[+-]?\d{1,15}(\.0*)?")
DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?")
# The name of no class, whatever stands beside it.
NEVER_A_CLASS = ("nan", "<na>", "nat", "n/a", "#n/a")
MINUS_1 = "-1, which often marks a missing label: leave the cell empty, or, if it is a class, write classes as names."
NORMALISE = " With teacher.normalise they are divided by their sum, and a missing one counts as 0."

Kind = Literal["gap", "name", "number", "fraction", "list", "object", "names"]


@dataclass(frozen=True)
class LabelCell:
    """Hold one cell of a column of labels.

    Attributes:
        value: None for a gap; else a name, a whole number, a fraction, a list or a mapping.
        kind: which of these; "names" is a list of several names.
        raw: the cell as it came.
        row: of the table.
        at: the record's position, for messages.
        column: its column's name, for messages.
        tokens: of a language model's answer, the likeliest tokens where it begins, with their probabilities; or None.
    """

    value: Any
    kind: Kind
    raw: object
    row: int
    at: int
    column: str
    tokens: Mapping[str, float] | None = None


def is_gap(cell: object) -> bool:
    """Say whether a cell of any container holds nothing.

    Examples:
        >>> [is_gap(cell) for cell in (None, float("nan"), np.ma.masked, "  ", 0, "no")]
        [True, True, True, True, False, False]
    """
    if cell is None or cell is np.ma.masked:
        return True
    if isinstance(cell, str):
        return not cell.strip()
    if type(cell).__name__ in ("NAType", "NaTType"):  # of pandas, equal to nothing, themselves included
        return True
    return isinstance(cell, numbers.Real) and bool(cell != cell)  # only nan; math.isnan takes no integer of 400 digits


def cell_value(cell: object) -> Any:
    """Read one cell: None if missing, a list, a mapping, a bool, an int, a float, or a stripped string.

    Strings of a text file are read as the number, list or object that they spell.

    Examples:
        >>> cell_value(" 1 "), cell_value("[0.25, 0.75]"), cell_value("pos"), cell_value(float("nan"))
        (1, [0.25, 0.75], 'pos', None)
    """
    if is_gap(cell):
        return None
    if isinstance(cell, str):
        text = cell.strip()
        if text[:1] in ("[", "{"):
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                return text
        if len(text) > LONGEST_NUMBER:
            return text
        if WHOLE_NUMBER.fullmatch(text):
            return int(float(text)) if "." in text else int(text)
        return float(text) if DECIMAL.fullmatch(text) else text
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    if isinstance(cell, int):
        return cell
    if isinstance(cell, numbers.Real):
        value = float(cell)
        return int(value) if value.is_integer() else value
    if isinstance(cell, np.ndarray | tuple):
        return list(cell)
    return cell


def label_cells(table: RawTable, column: str) -> Iterator[LabelCell]:
    """Read a column of labels, cell by cell; a list of one name is that name, as annotation tools write it."""
    for row, (given, at) in enumerate(table.cells(column)):
        tokens, cell = (given.tokens, given.text) if isinstance(given, ModelAnswer) else (None, given)
        value = cell_value(cell)
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
            value = value[0].strip() or None
        if isinstance(value, list) and all(is_gap(each) for each in value):
            value = None
        if table.minus_1_is_missing and value in (UNLABELED, str(UNLABELED)):
            value = None
        yield LabelCell(value, _kind(value), cell, row, at, column, tokens)


def _kind(value: object) -> Kind:
    """Say what a label is."""
    if value is None:
        return "gap"
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list):
        return "names" if all(isinstance(each, str) for each in value) else "list"
    if isinstance(value, float):
        return "fraction"
    return "number" if isinstance(value, int) and not isinstance(value, bool) else "name"


def distribution(
    value: object, class_names: Sequence[str], *, normalise: bool = False, can_normalise: bool = False
) -> list[float] | str:
    """Check one distribution over the classes.

    Args:
        value: a list in class order, or an object from class name to number.
        class_names: the classes.
        normalise: divide numbers of any sum by it, and take a missing one for 0. Without it the sum may miss 1 by
            `ROUNDED`, as probabilities of two or three decimals do.
        can_normalise: there is an option to do so, which messages may name.

    Returns:
        The probabilities, scaled to sum to 1 exactly; or what is wrong.
    """
    hint = NORMALISE if can_normalise and not normalise else ""
    if isinstance(value, Mapping):
        different = set(map(str, value)) ^ set(class_names)
        if different and not (normalise and set(map(str, value)) < set(class_names)):
            return f"has the classes {sorted(map(str, value))}, expected {sorted(class_names)}. Name every class."
        value = [value.get(name) for name in class_names]
    if not isinstance(value, Sequence) or len(value) != len(class_names):
        names = ", ".join(class_names[:5]) + (", ..." if len(class_names) > 5 else "")
        return f"is {value!r}, expected one number for each of the {len(class_names)} classes ({names})."
    if not value:
        return "is a distribution over no class; expected the name of a class, or a number for each."
    given = [0.0 if normalise and is_gap(p) else p for p in value]
    if not all(isinstance(p, int | float) and not isinstance(p, bool) and abs(p) < LARGEST for p in given):
        missing = hint if any(map(is_gap, given)) else ""
        return f"is {shortened(value)}; expected a finite number of at least 0 for each class.{missing}"
    total = math.fsum(given)
    if min(given) < 0 or (abs(total - 1) > ROUNDED + SUM_TOLERANCE and not (normalise and total > 0)):
        rule = f"a distribution is at least 0 and sums to 1 (within {ROUNDED:g})."
        how = hint or (" Divide each by their sum." if total > 0 else "")
        how = how if min(given) >= 0 else ""
        return f"is {shortened(value)}, which sums to {total:.6g}; {rule}{how}"
    return [float(p) / total for p in given]


def rounding_note(given: Iterable[object]) -> tuple[str, ...]:
    """Say how many of these distributions `ROUNDED` let pass, and by how much they miss a sum of 1; a gap is none.

    Examples:
        >>> rounding_note([[0.5, 0.5], [0.33, 0.33, 0.33], {"no": 0.3, "yes": 0.7}])
        ('1 distribution sums to 1 within 0.01 only (rounded when saved); scaled to sum to 1.',)
        >>> rounding_note([[0.5, 0.5]])
        ()
    """
    rows = [list(value.values()) if isinstance(value, Mapping) else value for value in given]
    off = [abs(math.fsum(row) - 1) for row in rows if isinstance(row, list) and not any(map(is_gap, row))]
    rounded = [each for each in off if SUM_TOLERANCE < each <= ROUNDED + SUM_TOLERANCE]
    if not rounded:
        return ()
    what = "1 distribution sums" if len(rounded) == 1 else f"{len(rounded):,} distributions sum"
    return (f"{what} to 1 within {max(rounded):.1g} only (rounded when saved); scaled to sum to 1.",)
