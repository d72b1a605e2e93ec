"""Weak labels that come from elsewhere: a language model, annotators, labelling functions. No teacher is trained then.

A table has an id column and either one column a class (one teacher), or one column a teacher. Rows are joined to the
points by id, never by order.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int

from outlearn.data.labels import LARGEST, cell_value, distribution
from outlearn.data.load import READERS, SUFFIXES
from outlearn.data.records import Records
from outlearn.data.task import SUM_TOLERANCE, Task
from outlearn.errors import ConfigError, DataError, suggest

__all__ = ["PAIR_NAMES", "WeakLabels", "load_weak_labels"]

# Whoever labels a pair knows the file's texts and not our slots.
PAIR_NAMES = ("chosen", "rejected")
TABLES = ("csv", "jsonl", "parquet")
NAMED = 5


@dataclass(frozen=True, eq=False)
class WeakLabels:
    """Hold the weak labels of some points.

    Attributes:
        ids: of the points, in the order asked for.
        probs: float64 `[teachers, points, classes]`, rows sum to 1; a vote is a row with a single 1.
        teacher_names: one a teacher.
        notes: what a reader should know, in sentences.
    """

    ids: tuple[str, ...]
    probs: Float64[np.ndarray, "teachers points classes"]
    teacher_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def load_weak_labels(
    paths: str | Path | Sequence[str | Path],
    task: Task,
    points: Int[np.ndarray, " points"],
    *,
    id_column: str = "id",
    missing: Literal["error", "uniform"] = "error",
) -> WeakLabels:
    """Read weak labels from CSV, JSON lines or Parquet, and join them to points by id.

    A table whose columns are the classes holds one teacher: each row is a distribution, or counts of votes (whole
    numbers, divided by their sum). In any other table each column is a teacher, and a cell is a vote (the name of a
    class; or its number from 0, where names are no numbers) or a distribution (a list in class order, or an object by
    class name).
    For a preference task the classes are `chosen` and `rejected`, as in the file, whatever slot they were put in.

    Args:
        paths: one table, or several with a teacher or more each.
        task: the points that ids may name.
        points: indices of the points that must have labels. Labels of other points of the task are left out.
        id_column: column of the ids of `task.ids`.
        missing: what an empty cell (a teacher that abstains) means: "error", or "uniform": no information.

    Returns:
        The WeakLabels of `points`, in their order.

    Raises:
        ConfigError: if `missing` is neither, or there is no path.
        DataError: if a table cannot be read, an id is missing, repeats or is unknown, or a cell is no label.
    """
    if missing not in ("error", "uniform"):
        raise ConfigError(f"missing is {missing!r}; known: error, uniform.")
    files = [Path(os.path.expanduser(p)) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if not files:
        raise ConfigError("weak labels come from no file; expected one path or more.")
    ids = [task.ids[i] for i in np.asarray(points).tolist()]
    names: list[str] = []
    layers: list[np.ndarray] = []
    for file in files:
        records = _read(file)
        rows = _join(records, id_column, task, ids)
        for name, probs in _teachers(records, id_column, task, rows, missing).items():
            names.append(f"{file.stem}/{name}" if name and len(files) > 1 else name or file.stem)
            layers.append(probs)
    probs = np.stack(layers)
    if task.first_slot is not None:
        swapped = task.first_slot[np.asarray(points)] == 1
        probs[:, swapped] = probs[:, swapped, ::-1]
    abstained = np.isnan(probs).any(axis=2)
    probs[abstained] = 1 / task.n_classes
    unique = _distinct(names)
    notes = [
        f"{name} has no label for {count:,} of {len(ids):,} points; they count as uniform."
        for name, count in zip(unique, abstained.sum(axis=1).tolist(), strict=True)
        if count
    ]
    return WeakLabels(tuple(ids), probs, tuple(unique), tuple(notes))


def _read(file: Path) -> Records:
    """Read a table."""
    format = SUFFIXES.get(file.suffix.lower())
    try:
        if format not in TABLES and file.is_file():
            raise DataError(f"{file} ends in {file.suffix!r}; weak labels are .csv, .jsonl or .parquet. Convert it.")
        return READERS[format if format in TABLES else "csv"](file)
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error}). Check the path and its permissions.") from error


def _join(records: Records, id_column: str, task: Task, ids: Sequence[str]) -> list[int]:
    """Find the row of each id.

    Raises:
        DataError: if ids repeat, name no point of the task, or are missing; names the first few and counts them.
    """
    problems = records.problems()
    if id_column not in records.columns:
        problems.add(f"no column {id_column!r} with the points' ids; {suggest(id_column, records.columns)}")
        problems.raise_if_any()
    cells = [cell_value(cell) if not isinstance(cell, str) else cell.strip() for cell in records.columns[id_column]]
    row_of: dict[str, int] = {}
    for row, (cell, at) in enumerate(zip(cells, records.positions, strict=True)):
        if cell is None:
            problems.add("has no id. Fill it or drop the row.", at=at, column=id_column)
        row_of.setdefault(str(cell), row)
    twice = [name for name, count in Counter(str(cell) for cell in cells if cell is not None).items() if count > 1]
    known = set(task.ids)
    unknown = [name for name in row_of if name not in known and name != "None"]
    absent = [name for name in ids if name not in row_of]
    if twice:
        problems.add(
            f"ids occur more than once ({len(twice):,}): {_few(twice)}. Keep one row for each.", column=id_column
        )
    if unknown:
        problems.add(
            f"ids name no point of task {task.name!r} ({len(unknown):,}): {_few(unknown)}. Its ids are like "
            f"{_few(task.ids)}. Drop these rows (data.limit may have left their points out).",
            column=id_column,
        )
    if absent:
        problems.add(
            f"{len(absent):,} of {len(ids):,} points have no row: {_few(absent)}. Give each of them one.",
            column=id_column,
        )
    problems.raise_if_any()
    return [row_of[name] for name in ids]


def _few(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _teachers(
    records: Records, id_column: str, task: Task, rows: Sequence[int], missing: str
) -> dict[str, Float64[np.ndarray, "points classes"]]:
    """Read one teacher from class columns, or one from each column; a single teacher has the name ""."""
    problems = records.problems()
    classes = PAIR_NAMES if task.first_slot is not None else task.class_names
    columns = [name for name in records.columns if name != id_column]
    if not columns:
        problems.add(
            f"has no column beside {id_column!r}; expected one for each class ({_few(classes)}) or each teacher."
        )
        problems.raise_if_any()
    if set(columns) == set(classes):
        cells = [[records.columns[name][row] for name in classes] for row in rows]
        teachers = {"": [_class_row([cell_value(cell) for cell in row]) for row in cells]}
    elif set(columns) & set(classes):
        problems.add(
            f"has the columns {_few(columns)}, which are not the classes {_few(classes)}. Give one for each class."
        )
        problems.raise_if_any()
    else:
        single = len(columns) == 1
        teachers = {
            "" if single else name: [_cell(records.columns[name][row], classes) for row in rows] for name in columns
        }
    probs = {}
    for name, labels in teachers.items():
        for (label, problem), row in zip(labels, rows, strict=True):
            if problem or (missing == "error" and label is None):
                hint = "is empty. Fill it, or set missing: uniform if the teacher may abstain."
                problems.add(problem or hint, at=records.positions[row], column=name or None)
        blank = [math.nan] * len(classes)
        probs[name] = np.array([label or blank for label, _ in labels], dtype=np.float64)
        if np.isnan(probs[name]).all() and not problems:
            problems.add("has no label at all. Drop this teacher.", column=name or None)
    problems.raise_if_any()
    return probs


def _class_row(values: Sequence[Any]) -> tuple[list[float] | None, str | None]:
    """Read one number a class: a distribution, or counts of votes. None if all are missing or no one voted."""
    if all(value is None for value in values):
        return None, None
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v < LARGEST for v in values):
        return None, f"has {list(values)!r}; expected a number of at least 0 for each class."
    total = math.fsum(values)
    votes = all(float(value).is_integer() for value in values)
    if votes and total == 0:
        return None, None
    if not votes and abs(total - 1) > SUM_TOLERANCE:
        return (
            None,
            f"has {list(values)!r}, which sum to {total:.6g}; expected probabilities that sum to 1 (within 1e-6).",
        )
    return [float(value) / total for value in values], None


def _cell(cell: object, classes: Sequence[str]) -> tuple[list[float] | None, str | None]:
    """Read a vote or a distribution; None if it is missing."""
    value = cell_value(cell)
    if value is None:
        return None, None
    if isinstance(value, list | dict):
        row, problem = distribution(value, classes)
        return row or None, problem
    name = str(value).lower() if isinstance(value, bool) else str(cell).strip() if isinstance(cell, str) else str(value)
    numbered = any(known.lstrip("+-").isdigit() for known in classes)
    if name in classes:
        index = classes.index(name)
    elif isinstance(value, int) and not isinstance(value, bool) and not numbered and 0 <= value < len(classes):
        index = value
    elif isinstance(value, float):
        return None, f"is {value}; one number is no label. Write a list of {len(classes)} probabilities, or a vote."
    else:
        number = "" if numbered else f", or a number from 0 to {len(classes) - 1}"
        return None, f"is {cell!r}; expected a class{number}; {suggest(cell, classes)} Leave the cell empty to abstain."
    return [float(i == index) for i in range(len(classes))], None


def _distinct(names: Sequence[str]) -> list[str]:
    """Number the later ones of equal names."""
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
