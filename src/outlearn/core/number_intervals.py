"""Intervals of numbers: somebody says that the truth lies in [l, u] with a chance of `level`.

What such intervals are worth is measured at each point, with y the truth there and a = 1 - level:

    coverage           1[l <= y <= u]                                       its mean is to be the level
    width              u - l
    interval score     u - l + (2 / a) (l - y)+ + (2 / a) (y - u)+          the less the better

The mean interval score is least at the true quantiles a / 2 and 1 - a / 2 of y, so that neither a wide interval nor one
that misses is rewarded. Several raters' numbers are equally likely draws of y, and each term is their mean.

Source: Winkler, A decision-theoretic approach to interval estimation, 1972; Gneiting and Raftery, Strictly proper
scoring rules, prediction, and estimation, 2007, eq. 43.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Real
from scipy.special import ndtri

from outlearn.core.intervals import check_level
from outlearn.errors import DomainError, ShapeError

__all__ = ["NumberIntervals", "conformal_quantile", "coverage", "interval_score", "side_missed"]


@dataclass(frozen=True, eq=False)
class NumberIntervals:
    """Intervals of one or several labelers or models; build them with `from_bounds` or `from_deviations`.

    Attributes:
        low, high: `[models, points]`, float64; both nan where there is no interval.
        level: the chance that each is said to hold the truth with.

    Examples:
        >>> NumberIntervals.from_bounds(np.array([0.0, 1.0]), np.array([2.0, 4.0]), level=0.9).width
        array([[2., 3.]])
    """

    low: Float[np.ndarray, "models points"]
    high: Float[np.ndarray, "models points"]
    level: float

    @classmethod
    def from_bounds(
        cls, low: Real[np.ndarray, "..."], high: Real[np.ndarray, "..."], *, level: float
    ) -> NumberIntervals:
        """Take the ends, `[models, points]` or `[points]`; nan at both where there is no interval.

        Raises:
            ShapeError: if they are of different shapes, or of no such shape.
            DomainError: for an end that is infinite, alone, or on the wrong side; it names the model and the point.
            ConfigError: for a level that is not between 0 and 1.
        """
        check_level(level)
        lower, upper = (np.atleast_2d(np.asarray(end, dtype=np.float64)) for end in (low, high))
        if lower.shape != upper.shape or lower.ndim != 2 or 0 in lower.shape:
            raise ShapeError(
                f"lower and upper ends have shapes {np.shape(low)} and {np.shape(high)}; expected both to be "
                "[models, points], or [points] for one."
            )
        found = cls(lower, upper, level)
        for wrong, what in (
            (np.isinf(found.low) | np.isinf(found.high), "is infinite; give nan at both ends where nothing is said"),
            (np.isnan(found.low) != np.isnan(found.high), "has one end; give both, or nan at both"),
            (found.low > found.high, "has its lower end above its upper one; swap them"),
        ):
            if wrong.any():
                at = tuple(np.argwhere(wrong)[0].tolist())
                raise DomainError(
                    f"the interval {list(at)} (model, point), {found.low[at]:g} to {found.high[at]:g}, {what}."
                )
        return found

    @classmethod
    def from_deviations(
        cls, numbers: Real[np.ndarray, "..."], deviations: Real[np.ndarray, "..."], *, level: float = 0.9
    ) -> NumberIntervals:
        """Take numbers with standard deviations, as of a normal distribution: number +- z deviation.

        Args:
            numbers: `[models, points]` or `[points]`; nan where nothing is said.
            deviations: of the same shape, in units of the numbers, at least 0.
            level: of the intervals that are made.

        Raises:
            DomainError: for a deviation below 0. ShapeError, ConfigError: as `from_bounds`.

        Examples:
            >>> found = NumberIntervals.from_deviations(np.array([1.0]), np.array([2.0]), level=0.95)
            >>> found.low.round(2), found.high.round(2)
            (array([[-2.92]]), array([[4.92]]))
        """
        check_level(level)
        centre, deviation = np.asarray(numbers, dtype=np.float64), np.asarray(deviations, dtype=np.float64)
        if centre.shape != deviation.shape:
            raise ShapeError(f"{deviation.shape} deviations for {centre.shape} numbers; give one for each.")
        if (deviation < 0).any():
            at = np.argwhere(deviation < 0)[0].tolist()
            raise DomainError(f"the standard deviation {at} is {deviation[tuple(at)]:g}; expected 0 or more.")
        half = ndtri(0.5 + level / 2) * deviation
        return cls.from_bounds(centre - half, centre + half, level=level)

    @property
    def n_models(self) -> int:
        """Number of models."""
        return int(self.low.shape[0])

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(self.low.shape[1])

    @property
    def centre(self) -> Float[np.ndarray, "models points"]:
        """Return the middle of each."""
        return (self.low + self.high) / 2

    @property
    def width(self) -> Float[np.ndarray, "models points"]:
        """Return the width of each."""
        return self.high - self.low

    @property
    def given(self) -> Bool[np.ndarray, "models points"]:
        """Mark where there is an interval."""
        return ~np.isnan(self.low)

    def at(self, points: np.ndarray) -> NumberIntervals:
        """Keep these points, by index or mask."""
        return replace(self, low=self.low[:, points], high=self.high[:, points])

    def only(self, model: int) -> NumberIntervals:
        """Keep one of the models."""
        return replace(self, low=self.low[model : model + 1], high=self.high[model : model + 1])


def coverage(
    intervals: NumberIntervals, draws: Float[np.ndarray, "draws points"]
) -> Float[np.ndarray, "models points"]:
    """Measure the share of the draws of the truth that each interval holds; nan where there is none.

    A draw that is nan is none: a rater who left the point out. It is no miss.

    Examples:
        >>> both = NumberIntervals.from_bounds(np.array([0.0, 1.0]), np.array([2.0, 4.0]), level=0.9)
        >>> coverage(both, np.array([[2.0, 0.0], [3.0, 2.0]]))
        array([[0.5, 0.5]])
    """
    inside = (intervals.low[:, None] <= draws) & (draws <= intervals.high[:, None])
    return _over_draws(intervals, draws, inside)


def side_missed(
    intervals: NumberIntervals, draws: Float[np.ndarray, "draws points"]
) -> tuple[Float[np.ndarray, "models points"], Float[np.ndarray, "models points"]]:
    """Measure the shares of the draws below the lower end, and above the upper one."""
    below, above = draws < intervals.low[:, None], draws > intervals.high[:, None]
    return _over_draws(intervals, draws, below), _over_draws(intervals, draws, above)


def interval_score(
    intervals: NumberIntervals, draws: Float[np.ndarray, "draws points"]
) -> Float[np.ndarray, "models points"]:
    """Measure the width and a fine of 2 / (1 - level) for each unit by which the truth lies outside.

    Examples:
        >>> both = NumberIntervals.from_bounds(np.array([0.0, 1.0]), np.array([2.0, 4.0]), level=0.9)
        >>> interval_score(both, np.array([[2.0, 0.5]])).round(6)
        array([[ 2., 13.]])
    """
    low, high = intervals.low[:, None], intervals.high[:, None]
    outside = np.maximum(low - draws, 0.0) + np.maximum(draws - high, 0.0)
    return intervals.width + 2 / (1 - intervals.level) * _over_draws(intervals, draws, outside)


def conformal_quantile(scores: Float[np.ndarray, " points"], level: float) -> float:
    """Return the ceil((n + 1) level)-th smallest score: a new one is not above it with a chance of `level` or more.

    That holds for whatever distribution, if the next score and these are exchangeable, such as independent points that
    nothing was fitted to. Infinite where there are too few: n + 1 < 1 / (1 - level). A score that is nan is none, and
    not counted.

    Examples:
        >>> conformal_quantile(np.arange(1.0, 20.0), 0.9), conformal_quantile(np.arange(1.0, 20.0), 0.99)
        (18.0, inf)

    Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Lei et al., Distribution-free
    predictive inference for regression, 2018, algorithm 2.
    """
    known = np.sort(scores[~np.isnan(scores)])
    rank = int(np.ceil((len(known) + 1) * level - 1e-9))  # 0.9 of 20 is 18, and not a rounding error more
    return float(known[rank - 1]) if rank <= len(known) else float("inf")


def _over_draws(intervals: NumberIntervals, draws: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Average over the draws that there are, `[models, draws, points]` -> `[models, points]`."""
    known = np.broadcast_to(~np.isnan(draws), values.shape)
    n = known.sum(axis=1)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.where(n > 0, n, 1)
    return np.where(intervals.given & (n > 0), mean, np.nan)
