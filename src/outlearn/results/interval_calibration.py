"""Do intervals of numbers hold what they promise? Coverage at the stated level, width, score, and what would mend them.

Intervals come from anywhere: a judge's range, a model's standard deviation, a student's conformal calibration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.core.text import bullets, preformatted
from outlearn.core.verdict import has_interval, is_above_zero, is_below_zero
from outlearn.results.measurement import Measurement, Number, Withheld

__all__ = ["IntervalCalibration", "WidthSegment"]


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
        promised = f"The {100 * self.stated:.4g}% intervals of {self.of} hold {_share(self.coverage)} of {what}"
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
            yield "Their widths mislead on where the truth is uncertain: one width for all, as well fitted, is better."

    def _mend(self) -> str:
        if not isinstance(self.factor, Interval):
            return ""
        ends = f" ({self.factor.low:.2f} to {self.factor.high:.2f})" if has_interval(self.factor) else ""
        return f" Widths {self.factor.mean:.2f} times{ends} as large would hold {100 * self.stated:.4g}%."

    def __str__(self) -> str:
        lines = [f"Intervals of {self.of}: {100 * self.stated:.4g}% stated, {self.n_points:,} points of known truth"]
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


def _share(value: Interval | Withheld) -> str:
    if isinstance(value, Withheld):
        return f"not given: {value.reason}"
    ends = f" [{value.low:.1%}, {value.high:.1%}]" if has_interval(value) else ""
    return f"{value.mean:.1%}{ends}"


def _units(value: Interval | Withheld) -> str:
    return f"not given: {value.reason}" if isinstance(value, Withheld) else str(value)
