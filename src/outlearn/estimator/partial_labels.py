"""Labels of which some are missing or weak; -1 marks a missing one, as in scikit-learn's semi-supervised methods."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from outlearn.core.predictions import Predictions
from outlearn.data.task import UNLABELLED
from outlearn.errors import DataError, DomainError, ShapeError

__all__ = [
    "UNLABELLED",
    "check_labels",
    "class_codes",
    "given_labels",
    "is_unlabelled",
    "is_votes",
    "taken_labels",
]


def check_labels(labels: Shaped[np.ndarray, " points"]) -> None:
    """Refuse what is no class and no -1, which an array of Python objects can hold, and text beside numbers.

    Raises:
        DataError: for None, NaN and other objects, and for classes of both kinds.
    """
    if labels.dtype.kind != "O":
        return
    values = labels.tolist()
    for point, value in enumerate(values):
        if not isinstance(value, str | Real) or value != value:
            raise DataError(
                f"labels hold {value!r}, first at position {point}; expected the name or number of a class, or "
                f"{UNLABELLED} where there is none: replace it with {UNLABELLED}."
            )
    if len({isinstance(value, str) for value in values if value != UNLABELLED}) > 1:
        raise DataError(
            f"labels mix text and numbers. Write all classes as text, or all as numbers; {UNLABELLED} marks a point "
            "without a label in both."
        )


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
        raise ShapeError(f"labels have shape {values.shape}; expected one label for each of {n_points} points.")
    code = {name: index for index, name in enumerate(classes.tolist())}
    unknown = [value for value in values.tolist() if value not in code]
    if unknown:
        raise DomainError(
            f"labels hold {unknown[0]!r}, which is no class; expected {', '.join(map(repr, code))}. Every point needs "
            "its true label in y; in weak_labels -1 is a teacher that abstains."
        )
    return np.array([code[value] for value in values.tolist()], dtype=np.int64)


def is_votes(weak_labels: Any) -> bool:
    """Say whether weak labels are votes `[teachers, points]`, classes by name, and not distributions.

    Example:
        >>> is_votes([["a", "b"], ["b", -1]]), is_votes(np.full((2, 3), 0.5)), is_votes(np.full((2, 3, 2), 0.5))
        (True, False, False)
    """
    values = np.asarray(weak_labels)
    return values.ndim == 2 and values.dtype.kind != "f"


def taken_labels(
    weak_labels: Any, classes: Shaped[np.ndarray, " classes"], learned: Bool[np.ndarray, " points"]
) -> tuple[
    Shaped[np.ndarray, " classes"], Float[np.ndarray, "teachers learned classes"], Float[np.ndarray, "..."] | None
]:
    """Take what teachers from elsewhere say of the points that are learned.

    Args:
        weak_labels: distributions or votes; see `given_labels`.
        classes: of the true labels; if there are none, those that anyone votes for, or numbers from 0.
        learned: which points.

    Returns:
        The classes, distributions on the points learned, and, where a teacher abstains somewhere, 1 where it votes and
        0 where not, `[teachers, learned]`, else None.
    """
    votes = is_votes(weak_labels)
    if not len(classes):
        flat = np.asarray(weak_labels).ravel()
        check_labels(flat)
        n_classes = np.shape(weak_labels)[-1] if np.ndim(weak_labels) else 0
        classes = np.unique(flat[~is_unlabelled(flat)]) if votes else np.arange(n_classes)
    labels = given_labels(weak_labels, classes, learned)[:, learned]
    voted = (labels.max(axis=-1) == 1.0).astype(np.float64)
    silent = np.flatnonzero(~voted.any(axis=1)).tolist()
    if votes and silent:
        raise DataError(
            f"teacher {silent[0]}, row {silent[0]} of weak_labels, abstains at all {labels.shape[1]} points that "
            "students learn from: its students would learn nothing. Leave it out of weak_labels."
        )
    return classes, labels, voted if votes and not voted.all() else None


def given_labels(
    weak_labels: Any, classes: Shaped[np.ndarray, " classes"], needed: Bool[np.ndarray, " points"]
) -> Float[np.ndarray, "teachers points classes"]:
    """Check weak labels that were not made here; only those of the needed points must be distributions, or votes.

    A vote becomes a probability of 1. A teacher that abstains, -1, finds all classes equally likely.

    Raises:
        ShapeError: for another shape than `[teachers, points, classes]`, or `[teachers, points]` for votes.
        DomainError: for a needed row that is no distribution, or a vote for no class.
    """
    if is_votes(weak_labels):
        return _distributions(np.asarray(weak_labels), classes, needed)
    values = np.asarray(weak_labels)
    if values.ndim == 2 and values.shape[1] == len(needed) and (values == np.round(values)).all():
        raise ShapeError(
            f"weak_labels have shape {values.shape} and dtype {values.dtype}. If they are votes, [teachers, points], "
            "cast them to whole numbers: votes.astype(int). Distributions have a third axis, the classes."
        )
    expected = (len(needed), len(classes))
    if values.ndim != 3 or values.shape[1:] != expected or len(classes) < 2 or not len(values):
        raise ShapeError(
            f"weak_labels have shape {values.shape}; expected [teachers, points, classes] = [any, {expected[0]}, "
            f"{expected[1]}] for the classes {classes.tolist()}, or votes for them, [teachers, points]."
        )
    values = values.astype(np.float64)
    values[:, needed] = Predictions.from_probs(values[:, needed]).probs
    return values


def _distributions(votes: np.ndarray, classes: np.ndarray, needed: np.ndarray) -> np.ndarray:
    n_teachers, n_points = votes.shape
    if n_points != len(needed) or len(classes) < 2 or not n_teachers:
        raise ShapeError(
            f"weak_labels have shape {votes.shape}; expected votes [teachers, points] = [any, {len(needed)}] for at "
            f"least two classes, these are {classes.tolist()}. A table of one row a point is transposed."
        )
    found = np.full((n_teachers, n_points, len(classes)), 1.0 / len(classes))
    for teacher, row in enumerate(votes):
        given = np.flatnonzero(needed & ~is_unlabelled(row))
        codes = class_codes(row[given], classes, len(given))
        found[teacher, given] = np.eye(len(classes))[codes]
    return found
