"""An interval of a number that accounts of the same data put at different places, none of which can be ruled out.

Where the data do not tell which account is right, the number is known to lie between what they say, and no more: the
interval is to hold it at its level wherever between these it lies. With D the distance between the two furthest
accounts and s their standard error it goes c standard errors beyond both,

    Phi(c + D / s) - Phi(-c) = level:

1.96 at 95% where the accounts agree, and 1.645 where they are far apart, for then only one side can be missed.

Source: Imbens and Manski, Confidence intervals for partially identified parameters, 2004, eq. 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from outlearn.core.intervals import Interval
from outlearn.core.labelers.influence import LinearisedEstimate

__all__ = ["interval_of_accounts"]


def interval_of_accounts(
    estimate: LinearisedEstimate,
    others: Sequence[LinearisedEstimate],
    level: float,
    *,
    low: float,
    high: float,
) -> Interval:
    """Give the interval of an estimate that holds by other accounts too, cut to [low, high].

    Args:
        estimate: by the account that is preferred: the mean of the interval.
        others: by the others.
        level: of the interval.
        low, high: what the number can be.

    Returns:
        The interval; nan with a reason where an estimate has none.

    Examples:
        >>> import numpy as np
        >>> from outlearn.core.labelers.influence import mean_estimate
        >>> tenth = mean_estimate(np.array([1.0] * 10 + [0.0] * 90))
        >>> print(interval_of_accounts(tenth, [], 0.95, low=0.0, high=1.0))
        0.1000 [0.0509, 0.1726]
        >>> print(interval_of_accounts(tenth, [tenth + 0.3], 0.95, low=0.0, high=1.0))
        0.1000 [0.0579, 0.4594]
    """
    accounts = [estimate, *others]
    values = [each.value for each in accounts]
    error = max(each.standard_error for each in accounts)
    at = level if not error > 0 else _one_sided(level, (max(values) - min(values)) / error)
    found = [each.interval(at, low=low, high=high) for each in accounts]
    own = found[0]
    if any(each.reason for each in found):
        return replace(own, level=level)
    lowest, highest = min(each.low for each in found), max(each.high for each in found)
    return replace(own, low=lowest, high=highest, level=level)


def _one_sided(level: float, distance: float) -> float:
    """Return the level of each account's own interval, where the furthest two are so many standard errors apart."""
    two_sided = float(ndtri((1 + level) / 2))
    # Eq. 7: Phi(c + D / s) - Phi(-c) grows in c: not below the level at the two-sided quantile, below at the one-sided
    found = brentq(lambda c: ndtr(c + distance) - ndtr(-c) - level, float(ndtri(level)) - 1e-9, two_sided + 1e-9)
    return float(2 * ndtr(found) - 1)
