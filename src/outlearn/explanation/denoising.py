"""Is the gain only denoising? Teachers, ensembles of them and students in one table of accuracies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Int

from outlearn.core.predictions import Predictions
from outlearn.core.randomness import generator as random_generator
from outlearn.core.students.denoising import DenoisingControl, denoising_control
from outlearn.errors import DomainError
from outlearn.results.explanation_parts import Control

__all__ = ["denoising"]

MIN_HALF = 4  # points that either half needs, to choose the best teacher and to judge it


def denoising(
    labels: Int[np.ndarray, " points"],
    *,
    teacher: Predictions,
    student: Predictions,
    validation: tuple[Predictions, Int[np.ndarray, " validation_points"]] | None,
    labels_are: str,
    level: float,
) -> Control:
    """Put all into one table of accuracies; the best teacher is never chosen on the points that it is judged on.

    Args:
        labels: what classes are scored against.
        teacher, student: on the same points; student with `teacher_of`.
        validation: the same teachers on other points, and the labels there, to choose the best teacher on.
        labels_are: what the labels are, in words.
        level: of the intervals.

    Raises:
        DomainError: for one teacher, and for too few points to choose the best teacher on one half of them.
    """
    if teacher.n_models < 2:
        raise DomainError("one teacher has no ensemble to compare its student with; train at least two.")
    if validation is not None:
        models, truth = validation
        table = denoising_control(
            labels,
            teacher=teacher,
            student=student,
            validation_teacher=models,
            validation_labels=truth,
            level=level,
        )
        return Control(table, labels_are, "chosen on the validation points")
    if teacher.n_points < 2 * MIN_HALF:
        raise DomainError(f"{teacher.n_points} points are too few to choose the best teacher on one half of them.")
    shuffled = random_generator(0, "halves").permutation(teacher.n_points)
    chosen_on, judged_on = shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]
    half, whole = (
        _table(labels, teacher, student, chosen_on, points, level)
        for points in (judged_on, np.arange(teacher.n_points))
    )
    # All rows but one use all points; the best teacher is judged only where it was not chosen.
    best = {row.name: row for row in half.rows}["best teacher"]
    rows = tuple(best if row.name == "best teacher" else row for row in whole.rows)
    return Control(
        replace(whole, rows=rows), labels_are, "chosen on a random half of the points, measured on the other half"
    )


def _table(
    labels: np.ndarray,
    teacher: Predictions,
    student: Predictions,
    chosen_on: np.ndarray,
    judged_on: np.ndarray,
    level: float,
) -> DenoisingControl:
    def at(models: Predictions, points: np.ndarray) -> Predictions:
        return replace(models, log_probs=models.log_probs[:, points], point_ids=models.point_ids[points])

    return denoising_control(
        labels[judged_on],
        teacher=at(teacher, judged_on),
        student=at(student, judged_on),
        validation_teacher=at(teacher, chosen_on),
        validation_labels=labels[chosen_on],
        level=level,
    )
