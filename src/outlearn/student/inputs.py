"""What people hand over to a student: lists, arrays, series, tables; text by text, whatever the container.

A missing text (None, NaN, NA) is an empty one, and a number is the text that writes it: no row is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from outlearn.data.label_cells import is_gap
from outlearn.data.templates import FIELD, template_columns
from outlearn.errors import DataError, ShapeError, suggest
from outlearn.student.record import Reads

__all__ = ["numbers_of", "pairs_of", "rows_of", "text_of", "texts_of"]


def text_of(cell: Any) -> str:
    """Read one cell as a text.

    Examples:
        >>> text_of("good"), text_of(None), text_of(float("nan")), text_of(12), text_of(0.5)
        ('good', '', '', '12', '0.5')
    """
    if isinstance(cell, str):
        return str(cell)
    return "" if is_gap(cell) else str(cell)


def rows_of(values: Any, reads: Reads) -> list[tuple[str, ...]]:
    """Return the texts of each row: one, or the two of a pair.

    Args:
        values: a sequence of texts (of pairs), or a table with the columns that the student reads.

    Raises:
        DataError: if a table lacks a column, or the values are no texts.
    """
    if isinstance(values, str | bytes):
        raise DataError("expected a list of texts, got one text. Put it in a list: [text].")
    columns = _columns(values)
    if reads.what == "pair":
        return [*pairs_of(values, columns, reads)]
    return [(text,) for text in texts_of(values, columns, reads)]


def texts_of(values: Any, columns: Mapping[str, Sequence[Any]] | None, reads: Reads) -> list[str]:
    """Return one text a row."""
    if columns is None:
        cells = _cells(values)
        if any(isinstance(cell, list | tuple | dict | np.ndarray) for cell in cells):
            raise DataError("expected one text a row, got several. Give a list of texts, or a table with the column "
                            f"{reads.text!r}.")  # fmt: skip
        return [text_of(cell) for cell in cells]
    if reads.text in columns:
        return [text_of(cell) for cell in columns[reads.text]]
    fields = template_columns(reads.text)
    _need(fields or (reads.text,), columns)
    parts = FIELD.split(reads.text)  # text, field, text, field, ..., text
    cells = [columns[part] if i % 2 else None for i, part in enumerate(parts)]
    n_rows = len(columns[fields[0]])
    return [
        "".join(part if column is None else text_of(column[row]) for part, column in zip(parts, cells, strict=True))
        for row in range(n_rows)
    ]


def pairs_of(values: Any, columns: Mapping[str, Sequence[Any]] | None, reads: Reads) -> list[tuple[str, str]]:
    """Return the two texts of each row."""
    if columns is not None:
        _need((reads.first, reads.second), columns)
        return [(text_of(a), text_of(b)) for a, b in zip(columns[reads.first], columns[reads.second], strict=True)]
    pairs = [tuple(row) if isinstance(row, list | tuple | np.ndarray) else (row,) for row in _cells(values)]
    if wrong := next((row for row in pairs if len(row) != 2), None):
        raise DataError(f"expected two texts a row, got {wrong!r:.60}. Give pairs, or a table with two columns.")
    return [(text_of(a), text_of(b)) for a, b in pairs]


def numbers_of(values: Any) -> Float32[np.ndarray, "points features"]:
    """Return rows of numbers.

    Raises:
        ShapeError: for another number of axes.
        DataError: for what is no number, or not finite.
    """
    try:
        array = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"this student reads rows of numbers, and these are none: {error}.") from None
    if array.ndim != 2:
        raise ShapeError(f"this student reads [points, features], got shape {array.shape}.")
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(f"row {row} holds a number that is not finite. Impute it.")
    return array


def _columns(values: Any) -> Mapping[str, Sequence[Any]] | None:
    """Return the columns of a table: a mapping, or a frame of pandas, polars or Arrow; None for anything else."""
    if isinstance(values, Mapping):
        return values
    if hasattr(values, "to_pydict"):  # Arrow
        return values.to_pydict()
    if hasattr(values, "columns") and not hasattr(values, "dtype"):  # pandas and polars
        return {str(name): values[name].to_list() for name in values.columns}
    return None


def _cells(values: Any) -> list[Any]:
    """Return the entries of a list, an array `[rows]` or `[rows, 1]`, or a series."""
    if isinstance(values, np.ndarray):
        return values[:, 0].tolist() if values.ndim == 2 and values.shape[1] == 1 else values.tolist()
    return list(values.to_list() if hasattr(values, "to_list") else values)


def _need(names: Sequence[str], columns: Mapping[str, Any]) -> None:
    for name in names:
        if name not in columns:
            raise DataError(
                f"the table has no column {name!r}, which the student reads; {suggest(name, columns)} Name another "
                "with --text-column (text_column=...)."
            )
