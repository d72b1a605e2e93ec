"""Intervals for means and medians of independent draws: all that the simulations need from statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.mean_intervals import MINIMUM_POINTS, point_interval
from outlearn.errors import DomainError

__all__ = ["MedianInterval", "interval_columns", "mean_interval", "median_interval"]


@dataclass(frozen=True)
class MedianInterval:
    """A median between two order statistics; it needs no standard error, which the draws may not have."""

    median: float
    low: float
    high: float


def mean_interval(draws: Float[np.ndarray, " draws"], *, level: float = 0.95) -> Interval:
    """Estimate a mean with its t-interval, whose `n_points` counts the draws.

    Raises:
        DomainError: with fewer than four draws, which say too little of their spread.

    Examples:
        >>> e = mean_interval(np.array([1.0, 2.0, 3.0, 4.0]))
        >>> round(e.mean, 3), round(e.standard_error, 3), round(e.high, 3)
        (2.5, 0.645, 4.554)
    """
    if draws.size < MINIMUM_POINTS:
        raise DomainError(f"an interval needs at least {MINIMUM_POINTS} draws, got {draws.size}")
    return replace(point_interval(draws[None], level), over="draws")


def median_interval(draws: Float[np.ndarray, " draws"], *, level: float = 0.95) -> MedianInterval:
    """Estimate a median with the distribution-free interval between two order statistics.

    It needs no moments: it is right where the mean of the draws is infinite, as at the double-descent peak.

    Raises:
        DomainError: if no two order statistics reach the level: a 95% interval takes at least six draws.

    Examples:
        >>> median_interval(np.arange(101.0))
        MedianInterval(median=50.0, low=40.0, high=60.0)
    """
    count = draws.size
    # P(fewer than `below` draws lie under the median) <= tail
    from scipy import stats  # half a second to import, which a run need not wait

    below = int(stats.binom.ppf((1 - level) / 2, count, 0.5))
    if count < 2 or below < 1:
        raise DomainError(f"a {level_in_words(level)} interval of a median needs more than {count} draws")
    ordered = np.sort(draws)
    return MedianInterval(float(np.median(draws)), float(ordered[below - 1]), float(ordered[-below]))


def interval_columns(name: str, found: Sequence[Interval | MedianInterval]) -> dict[str, np.ndarray]:
    """Return the columns of a curve, NAME, NAME_low and NAME_high, from one interval a row."""
    centres = [each.mean if isinstance(each, Interval) else each.median for each in found]
    return {
        name: np.array(centres),
        f"{name}_low": np.array([each.low for each in found]),
        f"{name}_high": np.array([each.high for each in found]),
    }
