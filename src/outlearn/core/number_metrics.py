"""Metrics of predicted numbers, as one value per (model, point) whose mean over points is the metric.

As for classes (`metrics`): mean squared and mean absolute error are means already; R2 and Spearman's correlation are
linearised, so that the mean over points is the metric exactly and the spread over points is that of the delta method.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.core.metrics import Metric, Score, scorecard
from outlearn.core.numbers import Numbers
from outlearn.core.ranks import mid_ranks
from outlearn.core.scales import DIFFERENCE, POSITIVE, REAL
from outlearn.errors import AlignmentError

__all__ = ["NUMBER_METRICS", "absolute_error", "number_scorecard", "r2", "spearman", "squared_error"]


def squared_error(predictions: Numbers, target: Float[np.ndarray, " points"]) -> Float[np.ndarray, "models points"]:
    """Measure (y - f)^2.

    Examples:
        >>> squared_error(Numbers.from_values(np.array([1.0, 4.0])), np.array([1.0, 2.0]))
        array([[0., 4.]])
    """
    return np.square(predictions.values - _checked(predictions, target))


def absolute_error(predictions: Numbers, target: Float[np.ndarray, " points"]) -> Float[np.ndarray, "models points"]:
    """Measure |y - f|."""
    return np.abs(predictions.values - _checked(predictions, target))


def r2(predictions: Numbers, target: Float[np.ndarray, " points"]) -> Float[np.ndarray, "models points"]:
    """Linearise R2 = 1 - MSE / V, V the variance of the target on these points: 0 is the mean, below it worse.

    The value of a point is R2 - ((y - f)^2 - MSE) / V + MSE / V^2 ((y - ybar)^2 - V); all nan for a constant target.

    Examples:
        >>> float(r2(Numbers.from_values(np.array([1.0, 2.0, 4.0])), np.array([1.0, 2.0, 3.0])).mean())
        0.5
    """
    error, y = squared_error(predictions, target), np.asarray(target, dtype=np.float64)
    spread = np.square(y - y.mean())
    variance = spread.mean()
    if variance == 0:
        return np.full(error.shape, np.nan)
    mse = error.mean(axis=1, keepdims=True)
    return 1 - error / variance + mse / variance**2 * (spread - variance)


def spearman(predictions: Numbers, target: Float[np.ndarray, " points"]) -> Float[np.ndarray, "models points"]:
    """Linearise Spearman's rank correlation; ties have their mean rank.

    With u and v the centred ranks as shares of the points, rho = mean(u v) / (sd u sd v). A point moves it by its own
    product and by the ranks of all others that it shifts: its value is
    rho + (u v + mean_j 1[x_j > x] v_j + mean_j 1[y_j > y] u_j - 3 mean(u v)) / (sd u sd v), ties counting one half.

    Returns:
        `[models, points]`; nan for a model, or a target, that is constant.

    Examples:
        >>> x = Numbers.from_values(np.array([1.0, 2.0, 30.0, 4.0]))
        >>> float(spearman(x, np.array([1.0, 2.0, 3.0, 4.0])).mean().round(3))
        0.8

    Source: Spearman, The proof and measurement of association between two things, 1904; the spread is that of its
    Hoeffding projection (Hoeffding, A class of statistics with asymptotically normal distribution, 1948).
    """
    y = np.asarray(_checked(predictions, target))
    v = _ranks(y)
    rows = []
    for x in predictions.values:
        u = _ranks(x)
        size = u.std() * v.std()
        if size == 0:
            rows.append(np.full(len(y), np.nan))
            continue
        product = u * v
        moved = product + _above(x, v) + _above(y, u) - 3 * product.mean()
        rows.append((product.mean() + moved - moved.mean()) / size)
    return np.array(rows)


def _ranks(values: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    ranks = mid_ranks(values) / len(values)
    return np.asarray(ranks - ranks.mean())


def _above(values: Float[np.ndarray, " points"], of: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """Average `of` over the points whose value is larger, with half of those whose value is equal."""
    order = np.argsort(values, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(of[order])])
    first = np.searchsorted(values[order], values, side="left")
    last = np.searchsorted(values[order], values, side="right")
    return np.asarray((total[-1] - 0.5 * (total[first] + total[last])) / len(values))


NUMBER_METRICS: dict[str, Metric] = {
    each.name: each
    for each in (
        Metric(
            "mse",
            "MSE",
            "mean squared error, in squared units of the target",
            "squared units",
            False,
            squared_error,
            POSITIVE,
            abbreviates="mean squared error",
        ),
        Metric(
            "mae",
            "MAE",
            "mean absolute error, in units of the target",
            "units",
            False,
            absolute_error,
            POSITIVE,
            abbreviates="mean absolute error",
        ),
        Metric(
            "r2",
            "R2",
            "share of the target's variance that is predicted; below 0 worse than its mean",
            "",
            True,
            r2,
            REAL,
            undefined="the target is the same on all these points",
        ),
        Metric(
            "spearman",
            "Spearman",
            "rank correlation with the target",
            "",
            True,
            spearman,
            DIFFERENCE,
            undefined="all predictions are equal: there is no ranking",
        ),
    )
}


def number_scorecard(
    predictions: Numbers, target: Float[np.ndarray, " points"], level: float = 0.95
) -> dict[str, Score]:
    """Measure every metric of NUMBER_METRICS.

    Examples:
        >>> p = Numbers.from_values(np.array([[1.0, 2.0, 3.0, 5.0]]))
        >>> {k: round(v.interval.mean, 3) for k, v in number_scorecard(p, np.array([1.0, 2.0, 3.0, 4.0])).items()}
        {'mse': 0.25, 'mae': 0.25, 'r2': 0.8, 'spearman': 1.0}
    """
    return scorecard(predictions, target, level, metrics=NUMBER_METRICS)


def _checked(predictions: Numbers, target: np.ndarray) -> Float[np.ndarray, " points"]:
    if np.shape(target) != (predictions.n_points,):
        raise AlignmentError(
            f"target and predictions must describe the same points; got a target of shape {np.shape(target)} for "
            f"{predictions.n_points} predicted points."
        )
    return np.asarray(target, dtype=np.float64)
