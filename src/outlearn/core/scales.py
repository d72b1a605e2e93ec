"""What values a mean can have, and how its interval keeps to them: a bend of the axis, never a cut.

A half-width h around a mean m is right where m is far from the ends of its range. Near an end the spread of the values
depends on the mean, and the interval follows it:

- `Bounded`: (p - m)^2 = h^2 v(p) / v(m) with v(p) = (p - low) (high - p), the score interval. For a share of n
  independent points this is Wilson's; it is symmetric in log-odds, m +- 2 asinh(h / (2 v(m))) there.
- `Positive`: m exp(+- asinh(h / m)), symmetric in the logarithm: values that differ by factors, such as the squares by
  which leaning teachers err, lie further above their mean than below it.
- `Distance`: the same in log-odds, for what is at most 1.
- `Signed`: a difference of such values. The interval reaches as far towards 0 as the plain one, so that it says the
  same about the sign, and further away from 0: m +- h on the axis asinh(m / tau), tau = h / 2.
- `Real`: m +- h.

All contain the mean and are finite for every finite m and h.

Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927; Newcombe, Two-sided
confidence intervals for the single proportion, 1998, for its symmetry in log-odds. The rest is derived here, and its
coverage is measured in docs/coverage.md.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np

__all__ = [
    "BRIER", "CALIBRATION", "DIFFERENCE", "POSITIVE", "REAL", "SCALES", "SHARE", "SIGNED", "Bounded", "Distance",
    "Positive", "Real", "Scale", "Signed",
]  # fmt: skip

TINY = np.finfo(np.float64).tiny
FLAT = 1e-9  # of the mean: a half-width so small bends nothing that float64 could tell
BEND = 0.5  # of the half-width: where `Signed` leaves the plain interval; larger bends less, and covers less


@dataclass(frozen=True)
class Scale(ABC):
    """The range of a mean, and the ends of an interval there; `name` is what results call it."""

    name: str

    @abstractmethod
    def ends(self, mean: float, half: float) -> tuple[float, float]:
        """Return the ends for a half-width above 0; nan for a mean that the range does not hold."""

    def certain(self, mean: float, quantile: float, n_points: int) -> tuple[float, float]:
        """Return the ends where all values are the mean: none is seen to vary, so that there is no half-width."""
        return mean, mean

    def pull(self, mean: float) -> float:
        """Return the half-width at which an interval around the mean reaches 0."""
        return abs(mean)


@final
@dataclass(frozen=True)
class Real(Scale):
    """Any number."""

    def ends(self, mean: float, half: float) -> tuple[float, float]:
        """Return m +- h."""
        return mean - half, mean + half


@final
@dataclass(frozen=True)
class Signed(Scale):
    """A difference of positive quantities.

    Examples:
        >>> [round(end, 3) for end in SIGNED.ends(0.2, 0.1)]
        [0.1, 0.328]
    """

    def ends(self, mean: float, half: float) -> tuple[float, float]:
        """Return the plain interval or the bent one, whichever reaches further, on each side."""
        if half <= max(FLAT * abs(mean), TINY):
            return mean - half, mean + half
        tau = BEND * half
        centre, width = math.asinh(mean / tau), half / math.hypot(mean, tau)
        bent = tau * math.sinh(centre - width), tau * math.sinh(centre + width)
        # Around 0 the bent interval is the wider one on both sides: near 0 it must not say more about the sign.
        towards = (mean - half, bent[1]) if mean >= 0 else (bent[0], mean + half)
        return min(towards[0], mean - half), max(towards[1], mean + half)


@final
@dataclass(frozen=True)
class Positive(Scale):
    """A quantity that is never below 0 and may be as large as it likes.

    Examples:
        >>> [round(end, 3) for end in POSITIVE.ends(0.2, 0.1)], POSITIVE.ends(-0.01, 0.1)
        ([0.124, 0.324], (nan, nan))
    """

    def ends(self, mean: float, half: float) -> tuple[float, float]:
        """Return sqrt(m^2 + h^2) +- h, which stays finite at m = 0."""
        if mean < 0:
            return math.nan, math.nan
        high = math.hypot(mean, half) + half
        return min(mean / high * mean, mean), max(high, mean)  # sqrt(m^2 + h^2) - h without cancelling


@final
@dataclass(frozen=True)
class Bounded(Scale):
    """A mean of values between `low` and `high`.

    Examples:
        >>> [round(end, 3) for end in SHARE.ends(0.9, 0.2)], [round(end, 3) for end in SHARE.certain(1.0, 2.0, 36)]
        ([0.57, 0.984], [0.9, 1.0])
    """

    low: float
    high: float

    def ends(self, mean: float, half: float) -> tuple[float, float]:
        """Return the roots of (p - m)^2 = k p (1 - p), k = h^2 / (m (1 - m)), on the axis from 0 to 1."""
        width = self.high - self.low
        m, h = (mean - self.low) / width, half / width
        if not 0 <= m <= 1:
            return math.nan, math.nan
        if m * (1 - m) <= TINY * max(1.0, h * h):  # what spreads at an end of the range may be anything
            return self.low, self.high
        return self._roots(m, h * h / (m * (1 - m)))

    def certain(self, mean: float, quantile: float, n_points: int) -> tuple[float, float]:
        """Return how far the mean moves to either end if a share s = q^2 / (n + q^2) of all points lies there.

        That is Wilson's upper end of the share of points that differ, of which n showed none. At an end of the range it
        is Wilson's interval.

        Examples:
            >>> [round(end, 3) for end in DIFFERENCE.certain(0.0, 2.0, 36)]
            [-0.1, 0.1]
        """
        share = quantile**2 / (n_points + quantile**2)
        return mean - share * (mean - self.low), mean + share * (self.high - mean)

    def pull(self, mean: float) -> float:
        """Return |m| sqrt(v(m) / v(0)), v the variance function; 0 must lie inside the range."""
        if not self.low < 0 < self.high:
            return math.nan
        return abs(mean) * math.sqrt((mean - self.low) * (self.high - mean) / (-self.low * self.high))

    def _roots(self, m: float, k: float) -> tuple[float, float]:
        spread = math.sqrt(k * m * (1 - m) + k * k / 4)
        low, high = (m + k / 2 - spread) / (1 + k), (m + k / 2 + spread) / (1 + k)
        width = self.high - self.low  # rounding must not leave the range, nor the mean outside
        return self.low + width * max(min(low, m), 0.0), self.low + width * min(max(high, m), 1.0)


@final
@dataclass(frozen=True)
class Distance(Scale):
    """A distance between 0 and 1 whose spread does not vanish with it, such as a calibration error.

    Examples:
        >>> [round(end, 3) for end in CALIBRATION.ends(0.1, 0.2)], CALIBRATION.ends(0.0, 0.1)[0]
        ([0.023, 0.341], 0.0)
    """

    def ends(self, mean: float, half: float) -> tuple[float, float]:
        """Return the odds m / (1 - m) exp(+- asinh(h / (m (1 - m)))), which stay finite at m = 0."""
        if not 0 <= mean <= 1:
            return math.nan, math.nan
        if mean == 1:
            low, high = self.ends(0.0, half)
            return 1 - high, 1 - low
        variance = mean * (1 - mean)
        odds = (half + math.hypot(variance, half)) / (1 - mean) ** 2
        lower = (mean / (1 - mean)) ** 2 / odds
        return min(lower / (1 + lower), mean), max(odds / (1 + odds), mean)  # rounding must not leave the mean outside


REAL, SIGNED, POSITIVE = Real("real"), Signed("signed"), Positive("positive")
SHARE, DIFFERENCE = Bounded("share", 0.0, 1.0), Bounded("difference of shares", -1.0, 1.0)
BRIER, CALIBRATION = Bounded("squared error", 0.0, 2.0), Distance("distance")
SCALES: dict[str, Scale] = {each.name: each for each in (REAL, SIGNED, POSITIVE, SHARE, DIFFERENCE, BRIER, CALIBRATION)}
