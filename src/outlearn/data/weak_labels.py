"""Weak labels that come from elsewhere: a language model, annotators, labeling functions. No teacher is trained then.

A table has an id column and either one column a class (one labeler), or one column a labeler, or a row an annotation.
Rows are joined to the points by id, never by order.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from outlearn.data.formats import read_label_file
from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import cell_value, distribution, rounding_note
from outlearn.data.label_columns import LabelColumns, long_form
from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.data.point_ids import check_ids, numbered_repeats, read_ids
from outlearn.data.raw_table import RawTable
from outlearn.data.read_labels import read_annotations, read_labels
from outlearn.data.task import PAIR_NAMES, Task
from outlearn.data.wording import few
from outlearn.errors import ConfigError, suggest

__all__ = ["MISSING", "load_weak_labels"]

MISSING = ("error", "abstain")
Missing = Literal["error", "abstain"]
FILL = "Fill it, or set teacher.missing=abstain if the labeler may abstain."


def load_weak_labels(
    paths: str | Path | Sequence[str | Path],
    task: Task,
    points: Int[np.ndarray, " points"],
    *,
    id_column: str = "id",
    missing: Missing = "error",
    normalise: bool = False,
) -> LabelTable:
    """Read weak labels from tables, and join them to points by id; those that the task itself holds come first.

    A table whose columns are the classes (or the classes behind one prefix, such as prob_) holds one labeler: each row
    is a distribution, or counts of votes (whole numbers, divided by their sum). In a table with a column of annotators
    each row is one annotation. In any other table each column is a labeler, and a cell is a vote (the name of a class;
    or its number from 0, where names are no numbers) or a distribution (a list in class order, or an object by class
    name). For a preference task the classes are `chosen` and `rejected`, as in the file, whatever their slots.

    Args:
        paths: one table, or several with a labeler or more each; none will do where the task holds weak labels.
        task: the points that ids may name.
        points: indices of the points that must have labels. Labels of other points of the task are left out.
        id_column: column of the ids of `task.ids`.
        missing: what an empty cell of these tables is: an "error", or a gap, where the labeler may "abstain"; so is a
            row that is not there. In the task's own table an empty cell is a gap.
        normalise: divide each distribution by its sum, and take a missing probability for 0.

    Returns:
        The labels of `points`, in their order, with `probs`; the notes count the gaps.

    Raises:
        ConfigError: if `missing` is neither, or there is no path.
        DataError: if a table cannot be read, an id is missing, repeats or is unknown, or a cell is no label.
    """
    if missing not in MISSING:
        raise ConfigError(f"missing is {missing!r}; known: {', '.join(MISSING)}.")
    files = [Path(os.path.expanduser(p)) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    own = task.weak_labels if isinstance(task.weak_labels, LabelTable) else None
    if not files and own is None:
        raise ConfigError("weak labels come from no file; expected one path or more.")
    ids = [task.ids[i] for i in np.asarray(points).tolist()]
    tables = [_labels_of(read_label_file(file), file.stem, id_column, task, ids, missing, normalise) for file in files]
    names = [
        f"{file.stem}/{name}" if name != file.stem and len(files) > 1 else name
        for file, table in zip(files, tables, strict=True)
        for name in table.names
    ]
    if task.first_slot is not None:
        swapped = task.first_slot[np.asarray(points)] == 1
        tables = [table.with_classes_swapped(swapped, task.class_names) for table in tables]
    if own is not None:
        tables, names = [own.select(ids), *tables], [*own.names, *names]
    probs = np.concatenate([table.distributions for table in tables])
    gaps = np.isnan(probs).any(axis=2)
    unique = numbered_repeats(names)
    counts = [
        f"{name} has no label for {count:,} of {len(ids):,} points: gaps, which are neither learned from nor scored."
        for name, count in zip(unique, gaps.sum(axis=1).tolist(), strict=True)
        if count
    ]
    return LabelTable(
        names=tuple(unique),
        labels=_most_probable(probs),
        class_names=task.class_names,
        ids=tuple(ids),
        probs=probs,
        source=", ".join([*([own.source] if own is not None else []), *map(str, files)]),
        notes=(*(note for table in tables for note in table.notes), *counts),
    )


def _labels_of(
    table: RawTable, stem: str, id_column: str, task: Task, ids: Sequence[str], missing: str, normalise: bool
) -> LabelTable:
    """Read the labelers of one table; a single one has the name of the file."""
    errors = table.errors()
    form = long_form(table, LabelColumns(id=id_column))
    if form is None and id_column not in table.columns:
        errors.fail(f"no column {id_column!r} with the points' ids; {suggest(id_column, table.columns)}")
    item = id_column if form is None else form.item
    known_ids = read_ids(table, item, errors, repeats=form is not None)
    check_ids(known_ids, task, ids, item, missing, errors)
    errors.raise_if_any()
    classes = PAIR_NAMES if task.first_slot is not None else task.class_names
    wanted = set(ids)
    kept = [row for row, name in enumerate(known_ids) if name in wanted]
    table, known_ids = table.select(kept), [known_ids[row] for row in kept]
    columns = [name for name in table.columns if name != item]
    if not columns:
        errors.fail(f"has no column beside {item!r}; expected one for each class ({few(classes)}) or each labeler.")
    if form is not None:
        found = read_annotations(table, form, known_ids, errors, class_names=classes, normalise=normalise)
    elif (of_class := _class_columns(columns, classes, errors)) is not None:
        found = _class_rows(table, of_class, classes, stem, errors, normalise=normalise)
    else:
        found = read_labels(table, columns, errors, class_names=classes, normalise=normalise)
        found = replace(found, names=(stem,)) if len(columns) == 1 else found
    errors.raise_if_any()
    _check_gaps(found, table, columns if form is None and of_class is None else (), missing, errors)
    errors.raise_if_any()
    return (found if form is not None else replace(found, ids=tuple(known_ids))).select(ids, absent_are_gaps=True)


def _most_probable(probs: np.ndarray) -> np.ndarray:
    """Give the most probable class, the first if several are, and -1 at a gap."""
    return np.where(np.isnan(probs).any(axis=-1), UNLABELED, np.nan_to_num(probs, nan=-1.0).argmax(axis=-1))


def _check_gaps(found: LabelTable, table: RawTable, columns: Sequence[str], missing: str, errors: InputErrors) -> None:
    """Refuse a labeler that says nothing at all, and gaps where none may be: by cell, by row or by annotator."""
    for name, answered in zip(found.names, found.answered, strict=True):
        if not answered.any():
            errors.add("has no label at all. Drop this labeler.", column=name)
    if errors or missing != "error" or found.answered.all():
        return
    if len(table) != found.n_points or found.has_ids:  # annotations: an item that is not there has no row
        for name, answered in zip(found.names, found.answered, strict=True):
            if not answered.all():
                errors.add(f"{name} has no label for {(~answered).sum():,} of {found.n_points:,} points. {FILL}")
        return
    for m, row in np.argwhere(~found.answered).tolist():
        errors.add(f"is empty. {FILL}", at=table.positions[row], column=columns[m] if columns else None)


def _class_columns(columns: Sequence[str], classes: Sequence[str], errors: InputErrors) -> dict[str, str] | None:
    """Say which column is which class, if they are the classes; all may have one prefix, such as prob_ or P()."""
    shortest = min(columns, key=len)
    for length in range(len(shortest)):
        prefix = shortest[:length]
        if all(name.startswith(prefix) for name in columns) and {n[length:] for n in columns} == set(classes):
            return {name[length:]: name for name in columns}
    if set(columns) & set(classes):
        errors.fail(
            f"has the columns {few(columns)}, which are not the classes {few(classes)}. Give one for each class."
        )
    return None


def _class_rows(
    table: RawTable,
    of_class: Mapping[str, str],
    classes: Sequence[str],
    name: str,
    errors: InputErrors,
    *,
    normalise: bool,
) -> LabelTable:
    """Read one number a class from each row; a row that says nothing is a gap."""
    probs = np.full((1, len(table), len(classes)), np.nan)
    given: list[list[Any]] = []
    cells = zip(*(table.columns[of_class[name]] for name in classes), strict=True)
    for row, (numbers, at) in enumerate(zip(cells, table.positions, strict=True)):
        given.append([cell_value(cell) for cell in numbers])
        label = _class_row(given[-1], classes, normalise=normalise)
        if isinstance(label, str):
            errors.add(label, at=at)
        else:
            probs[0, row] = label
    notes = (*table.notes, *(() if errors else rounding_note(given)))
    if of_class[classes[0]] != classes[0]:
        notes += (f"{table.source}: the columns {few(list(of_class.values()))} are the classes {few(list(of_class))}.",)
    return LabelTable(
        names=(name,),
        labels=_most_probable(probs),
        class_names=tuple(classes),
        ids=tuple(map(str, range(len(table)))),
        probs=probs,
        has_ids=False,
        source=table.source,
        notes=notes,
    )


def _class_row(values: Sequence[Any], classes: Sequence[str], *, normalise: bool) -> list[float] | str:
    """Read one number a class: a distribution, or counts of votes. Nan, if all are missing or no one voted."""
    numbers = [value for value in values if value is not None]
    whole = all(type(value) is int or (type(value) is float and value.is_integer()) for value in numbers)
    counts = whole and len(numbers) == len(values)
    if not numbers or (whole and not any(numbers) and (counts or normalise)):
        return [math.nan] * len(values)
    return distribution(values, classes, normalise=counts or normalise, can_normalise=True)
