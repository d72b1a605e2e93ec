"""A threshold for a figure of a preflight report, for continuous integration: is its lower end at least so much?

A figure that is not known is not shown to reach any threshold: the gate stays shut, and says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.errors import ConfigError, suggest
from outlearn.results.measurement import Withheld
from outlearn.results.preflight import Preflight
from outlearn.results.preflight_parts import Bounds
from outlearn.results.shares import one_minus

__all__ = ["FIGURES", "Figure", "Gate", "parse_gates"]


@dataclass(frozen=True)
class Figure:
    """A number of a report that a threshold may be set for, the larger the better; `read` finds it."""

    words: str
    read: Callable[[Preflight], Interval | Bounds | Withheld]


def _accuracy(found: Preflight) -> Interval | Withheld:
    return found.truth if isinstance(found.truth, Withheld) else one_minus(found.truth.error)


def _gain(found: Preflight) -> Interval | Bounds | Withheld:
    student = found.student
    if student is None:
        return found.encoder if isinstance(found.encoder, Withheld) else Withheld("there is no student")
    return student.accuracy_gain if isinstance(student.true_gain, Withheld) else student.true_gain


def _student(found: Preflight) -> Interval | Withheld:
    student = found.student
    return Withheld("there is no student") if student is None else student.true_accuracy


FIGURES = {
    "accuracy": Figure("a label is right", _accuracy),
    "agreement": Figure("two labels of a point agree", lambda found: one_minus(found.disagreement)),
    "gain": Figure("the student's gain in accuracy over a labeler", _gain),
    "student": Figure("the student is right", _student),
}
"""What a threshold may be set for: `accuracy` and `student` need true labels, `gain` is a range without them."""
USUAL = "accuracy"


@dataclass(frozen=True)
class Gate:
    """A threshold: the lower end of `figure`, a key of `FIGURES`, is to be at least `least`."""

    figure: str
    least: float

    def passes(self, found: Preflight) -> bool:
        """Say whether the lower end is at least the threshold; False where it is not known."""
        low = self._low(found)
        return not isinstance(low, Withheld) and low >= self.least

    def sentence(self, found: Preflight) -> str:
        """Say what was compared, and how it came out."""
        low, what = self._low(found), f"{self.figure} ({FIGURES[self.figure].words})"
        if isinstance(low, Withheld):
            return f"FAILS  {what} is not known to be {self.least:g} or more: {low.reason}."
        if low < self.least:
            return f"FAILS  {what}: the lower end is {low:.3f}, below {self.least:g}."
        return f"passes {what}: the lower end is {low:.3f}, not below {self.least:g}."

    def _low(self, found: Preflight) -> float | Withheld:
        measured = FIGURES[self.figure].read(found)
        if isinstance(measured, Withheld):
            return measured
        reason = measured.reason if isinstance(measured, Interval) else None
        return Withheld(reason or "it has no interval") if math.isnan(measured.low) else measured.low


def parse_gates(texts: Sequence[str]) -> tuple[Gate, ...]:
    """Read thresholds such as "0.8", which is of the accuracy, or "gain=0".

    Raises:
        ConfigError: for an unknown figure, what is no number, or a number that the figure cannot reach or fall below.

    Examples:
        >>> parse_gates(["0.8", "gain=0"])
        (Gate(figure='accuracy', least=0.8), Gate(figure='gain', least=0.0))
    """
    return tuple(map(_gate, texts))


def _gate(text: str) -> Gate:
    figure, _, least = text.rpartition("=")
    figure = figure.strip() or USUAL
    if figure not in FIGURES:
        raise ConfigError(f"--fail-below is {text!r}: there is no figure {figure!r}; {suggest(figure, FIGURES)}")
    low = -1 if figure == "gain" else 0
    try:
        value = float(least)
    except ValueError:
        value = math.nan
    if not low <= value <= 1:
        raise ConfigError(
            f"--fail-below is {text!r}; expected a share from {low} to 1 of {FIGURES[figure].words}, such as "
            f"{figure}={'0' if figure == 'gain' else '0.8'}."
        )
    return Gate(figure, value)
