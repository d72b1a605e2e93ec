"""Intervals for means of few bounded values: the skewness counts, and so does what was not seen.

A label that is wrong at one point in ten makes values of 0 and 1 whose mean over 50 points is skewed, and whose spread
is small just where the mean happens to be: mean +- t standard errors then lies below the truth in up to a sixth of
samples, above it in hardly any. The Bayesian bootstrap knows both. It weighs the points by a flat Dirichlet
distribution, and `UNSEEN` of a point more at each end of the range stands for what no point showed. Of values 0 and 1
that is the posterior under Jeffreys' prior, Beta(x + 1/2, n - x + 1/2), whose quantiles are Jeffreys' interval; for
other values it is the same idea. With S2 and S3 the sums over points, and over the halves at both ends, of squared and
cubed influences, the estimate has, to second order,

    standard error  s = sqrt(S2) / n,    skewness  g = S3 / S2^(3/2),

and the posterior has centre m + s g / 2, standard deviation s and skewness 2 g. Three moments give its quantiles by
Pearson's type III, a shifted gamma distribution: with 0 of n seen it is Gamma(1/2) / n, as Jeffreys has it in the
limit, and with many points it is the normal distribution. The same centre and skewness make the interval right to
second order for means of any values (Hall, 1992). Student's t over the normal quantile widens it, for s is estimated.

Source: Rubin, The Bayesian bootstrap, 1981; Brown, Cai and DasGupta, Interval estimation for a binomial proportion,
2001, for Jeffreys' interval; Hall, On the removal of skewness by transformation, 1992. That three moments are matched
instead of drawing weights is ours: no seed, and no cost in large tables. Coverage is measured in
docs/will-my-student-beat-my-labeler.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, ndtri

from outlearn.core.intervals import t_quantile

__all__ = ["UNSEEN", "Unseen", "skewed_ends"]

UNSEEN = 0.5  # of a point at each end of the range: Jeffreys' prior
FLAT = 1e-4  # skewness below which the shifted gamma distribution is the normal one in float64


@dataclass(frozen=True)
class Unseen:
    """What points at the ends of a range would add to the sums of squared and cubed influences."""

    square: float = 0.0
    cube: float = 0.0

    @classmethod
    def at(cls, *influences: float, share: float = 1.0) -> Unseen:
        """Count a share of half a point for each of these influences.

        Examples:
            >>> Unseen.at(4.0, -2.0)
            Unseen(square=10.0, cube=28.0)
        """
        mass = UNSEEN * share
        return cls(mass * sum(each**2 for each in influences), mass * sum(each**3 for each in influences))

    def times(self, slope: float) -> Unseen:
        """Scale the influences."""
        return Unseen(self.square * slope**2, self.cube * slope**3)

    @staticmethod
    def of(parts: Sequence[Unseen]) -> Unseen:
        """Add what different points add."""
        return Unseen(sum(part.square for part in parts), sum(part.cube for part in parts))

    @staticmethod
    def together(parts: Sequence[Unseen]) -> Unseen:
        """Add what one and the same point adds to several summands: there the influences add up.

        Which end each came from is not kept. By Minkowski's inequality the square is then at least that of the two ends
        added by themselves, and is it where the ends weigh alike in all summands: an interval gets wider, if anything.

        Examples:
            >>> both, once = Unseen.together([Unseen.at(4.0, -2.0), Unseen.at(2.0, -1.0)]), Unseen.at(6.0, -3.0)
            >>> round(both.square - once.square, 9), round(both.cube - once.cube, 9)
            (0.0, 0.0)
        """
        return Unseen(
            float(sum(math.sqrt(part.square) for part in parts)) ** 2,
            float(sum(np.cbrt(part.cube) for part in parts)) ** 3,
        )


def skewed_ends(mean: float, error: float, skewness: float, *, freedom: float, level: float) -> tuple[float, float]:
    """Return the ends of the interval of an estimate with this standard error and skewness; it holds the estimate.

    Examples:
        >>> [round(end, 2) for end in skewed_ends(0.0, 1.0, 0.0, freedom=np.inf, level=0.95)]
        [-1.96, 1.96]
        >>> [round(end, 2) for end in skewed_ends(0.0, 1.0, 0.4, freedom=np.inf, level=0.95)]
        [-1.36, 2.51]
    """
    tail = (1 - level) / 2
    wider = t_quantile(level, freedom) / -float(ndtri(tail))
    centre = mean + error * skewness / 2
    low, high = (centre + error * wider * _pearson_quantile(at, 2 * skewness) for at in (tail, 1 - tail))
    return min(low, mean), max(high, mean)


def _pearson_quantile(at: float, skewness: float) -> float:
    """Return the quantile of the shifted gamma distribution of mean 0, variance 1 and this skewness."""
    if abs(skewness) < FLAT:
        return float(ndtri(at))
    shape = 4 / skewness**2
    standard = (float(gammaincinv(shape, at if skewness > 0 else 1 - at)) - shape) / math.sqrt(shape)
    return standard if skewness > 0 else -standard
