"""What true numbers of some points say of labelers and students: drawn at random, or by strata and then weighted."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from outlearn.core.gaps import mean_of_known
from outlearn.core.intervals import Interval, t_quantile
from outlearn.core.labelers.influence import LinearisedEstimate
from outlearn.core.labelers.number_spread import pair_products
from outlearn.core.labelers.strata import DrawnStrata
from outlearn.core.mean_intervals import point_interval, ratio_interval
from outlearn.core.scales import POSITIVE, REAL, SIGNED, Scale
from outlearn.preflight_checks.check_labels import MIN_TRUE_LABELS
from outlearn.results.measurement import Withheld
from outlearn.results.number_preflight import NumberTruth

__all__ = ["mean_of_true", "r2_of_true", "truth_of_numbers"]


def mean_of_true(
    values: Float[np.ndarray, " points"], strata: DrawnStrata | None, level: float, scale: Scale
) -> Interval:
    """Average over the points whose truth is known, nan elsewhere: each counts for as many as it was drawn for."""
    known = ~np.isnan(values)
    if strata is None:
        return point_interval(values[known][None], level, scale=scale)
    return _interval(strata.mean(values, known, ends=()), level, scale)


def r2_of_true(
    squares: Float[np.ndarray, " points"], true: Float[np.ndarray, " points"], strata: DrawnStrata | None, level: float
) -> Interval:
    """Measure 1 - mean of squared errors / variance of the truth, over the points that have both."""
    known = ~np.isnan(squares) & ~np.isnan(true)
    weights = known.astype(np.float64) if strata is None else np.where(known, strata.weights, 0.0)
    if not weights.any():
        return Interval.missing("there is no such point", n_models=1, n_points=0, level=level, over="points")
    centre = float(weights @ np.where(known, true, 0.0) / weights.sum())
    around = np.square(true - centre)
    if strata is None:
        ratio = ratio_interval(squares[known][None], around[known][None], level, scale=REAL)
        return ratio if ratio.reason else _one_less(ratio)
    whole = strata.mean(around, known, ends=())
    if whole.value == 0:
        return Interval.missing("all true numbers are the same", n_models=1, n_points=0, level=level, over="points")
    return _interval(1 - strata.mean(squares, known, ends=()) / whole, level, REAL)


def truth_of_numbers(
    values: Float[np.ndarray, "labelers points"],
    true: Float[np.ndarray, " points"],
    strata: DrawnStrata | None,
    level: float,
    *,
    one: str,
) -> NumberTruth | Withheld:
    """Say what true numbers add; `one` is why a single labeler has no shared bias."""
    mean, errors = mean_of_known(values), values - true
    known = ~np.isnan(true) & ~np.isnan(mean)
    n_known = int(known.sum())
    if n_known < MIN_TRUE_LABELS:
        return Withheld(
            f"{n_known} true numbers; {MIN_TRUE_LABELS} of points drawn at random tell it (--true FILE, --true-column)"
        )
    bias: Interval | Withheld = Withheld(one)
    pairs = pair_products(errors)
    if int((~np.isnan(pairs)).sum()) >= MIN_TRUE_LABELS:
        bias = mean_of_true(pairs, strata, level, SIGNED)
    squares = mean_of_known(np.square(errors))
    slope, correlation = _line(mean[known], true[known], None if strata is None else strata.weights[known])
    return NumberTruth(
        n_points=n_known,
        error=mean_of_true(squares, strata, level, POSITIVE),
        r2=r2_of_true(squares, true, strata, level),
        shared_bias=bias,
        of_mean=mean_of_true(np.square(mean - true), strata, level, POSITIVE),
        offset=mean_of_true(mean - true, strata, level, SIGNED),
        slope=slope,
        correlation=correlation,
    )


def _interval(estimate: LinearisedEstimate, level: float, scale: Scale) -> Interval:
    freedom = estimate.n_points - 1.0
    error = math.sqrt(float(np.square(estimate.influence).sum()) * estimate.n_points / freedom) / len(
        estimate.influence
    )
    return Interval.about(
        estimate.value, t_quantile(level, freedom) * error, error, freedom=freedom, n_models=1,
        n_points=estimate.n_points, level=level, scale=scale, over="points",
    )  # fmt: skip


def _one_less(ratio: Interval) -> Interval:
    return Interval.about(
        1 - ratio.mean, ratio.half_width, ratio.standard_error, freedom=ratio.freedom, n_models=ratio.n_models,
        n_points=ratio.n_points, level=ratio.level, scale=REAL, over=ratio.over,
    )  # fmt: skip


def _line(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """Return the slope of y on x, and their correlation; nan where one of them is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan if np.ptp(x) == 0 else 0.0, math.nan
    together = np.cov(x, y, aweights=weights, bias=True)
    return float(together[0, 1] / together[0, 0]), float(together[0, 1] / math.sqrt(together[0, 0] * together[1, 1]))
