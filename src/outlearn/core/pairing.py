"""Which teacher labelled which student, and whether both were predicted on the same points.

Everything paired (misfit, gap, agreement, recovery) goes through `labelled_by`, so that a student is never compared
with a teacher it has not seen, nor a point with another point.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer

from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError

__all__ = ["check_same_points", "labelled_by"]


def check_same_points(first: Predictions, second: Predictions, names: tuple[str, str] = ("teacher", "student")) -> None:
    """Raise unless both predict the same classes at the same points in the same order.

    Raises:
        AlignmentError: if the numbers of points or classes differ, or the point ids do.
    """
    (_, n_first, k_first), (_, n_second, k_second) = first.log_probs.shape, second.log_probs.shape
    if (n_first, k_first) != (n_second, k_second):
        raise AlignmentError(
            f"{names[0]} and {names[1]} must predict the same points and classes; got {n_first} points of {k_first} "
            f"classes and {n_second} points of {k_second}. Predict both on the same split."
        )
    differ = np.flatnonzero(first.point_ids != second.point_ids)
    if len(differ):
        a, b = first.point_ids.tolist()[differ[0]], second.point_ids.tolist()[differ[0]]
        raise AlignmentError(
            f"{names[0]} and {names[1]} have different points: {len(differ)} of {n_first} ids differ, "
            f"first {a!r} against {b!r}. Predict both on the same split, or reorder with Predictions.select(ids)."
        )


def labelled_by(teacher: Predictions, student: Predictions) -> Integer[np.ndarray, "students"]:
    """Return for each student the row of the teacher that labelled it.

    `student.teacher_of` says it. Without it, one teacher labelled all students, or student m belongs to teacher m when
    there are as many of both; any other shape is an error.

    Returns:
        `[students]`, indices into the teacher's models.

    Raises:
        AlignmentError: if points, classes or indices do not fit, or the pairing is not said.

    Example:
        >>> t = Predictions.from_probs(np.full((2, 3, 2), 0.5))
        >>> labelled_by(t, Predictions.from_probs(np.full((4, 3, 2), 0.5), teacher_of=np.array([0, 0, 1, 1])))
        array([0, 0, 1, 1])
    """
    check_same_points(teacher, student)
    n_teachers, n_students = len(teacher.log_probs), len(student.log_probs)
    if student.teacher_of is None:
        if n_teachers == n_students:
            return np.arange(n_students)
        if n_teachers == 1:
            return np.zeros(n_students, dtype=np.intp)
        raise AlignmentError(
            f"{n_students} students of {n_teachers} teachers: nothing says which teacher labelled which student. "
            "Pass teacher_of=[one teacher index per student] when making the student's Predictions."
        )
    index = np.asarray(student.teacher_of)
    if index.min() < 0 or index.max() >= n_teachers:
        wrong = int(index[(index < 0) | (index >= n_teachers)][0])
        raise AlignmentError(
            f"student.teacher_of must index {n_teachers} teachers from 0 to {n_teachers - 1}; got {wrong}. "
            "Pass every teacher that labelled a student, in the order of the indices."
        )
    return index
