"""What callers pass to the estimator: points of any container, and where its randomness starts."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state

from outlearn.core.plain_arrays import plain_array
from outlearn.errors import ConfigError, DataError, DomainError, ShapeError
from outlearn.estimator.bagged_teachers import LARGEST_SEED
from outlearn.estimator.numeric_points import check_numbers

__all__ = ["check_any_scored", "check_count", "check_one_label", "check_points", "seeded"]


def check_count(name: str, value: Any) -> None:
    """Refuse what is no whole number of at least 1.

    Raises:
        ConfigError: it names the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigError(f"{name} is {value!r}; expected a whole number of at least 1.")


def check_any_scored(n_scored: int, n_points: int) -> None:
    """Refuse to score points of which none has a label.

    Raises:
        DataError: it says how to split points so that every part has some.
    """
    if not n_scored:
        raise DataError(
            f"none of the {n_points:,} points to score has a label. Split labeled points evenly (for classes "
            "StratifiedKFold does, -1 being a stratum), or into fewer parts."
        )


def check_one_label(y: Any) -> None:
    """Refuse a table of labels where one for each point is meant, and say where several labelers' answers belong.

    Raises:
        ShapeError: for two columns or more.
    """
    try:
        shape = np.shape(y)
    except (TypeError, ValueError):  # no array, or rows of different lengths: for reading it to convert, or to refuse
        return
    if len(shape) == 2 and shape[1] > 1:
        raise ShapeError(
            f"y has shape {list(shape)}; expected one label for each point, [points]. Answers of {shape[1]} labelers "
            "are weak labels: fit(X, weak_labels=np.asarray(y).T), one row a labeler."
        )


def check_points(X: Any, *, encoded: bool = False) -> None:
    """Refuse points of which something would be lost or confused on the way into an array.

    Args:
        X: points.
        encoded: whether an encoder makes numbers of them.

    Raises:
        DataError: for columns of a frame that have one name.
        DomainError: for masked elements, rows of different lengths, tensors with gradients, what is no real number,
            and numbers that are NaN or infinite.
    """
    columns = list(getattr(X, "columns", ()))
    twice = next((name for place, name in enumerate(columns) if name in columns[:place]), None)
    if twice is not None:
        raise DataError(
            f"X has {columns.count(twice)} columns called {twice!r}, so that a name does not say which one is meant. "
            "Give each its own name: X = X.set_axis(names, axis=1)."
        )
    if not columns and not issparse(X):
        plain_array(X, "X", instead_of_masks="Fill what is masked, X.filled(...), or drop these points.")
    if encoded:
        return
    check_numbers(X)
    values = X.tocsr() if issparse(X) else np.asarray(X)
    _check_finite(values.astype(np.float64) if values.dtype.kind == "O" and values.ndim == 2 else values)


def _check_finite(X: Any) -> None:
    """Refuse NaN and inf, naming the first; what is no table of floats is scikit-learn's to judge."""
    if X.dtype.kind != "f" or X.ndim != 2:
        return
    if issparse(X):
        at = np.flatnonzero(~np.isfinite(X.data))
        rows, columns = np.searchsorted(X.indptr, at, side="right") - 1, X.indices[at]
    else:
        rows, columns = np.nonzero(~np.isfinite(X))
    if len(rows):
        n = len(np.unique(rows))
        raise DomainError(
            f"X has NaN or inf in {n:,} of its {X.shape[0]:,} points, first {X[rows[0], columns[0]]} in row {rows[0]}, "
            f"column {columns[0]}; expected finite numbers. Leave these points out, with their labels, or fill what is "
            "missing before: sklearn.impute.SimpleImputer in a pipeline."
        )


def seeded(random_state: Any) -> np.random.Generator:
    """Return a generator that starts at a `random_state` as scikit-learn takes it.

    Raises:
        ConfigError: for what is none.
    """
    try:
        return np.random.default_rng(check_random_state(random_state).randint(LARGEST_SEED))
    except ValueError:
        raise ConfigError(
            f"random_state is {random_state!r}; expected a whole number from 0 to 4294967295, a "
            "numpy.random.RandomState, or None for another one in each fit."
        ) from None
