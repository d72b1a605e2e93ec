"""How near students are to what the teachers have in common, without the one that each learned from.

A student that copies its teacher is near the mean of all teachers whenever that teacher weighs in it. With the own
teacher m left out of the mean c_-m, which belongs to the order (dual in "target_first", arithmetic otherwise), a copy
is as far away as its teacher is:

    target_first:      D(s_m, c_-m)
    prediction_first:  D(c_-m, s_m)
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.orders import check_order, leave_out_centres
from outlearn.core.point_models import check_every_answer, labeled_by
from outlearn.core.predictions import Predictions
from outlearn.errors import DomainError

__all__ = ["distance_to_left_out_mean"]


def distance_to_left_out_mean(
    teacher: Predictions,
    student: Predictions,
    *,
    generator: str | BregmanGenerator = "negative_entropy",
    order: str = "target_first",
) -> Float[np.ndarray, "students points"]:
    """Measure the divergence of each student from the mean of all teachers but its own.

    Args:
        teacher: `[teachers, points, classes]`, at least two, without gaps.
        student: `[students, points, classes]`, with `teacher_of` unless there is one student a teacher.
        generator, order: as in `risk_gap`.

    Returns:
        In the generator's unit, nats for negative entropy.

    Raises:
        DomainError: for a single teacher, or gaps.
        AlignmentError: if the points differ, or the pairing is not said.

    Examples:
        >>> t = Predictions.from_probs(np.array([[[0.9, 0.1]], [[0.5, 0.5]], [[0.5, 0.5]]]))
        >>> distance_to_left_out_mean(t, t).round(4)  # copies of their teachers
        array([[0.3681],
               [0.1438],
               [0.1438]])
    """
    chosen = get_generator(generator)
    check_order(order)
    own = labeled_by(teacher, student)
    check_every_answer(teacher)
    if teacher.n_models < 2:
        raise DomainError("a single teacher leaves none out: the mean of the others needs at least 2 teachers.")
    t = chosen.dual_from_log_probs(teacher.log_probs, argument="teacher")
    s = chosen.dual_from_log_probs(student.log_probs, argument="student")
    centres = leave_out_centres(t, chosen, order, of="predictions")[own]
    first, second = (s, centres) if order == "target_first" else (centres, s)
    return np.stack([chosen.divergence_from_dual(a, b) for a, b in zip(first, second, strict=True)])
