"""How the report speaks of a difference and a count: a direction only where the interval excludes 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from outlearn.core.intervals import Interval
from outlearn.core.verdict import count_rest, standing
from outlearn.report.cells import Cell, format_cell, format_number
from outlearn.results.measurement import Measurement, Withheld

__all__ = [
    "Written", "compare_words", "first_reason", "name_list", "of_losses", "rest_in_words",
    "signed_points", "size_in_points", "unsigned",
]  # fmt: skip


def of_losses(count: int, total: int) -> str:
    """Say with how many losses something was seen.

    Examples:
        >>> of_losses(0, 8), of_losses(3, 8), of_losses(8, 8), of_losses(1, 1)
        ('no loss', '3 of 8 losses', 'all 8 losses', 'the one loss')
    """
    if count == 0:
        return "no loss"
    if count == total:
        return {1: "the one loss", 2: "both losses"}.get(total, f"all {total} losses")
    return f"{count} of {total} losses"


@dataclass(frozen=True)
class Written:
    """How a kind of paired difference is written, whose positive sign is in favour of the first.

    Attributes:
        minus: what is taken from what, with {first} and {second}.
        plain: write an estimate without its interval.
        signed: write the difference with its sign and interval.
        size: write its size, where the sentence has said the sign.
    """

    minus: str
    plain: Callable[[float], str]
    signed: Callable[[Measurement], str]
    size: Callable[[Measurement], str]


def compare_words(difference: Measurement, first: str, second: str, written: Written | None = None) -> str:
    """Say how `first` compares with `second` from a paired estimate (more is better); of accuracies by default.

    Examples:
        >>> compare_words(Interval(0.046, 0.02, 0.07, 0.01, 4, 100), "reverse_ce", "forward_ce")
        'reverse_ce beats forward_ce by 4.6 points [2.0, 7.0]'
        >>> compare_words(Interval(0.003, -0.01, 0.02, 0.01, 4, 100), "mae", "hard_ce")
        'mae and hard_ce cannot be told apart (+0.3 points [-1.0, +2.0])'
    """
    written = POINTS if written is None else written
    if isinstance(difference, Withheld):
        return f"{first} and {second} were not compared ({difference.reason})"
    found = standing(difference)
    if found.outcome == "withheld":
        minus = written.minus.format(first=first, second=second)
        return f"{minus} is {written.plain(difference.mean)}, without an interval ({found.reason})"
    if found.outcome == "not told apart":
        return f"{first} and {second} cannot be told apart ({written.signed(difference)})"
    return f"{first} {'beats' if found.outcome == 'beats' else 'loses to'} {second} by {written.size(difference)}"


def rest_in_words(measured: Iterable[Cell], other: str = "0") -> str:
    """Say of how many measurements no direction is claimed: their interval includes 0, or they have none.

    Examples:
        >>> rest_in_words([Interval(0.0, -0.1, 0.1, 0.05, 4, 100), Withheld("one teacher")])
        '1 cannot be told apart from 0, 1 has no interval'
        >>> rest_in_words([])
        ''
    """
    equal, unknown = count_rest(measured)
    said = [f"{equal} cannot be told apart from {other}"] if equal else []
    return ", ".join([*said, f"{unknown} {'has' if unknown == 1 else 'have'} no interval"] if unknown else said)


def first_reason(measured: Sequence[Measurement]) -> str:
    """Return the first reason why a number or its interval is missing."""
    return next((each.reason for each in measured if each.reason), "none was measured")


def signed_points(difference: Measurement) -> str:
    """Write a difference of accuracies with its sign and interval."""
    return _in_points(format_cell(difference, "points"))


def size_in_points(difference: Measurement) -> str:
    """Write the size of a difference whose sign the sentence has said."""
    return _in_points(format_cell(unsigned(difference), "percent"))


def unsigned(difference: Measurement) -> Measurement:
    """Turn a difference the way in which it is positive."""
    if isinstance(difference, Interval) and difference.mean < 0:
        return replace(difference, mean=-difference.mean, low=-difference.high, high=-difference.low)
    return difference


def _in_points(text: str) -> str:
    mean, bracket, ends = text.partition(" [")
    return f"{mean} points{bracket}{ends}"


POINTS = Written(
    "{first} minus {second}", lambda mean: f"{format_number(mean, 'points')} points", signed_points, size_in_points
)


def name_list(names: Sequence[str]) -> str:
    """Write names as a sentence lists them."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
