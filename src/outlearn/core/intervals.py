"""What an interval is: a mean, its ends at a level, and the reason why there are none where they cannot be trusted.

How intervals of means are estimated is in `core.mean_intervals`; how a half-width becomes two ends is said by the scale
of the mean (`core.scales`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scipy.special import stdtr, stdtrit

from outlearn.core.scales import REAL, SCALES, Scale
from outlearn.errors import ConfigError, DomainError

__all__ = ["Interval", "Withheld", "check_level", "level_in_words", "t_quantile"]

OFF_SCALE = "the estimate lies outside of what it can be: too few models or points to tell it from the end of its range"


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval; `low` and `high` are nan, and `reason` says why, where none can be given.

    `n_models` counts independent units: teacher clusters where students were grouped by teacher. `over` says what the
    interval generalises to: new "models and points", or new "points" for these very models.

    Attributes:
        half: half its width before `scale` bends it; nan where only the ends are known.
        freedom: degrees of freedom of the t quantile in it; nan where they are not known, and taken as infinite.
        scale: what values the mean can have: a key of `SCALES`.
    """

    mean: float
    low: float
    high: float
    standard_error: float
    n_models: int
    n_points: int
    level: float = 0.95
    reason: str | None = None
    over: str = "models and points"
    half: float = math.nan
    freedom: float = math.nan
    scale: str = REAL.name

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise DomainError(f"expected the name of a scale ({', '.join(SCALES)}), got {self.scale!r:.60}.")
        if self.low > self.high or math.isnan(self.low) != math.isnan(self.high):
            raise DomainError(
                f"an interval must go from a lower to a higher end, or have none; got {self.low!r} to {self.high!r}."
            )

    @classmethod
    def missing(
        cls,
        reason: str,
        *,
        mean: float = math.nan,
        n_models: int,
        n_points: int,
        level: float,
        over: str = "models and points",
        scale: Scale = REAL,
    ) -> Interval:
        """Make the result where no interval can be given, for this reason; the mean may still be known."""
        return cls(mean, math.nan, math.nan, math.nan, n_models, n_points, level, reason, over, scale=scale.name)

    @classmethod
    def about(
        cls,
        mean: float,
        half: float,
        error: float,
        *,
        freedom: float,
        n_models: int,
        n_points: int,
        level: float,
        scale: Scale = REAL,
        over: str = "models and points",
    ) -> Interval:
        """Lay an interval of this half-width around the mean, on its scale; missing where the mean is not on it."""
        if half > 0:
            low, high = scale.ends(mean, half)
        else:
            low, high = scale.certain(mean, t_quantile(level, n_points - 1.0), n_points)
        reason = OFF_SCALE if math.isnan(low) else None
        return cls(mean, low, high, error, n_models, n_points, level, reason, over, half, freedom, scale.name)

    def moved_to(self, mean: float) -> Interval:
        """Return the interval about another mean, of the same half-width."""
        return self if self.reason else self._laid(mean, self.half_width, self.level)

    def minus(self, constant: float) -> Interval:
        """Return the interval of the mean less a number that is known."""
        mean, low, high = (value - constant for value in (self.mean, self.low, self.high))
        return replace(self, mean=mean, low=low, high=high, half=math.nan, scale=REAL.name)

    def at_level(self, level: float) -> Interval:
        """Return the interval at another level.

        Examples:
            >>> print(Interval.about(0.1, 0.05, 0.02, freedom=9.0, n_models=4, n_points=50, level=0.95).at_level(0.99))
            0.1000 [0.0282, 0.1718]
        """
        if self.reason:
            return replace(self, level=level)
        return self._laid(
            self.mean, self.half_width * t_quantile(level, self.freedom) / t_quantile(self.level, self.freedom), level
        )

    def best_of(self, count: int) -> Interval:
        """Return the interval that holds for all of so many at once, so for the best of them: Bonferroni's level."""
        if count < 2:
            return self
        wide = self.at_level(1 - (1 - self.level) / count)
        return replace(wide, level=self.level, over=f"{self.over}, for the best of {count}")

    @property
    def half_width(self) -> float:
        """Half the width before the scale bends it, from the ends where nothing else is known."""
        return (self.high - self.low) / 2 if math.isnan(self.half) else self.half

    @property
    def p_value(self) -> float:
        """Return the two-sided p-value of a mean of 0: below 1 - level exactly where the interval excludes 0.

        Examples:
            >>> Interval.about(0.1, 0.1, 0.05, freedom=9.0, n_models=4, n_points=50, level=0.95).p_value.__round__(4)
            0.05
        """
        if math.isnan(self.low):
            return math.nan
        if self.half_width == 0:  # none of the values varies: decided by the ends, as the interval is
            return 0.0 if self.low > 0 or self.high < 0 else 1.0
        statistic = SCALES[self.scale].pull(self.mean) / self.half_width * t_quantile(self.level, self.freedom)
        return float(2 * stdtr(_known(self.freedom), -statistic))

    def _laid(self, mean: float, half: float, level: float) -> Interval:
        return Interval.about(
            mean,
            half,
            self.standard_error,
            freedom=self.freedom,
            n_models=self.n_models,
            n_points=self.n_points,
            level=level,
            scale=SCALES[self.scale],
            over=self.over,
        )

    def __str__(self) -> str:
        if math.isnan(self.low):
            return f"{self.mean:.4f} [no interval: {self.reason}]"
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True)
class Withheld:
    """A number that is not given, and why."""

    reason: str

    def __str__(self) -> str:
        return f"withheld: {self.reason}"


def check_level(level: float | int, name: str = "level") -> None:
    """Raise unless this can be the level of intervals; `name` is what the user calls it.

    Raises:
        ConfigError: if it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError(f"{name} must lie between 0 and 1, like 0.95; got {level!r}.")


def level_in_words(level: float) -> str:
    """Write the level of intervals as a percentage, never rounded to a certainty.

    Examples:
        >>> level_in_words(0.95), level_in_words(0.999)
        ('95%', '99.9%')
    """
    return f"{100 * level:g}%"


def t_quantile(level: float, freedom: float) -> float:
    """Return the two-sided Student t quantile; of the normal distribution where the freedom is nan, not known."""
    return float(stdtrit(_known(freedom), 0.5 + level / 2))


def _known(freedom: float) -> float:
    return math.inf if math.isnan(freedom) else freedom
