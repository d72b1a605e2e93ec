"""Weak numbers that come from elsewhere, a number a labeler and point; an empty cell is a gap where one may be.

Rows are joined to the points by id, never by order.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int

from outlearn.core.number_intervals import NumberIntervals
from outlearn.data.formats import read_label_file
from outlearn.data.interval_columns import labelers_among, read_intervals
from outlearn.data.number_table import NumberTable
from outlearn.data.point_ids import check_ids, numbered_repeats, read_ids
from outlearn.data.raw_table import RawTable
from outlearn.data.read_numbers import read_numbers
from outlearn.data.task import Task
from outlearn.errors import suggest

__all__ = ["load_weak_numbers"]


def load_weak_numbers(
    paths: Sequence[str | Path],
    task: Task,
    points: Int[np.ndarray, " points"],
    *,
    id_column: str = "id",
    missing: Literal["error", "abstain"] = "error",
    interval_level: float | None = None,
) -> NumberTable:
    """Read weak numbers from tables with a column of ids and one of each labeler; those that the task holds come first.

    Args:
        paths: the tables; none will do where the task holds weak numbers.
        task: the points that ids may name.
        points: indices of the points that must have numbers. Those of other points of the task are left out.
        id_column: column of the ids of `task.ids`.
        missing: what an empty cell of these tables, or a row that is not there, is: an "error", or a gap where the
            labeler may "abstain". In the task's own table an empty cell is a gap.
        interval_level: at which intervals in these tables hold, in columns NAME_low and NAME_high, or NAME_sd.

    Returns:
        The numbers of `points`, in their order; the notes count the gaps.

    Raises:
        DataError: if a table cannot be read, an id is missing, repeats or is unknown, or a cell is no number.
    """
    ids = [task.ids[i] for i in np.asarray(points).tolist()]
    files = [Path(os.path.expanduser(path)) for path in paths]
    tables = [
        _numbers_of(read_label_file(file), file.stem, id_column, task, ids, missing, interval_level) for file in files
    ]
    if isinstance(task.weak_labels, NumberTable):
        tables = [task.weak_labels.select(ids), *tables]
    names = numbered_repeats([name for table in tables for name in table.names])
    values = np.concatenate([table.values for table in tables])
    notes = [
        f"{name} has no number for {count:,} of {len(ids):,} points: gaps, which are neither learned from nor scored."
        for name, count in zip(names, np.isnan(values).sum(axis=1).tolist(), strict=True)
        if count
    ]
    source = ", ".join(table.source for table in tables)
    notes += [note for table in tables for note in table.notes]
    intervals = None if interval_level is None else _joined_intervals(tables, interval_level)
    return NumberTable(tuple(names), values, tuple(ids), source, tuple(notes), intervals)


def _joined_intervals(tables: Sequence[NumberTable], level: float) -> NumberIntervals | None:
    """Put the intervals of labelers below each other, nan for those without; None if none has any."""
    if all(table.intervals is None for table in tables):
        return None
    nothing = [np.full(table.values.shape, np.nan) for table in tables]
    said = [
        NumberIntervals(none, none, level) if table.intervals is None else table.intervals
        for none, table in zip(nothing, tables, strict=True)
    ]
    low, high = np.concatenate([each.low for each in said]), np.concatenate([each.high for each in said])
    return NumberIntervals(low, high, level)


def _numbers_of(
    table: RawTable,
    stem: str,
    id_column: str,
    task: Task,
    ids: Sequence[str],
    missing: str,
    interval_level: float | None,
) -> NumberTable:
    """Read the labelers of one table; a single one has the name of the file."""
    errors = table.errors()
    if id_column not in table.columns:
        errors.fail(f"no column {id_column!r} with the points' ids; {suggest(id_column, table.columns)}")
    beside = [name for name in table.columns if name != id_column]
    columns, around = labelers_among(beside, errors, "rename it")
    if not columns:
        errors.fail(f"has no column beside {id_column!r}; expected one of numbers for each labeler.")
    found = read_ids(table, id_column, errors)
    check_ids(found, task, ids, id_column, missing, errors)
    values = np.stack([read_numbers(table, column, errors) for column in columns])
    intervals, notes = None, around.note("data.interval_level: 0.9")
    if interval_level is not None:
        intervals, notes = read_intervals(table, columns, values, around, interval_level, errors), ()
    errors.raise_if_any()
    names = (stem,) if len(columns) == 1 else tuple(columns)
    joined = NumberTable(names, values, tuple(found), table.source, notes, intervals).select(ids, absent_are_gaps=True)
    for name, answered in zip(columns, joined.answered, strict=True):
        silent = int((~answered).sum())
        if silent == len(ids):
            errors.add("has no number at all for these points. Drop this labeler.", column=name)
        elif silent and missing == "error":
            errors.add(
                f"has no number for {silent:,} of {len(ids):,} points. Fill them, or set teacher.missing=abstain if "
                "the labeler may abstain.",
                column=name,
            )
    errors.raise_if_any()
    return joined
