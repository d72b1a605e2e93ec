"""A kept student in Python: a scikit-learn classifier that is trained already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sklearn.base import BaseEstimator, ClassifierMixin

from outlearn.student.answering import AnsweringStudent
from outlearn.student.numbers import NumberStudent, is_number_student

__all__ = ["Student", "load_student"]


def load_student(
    path: str | Path,
    *,
    model: str | None = None,
    text_column: str | None = None,
    first_column: str | None = None,
    second_column: str | None = None,
    device: str | None = None,
) -> Student | NumberStudent:
    """Read a student that a run kept, and check that it is whole.

    Args:
        path: the folder of a run, or of a student.
        model: folder of the encoder's model, if it lies elsewhere than when the student was trained.
        text_column: column of tables, or template of columns, that holds the texts; None for that of the run.
        first_column, second_column: the same for pairs.
        device: where to run a model of torch; None takes a GPU if there is one.

    Returns:
        The student; of a task whose label is a number, a regressor. Its encoder is loaded when it is first asked.

    Raises:
        DataError: if a file is missing, foreign, truncated, altered or of another version; it says which.
    """
    if is_number_student(path):
        numbers = NumberStudent(path, model, text_column, device)
        numbers.record  # noqa: B018 (read now, so that what is wrong is said now)
        return numbers
    student = Student(path, model, text_column, first_column, second_column, device)
    student.record  # noqa: B018 (read now, so that what is wrong is said now)
    return student


class Student(ClassifierMixin, AnsweringStudent, BaseEstimator):  # type: ignore[misc]
    """Predict classes of new texts with a student that a run kept.

    It is trained: `fit` changes nothing. It clones, and stands in a `Pipeline`; whether to pickle it is the caller's
    choice, a pickle holds the heads and not the encoder.

    Args:
        path, model, text_column, first_column, second_column, device: see `load_student`.
    """

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Return the student as it is: it learned from weak labels in its run."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __getstate__(self) -> Mapping[str, Any]:
        # A loaded encoder is no part of a pickle: it is found again by its name, and checked.
        return {key: value for key, value in super().__getstate__().items() if key != "_ready"}
