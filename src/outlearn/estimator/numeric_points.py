"""Points that are to be numbers and are not: what they are, and how to make numbers of them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
from scipy.sparse import issparse

from outlearn.data.label_cells import is_gap
from outlearn.data.wording import shortened
from outlearn.errors import DomainError, ShapeError

__all__ = ["check_numbers"]

TEXTS = (
    'Texts need an encoder, such as WeakToStrongClassifier(encoder="tfidf") on one column; of categories make numbers '
    "by sklearn.preprocessing.OneHotEncoder, and of numbers that are written as text by X.astype(float)."
)
TIMES = "Make numbers of them: (X - X.min()) / np.timedelta64(1, 'D') are days; for spans X / np.timedelta64(1, 'D')."
COLUMNS = "Give one column a feature, each of numbers."
ADVICE = {
    "c": (
        "complex numbers. Complex data not supported: give real and imaginary parts as features of their own, "
        "np.concatenate([X.real, X.imag], axis=1), of sparse ones scipy.sparse.hstack."
    ),
    "U": f"texts. {TEXTS}",
    "S": f"bytes. {TEXTS}",
    "M": f"times. {TIMES}",
    "m": f"spans of time. {TIMES}",
    "V": "records. Give a column a field: numpy.lib.recfunctions.structured_to_unstructured(X).",
}


class NoNumberError(DomainError, TypeError):
    """An element is of a type that no number can be made of: a TypeError to scikit-learn's tools."""


def check_numbers(X: Any) -> None:
    """Refuse arrays, sparse matrices and frames of anything but real numbers; their shape is scikit-learn's to judge.

    Raises:
        DomainError: says what the elements are, which is the first, and what to do; a TypeError too where `float` takes
            nothing of its kind.
        ShapeError: for a table whose columns cannot stand in one array.
    """
    names = list(getattr(X, "columns", ()))
    try:
        values = X if issparse(X) else np.asarray(X)
    except (TypeError, ValueError):  # a frame with a column of times, say
        _check_columns(X, names)
        raise ShapeError(
            f"X, a {type(X).__name__}, is no table of numbers; expected [points, features]. Convert it first."
        ) from None
    if values.dtype.kind in ADVICE:
        raise DomainError(f"X holds {values.dtype}, where real numbers are expected: {ADVICE[values.dtype.kind]}")
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:
        raise DomainError(f"X holds {values.dtype}, which is wider than what is computed with: give X.astype(float).")
    if values.dtype.kind == "O" and values.ndim == 1:  # a series of texts
        _check_objects(values, "its only column")
    if values.dtype.kind == "O" and values.ndim == 2:
        _check_columns(X, names)
        for column, name in enumerate(names or range(values.shape[1])):
            _check_objects(values[:, column], f"column {name!r}" if names else f"column {column}")


def _check_columns(X: Any, names: list[Any]) -> None:
    """Refuse the first column of a frame that is of times or texts."""
    for name in names:
        kind = np.asarray(X[name]).dtype
        if kind.kind in ADVICE:
            raise DomainError(f"X's column {name!r} holds {kind}, where numbers are expected: {ADVICE[kind.kind]}")


def _check_objects(values: np.ndarray, where: str) -> None:
    """Refuse the first element of which `float` makes no number."""
    try:
        values.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    else:
        return
    for row, value in enumerate(values.tolist()):
        if is_gap(value):
            raise DomainError(
                f"X has a gap, {value!r}, in row {row} of {where}; expected finite numbers. Leave such points out, "
                "with their labels, or fill what is missing before: sklearn.impute.SimpleImputer in a pipeline, on "
                "X.astype(float) with nan at the gaps."
            )
        try:
            float(value)
        except ValueError:
            raise DomainError(
                f"X has {shortened(value)} in row {row} of {where}, which is no number. {TEXTS}"
            ) from None
        except OverflowError:
            raise DomainError(
                f"X has a number in row {row} of {where} that no float holds; divide by its size."
            ) from None
        except TypeError:
            raise NoNumberError(
                f"X has a {type(value).__name__}, {shortened(value)}, in row {row} of {where}; an argument must be a "
                f"number or a string of a number. {TIMES if isinstance(value, date | timedelta) else COLUMNS}"
            ) from None
