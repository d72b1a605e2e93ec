"""Read columns of numbers: of the target, its raters, or labelers; an empty cell is a gap, anything else an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float64

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import cell_value, is_gap
from outlearn.data.raw_table import RawTable
from outlearn.data.wording import shortened

__all__ = ["LARGEST", "other_spelling", "read_numbers", "read_ratings", "refuse_other_spellings"]

LARGEST = 1e50  # of a number: fourth powers, which the spread of R2 takes, are still finite, and no unit needs more
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
PERCENT = re.compile(r"[+-]?\d+([.,]\d+)?\s*%")


def refuse_other_spellings(table: RawTable, columns: Sequence[str], errors: InputErrors) -> None:
    """Name the columns of which every cell is a number, and some have a comma for decimals or a sign of per cent.

    Without a word about it such columns are texts, and no column of numbers is found.

    Raises:
        DataError: if there is one.
    """
    for name in columns:
        how = other_spelling([cell for cell, _ in table.cells(name)])
        if how is not None:
            errors.add(f"{how}, or name the labelers' columns (--labelers) if it holds no numbers.", column=name)
    errors.raise_if_any()


def other_spelling(cells: Iterable[object]) -> str | None:
    """Say how numbers are written that are not read as such, and how to write them; None if they are, or are none.

    Examples:
        >>> other_spelling(["0,5", "", "3"])
        "has a comma for decimals, as in '0,5'. Write a point (of thousands nothing)"
        >>> other_spelling(["40%", "7 %"])
        "has signs of per cent, as in '40%'. Write the numbers alone"
        >>> other_spelling(["0.5", "3"]), other_spelling(["0,5", "about 3"])
        (None, None)
    """
    given = [str(cell).strip() for cell in cells if not is_gap(cell)]
    plain = [cell for cell in given if isinstance(cell_value(cell), int | float)]
    percent = [cell for cell in given if PERCENT.fullmatch(cell)]
    comma = [cell for cell in given if DECIMAL_COMMA.fullmatch(cell)]
    if percent and len(percent) + len(plain) == len(given):
        return f"has signs of per cent, as in {percent[0]!r}. Write the numbers alone"
    if comma and all(DECIMAL_COMMA.fullmatch(cell) or isinstance(cell_value(cell), int) for cell in given):
        return f"has a comma for decimals, as in {comma[0]!r}. Write a point (of thousands nothing)"
    return None


def read_numbers(table: RawTable, column: str, errors: InputErrors) -> Float64[np.ndarray, " rows"]:
    """Read a column of numbers, nan where a cell is empty; what is none is noted by its line."""
    return np.array([_number(cell_value(cell), at, column, errors) for cell, at in table.cells(column)])


def read_ratings(
    table: RawTable, column: str, errors: InputErrors
) -> tuple[Float64[np.ndarray, " rows"], Float64[np.ndarray, "rows raters"] | None]:
    """Read a column of which a cell is a number, or the list of its raters' numbers; null in a list is a gap.

    Returns:
        The number of each row, of several raters their mean, nan where a cell is empty; and what each rater said, nan
        at a gap, if there are lists of two or more.
    """
    means, lists = [], []
    for cell, at in table.cells(column):
        value = cell_value(cell)
        given = value if isinstance(value, list) else [value]
        numbers = np.array([_number(cell_value(each), at, column, errors) for each in given] or [np.nan])
        known = numbers[~np.isnan(numbers)]
        means.append(known.mean() if len(known) else np.nan)
        lists.append(numbers)
    n_raters = max(map(len, lists), default=1)
    if n_raters < 2:
        return np.array(means), None
    ratings = np.full((len(lists), n_raters), np.nan)
    for row, numbers in enumerate(lists):
        ratings[row, : len(numbers)] = numbers
    return np.array(means), ratings


def _number(value: object, at: int, column: str, errors: InputErrors) -> float:
    """Read one number: nan for a gap, and for what is none, which is noted."""
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        errors.add(
            f"is {shortened(value)}, expected a number (a point for decimals), or nothing where there is none. If "
            "labels are classes, leave out data.task: regression (or --numbers).",
            at=at,
            column=column,
        )
        return float("nan")
    if not abs(value) <= LARGEST:  # whole numbers may be larger than any float
        errors.add(
            f"is {shortened(value)}, expected a finite number of at most {LARGEST:g} in size. Leave the cell empty if "
            "it is not known, or give all numbers in a larger unit.",
            at=at,
            column=column,
        )
        return float("nan")
    return float(value)
