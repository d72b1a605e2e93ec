"""Is the gain only denoising? Teachers, ensembles of them and students in one table of accuracies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Int

from outlearn.core.metrics import score
from outlearn.core.predictions import Predictions
from outlearn.core.randomness import generator as random_generator
from outlearn.core.students.denoising import COLUMNS, ControlRow, denoising_control
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
        how = "chosen on the validation points"
    else:
        if teacher.n_points < 2 * MIN_HALF:
            raise DomainError(f"{teacher.n_points} points are too few to choose the best teacher on one half of them.")
        shuffled = random_generator(0, "halves").permutation(teacher.n_points)
        chosen_on, judged_on = shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]
        models, truth = teacher.select(teacher.point_ids[chosen_on]), labels[chosen_on]
        how = "chosen on a random half of the points, measured on the other half"
    table = denoising_control(
        labels, teacher=teacher, student=student, validation_teacher=models, validation_labels=truth, level=level
    )
    if validation is None:
        # The best teacher alone is not judged on all points, but where it was not chosen.
        ids = teacher.point_ids[judged_on]
        best = Predictions.from_logits(teacher.select(ids).log_probs[table.best_teacher], point_ids=ids)
        row = ControlRow("best teacher", *(score(name, best, labels[judged_on], level).interval for name in COLUMNS))
        table = replace(table, rows=tuple(row if other.name == row.name else other for other in table.rows))
    return Control(table, labels_are, how)
