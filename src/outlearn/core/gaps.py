"""Means over the points at which a labeler says something: a gap is no answer, neither right nor wrong.

With n_m of n points answered by model m, and values v_mi that are defined there, the mean of model m is

    a_m = (1 / n_m) sum_{i answered} v_mi,

a ratio of two means over all n points. Its linear form a_m + (n / n_m) o_mi (v_mi - a_m), o_mi = 1 where model m
answers and else 0, has the mean a_m over all points and, to first order, the spread of a_m over new points (the delta
method), so that the two-way intervals of complete tables hold for it. Every model weighs the same.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

__all__ = ["NEEDS_EVERY_ANSWER", "mean_of_known", "over_answered"]

NEEDS_EVERY_ANSWER = "teachers leave points out, and this term needs what each of them says of every point"


def over_answered(
    values: Float[np.ndarray, "models points"], answered: Bool[np.ndarray, "models points"] | None
) -> Float[np.ndarray, "models points"]:
    """Linearise the mean over the points that each model answers; `answered` is None where all do everywhere.

    Returns:
        Values whose mean over all points is the mean over the points answered; the same values if all are. A model that
        answers nowhere has nan.

    Examples:
        >>> v = np.array([[1.0, 0.0, 1.0, np.nan]])
        >>> over_answered(v, ~np.isnan(v)).round(3), float(over_answered(v, ~np.isnan(v)).mean().round(3))
        (array([[ 1.111, -0.222,  1.111,  0.667]]), 0.667)
    """
    if answered is None or answered.all():
        return values
    counts = answered.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(answered, values, 0.0).sum(axis=1, keepdims=True) / counts
        # a_m + (n / n_m) o_mi (v_mi - a_m)
        return np.where(answered, means + answered.shape[1] / counts * (values - means), means)


def mean_of_known(values: Float[np.ndarray, "models *points"]) -> Float[np.ndarray, "*points"]:
    """Average over the models that have a value at a point; nan where none has.

    Examples:
        >>> mean_of_known(np.array([[1.0, np.nan], [3.0, 2.0]]))
        array([2., 2.])
    """
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))
