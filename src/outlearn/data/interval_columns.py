"""Columns that hold an interval of a labeler's number, or its standard deviation.

Beside a column `judge` they are called `judge_low` and `judge_high`, or `judge_sd`. No column says at which level its
intervals are meant to hold: that is given, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from outlearn.core.number_intervals import NumberIntervals
from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import cell_value
from outlearn.data.raw_table import RawTable
from outlearn.data.read_numbers import read_numbers
from outlearn.data.wording import few

__all__ = ["IntervalColumns", "find_interval_columns", "labelers_among", "read_intervals"]

LOW, HIGH, DEVIATION = "_low", "_high", "_sd"


@dataclass(frozen=True)
class IntervalColumns:
    """Say which columns hold the intervals of which labeler.

    Attributes:
        bounds: labeler -> its columns of lower and upper ends.
        deviations: labeler -> its column of standard deviations.
    """

    bounds: Mapping[str, tuple[str, str]]
    deviations: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Return all these columns."""
        return (*(name for pair in self.bounds.values() for name in pair), *self.deviations.values())

    def note(self, option: str) -> tuple[str, ...]:
        """Say that they are not looked at for want of a level, and which option gives it."""
        if not self.names:
            return ()
        return (
            f"{few(self.names)} look like intervals of {few([*self.bounds, *self.deviations])} and are not looked at: "
            f"say at which level they are meant to hold ({option}).",
        )


def find_interval_columns(columns: Sequence[str], labelers: Sequence[str]) -> IntervalColumns:
    """Find the columns of intervals of labelers by their names.

    Examples:
        >>> find_interval_columns(["judge", "judge_low", "judge_high", "ann", "ann_sd", "b_sd"], ["judge", "ann"])
        IntervalColumns(bounds={'judge': ('judge_low', 'judge_high')}, deviations={'ann': 'ann_sd'})
    """
    there = set(columns)
    bounds = {
        name: (f"{name}{LOW}", f"{name}{HIGH}") for name in labelers if {f"{name}{LOW}", f"{name}{HIGH}"} <= there
    }
    deviations = {
        name: f"{name}{DEVIATION}" for name in labelers if name not in bounds and f"{name}{DEVIATION}" in there
    }
    return IntervalColumns(bounds, deviations)


def labelers_among(columns: Sequence[str], errors: InputErrors, otherwise: str) -> tuple[list[str], IntervalColumns]:
    """Tell columns of labelers, whose names nobody gave, from those that hold their intervals.

    Args:
        columns: of numbers.
        errors: of the table; one column that looks like an interval's, and is not part of a whole one, ends reading.
        otherwise: what to do if it is a labeler after all.
    """
    around = find_interval_columns(columns, columns)
    labelers = [name for name in columns if name not in around.names]
    for name in labelers:
        if any(name.removesuffix(end) in {*labelers} - {name} for end in (LOW, HIGH, DEVIATION)):
            errors.fail(
                f"the column {name!r} looks like part of an interval of another column, and is a labeler otherwise. "
                f"Give NAME_low and NAME_high, or NAME_sd alone, or {otherwise}."
            )
    return labelers, around


def read_intervals(
    table: RawTable,
    labelers: Sequence[str],
    values: np.ndarray,
    found: IntervalColumns,
    level: float,
    errors: InputErrors,
) -> NumberIntervals | None:
    """Read the intervals of labelers, nan for a labeler without; None if none has any.

    Args:
        table: the table.
        labelers: their names, as `values` has them, `[labelers, points]`.
        found: which columns.
        level: at which they are meant to hold; of a standard deviation the interval of a normal distribution is made.
        errors: gathers cells that are no numbers, and rows that hold no interval.
    """
    if not found.names:
        return None
    low, high = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    for m, name in enumerate(labelers):
        if name in found.bounds:
            low[m], high[m] = _bounds(table, *found.bounds[name], errors)
        elif name in found.deviations:
            deviation = _deviations(table, found.deviations[name], errors)
            given = NumberIntervals.from_deviations(values[m], deviation, level=level)
            low[m], high[m] = given.low[0], given.high[0]
    return NumberIntervals(low, high, level)


def _bounds(table: RawTable, low: str, high: str, errors: InputErrors) -> tuple[np.ndarray, np.ndarray]:
    """Read both ends, and name rows where they are no interval; both are nan there."""
    ends = read_numbers(table, low, errors), read_numbers(table, high, errors)
    # By the cells, not by what was read: one that is no number is noted above, and does not leave the other end alone.
    empty = [
        np.array([cell_value(cell) is None for cell, _ in table.cells(column)], dtype=bool) for column in (low, high)
    ]
    alone, crossed = empty[0] != empty[1], ends[0] > ends[1]
    for row, (_, at) in enumerate(table.cells(low)):
        if alone[row]:
            errors.add(f"is without the other end. Fill {low} and {high}, or leave both empty.", at=at, column=low)
        elif crossed[row]:
            errors.add(
                f"is {ends[0][row]:g}, above {high}, {ends[1][row]:g}. Swap them, or leave both empty.",
                at=at,
                column=low,
            )
    wrong = alone | crossed
    return np.where(wrong, np.nan, ends[0]), np.where(wrong, np.nan, ends[1])


def _deviations(table: RawTable, column: str, errors: InputErrors) -> np.ndarray:
    """Read standard deviations, and name the rows where one is below 0."""
    values = read_numbers(table, column, errors)
    for value, (_, at) in zip(values, table.cells(column), strict=True):
        if value < 0:
            errors.add(f"is {value:g}, expected a standard deviation of 0 or more.", at=at, column=column)
    return np.where(values < 0, np.nan, values)
