"""What preflight needs of a table of labels before it can say anything."""

from __future__ import annotations

import numpy as np

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_table import LabelTable
from outlearn.errors import DataError, ShapeError

__all__ = ["MIN_POINTS", "MIN_TRUE_LABELS", "check_labels", "n_true_labels"]

MIN_TRUE_LABELS = 20
MIN_POINTS = 20  # below, the interval of an agreement is wider than what it is to tell apart


def n_true_labels(table: LabelTable) -> int:
    """Count the true labels of points that somebody labeled."""
    return 0 if table.true_labels is None else int(((table.true_labels >= 0) & table.answered.any(axis=0)).sum())


def check_labels(table: LabelTable, *, to_label_next: bool = False) -> LabelTable:
    """Check that agreement can be measured, and return the table.

    Args:
        table: of weak labels.
        to_label_next: points are drawn to give true labels to: one labeler alone will do.

    Raises:
        ShapeError: if lengths differ.
        DataError: names everything else that makes it useless: one labeler without true labels, too few points, a
            labeler that gave no label or only one class, no point with two labels, a label that is no class.
    """
    n_labelers, n_points = table.labels.shape
    lengths = {"ids": len(table.ids), "texts": n_points if table.texts is None else len(table.texts)}
    lengths["true_labels"] = n_points if table.true_labels is None else len(table.true_labels)
    lengths["segments"] = n_points if table.segments is None else len(table.segments)
    for what, length in lengths.items():
        if length != n_points:
            raise ShapeError(f"{table.source}: {length} {what} for {n_points} points. Give one for each point.")
    if len(table.names) != n_labelers:
        raise ShapeError(f"{table.source}: {len(table.names)} names for {n_labelers} labelers.")
    n_true = n_true_labels(table)
    if n_labelers < 2 and not (n_labelers == 1 and (n_true >= MIN_TRUE_LABELS or to_label_next)):
        names = ", ".join(map(repr, table.names)) or "none"
        raise DataError(
            f"{table.source}: {n_labelers} labeler{'' if n_labelers == 1 else 's'} ({names}) and {n_true} true labels "
            f"of points that it labeled; expected {MIN_TRUE_LABELS} of them, of points drawn at random (--true FILE, "
            "--true-column; --label-next 100 draws some), or a second labeler, or one that was asked twice, each "
            "answer in its own column. One answer a point says nothing about its error."
        )
    if n_points < MIN_POINTS:
        raise DataError(
            f"{table.source}: {n_points} points; expected at least {MIN_POINTS}. Fewer say nothing about agreement."
        )
    errors = InputErrors(table.source)
    if table.n_classes < 2:
        errors.add(f"all labels are {', '.join(map(repr, table.class_names))}; expected two classes or more.")
    for name, row in [*zip(table.names, table.labels, strict=True), ("true labels", table.true_labels)]:
        if row is not None and ((row < -1) | (row >= table.n_classes)).any():
            wrong = int(row[(row < -1) | (row >= table.n_classes)][0])
            errors.add(f"{name} has the label {wrong}; expected 0 to {table.n_classes - 1}, or -1 for none.")
    for name, row in zip(table.names, table.labels, strict=True) if not errors else ():
        given = np.unique(row[row >= 0])
        if not len(given):
            errors.add(f"labeler {name!r} has no label at all. Leave it out.")
        elif len(given) == 1:
            errors.add(
                f"labeler {name!r} always says {table.class_names[int(given[0])]!r}, whatever the point: there is "
                "nothing to learn from it. Leave it out (--labelers NAMES)."
            )
    n_given = 0 if table.true_labels is None else int((table.true_labels >= 0).sum())
    if not errors and n_given and not n_true:
        errors.add(
            f"{n_given} true labels, and none is of a point that a labeler labeled. Label points that have a true "
            "label, or check that both name points by the same ids."
        )
    if not errors and n_labelers > 1 and int(((table.labels >= 0).sum(axis=0) > 1).sum()) < MIN_POINTS:
        errors.add(
            f"fewer than {MIN_POINTS} points have labels of two labelers; agreement cannot be measured. Let two "
            "label the same points."
        )
    errors.raise_if_any()
    return table
