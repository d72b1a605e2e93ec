"""Thresholds for figures of a report, for continuous integration: is the lower end of each at least so much?

A figure that is not known is not shown to reach any threshold: the gate stays shut, and says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from outlearn.core.intervals import Interval
from outlearn.errors import ConfigError, suggest
from outlearn.results.measurement import Withheld
from outlearn.results.preflight_parts import Bounds

__all__ = ["Figure", "Gate", "GateOutcome", "parse_gates"]

Found = TypeVar("Found")


@dataclass(frozen=True)
class Figure(Generic[Found]):
    """A number of a report that a threshold may be set for, the larger the better.

    Attributes:
        words: what it is.
        read: finds it in a report.
        low, high: what a threshold may be; beyond, it would always pass or always fail.
        example: a threshold that makes sense.
    """

    words: str
    read: Callable[[Found], Interval | Bounds | Withheld]
    low: float = 0.0
    high: float = 1.0
    example: float = 0.8

    @property
    def allowed(self) -> str:
        """Say what a threshold may be.

        Examples:
            >>> [Figure("R2", id, low=low, high=1.0).allowed for low in (0.0, -math.inf)]
            ['a number from 0 to 1', 'a number up to 1']
        """
        if math.isfinite(self.low):
            return f"a number from {self.low:g} to {self.high:g}"
        return f"a number up to {self.high:g}" if math.isfinite(self.high) else "a number"


@dataclass(frozen=True)
class GateOutcome:
    """How one threshold came out.

    Attributes:
        figure, least: the threshold.
        low: the lower end that was compared with it; withheld where it is not known.
        passes: whether it is at least the threshold.
        sentence: the same in words.
    """

    figure: str
    least: float
    low: float | Withheld
    passes: bool
    sentence: str


@dataclass(frozen=True)
class Gate(Generic[Found]):
    """A threshold: the lower end of a figure, called `name`, is to be at least `least`."""

    name: str
    figure: Figure[Found]
    least: float

    def outcome(self, found: Found) -> GateOutcome:
        """Compare; it does not pass where the lower end is not known."""
        low, what = self._low(found), f"{self.name} ({self.figure.words})"
        passes = not isinstance(low, Withheld) and low >= self.least
        if isinstance(low, Withheld):
            sentence = f"FAILS  {what} is not known to be {self.least:g} or more: {low.reason}."
        elif passes:
            sentence = f"passes {what}: the lower end is {low:.3f}, not below {self.least:g}."
        else:
            sentence = f"FAILS  {what}: the lower end is {low:.3f}, below {self.least:g}."
        return GateOutcome(self.name, self.least, low, passes, sentence)

    def _low(self, found: Found) -> float | Withheld:
        measured = self.figure.read(found)
        if isinstance(measured, Withheld):
            return measured
        reason = measured.reason if isinstance(measured, Interval) else None
        return Withheld(reason or "it has no interval") if math.isnan(measured.low) else measured.low


def parse_gates(texts: Sequence[str], figures: Mapping[str, Figure[Any]], *, usual: str) -> tuple[Gate[Any], ...]:
    """Read thresholds such as "0.8", which is of the figure `usual`, or "gain=0".

    Raises:
        ConfigError: for an unknown figure, what is no number, or a number that the figure cannot reach or fall below.

    Examples:
        >>> figures = {"share": Figure("of points", lambda found: found)}
        >>> [(gate.name, gate.least) for gate in parse_gates(["0.8", "share=0.5"], figures, usual="share")]
        [('share', 0.8), ('share', 0.5)]
    """
    return tuple(_gate(text, figures, usual) for text in texts)


def _gate(text: str, figures: Mapping[str, Figure[Any]], usual: str) -> Gate[Any]:
    name, _, least = text.rpartition("=")
    name = name.strip() or usual
    if name not in figures:
        raise ConfigError(f"--fail-below is {text!r}: there is no figure {name!r}; {suggest(name, figures)}")
    figure = figures[name]
    try:
        value = float(least)
    except ValueError:
        value = math.nan
    if not (figure.low <= value <= figure.high and math.isfinite(value)):
        raise ConfigError(
            f"--fail-below is {text!r}; expected {figure.allowed} for {name} ({figure.words}), such as "
            f"{name}={figure.example:g}."
        )
    return Gate(name, figure, value)
