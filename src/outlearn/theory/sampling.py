"""Means, medians and z-scores of independent draws: all that the simulations need from statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from outlearn.errors import DomainError

__all__ = ["Estimate", "mean_estimate", "median_estimate", "paired_z"]


@dataclass(frozen=True)
class Estimate:
    """Hold an estimate, its standard error (nan for a median) and its interval."""

    value: float
    standard_error: float
    low: float
    high: float
    count: int


def mean_estimate(draws: Float[np.ndarray, " draws"], *, level: float = 0.95) -> Estimate:
    """Estimate a mean with its t-interval.

    Args:
        draws: independent values `[draws]`.
        level: of the interval.

    Raises:
        DomainError: with fewer than two draws, which have no spread.

    Example:
        >>> e = mean_estimate(np.array([1.0, 2.0, 3.0]))
        >>> round(e.value, 3), round(e.standard_error, 3), round(e.high, 3)
        (2.0, 0.577, 4.484)
    """
    count = draws.size
    if count < 2:
        raise DomainError(f"an interval needs at least two draws, got {count}")
    value, error = float(draws.mean()), float(draws.std(ddof=1) / np.sqrt(count))
    reach = float(stats.t.ppf(0.5 + level / 2, count - 1)) * error
    return Estimate(value, error, value - reach, value + reach, count)


def median_estimate(draws: Float[np.ndarray, " draws"], *, level: float = 0.95) -> Estimate:
    """Estimate a median with the distribution-free interval between two order statistics.

    It needs no moments: it is right where the mean of the draws is infinite, as at the double-descent peak.

    Args:
        draws: independent values `[draws]`, at least six for a 95% interval.
        level: of the interval.

    Raises:
        DomainError: if no two order statistics reach the level.

    Example:
        >>> e = median_estimate(np.arange(101.0))
        >>> e.value, e.low, e.high
        (50.0, 40.0, 60.0)
    """
    count = draws.size
    below = int(
        stats.binom.ppf((1 - level) / 2, count, 0.5)
    )  # P(fewer than `below` draws lie under the median) <= tail
    if count < 2 or below < 1:
        raise DomainError(f"a {level:.0%} interval of a median needs more than {count} draws")
    ordered = np.sort(draws)
    return Estimate(float(np.median(draws)), float("nan"), float(ordered[below - 1]), float(ordered[-below]), count)


def paired_z(measured: Float[np.ndarray, " draws"], predicted: Float[np.ndarray, " draws"]) -> tuple[float, float]:
    """Return the mean difference of paired draws and its standard error.

    Pairing each draw with its own conditional expectation removes the variance that the prediction already explains.
    """
    difference = mean_estimate(measured - predicted)
    return difference.value, difference.standard_error
