"""What the estimator makes of labels of which some are missing or weak: classes, distributions, and who abstains."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from outlearn.core.predictions import Predictions
from outlearn.data.label_arrays import is_unlabeled, labels_given, refuse_what_is_no_class, with_gaps_marked
from outlearn.errors import DataError, DomainError, ShapeError

__all__ = ["class_codes", "given_labels", "weak_labels_and_weights"]


def class_codes(y: Any, classes: Shaped[np.ndarray, " classes"], n_points: int) -> Int[np.ndarray, " points"]:
    """Number true labels by their place among the classes.

    Raises:
        ShapeError: for another number of labels.
        DomainError: for a label that is no class, -1 among them.

    Examples:
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


def _is_votes(weak_labels: np.ndarray) -> bool:
    """Say whether weak labels are votes `[teachers, points]`, classes by name, and not distributions."""
    return weak_labels.ndim == 2 and weak_labels.dtype.kind != "f"


def weak_labels_and_weights(
    weak_labels: Any, classes: Shaped[np.ndarray, " classes"], learned: Bool[np.ndarray, " points"]
) -> tuple[
    Shaped[np.ndarray, " classes"], Float[np.ndarray, "teachers learned classes"], Float[np.ndarray, "..."] | None
]:
    """Read what teachers from elsewhere say of the points that are learned.

    Args:
        weak_labels: distributions or votes; see `given_labels`.
        classes: of the true labels; if there are none, those that anyone votes for, or numbers from 0.
        learned: which points.

    Returns:
        The classes, distributions on the points learned, and, where a teacher abstains somewhere, 1 where it says
        something and 0 where not, `[teachers, learned]`, else None.
    """
    marked = with_gaps_marked(weak_labels)
    if not len(classes) and _is_votes(marked):
        refuse_what_is_no_class(marked)
        classes = np.unique(labels_given(marked))
    elif not len(classes):
        classes = np.arange(marked.shape[-1] if marked.ndim else 0)
    labels, answered = given_labels(marked, classes, learned)
    labels, answered = labels[:, learned], answered[:, learned]
    silent = np.flatnonzero(~answered.any(axis=1)).tolist()
    if silent:
        raise DataError(
            f"teacher {silent[0]}, row {silent[0]} of weak_labels, abstains at all {labels.shape[1]} points that "
            "students learn from: its students would learn nothing. Leave it out of weak_labels."
        )
    return classes, labels, None if answered.all() else answered.astype(np.float64)


def given_labels(
    weak_labels: Any, classes: Shaped[np.ndarray, " classes"], needed: Bool[np.ndarray, " points"]
) -> tuple[Float[np.ndarray, "teachers points classes"], Bool[np.ndarray, "teachers points"]]:
    """Check weak labels that were not made here; only those of the needed points must be distributions, or votes.

    A vote becomes a probability of 1. Where a teacher abstains (-1, or a distribution of nan), all classes are equally
    likely in place of an answer, and the second array says so.

    Returns:
        The distributions, and where a teacher says something.

    Raises:
        ShapeError: for another shape than `[teachers, points, classes]`, or `[teachers, points]` for votes.
        DomainError: for a needed row that is no distribution, or a vote for no class.
    """
    values = with_gaps_marked(weak_labels)
    if _is_votes(values):
        return _distributions(values, classes, needed)
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
    answered = ~np.isnan(values).all(axis=-1)
    values[~answered] = 1.0 / len(classes)
    values[:, needed] = Predictions.from_probs(values[:, needed]).probs
    return values, answered


def _distributions(votes: np.ndarray, classes: np.ndarray, needed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n_teachers, n_points = votes.shape
    if n_points != len(needed) or len(classes) < 2 or not n_teachers:
        raise ShapeError(
            f"weak_labels have shape {votes.shape}; expected votes [teachers, points] = [any, {len(needed)}] for at "
            f"least two classes, these are {classes.tolist()}. A table of one row a point is transposed."
        )
    found = np.full((n_teachers, n_points, len(classes)), 1.0 / len(classes))
    answered = ~is_unlabeled(votes)
    for teacher, row in enumerate(votes):
        given = np.flatnonzero(needed & answered[teacher])
        codes = class_codes(row[given], classes, len(given))
        found[teacher, given] = np.eye(len(classes))[codes]
    return found, answered
