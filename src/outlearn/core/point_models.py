"""Models of the same points: which points these are, who labeled whom, and what was left unanswered.

Everything paired (misfit, gap, agreement, recovery) goes through `labeled_by`, so that a student is never compared
with a teacher it has not seen, nor a point with another point.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Integer

from outlearn.errors import AlignmentError, DomainError, ShapeError

__all__ = [
    "PointModels", "check_every_answer", "check_same_points", "ids_or_default", "labeled_by", "read_answered",
    "read_point_ids", "read_teacher_of", "shares_of_answers",
]  # fmt: skip


@runtime_checkable
class PointModels(Protocol):
    """What several models say of the same points, distributions or numbers: all that pairing them needs."""

    @property
    def point_ids(self) -> np.ndarray: ...
    @property
    def teacher_of(self) -> np.ndarray | None: ...
    @property
    def answered(self) -> np.ndarray | None: ...
    @property
    def n_models(self) -> int: ...
    @property
    def n_points(self) -> int: ...
    @property
    def n_coordinates(self) -> int: ...


def check_every_answer(*everyone: PointModels) -> None:
    """Raise unless all models say something of every point.

    Raises:
        DomainError: says which points are left.
    """
    for predictions in everyone:
        if predictions.answered is not None:
            raise DomainError(
                f"{int((~predictions.answered).sum()):,} of {predictions.answered.size:,} answers are gaps, and this "
                "needs what every model says of every point. Keep the points that all answer: "
                "p.select(p.point_ids[p.answered.all(axis=0)])."
            )


def check_same_points(first: PointModels, second: PointModels, names: tuple[str, str] = ("teacher", "student")) -> None:
    """Raise unless both predict the same classes at the same points in the same order.

    Raises:
        AlignmentError: if the numbers of points or classes differ, or the point ids do.
    """
    (n_first, k_first), (n_second, k_second) = ((each.n_points, each.n_coordinates) for each in (first, second))
    if (n_first, k_first) != (n_second, k_second):
        raise AlignmentError(
            f"{names[0]} and {names[1]} must predict the same points and classes; got {n_first} points of {k_first} "
            f"classes and {n_second} points of {k_second}. Predict both on the same split, or keep what they share "
            "with Predictions.select(ids)."
        )
    differ = np.flatnonzero(first.point_ids != second.point_ids)
    if len(differ):
        a, b = first.point_ids.tolist()[differ[0]], second.point_ids.tolist()[differ[0]]
        raise AlignmentError(
            f"{names[0]} and {names[1]} have different points: {len(differ)} of {n_first} ids differ, "
            f"first {a!r} against {b!r}. Predict both on the same split, or reorder with Predictions.select(ids)."
        )


def labeled_by(teacher: PointModels, student: PointModels) -> Integer[np.ndarray, "students"]:
    """Return for each student the row of the teacher that labeled it.

    `student.teacher_of` says it. Without it, one teacher labeled all students, or student m belongs to teacher m when
    there are as many of both; any other shape is an error.

    Returns:
        `[students]`, indices into the teacher's models.

    Raises:
        AlignmentError: if points, classes or indices do not fit, or the pairing is not said.

    Examples:
        >>> from outlearn.core.predictions import Predictions
        >>> t = Predictions.from_probs(np.full((2, 3, 2), 0.5))
        >>> labeled_by(t, Predictions.from_probs(np.full((4, 3, 2), 0.5), teacher_of=np.array([0, 0, 1, 1])))
        array([0, 0, 1, 1])
    """
    check_same_points(teacher, student)
    n_teachers, n_students = teacher.n_models, student.n_models
    if student.teacher_of is None:
        if n_teachers == n_students:
            return np.arange(n_students)
        if n_teachers == 1:
            return np.zeros(n_students, dtype=np.intp)
        raise AlignmentError(
            f"{n_students} students of {n_teachers} teachers: nothing says which teacher labeled which student. "
            "Pass teacher_of=[one teacher index per student] when making the student's Predictions."
        )
    index = np.asarray(student.teacher_of)
    if index.min() < 0 or index.max() >= n_teachers:
        wrong = int(index[(index < 0) | (index >= n_teachers)][0])
        raise AlignmentError(
            f"student.teacher_of must index {n_teachers} teachers from 0 to {n_teachers - 1}; got {wrong}. "
            "Pass every teacher that labeled a student, in the order of the indices."
        )
    return index


def ids_or_default(point_ids: np.ndarray | None, n_points: int) -> np.ndarray:
    return np.arange(n_points) if point_ids is None else np.asarray(point_ids)


def read_point_ids(point_ids: np.ndarray, n_points: int) -> np.ndarray:
    ids = np.array(point_ids)
    if ids.shape != (n_points,):
        raise ShapeError(f"point_ids must have shape ({n_points},), one for each point, got {ids.shape}.")
    try:
        values, counts = np.unique(ids, return_counts=True)
    except TypeError as error:  # objects that cannot be sorted
        kinds = sorted({type(value).__name__ for value in ids.tolist()})
        raise DomainError(
            f"point_ids must be of one kind, text or whole numbers; got {' and '.join(kinds)}. Make them all text: "
            "np.array([str(i) for i in ids])."
        ) from error
    if len(values) < n_points:
        repeated = values.tolist()[np.argmax(counts)]
        raise AlignmentError(f"point_ids must be unique; {repeated!r} comes {counts.max()} times.")
    ids.setflags(write=False)
    return ids


def read_teacher_of(teacher_of: np.ndarray, n_models: int) -> np.ndarray:
    index = np.array(teacher_of)
    if index.shape != (n_models,):
        raise ShapeError(
            f"teacher_of must have shape ({n_models},), one teacher index for each model, got {index.shape}."
        )
    if index.dtype.kind not in "iu" or np.any(index < 0):
        raise DomainError(f"teacher_of must be teacher indices, integers of at least 0, got {index.dtype} {index[:5]}.")
    index.setflags(write=False)
    return index


def shares_of_answers(answered: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share the weights among who says something at each point: evenly where none of these has one, or nobody does."""
    heard = np.where(answered, weights[:, None], 0.0)
    heard = np.where(heard.sum(axis=0) > 0, heard, answered)
    heard = np.where(heard.sum(axis=0) > 0, heard, 1.0)
    return heard / heard.sum(axis=0)


def read_answered(answered: np.ndarray, n_models: int, n_points: int) -> np.ndarray | None:
    mask = np.array(answered)
    if mask.shape != (n_models, n_points) or mask.dtype.kind != "b":
        raise ShapeError(
            f"answered must be booleans of shape ({n_models}, {n_points}), one for each model and point, got "
            f"{mask.dtype} {mask.shape}."
        )
    mask.setflags(write=False)
    return None if mask.all() else mask
