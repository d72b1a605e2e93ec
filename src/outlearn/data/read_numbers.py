"""Read columns of numbers: of the target, its raters, or labelers; an empty cell is a gap, anything else an error."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import cell_value, is_gap
from outlearn.data.raw_table import RawTable
from outlearn.data.wording import shortened

__all__ = ["LARGEST", "holds_numbers", "read_numbers", "read_ratings", "refuse_decimal_commas"]

LARGEST = 1e50  # of a number: fourth powers, which the spread of R2 takes, are still finite, and no unit needs more
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def holds_numbers(table: RawTable, column: str) -> bool:
    """Say whether every cell that is not empty is a number, and one is."""
    given = [value for cell, _ in table.cells(column) if (value := cell_value(cell)) is not None]
    return bool(given) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)


def refuse_decimal_commas(table: RawTable, columns: Sequence[str], errors: InputErrors) -> None:
    """Name the columns of which every cell is a whole number, or has a comma for its decimals.

    Without a word about it such columns are texts, and no column of numbers is found.

    Raises:
        DataError: if there is one.
    """
    for name in columns:
        cells = [str(cell).strip() for cell, _ in table.cells(name) if not is_gap(cell)]
        written = [cell for cell in cells if DECIMAL_COMMA.fullmatch(cell)]
        if written and all(DECIMAL_COMMA.fullmatch(cell) or isinstance(cell_value(cell), int) for cell in cells):
            errors.add(
                f"has a comma for decimals, as in {written[0]!r}. Write a point (of thousands nothing), or name the "
                "labelers' columns (--labelers) if it holds no numbers.",
                column=name,
            )
    errors.raise_if_any()


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
