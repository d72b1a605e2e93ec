"""The few rows of a table whose true labels are known: to calibrate by, or to show as examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from outlearn.data.raw_table import RawTable
from outlearn.errors import ConfigError, suggest

__all__ = ["NO_LABELS", "not_shown", "true_labels"]

NO_LABELS = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def true_labels(
    raw: RawTable, column: str | None, names: Sequence[str]
) -> tuple[Int[np.ndarray, " labeled"], Int[np.ndarray, " labeled"]]:
    """Read the few true labels: rows, and their classes."""
    errors = raw.errors()
    if column is None or column not in raw.columns:
        errors.fail(
            "calibration: labels and examples (shots) need true labels. Name their column, --true-column NAME, of: "
            f"{', '.join(map(repr, raw.columns))}."
        )
    rows, labels = [], []
    for row, (cell, at) in enumerate(raw.cells(str(column))):
        if cell is None or cell == "":
            continue
        if cell not in names:
            errors.add(f"is {cell!r}; {suggest(cell, names)}", at=at, column=column)
            continue
        rows.append(row)
        labels.append(list(names).index(cell))
    errors.raise_if_any()
    if len(set(labels)) < len(names):
        errors.fail(f"the true labels in {column!r} leave out a class of {', '.join(names)}. Label a row of each.")
    return np.array(rows), np.array(labels)


def not_shown(
    rows: Int[np.ndarray, " labeled"],
    labels: Int[np.ndarray, " labeled"],
    shown: Int[np.ndarray, " shown"],
    names: Sequence[str],
) -> tuple[Int[np.ndarray, " left"], Int[np.ndarray, " left"]]:
    """Leave out the rows whose answers the model has seen: they would calibrate what it repeats."""
    left = ~np.isin(rows, shown)
    if len(set(labels[left].tolist())) < len(names):
        raise ConfigError(
            f"--shots shows {len(shown)} of {len(rows)} true labels, and what is left to calibrate by lacks a class. "
            "Show fewer, label more rows, or calibrate by shares."
        )
    return rows[left], labels[left]
