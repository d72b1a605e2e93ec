"""Read a table whose rows are annotations: of which item, by whom, and what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_columns import LongForm
from outlearn.data.label_table import LabelTable
from outlearn.data.point_ids import name_of
from outlearn.data.raw_table import RawTable
from outlearn.data.read_labels import read_labels
from outlearn.data.task import UNLABELLED

__all__ = ["read_annotations"]


def read_annotations(
    table: RawTable,
    form: LongForm,
    ids: Sequence[str],
    errors: InputErrors,
    *,
    class_names: Sequence[str] | None = None,
    normalise: bool = False,
) -> LabelTable | None:
    """Read the labels of every annotator; annotators and items come in the order of the file.

    Args:
        table: the table.
        form: its columns.
        ids: of the item of each row, as text.
        errors: what is wrong is added here: a row without an annotator, an item that one labels twice.
        class_names, normalise: see `read_labels`.

    Returns:
        The labels, with a gap where an annotator has not labelled an item; or None if there was an error.
    """
    before = len(errors)
    names: dict[str, int] = {}
    items = {item: k for k, item in enumerate(dict.fromkeys(ids))}
    first: dict[tuple[int, int], int] = {}
    for (cell, at), item in zip(table.cells(form.annotator), ids, strict=True):
        written = name_of(cell)
        if not written:
            errors.add(f"has no {form.annotator}. Fill it or drop the row.", at=at, column=form.annotator)
            continue
        name = f"{form.annotator} {written}" if written.isdigit() else written
        where = names.setdefault(name, len(names)), items[item]
        if where in first:
            errors.add(
                f"{name!r} has labelled {item!r} already, in {table.unit} {first[where]}. Keep one of the rows, or "
                "name the second answer's annotator otherwise.",
                at=at,
                column=form.annotator,
            )
        first.setdefault(where, at)
    read = read_labels(table, [form.label], errors, class_names=class_names, normalise=normalise)
    if read is None or len(errors) > before:
        return None
    labels = np.full((len(names), len(items)), UNLABELLED, dtype=np.int64)
    probs = None if read.probs is None else np.full((*labels.shape, read.n_classes), np.nan)
    of_row = tuple(np.array(list(first)).T)  # one place for each row, in the order of the rows
    labels[of_row] = read.labels[0]
    if probs is not None and read.probs is not None:
        probs[of_row] = read.probs[0]
    note = f"Each row is one annotation, of {form.item} by {form.annotator}: {form.label}."
    return replace(
        read, names=tuple(names), labels=labels, probs=probs, ids=tuple(items), has_ids=True, notes=(*read.notes, note)
    )
