"""Measure intervals of numbers against the truth, point by point and on average; see `core.number_intervals`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Real
from scipy.special import bdtr

from outlearn.core.gaps import mean_of_known, over_answered
from outlearn.core.intervals import Interval, check_level
from outlearn.core.number_intervals import (
    NumberIntervals,
    conformal_quantile,
    coverage,
    interval_score,
    side_missed,
)
from outlearn.core.scales import POSITIVE, SHARE, SIGNED, Scale
from outlearn.errors import DomainError, ShapeError
from outlearn.results.interval_calibration import IntervalCalibration, WidthSegment
from outlearn.results.measurement import Withheld, mean_of

__all__ = ["interval_calibration"]

MIN_POINTS = 20  # of known truth: fewer leave any coverage possible
SEGMENTS = 3  # by width: narrow, middle, wide; more are read as noise below a thousand points
LEAST_OF_SEGMENT = 10
SAME_WIDTH = 1e-6  # of the widest: widths that differ by less do so by rounding
ONE_NUMBER = "one true number a point: there are no raters to average"


def interval_calibration(
    target: Real[np.ndarray, "..."], intervals: NumberIntervals, *, of: str = "the model", level: float = 0.95
) -> IntervalCalibration:
    """Measure whether intervals of numbers hold what they promise.

    Args:
        target: the true numbers, `[points]`, nan where they are not known; or several raters' numbers,
            `[draws, points]`, each taken as a draw of the truth: coverage is then of a rater's number. A rater who left
            a point out is nan there; the point is measured by those who did not.
        intervals: `[models, points]`; of several models all measures are means over them.
        of: whose they are, for sentences.
        level: of the intervals about what is measured.

    Returns:
        The measures; print() them.

    Raises:
        ShapeError: if the target is of other points. DomainError: if it holds infinity.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> true = rng.normal(size=1000)
        >>> said = true + rng.normal(size=1000)
        >>> sure = NumberIntervals.from_deviations(said, np.full(1000, 0.5), level=0.9)
        >>> found = interval_calibration(true, sure, of="the judge")
        >>> print(found.coverage)
        0.5740 [0.5431, 0.6044]
        >>> round(found.factor.mean, 1)
        2.0
    """
    check_level(level)
    draws = np.atleast_2d(np.asarray(target, dtype=np.float64))
    if draws.ndim != 2 or draws.shape[1] != intervals.n_points:
        raise ShapeError(
            f"the target has shape {np.shape(target)}; expected true numbers [points] = ({intervals.n_points},), or "
            "raters' [draws, points]."
        )
    if np.isinf(draws).any():
        raise DomainError("the target holds infinity; give nan where the truth is not known.")
    known = ~np.isnan(draws).all(axis=0)
    used = np.flatnonzero(known & intervals.given.any(axis=0))
    return _Calibrating(intervals.at(used), draws[:, used], of, level).found()


@dataclass(frozen=True, eq=False)
class _Calibrating:
    """Measure intervals on points of known truth."""

    intervals: NumberIntervals
    draws: np.ndarray
    of: str
    level: float

    def found(self) -> IntervalCalibration:
        n, stated, draws = self.draws.shape[1], self.intervals.level, self.draws
        few = Withheld(f"{n} points with an interval and a true number; {MIN_POINTS} tell it")
        if n < MIN_POINTS:
            return IntervalCalibration(
                self.of, stated, n, len(draws), few, few, few, few, few, few, few, few, few, few, segments=()
            )
        below, above = side_missed(self.intervals, draws)
        score, half = interval_score(self.intervals, draws), self.intervals.width / 2
        mended, constant = self._fitted(half), self._fitted(np.ones_like(half))
        of_mean: Interval | Withheld = Withheld(ONE_NUMBER)
        if len(draws) > 1:
            of_mean = self._mean(coverage(self.intervals, mean_of_known(draws)[None]), SHARE)
        return IntervalCalibration(
            of=self.of,
            stated=stated,
            n_points=n,
            n_draws=len(draws),
            coverage=self._mean(coverage(self.intervals, draws), SHARE),
            below=self._mean(below, SHARE),
            above=self._mean(above, SHARE),
            of_mean=of_mean,
            width=self._mean(self.intervals.width, POSITIVE),
            score=self._mean(score, POSITIVE),
            mended=self._mean(mended, POSITIVE),
            constant=self._mean(constant, POSITIVE),
            knows=self._mean(constant - mended, SIGNED),
            factor=self._factor(),
            segments=tuple(self._segments()),
        )

    def _mean(self, values: np.ndarray, scale: Scale) -> Interval | Withheld:
        return mean_of(over_answered(values, self.intervals.given), self.level, scale=scale)

    @property
    def _distances(self) -> np.ndarray:
        """|y - middle|, `[models, draws, points]`."""
        return np.asarray(np.abs(self.draws - self.intervals.centre[:, None]))

    def _fitted(self, half: np.ndarray) -> np.ndarray:
        """Score intervals of these half-widths times a factor, fitted on every other point and used on the rest.

        Half the points may be too few for a conformal quantile of this level: the largest ratio stands for it then.
        """
        n, found = self.draws.shape[1], np.full(half.shape, np.nan)
        ratios = self._ratios(half)
        for m in range(len(half)):
            for part in (0, 1):
                here, there = np.arange(n) % 2 == part, np.arange(n) % 2 != part
                fitted = ratios[m][:, there].ravel()
                fitted = fitted[np.isfinite(fitted)]
                factor = conformal_quantile(fitted, self.intervals.level)
                if math.isinf(factor):
                    factor = float(fitted.max(initial=0.0))
                centre, wide = self.intervals.centre[m : m + 1, here], factor * half[m : m + 1, here]
                alike = NumberIntervals(centre - wide, centre + wide, self.intervals.level)
                found[m, here] = interval_score(alike, self.draws[:, here])[0]
        return found

    def _ratios(self, half: np.ndarray) -> np.ndarray:
        """Return |y - middle| / half, `[models, draws, points]`; nan where there is no interval."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self._distances == 0, 0.0, self._distances / half[:, None])

    def _factor(self) -> Interval | Withheld:
        """Find the quantile of |y - middle| / half width at the stated level, and order statistics around it."""
        ratio = self._ratios(self.intervals.width / 2)
        ratio = np.sort(ratio[~np.isnan(ratio)])
        n, stated, n_points = len(ratio), self.intervals.level, self.draws.shape[1]
        mean = conformal_quantile(ratio, stated)
        if math.isinf(mean):
            zero = "some widths are 0" if len(ratio) and math.isinf(ratio[-1]) else f"{n} points are too few"
            return Withheld(f"no factor mends them: {zero}")
        # The number of scores below the true quantile is binomial; draws of one point are not independent of each
        # other, so that points are counted, not draws.
        at_most = bdtr(np.arange(n_points + 1), n_points, stated)  # P(no more than k of them)
        ranks = np.searchsorted(at_most, [(1 - self.level) / 2, (1 + self.level) / 2]) / n_points * n
        low, high = ratio[max(int(ranks[0]) - 1, 0)], ratio[min(int(ranks[1]), n - 1)]
        if math.isinf(high):
            return Withheld("no factor mends them: some widths are 0")
        return Interval(
            mean, float(min(low, mean)), float(max(high, mean)), math.nan, self.intervals.n_models, n_points,
            self.level, over="points",
        )  # fmt: skip

    def _segments(self) -> Iterator[WidthSegment]:
        """Cut the intervals into thirds by their width; none where all have the same width."""
        width, inside = self.intervals.width, coverage(self.intervals, self.draws)
        if np.nanmax(width) - np.nanmin(width) <= SAME_WIDTH * np.nanmax(width):
            return
        cuts = np.nanquantile(width, np.arange(1, SEGMENTS) / SEGMENTS)
        part = np.searchsorted(cuts, width, side="right")
        for k in range(SEGMENTS):
            here = (part == k) & self.intervals.given
            points = here.any(axis=0)
            if int(points.sum()) < LEAST_OF_SEGMENT or here.all():
                continue
            within = over_answered(inside[:, points], here[:, points])
            yield WidthSegment(
                float(width[here].min()),
                float(width[here].max()),
                int(here.sum()),
                mean_of(within[~np.isnan(within).any(axis=1)], self.level, scale=SHARE),
            )
