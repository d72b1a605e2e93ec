"""Do intervals of numbers hold what they promise? Coverage at the stated level, width, score, and what would mend them.

Intervals come from anywhere: a judge's range, a model's standard deviation, a student's conformal calibration.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Real
from scipy.stats import binom

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
from outlearn.core.text import bullets, preformatted
from outlearn.core.verdict import has_interval, is_above_zero, is_below_zero
from outlearn.errors import DomainError, ShapeError
from outlearn.results.measurement import Measurement, Number, Withheld, mean_of

__all__ = ["IntervalCalibration", "WidthSegment", "interval_calibration"]

MIN_POINTS = 20  # of known truth: fewer leave any coverage possible
SEGMENTS = 3  # by width: narrow, middle, wide; more are read as noise below a thousand points
LEAST_OF_SEGMENT = 10
ONE_NUMBER = "one true number a point: there are no raters to average"


@dataclass(frozen=True)
class WidthSegment:
    """Intervals of about the same width.

    Attributes:
        low, high: the narrowest and the widest.
        n_points: intervals in it.
        coverage: the share that holds the truth: intervals that know what they do not know cover alike in each.
    """

    low: Number
    high: Number
    n_points: int
    coverage: Measurement


@dataclass(frozen=True)
class IntervalCalibration:
    """How intervals of numbers hold what they promise; print() it.

    Attributes:
        of: whose they are.
        stated: the level that they promise.
        n_points: with an interval and a true number. n_draws: raters of a point; 1 where the truth is one number.
        coverage: share of true numbers (of the raters' numbers, where there are several) inside.
        below, above: shares below and above.
        of_mean: share of the raters' means inside; withheld for one number a point.
        width, score: mean width and mean interval score, in units of the numbers.
        mended: mean score once all widths are multiplied by what makes them hold `stated` on the other half of the
            points.
        constant: mean score of intervals about the same middles, all of one width, fitted in the same way.
        knows: that less the mended score: above 0 the widths say where the truth is uncertain.
        factor: what to multiply all widths by so that they cover `stated`, and the range that holds it.
        segments: by rising width.
    """

    of: str
    stated: float
    n_points: int
    n_draws: int
    coverage: Measurement
    below: Measurement
    above: Measurement
    of_mean: Measurement
    width: Measurement
    score: Measurement
    mended: Measurement
    constant: Measurement
    knows: Measurement
    factor: Measurement
    segments: tuple[WidthSegment, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say whether they hold what they promise, and what would mend them."""
        return tuple(self._sentences())

    @property
    def holds(self) -> bool | None:
        """Say whether the stated level is within the interval of the coverage; None where there is none."""
        if isinstance(self.coverage, Withheld) or not has_interval(self.coverage):
            return None
        return self.coverage.low <= self.stated <= self.coverage.high

    def _sentences(self) -> Iterator[str]:
        if isinstance(self.coverage, Withheld):
            yield f"Nothing is said of the intervals of {self.of}: {self.coverage.reason}."
            return
        what = "true numbers" if self.n_draws == 1 else f"the numbers of {self.n_draws} raters"
        promised = f"The {self.stated:.0%} intervals of {self.of} hold {_share(self.coverage)} of {what}"
        narrow = self.coverage.mean < self.stated
        if self.holds is None:
            yield f"{promised}: {self.coverage.reason}."
        elif self.holds:
            yield f"{promised}: as promised, as far as {self.n_points:,} points tell."
        else:
            yield f"{promised}: they are too {'narrow' if narrow else 'wide'}.{self._mend()}"
        sides = self.below, self.above
        if all(isinstance(side, Interval) and has_interval(side) for side in sides):
            low, high = sides
            if low.low > high.high or high.low > low.high:  # type: ignore[union-attr]
                where = "below" if low.mean > high.mean else "above"  # type: ignore[union-attr]
                yield (
                    f"They miss on one side: the truth is below {_share(low)} of them and above {_share(high)}. "
                    f"Their middles lie too {'high' if where == 'below' else 'low'}."
                )
        if is_above_zero(self.knows):
            yield "Their widths know where the truth is uncertain: one width for all, as well fitted, scores worse."
        elif is_below_zero(self.knows):
            yield "Their widths mislead about where the truth is uncertain: one width for all, as well fitted, does better."

    def _mend(self) -> str:
        if not isinstance(self.factor, Interval):
            return ""
        ends = f" ({self.factor.low:.2f} to {self.factor.high:.2f})" if has_interval(self.factor) else ""
        return f" Widths {self.factor.mean:.2f} times{ends} as large would hold {self.stated:.0%}."

    def __str__(self) -> str:
        lines = [f"Intervals of {self.of}: {self.stated:.0%} stated, {self.n_points:,} points of known truth"]
        raters = "true numbers" if self.n_draws == 1 else "raters' numbers"
        rows = [
            (f"hold so many of the {raters}", self.coverage, _share),
            ("hold so many of the raters' means", None if self.n_draws == 1 else self.of_mean, _share),
            ("truth below / above", self.below, lambda below: f"{_share(below)} / {_share(self.above)}"),
            ("mean width", self.width, _units),
            ("interval score (less is better)", self.score, _units),
            ("  with its widths mended", self.mended, _units),
            ("  of one width for all", self.constant, _units),
            ("multiply the widths by", self.factor, _units),
        ]
        lines += [f"  {name:<36}{write(value)}" for name, value, write in rows if value is not None]
        if self.segments:
            lines.append(f"  {'by width':<36}{'points':>8}   covered")
        for each in self.segments:
            name = f"{each.low:.4g} to {each.high:.4g}"
            lines.append(f"    {name:<34}{each.n_points:>8,}   {_share(each.coverage)}")
        return "\n".join([*lines, bullets("", self.sentences).lstrip("\n")])

    def _repr_html_(self) -> str:
        return preformatted(str(self))


def interval_calibration(
    target: Real[np.ndarray, "..."], intervals: NumberIntervals, *, of: str = "the model", level: float = 0.95
) -> IntervalCalibration:
    """Measure whether intervals of numbers hold what they promise.

    Args:
        target: the true numbers, `[points]`, nan where they are not known; or several raters' numbers,
            `[draws, points]`, each taken as a draw of the truth: coverage is then of a rater's number.
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
    known = ~np.isnan(draws).any(axis=0)
    if not known.any() and len(draws) > 1:  # raters leave points out everywhere: their mean is the truth then
        draws = mean_of_known(draws)[None]
        known = ~np.isnan(draws[0])
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
            of_mean = self._mean(coverage(self.intervals, draws.mean(axis=0)[None]), SHARE)
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
        ranks = binom.ppf([(1 - self.level) / 2, (1 + self.level) / 2], n_points, stated) / n_points * n
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


def _share(value: Interval | Withheld) -> str:
    if isinstance(value, Withheld):
        return f"not given: {value.reason}"
    ends = f" [{value.low:.1%}, {value.high:.1%}]" if has_interval(value) else ""
    return f"{value.mean:.1%}{ends}"


def _units(value: Interval | Withheld) -> str:
    return f"not given: {value.reason}" if isinstance(value, Withheld) else str(value)
