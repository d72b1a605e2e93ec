"""Which teacher labeled which student, in files: checked, and in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Int

from outlearn.errors import AlignmentError

__all__ = ["check_pairing", "pairing_words"]


def check_pairing(
    n_students: int, n_teachers: int, indices: Int[np.ndarray, " students"] | None, source: str | Path | None
) -> None:
    """Raise unless every student has a teacher: by its index, or by the numbers of both."""
    if indices is None:
        if n_teachers not in (1, n_students):
            raise AlignmentError(
                f"{n_students} students of {n_teachers} teachers: nothing says which teacher labeled which student. "
                "Pass --teacher-of FILE with one teacher index, from 0, for each student."
            )
        return
    if len(indices) != n_students:
        raise AlignmentError(f"{source}: {len(indices)} teacher indices for {n_students} students. Give one a student.")
    if indices.min() < 0 or indices.max() >= n_teachers:
        wrong = int(indices[(indices < 0) | (indices >= n_teachers)][0])
        raise AlignmentError(
            f"{source}: student {int(np.argmax(indices == wrong))} has teacher {wrong}; expected an index from 0 to "
            f"{n_teachers - 1}, for the {n_teachers} teachers."
        )


def pairing_words(given: bool, n_teachers: int) -> str:
    """Say how students were joined to teachers."""
    if given:
        return "teacher of each as given"
    return "all of the one teacher" if n_teachers == 1 else "student m labeled by teacher m"
