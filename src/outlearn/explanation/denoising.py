"""Is the gain only denoising? Teachers, ensembles of them and students in one table of accuracies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outlearn.core.denoising import DenoisingControl, denoising_control
from outlearn.core.predictions import Predictions
from outlearn.core.randomness import generator as random_generator
from outlearn.errors import DomainError
from outlearn.explanation.parts import Control
from outlearn.explanation.question import Question

__all__ = ["denoising"]

LEAST_HALF = 4  # points that either half needs, to choose the best teacher and to judge it


def denoising(
    teacher: Predictions,
    student: Predictions,
    ask: Question,
    validation: tuple[Predictions, np.ndarray] | None,
) -> Control:
    """Put all into one table of accuracies; the best teacher is never chosen on the points that it is judged on."""
    if teacher.n_models < 2:
        raise DomainError("one teacher has no ensemble to compare its student with; train at least two.")
    labels, of_labels = ask.labels(teacher)
    if validation is not None:
        models, truth = validation
        table = denoising_control(
            labels,
            teacher=teacher,
            student=student,
            validation_teacher=models,
            validation_labels=truth,
            level=ask.level,
        )
        return Control(table, of_labels, "chosen on the validation points")
    if teacher.n_points < 2 * LEAST_HALF:
        raise DomainError(f"{teacher.n_points} points are too few to choose the best teacher on one half of them.")
    shuffled = random_generator(0, "halves").permutation(teacher.n_points)
    chosen_on, judged_on = shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]
    half, whole = (
        _table(labels, teacher, student, chosen_on, points, ask.level)
        for points in (judged_on, np.arange(teacher.n_points))
    )
    # All rows but one use all points; the best teacher is judged only where it was not chosen.
    best = {row.name: row for row in half.rows}["best teacher"]
    rows = tuple(best if row.name == "best teacher" else row for row in whole.rows)
    return Control(
        replace(whole, rows=rows), of_labels, "chosen on a random half of the points, measured on the other half"
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
