"""How the report speaks of a difference, a count and a level: a direction only where the interval excludes 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outlearn.report.cells import Estimate, excludes_zero, format_cell, format_number

__all__ = ["compare_words", "level_as_share", "level_of", "name_list", "of_losses", "signed_points", "size_in_points"]

Results = Mapping[str, Any]


def level_of(results: Results) -> str:
    """Return the level of the intervals in words, such as 95%."""
    return f"{100 * level_as_share(results):g}%"


def level_as_share(results: Results) -> float:
    """Return the level of the intervals as a share, such as 0.95."""
    level = (results.get("measure") or {}).get("level")
    return float(level) if isinstance(level, int | float) and 0 < level < 1 else 0.95


def of_losses(count: int, total: int) -> str:
    """Say with how many losses something was seen.

    Example:
        >>> of_losses(0, 8), of_losses(3, 8), of_losses(8, 8), of_losses(1, 1)
        ('no loss', '3 of 8 losses', 'all 8 losses', 'the one loss')
    """
    if count == 0:
        return "no loss"
    if count == total:
        return "the one loss" if total == 1 else f"all {total} losses"
    return f"{count} of {total} losses"


def compare_words(difference: Estimate, first: str, second: str, *, unit: str = "points") -> str:
    """Say how `first` compares with `second` from the paired estimate of first - second (more is better).

    Example:
        >>> compare_words(Estimate(0.046, 0.02, 0.07), "reverse_ce", "forward_ce")
        'reverse_ce beats forward_ce by 4.6 points [2.0, 7.0]'
        >>> compare_words(Estimate(0.003, -0.01, 0.02), "mae", "hard_ce")
        'mae and hard_ce cannot be told apart (+0.3 points [-1.0, +2.0])'
    """
    if difference.mean is None:
        return f"{first} and {second} were not compared ({difference.reason or 'no paired difference was measured'})"
    if not difference.has_interval:
        seen = format_number(difference.mean, "points")
        return (
            f"{first} minus {second} is {seen} {unit}, without an interval ({difference.reason or 'none was measured'})"
        )
    if not excludes_zero(difference):
        return f"{first} and {second} cannot be told apart ({signed_points(difference)})"
    verb = "beats" if difference.mean > 0 else "loses to"
    return f"{first} {verb} {second} by {size_in_points(difference)}"


def signed_points(difference: Estimate) -> str:
    """Write a difference of accuracies with its sign and interval."""
    low, high = format_number(difference.low, "points"), format_number(difference.high, "points")
    return f"{format_number(difference.mean, 'points')} points [{low}, {high}]"


def size_in_points(difference: Estimate) -> str:
    """Write the size of a difference whose sign the sentence has said."""
    return format_cell(Estimate(abs(difference.mean or 0.0), *_without_sign(difference)), "percent").replace(
        " [", " points ["
    )


def _without_sign(estimate: Estimate) -> tuple[float | None, float | None]:
    """Return the ends of the interval of -x for a negative x, else of x."""
    if estimate.low is None or estimate.high is None or (estimate.mean or 0.0) >= 0:
        return estimate.low, estimate.high
    return -estimate.high, -estimate.low


def name_list(names: Sequence[str]) -> str:
    """Write names as a sentence lists them."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
