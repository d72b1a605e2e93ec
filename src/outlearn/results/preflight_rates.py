"""Rates corrected for the labelers' errors by few true labels, of all points and by segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.core.text import printable, wrapped
from outlearn.core.verdict import has_interval
from outlearn.results.measurement import Withheld

__all__ = ["CorrectedRate", "RatesReport", "SegmentRates", "SegmentTest"]

NAME_WIDTH = 24
SEGMENTS_SHOWN = 12
CLASSES_SHOWN = 12


@dataclass(frozen=True)
class CorrectedRate:
    """A share of points, such as those of a class.

    Attributes:
        name: of what.
        as_labeled: what the labels say, uncorrected; withheld for what they cannot say, such as how often they err.
        true_alone: what the true labels say alone.
        corrected: by both, prediction-powered.
        rogan_gladen: by how often labels say it where it is true and where it is not; withheld where that is not known.
    """

    name: str
    as_labeled: Interval | Withheld
    true_alone: Interval
    corrected: Interval
    rogan_gladen: Interval | Withheld


@dataclass(frozen=True)
class SegmentRates:
    """One segment.

    Attributes:
        name: the value of the segment's column.
        n_points, n_true: points, and those with a true label.
        rates: as `RatesReport.rates`, of this segment; withheld with too few true labels.
    """

    name: str
    n_points: int
    n_true: int
    rates: tuple[CorrectedRate, ...] | Withheld


@dataclass(frozen=True)
class SegmentTest:
    """Whether labels are off by more in one segment than in another.

    Attributes:
        name: the rate that the labels are off at.
        p_value: that they are off alike, adjusted for the number of rates by Holm; withheld where it was not tested.
        worst: the segment in which labels are off most.
        off: by how much the labels' rate exceeds the true one there.
    """

    name: str
    p_value: float | Withheld
    worst: str
    off: float


@dataclass(frozen=True)
class RatesReport:
    """Rates by few true labels and all the labels.

    Attributes:
        n_true: true labels.
        level: of the intervals.
        rates: how often a label is wrong, then the share of each class, then what was asked for.
        segments: by the value of a column; empty if none was named.
        tests: for each rate, whether labels are off alike in all segments.
    """

    n_true: int
    level: float
    rates: tuple[CorrectedRate, ...]
    segments: tuple[SegmentRates, ...]
    tests: tuple[SegmentTest, ...]

    def __str__(self) -> str:
        title = f"Rates, corrected for the labels' errors by {self.n_true:,} true labels"
        parts = ["\n".join([title, *_table(self.rates[: CLASSES_SHOWN + 1])])]
        if len(self.rates) > CLASSES_SHOWN + 1:
            parts[0] += f"\n  and {len(self.rates) - CLASSES_SHOWN - 1} more in results.json"
        if self.segments:
            parts.append(self._segments())
        return "\n\n".join(parts)

    def _segments(self) -> str:
        lines = ["By segment: points, true labels, rates (as labeled -> corrected)"]
        shown = self.segments
        if len(self.segments) > SEGMENTS_SHOWN:  # those that are known best
            measured = [each for each in self.segments if not isinstance(each.rates, Withheld)]
            shown = tuple(sorted(measured, key=lambda each: -each.n_true)[:SEGMENTS_SHOWN])
            lines[0] += f"; of {len(self.segments):,}, the {len(shown)} with the most true labels"
        for segment in shown:
            lines += _segment_lines(segment)
        if len(shown) < len(self.segments):
            without = sum(isinstance(each.rates, Withheld) for each in self.segments)
            few = f", {without:,} of them with too few true labels for rates" if without else ""
            lines.append(f"  and {len(self.segments) - len(shown):,} more in results.json{few}")
        for test in self.tests:
            lines += _sentence(test, 1 - self.level)
        return "\n".join(lines)


def _cell(rate: Interval | Withheld) -> str:
    if isinstance(rate, Withheld):
        return "—"
    return f"{rate.mean:.3f} [{rate.low:.3f}, {rate.high:.3f}]" if has_interval(rate) else f"{rate.mean:.3f} [—]"


def _table(rates: Sequence[CorrectedRate]) -> list[str]:
    names = [printable(rate.name, width=NAME_WIDTH) for rate in rates]
    width = max(map(len, names))
    heads = ("as labeled", "true labels alone", "corrected", "Rogan-Gladen")
    lines = [f"  {'':<{width}}" + "".join(f"{head:>24}" for head in heads)]
    for name, rate in zip(names, rates, strict=True):
        cells = (rate.as_labeled, rate.true_alone, rate.corrected, rate.rogan_gladen)
        lines.append(f"  {name:<{width}}" + "".join(f"{_cell(cell):>24}" for cell in cells))
    return lines


def _segment_lines(segment: SegmentRates) -> list[str]:
    head = f"{printable(segment.name, width=NAME_WIDTH)} ({segment.n_points:,}, {segment.n_true:,})"
    if isinstance(segment.rates, Withheld):
        return [f"  {head}: {segment.rates.reason}"]
    cells = []
    for rate in segment.rates:
        said = "" if isinstance(rate.as_labeled, Withheld) else f"{rate.as_labeled.mean:.3f} -> "
        cells.append(f"{printable(rate.name, width=NAME_WIDTH)} {said}{_cell(rate.corrected)}")
    return wrapped(f"{head}: {'; '.join(cells)}", first="  ", rest="    ").splitlines()


def _sentence(test: SegmentTest, threshold: float) -> list[str]:
    if isinstance(test.p_value, Withheld):
        text = f"{test.name}: not compared between segments: {test.p_value.reason}"
    elif test.p_value < threshold:
        text = (
            f"{test.name}: labels are not off alike in all segments (p = {test.p_value:.3g}); most in "
            f"{printable(test.worst, width=NAME_WIDTH)}, by {test.off:+.3f}: correct each by its own "
            "true labels"
        )
    else:
        text = f"{test.name}: that labels are off alike in all segments is not rejected (p = {test.p_value:.2f})"
    return wrapped(text, first="  ", rest="    ").splitlines()
