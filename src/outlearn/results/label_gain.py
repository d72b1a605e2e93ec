"""What true labels have brought to a student of weak ones, what the next would bring, and where to put them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.intervals import Interval, Withheld
from outlearn.core.mean_intervals import mean_interval
from outlearn.core.scales import DIFFERENCE
from outlearn.core.students.foreseen import foreseen_gain
from outlearn.core.verdict import is_above_zero, is_below_zero
from outlearn.results.measurement import Measurement, measured

__all__ = ["WAYS", "LabelGain"]

WAYS = {
    "suspect": "the points whose labels the student doubts most",
    "disagreed": "the points at which students of two groups of labelers disagree most",
}
"""Ways to pick the points to label, beside points at random."""


TRACK_RECORD = (
    "Single forecasts were 1.1 points off on fifteen tasks, as was one of no gain: only their mean was right."
)
"""How good a forecast is, measured in docs/auto.md; a reader of the number has to know it."""


@dataclass(frozen=True)
class LabelGain:
    """What true labels bring to the accuracy of a student, `student.true_labels: learn` or `choose`.

    Attributes:
        use: "learn" or "choose".
        n_labels: true labels that are there.
        n_next: how many more are meant.
        brought: accuracy with those that are there less that without any.
        next: the gain that the next are foreseen to bring, at random points; see `core.students.foreseen`.
        picked: way of `WAYS` -> accuracy with a quarter of the labels picked so less that with a quarter at random.
    """

    use: str
    n_labels: int
    n_next: int
    brought: Measurement
    next: Measurement
    picked: Mapping[str, Measurement]

    @classmethod
    def of(
        cls,
        use: str,
        none: Float[np.ndarray, " points"],
        quarters: Float[np.ndarray, "quarters points"],
        whole: Float[np.ndarray, " points"],
        picked: Mapping[str, Float[np.ndarray, " points"]],
        *,
        n_learned: int,
        n_labels: int,
        n_next: int,
        level: float,
    ) -> LabelGain:
        """Measure it where 1 says that an answer is right; `n_learned` of the labels taught that of the whole."""

        def gain(over: np.ndarray, right: np.ndarray) -> Interval | Withheld:
            return measured(mean_interval(right - over, level, scale=DIFFERENCE))

        foreseen = foreseen_gain(quarters, whole, n_learned=n_learned, n_labels=n_labels, n_next=n_next, level=level)
        return cls(
            use,
            n_labels,
            n_next,
            gain(none[None], whole[None]),
            foreseen if isinstance(foreseen, Withheld) else measured(foreseen),
            {way: gain(quarters, right[None]) for way, right in picked.items()},
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say it: what was brought, what is foreseen, and which points are worth more than random ones."""
        n, more = f"{self.n_labels:,}", f"{self.n_next:,}"
        verb = "learned from" if self.use == "learn" else "used to choose"
        said = [f"The {n} true labels, {verb}, bring auto {_in_points(self.brought)}."]
        if isinstance(self.next, Withheld):
            said.append(f"What the next {more} would bring is not foreseen: {self.next.reason}.")
        elif is_above_zero(self.next) or is_below_zero(self.next):
            said.append(f"The next {more}, of random points, are foreseen to bring {_in_points(self.next)}.")
        else:
            said.append(f"Whether the next {more} would bring anything cannot be told: {_in_points(self.next)}.")
        if not isinstance(self.next, Withheld):
            said.append(TRACK_RECORD)
        better = {way: each for way, each in self.picked.items() if is_above_zero(each)}
        worse = {way: each for way, each in self.picked.items() if is_below_zero(each)}
        for shown, than in ((better, "more"), (worse, "less")):
            said += [
                f"A quarter of them at {WAYS[way]} brings {than} than a quarter at random: {_in_points(each)}."
                for way, each in shown.items()
            ]
        if self.picked and not better:
            said.append("No way to pick points is shown to be better than drawing them at random.")
        return tuple(said)


def _in_points(gain: Interval | Withheld) -> str:
    if isinstance(gain, Withheld):
        return f"an unknown gain ({gain.reason})"
    if math.isnan(gain.low):
        return f"{100 * gain.mean:+.1f} points (no interval: {gain.reason})"
    return f"{100 * gain.mean:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
