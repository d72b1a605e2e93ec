"""Labels of which some are missing or weak; -1 marks a missing one, as in scikit-learn's semi-supervised methods."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from outlearn.core.predictions import Predictions
from outlearn.data.task import UNLABELLED
from outlearn.errors import DomainError, ShapeError

__all__ = ["UNLABELLED", "class_codes", "given_labels", "is_unlabelled"]


def is_unlabelled(y: Shaped[np.ndarray, " points"]) -> Bool[np.ndarray, " points"]:
    """Find the points without a label: -1, and in an array of text "-1", which NumPy makes of a -1 among texts.

    Example:
        >>> is_unlabelled(np.array([0, -1, 1])), is_unlabelled(np.array(["a", -1]))
        (array([False,  True, False]), array([False,  True]))
    """
    if y.dtype.kind in "US":
        return np.asarray(y == np.array(str(UNLABELLED), dtype=y.dtype))
    if y.dtype.kind == "O":
        return np.array([not isinstance(v, bool | str) and v == UNLABELLED for v in y.tolist()], dtype=bool)
    return np.asarray(y == UNLABELLED) if y.dtype.kind in "fiu" else np.zeros(len(y), dtype=bool)


def class_codes(y: Any, classes: Shaped[np.ndarray, " classes"], n_points: int) -> Int[np.ndarray, " points"]:
    """Number true labels by their place among the classes.

    Raises:
        ShapeError: for another number of labels.
        DomainError: for a label that is no class, -1 among them.

    Example:
        >>> class_codes(["b", "a"], np.array(["a", "b"]), 2)
        array([1, 0])
    """
    values = np.asarray(y)
    if values.shape != (n_points,):
        raise ShapeError(f"y has shape {values.shape}; expected one label for each of {n_points} points.")
    code = {name: index for index, name in enumerate(classes.tolist())}
    unknown = [value for value in values.tolist() if value not in code]
    if unknown:
        raise DomainError(
            f"y holds {unknown[0]!r}, which is no class; expected {', '.join(map(repr, code))}. Every point needs its "
            "true label here."
        )
    return np.array([code[value] for value in values.tolist()], dtype=np.int64)


def given_labels(
    weak_labels: Any, classes: Shaped[np.ndarray, " classes"], needed: Bool[np.ndarray, " points"]
) -> Float[np.ndarray, "teachers points classes"]:
    """Check weak labels that were not made here; only those of the needed points must be distributions.

    Raises:
        ShapeError: for another shape than `[teachers, points, classes]`.
        DomainError: for a needed row that is no distribution.
    """
    values = np.asarray(weak_labels)
    expected = (len(needed), len(classes))
    if values.ndim != 3 or values.shape[1:] != expected or len(classes) < 2 or not len(values):
        raise ShapeError(
            f"weak_labels have shape {values.shape}; expected [teachers, points, classes] = [any, {expected[0]}, "
            f"{expected[1]}] for the classes {classes.tolist()}."
        )
    values = values.astype(np.float64)
    values[:, needed] = Predictions.from_probs(values[:, needed]).probs
    return values
