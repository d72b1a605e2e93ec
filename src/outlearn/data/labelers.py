"""Read what labelers say of points from a table, wide or long, and join it to the points that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import is_gap
from outlearn.data.label_columns import LongForm
from outlearn.data.raw_table import RawTable
from outlearn.data.read_labels import ReadLabels, read_labels
from outlearn.data.task import UNLABELLED

__all__ = ["Labelers", "read_annotations", "read_votes"]


@dataclass(frozen=True, eq=False)
class Labelers:
    """Hold what labelers say.

    Attributes:
        names: of the labelers.
        rows: of the table, the first that speaks of each point.
        read: their labels, `[labelers, points]`.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    read: ReadLabels


def read_votes(
    table: RawTable,
    columns: Sequence[str],
    errors: InputErrors,
    *,
    class_names: Sequence[str] | None = None,
    normalise: bool = False,
) -> Labelers | None:
    """Read a table with a column a labeler; see `read_labels`."""
    read = read_labels(table, columns, errors, class_names=class_names, normalise=normalise)
    return None if read is None else Labelers(tuple(columns), tuple(range(len(table))), read)


def read_annotations(
    table: RawTable,
    form: LongForm,
    ids: Sequence[str],
    errors: InputErrors,
    *,
    class_names: Sequence[str] | None = None,
    normalise: bool = False,
) -> Labelers | None:
    """Read a table whose rows are annotations: labelers and points come in the order of the file.

    Args:
        table: the table.
        form: its columns.
        ids: of the item of each row, as text.
        errors: what is wrong is added here: a row without an annotator, an item that one labels twice.
        class_names, normalise: see `read_labels`.
    """
    before = len(errors)
    names: dict[str, int] = {}
    points: dict[str, int] = {}
    first: dict[tuple[int, int], int] = {}
    rows, places = [], []
    for row, ((cell, at), item) in enumerate(zip(table.cells(form.annotator), ids, strict=True)):
        if is_gap(cell):
            errors.add(f"has no {form.annotator}. Fill it or drop the row.", at=at, column=form.annotator)
            continue
        name = f"{form.annotator} {cell}" if str(cell).strip().isdigit() else str(cell).strip()
        if item not in points:
            rows.append(row)
        where = names.setdefault(name, len(names)), points.setdefault(item, len(points))
        if where in first:
            errors.add(
                f"{name!r} has labelled {item!r} already, in {table.unit} {first[where]}. Keep one of the rows, or "
                "name the second answer's annotator otherwise.",
                at=at,
                column=form.annotator,
            )
        first.setdefault(where, at)
        places.append(where)
    read = read_labels(table, [form.label], errors, class_names=class_names, normalise=normalise)
    if read is None or len(errors) > before:
        return None
    labels = np.full((len(names), len(points)), UNLABELLED, dtype=np.int64)
    labels[tuple(np.array(places).T)] = read.labels[0]
    probs = None
    if read.probs is not None:
        probs = np.full((*labels.shape, len(read.class_names)), np.nan)
        probs[tuple(np.array(places).T)] = read.probs[0]
    return Labelers(tuple(names), tuple(rows), ReadLabels(read.class_names, labels, probs))
