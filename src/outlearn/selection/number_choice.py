"""Choose the strength of numeric students without a true label: by what other teachers say of them.

For each penalty, students learn from one teacher each, and predict points of groups that they have not seen.

    crossed misfit = mean over m and m' != m of (s_m - t_m')^2

is, where the errors of different teachers are independent given the point and 0 on average, the students' risk plus the
teachers': E (s_m - t_m')^2 = E (s_m - Y)^2 + E (t_m' - Y)^2, for s_m knows nothing of the error of t_m'. The second
part is the same for all penalties, so that the least crossed misfit is the least risk. What all teachers share (a bias
in the point) it cannot see, and then it chooses too small a penalty rather than too large a one.

The answer is the student of the teachers' mean at the chosen penalty: where all teachers answer everywhere, it is the
mean of the students, for ridge is linear in its labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.numbers import Numbers
from outlearn.core.students.concordance import concordance_matrix, crossed_squared_error
from outlearn.errors import ConfigError, suggest

__all__ = ["NUMBER_CRITERIA", "NumberChoice", "NumberCriterion", "choose_penalty"]


@dataclass(frozen=True)
class NumberCriterion:
    """Describe a label-free criterion of numbers: its name, its words, whether more is better, and what it measures."""

    name: str
    line: str
    more_is_better: bool
    measure: Callable[[Numbers, Numbers], float]


def _crossed_concordance(teachers: Numbers, students: Numbers) -> float:
    """Average the concordance of students with the teachers that did not label them."""
    found = concordance_matrix(students, teachers)
    assert students.teacher_of is not None  # students of a teacher each
    other = students.teacher_of[:, None] != np.arange(teachers.n_models)
    return float(np.nanmean(found[other]))


NUMBER_CRITERIA: Mapping[str, NumberCriterion] = {
    each.name: each
    for each in (
        NumberCriterion(
            "crossed_misfit",
            "mean squared difference of students and the teachers that did not label them, on points held out",
            more_is_better=False,
            measure=crossed_squared_error,
        ),
        NumberCriterion(
            "concordance",
            "Lin's concordance of students with the teachers that did not label them, on points held out",
            more_is_better=True,
            measure=_crossed_concordance,
        ),
    )
}


@dataclass(frozen=True, eq=False)
class NumberChoice:
    """Hold a choice: every criterion at every penalty, and which penalty is best by one of them.

    Attributes:
        criteria: name -> its value at each penalty.
        chosen: index of the penalty.
    """

    criteria: Mapping[str, Float[np.ndarray, " penalties"]]
    chosen: int


def choose_penalty(
    teachers: Numbers, held_out: Float[np.ndarray, "penalties teachers points"], criterion: str
) -> NumberChoice:
    """Choose among students of each teacher by a criterion; of equals the larger penalty.

    Args:
        teachers: on the points that `held_out` predicts; what they leave out counts nowhere.
        held_out: predictions of points that the students have not learned, penalties increasing.
        criterion: a key of NUMBER_CRITERIA.

    Raises:
        ConfigError: for another criterion, or a single teacher, whom no other can check.
    """
    if criterion not in NUMBER_CRITERIA:
        raise ConfigError(f"student.criterion is {criterion!r}; {suggest(criterion, NUMBER_CRITERIA)}")
    if teachers.n_models < 2:
        raise ConfigError("auto chooses by what other teachers say, and there is one teacher. Give two or more.")
    own = np.arange(teachers.n_models)
    found = {
        each.name: np.array(
            [each.measure(teachers, Numbers(values.copy(), teachers.point_ids, own)) for values in held_out]
        )
        for each in NUMBER_CRITERIA.values()
    }
    worth = found[criterion] if NUMBER_CRITERIA[criterion].more_is_better else -found[criterion]
    return NumberChoice(found, len(worth) - 1 - int(worth[::-1].argmax()))
