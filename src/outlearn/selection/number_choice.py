"""Choose the strength of numeric students without a true label: by what other teachers say of them; and their scale.

For each penalty, students learn from one teacher each, and predict points of groups that they have not seen. Two
criteria compare them with the teachers m' that did not label them:

    crossed misfit = mean over m and m' != m of (s_m - t_m')^2,       concordance = mean of Lin's(s_m, t_m').

Where the errors of different teachers are independent given the point, and 0 on average, crossed misfit is the
students' risk plus the teachers', E (s_m - t_m')^2 = E (s_m - Y)^2 + E (t_m' - Y)^2, for s_m knows nothing of the error
of t_m'; the second part is the same for all penalties. But teachers of few labels shrink towards the mean, all alike:
crossed misfit then asks for a student that is shrunk twice. Concordance divides by the spreads of both, which takes
most of that away, and it chose nearer to the best penalty where it was developed (docs/regression.md).

The answer is the student of the teachers' mean at the chosen penalty. Teachers that were trained here predict with the
least risk, so that E[Y | t] = t: they shrink to make up for their noise, var t = w var Y, and averaging takes the noise
away but not the shrinkage. Under t_m = w (Y + e_m), independent e_m, the part that they share is
w = cov(t_m, t_m') / var t_m, their reliability, and the denoised student is w E[Y | x]: so it is moved away from its
mean by 1 / w, the correction for attenuation. Labelers from elsewhere (t = Y + e) need none.

Source: Spearman, The proof and measurement of association between two things, 1904, for attenuation; Baron et al., Two
reasons to make aggregated probability forecasts more extreme, 2014, for what averaging does to calibrated forecasts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.numbers import Numbers
from outlearn.core.students.concordance import concordance_matrix, crossed_squared_error
from outlearn.errors import ConfigError, suggest

__all__ = ["NUMBER_CRITERIA", "NumberChoice", "NumberCriterion", "choose_penalty", "reliability"]

LEAST_RELIABLE = 0.1  # below it, teachers share so little that dividing by it would spread noise


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


def reliability(teachers: Numbers) -> float | None:
    """Return the part of the teachers' variance over points that different teachers share: cov(t, t') / var t.

    Returns:
        A number between 0.1 and 1; None where it is less, or there are gaps or a single teacher: then no scale is told.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> shared = rng.normal(size=4000)
        >>> round(reliability(Numbers.from_values(shared + rng.normal(size=(5, 4000)))), 1)
        0.5
    """
    n = teachers.n_models
    if n < 2 or teachers.answered is not None:
        return None
    covariance = np.cov(teachers.values)
    own = float(np.trace(covariance)) / n
    shared = (float(covariance.sum()) - n * own) / (n * (n - 1))
    return min(shared / own, 1.0) if own > 0 and shared > LEAST_RELIABLE * own else None
