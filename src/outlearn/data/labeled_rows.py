"""Labels and true labels of one table, read together: a class that only true labels have is one."""

from __future__ import annotations

import difflib
from dataclasses import replace

import numpy as np

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_columns import LabelColumns, LongForm
from outlearn.data.label_table import LabelTable
from outlearn.data.point_ids import read_ids
from outlearn.data.raw_table import RawTable
from outlearn.data.read_labels import read_annotations, read_labels
from outlearn.errors import suggest

__all__ = ["read_labeled_rows"]


def read_labeled_rows(
    table: RawTable, columns: LabelColumns, form: LongForm | None, errors: InputErrors
) -> tuple[RawTable, LabelTable]:
    """Read the labels of every labeler, and the true labels if a column holds them.

    Args:
        table: as the file holds it.
        columns: the part of each column; of a wide table with the labelers.
        form: of a long table.
        errors: noted so far.

    Returns:
        The table with a row a point (of a long one, the first of each item), and the labels of these points.

    Raises:
        DataError: with the errors noted so far, if a label or an id cannot be used.
    """
    if form is not None:
        items = read_ids(table, form.item, errors, repeats=True)
        errors.raise_if_any()
        labels = read_annotations(table, form, items, errors, class_names=columns.classes or None, true=columns.true)
        first = {name: row for row, name in reversed(list(enumerate(items)))}
        return table.select([first[name] for name in dict.fromkeys(items)]), labels
    ids = None
    if columns.id is not None:
        ids = read_ids(table, columns.id, errors)
        errors.raise_if_any()
    names = [*(columns.labelers or ()), *([columns.true] if columns.true else [])]
    labels = read_labels(table, names, errors, class_names=columns.classes or None)
    if columns.true:
        labels = labels.with_last_as_truth()
        _refuse_slips(table, labels, columns, errors)
    if ids is not None:
        labels = replace(labels, ids=tuple(ids), has_ids=True)
    return table, labels


def _refuse_slips(table: RawTable, labels: LabelTable, columns: LabelColumns, errors: InputErrors) -> None:
    """Refuse a class that one true label alone names, and that is nearly the name of another."""
    if columns.true is None or columns.classes or not columns.labelers or labels.true_labels is None:
        return
    given = np.bincount(labels.labels[labels.answered], minlength=labels.n_classes)
    true = np.bincount(labels.true_labels[labels.true_labels >= 0], minlength=labels.n_classes)
    for k in np.flatnonzero((given == 0) & (true == 1)).tolist():
        name, others = labels.class_names[k], [*labels.class_names[:k], *labels.class_names[k + 1 :]]
        if not name.lstrip("+-").isdigit() and difflib.get_close_matches(name, others):
            row = int(np.flatnonzero(labels.true_labels == k)[0])
            errors.add(
                f"is {name!r}, which no labeler says; {suggest(name, others)} If it is a class of its own, name all "
                "classes (--classes), or label another point with it.",
                at=table.positions[row],
                column=columns.true,
            )
