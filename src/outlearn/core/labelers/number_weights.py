"""Weights of labelers of numbers from how far they are from each other: no true number is used.

Let labeler m say t_m = Y + b_m + e_m at a point, with errors e_m of variance v_m that are independent of each other.
Then the difference of two labelers has a variance in which neither Y nor a constant shift is left,

    D_mm' = var(t_m - t_m') = v_m + v_m',

and three labelers or more give every v_m. The mean of least variance weighs by 1 / v_m. It fails where labelers share
errors: what two make together looks like precision, so that copies of one labeler count more than they earn.

Source: Grubbs, On estimating precision of measuring instruments and product variability, 1948.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls

from outlearn.core.numbers import Numbers

__all__ = ["error_variances", "precision_weights"]

# No labeler counts more than ten times the average one, however close to the others it seems: copies of one labeler
# seem to make no error at all.
LEAST_VARIANCE = 0.1  # of the mean variance
ROUNDING = 1e-12  # of the variance of what is said: below it, errors are those of float64


def error_variances(labels: Numbers) -> Float[np.ndarray, " labelers"]:
    """Estimate v_m, the variance of each labeler's error, from the variances of their differences.

    It minimises sum over pairs of n_mm' (v_m + v_m' - D_mm')^2 within v >= 0, n_mm' the points that both labeled.

    Args:
        labels: of all labelers on the same points, gaps allowed.

    Returns:
        `[labelers]`; all nan where fewer than three labelers, or a labeler without two points in common with another,
        leave them undetermined.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> said = rng.normal(size=2000) + np.array([[1.0], [1.0], [3.0]]) * rng.normal(size=(3, 2000))
        >>> error_variances(Numbers.from_values(said)).round()
        array([1., 1., 9.])
    """
    count = labels.n_models
    heard = labels.heard
    rows, wanted = [], []
    for first, second in zip(*np.triu_indices(count, 1), strict=True):
        both = heard[first] & heard[second]
        if both.sum() < 2:
            continue
        root = np.sqrt(both.sum())  # least squares with weights n: both sides times their root
        rows.append(root * np.isin(np.arange(count), (first, second)))
        wanted.append(root * np.var(labels.values[first, both] - labels.values[second, both], ddof=1))
    if count < 3 or not rows or np.linalg.matrix_rank(np.array(rows)) < count:
        return np.full(count, np.nan)
    return np.asarray(nnls(np.array(rows, dtype=np.float64), np.array(wanted))[0])


def precision_weights(labels: Numbers) -> Float[np.ndarray, " labelers"]:
    """Weigh each labeler by one over the variance of its error; equally where that is not determined.

    w_m is proportional to 1 / max(v_m, mean(v) / 10), and the weights sum to 1.

    Args:
        labels: of all labelers on the points that students learn from, gaps allowed.
    """
    variances = error_variances(labels)
    least = LEAST_VARIANCE * variances.mean()
    if not least > ROUNDING * labels.values.var():  # undetermined, or labelers that never differ but by a shift
        return np.full(labels.n_models, 1 / labels.n_models)
    precision = 1 / np.maximum(variances, least)
    return np.asarray(precision / precision.sum())
