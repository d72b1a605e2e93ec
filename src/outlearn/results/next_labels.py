"""Which points to give true labels next, and how narrow the answer will be: what `--label-next` found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from outlearn.core.text import wrapped

__all__ = ["AIMS", "NUMBER_AIMS", "DrawnPoint", "ExpectedWidth", "NextLabels", "NumberNextLabels", "Stratum"]

LITTLE = 0.9  # of a random draw's width: with more the strata save less than a fifth of the labels
AIMS = {
    "accuracy": "how often a label is right",
    "gain": "the student's gain in accuracy over a labeler",
    "student": "how often the student is right",
}
"""What true labels are to measure, in words; the figures of `--fail-below` that need them."""
NUMBER_AIMS = {
    "error": "the squared error of a number",
    "gain": "the student's gain in squared error over a labeler",
    "student": "the squared error of the student",
}
"""What true numbers are to measure, in words."""


@dataclass(frozen=True)
class ExpectedWidth:
    """Half the width of the interval to expect from so many new true labels, drawn at random and by strata."""

    n_labels: int
    random: float
    by_strata: float


@dataclass(frozen=True)
class Stratum:
    """Points of which truth is about as uncertain.

    Attributes:
        n_points: in the table.
        n_known: of them have a true label.
        n_labels: of them are drawn.
        spread: the standard deviation of what a point adds, as far as labels and students tell.
        share: by which this draw counts beside earlier ones.
    """

    n_points: int
    n_known: int
    n_labels: int
    spread: float
    share: float = 1.0

    @property
    def weight(self) -> float:
        """How many points each one of known truth stands for, once those drawn are labeled."""
        return self.share * self.n_points / (self.n_known + self.n_labels)


@dataclass(frozen=True)
class DrawnPoint:
    """A point of the list: which, and of which draw and which stratum of it, from 1."""

    index: int
    id: str
    stratum: int
    draw: int = 1


@dataclass(frozen=True)
class NextLabels:
    """Which points to label next.

    Attributes:
        aim: a key of `AIMS`.
        n_labels: how many are drawn.
        level: of the intervals.
        widths: what to expect, by the number of labels; with those of earlier draws, if there were any.
        strata: how they are drawn, by rising uncertainty.
        points: those drawn, in an order in which any number of the first ones is spread over the strata.
        known: points whose true label is there already; the list holds them too, so that it can be read by itself.
    """

    aim: str
    n_labels: int
    level: float
    widths: tuple[ExpectedWidth, ...]
    strata: tuple[Stratum, ...]
    points: tuple[DrawnPoint, ...]
    known: tuple[DrawnPoint, ...]

    aims: ClassVar[Mapping[str, str]] = AIMS
    given: ClassVar[str] = "labels"  # what points have
    digits: ClassVar[str] = ".3f"  # of shares; numbers have any unit

    @property
    def draw(self) -> int:
        """Say the how manieth draw this is."""
        return self.points[0].draw

    @property
    def expected(self) -> ExpectedWidth:
        """Return what to expect of the labels that are drawn."""
        return next(each for each in self.widths if each.n_labels == self.n_labels)

    @property
    def sentence(self) -> str:
        """Say what the drawing by strata is worth, in labels drawn at random."""
        at = self.expected
        if self.draw > 1:
            return (
                f"With the {len(self.known):,} true {self.given} of earlier draws expect ± "
                f"{at.by_strata:{self.digits}}, and ± {at.random:{self.digits}} if these {self.n_labels:,} were drawn "
                "at random. What the earlier ones were to measure is not in their list: they help "
                f"--aim {self.aim} most if it was that."
            )
        # Widths fall with the square root of the number.
        worth = self.n_labels * (at.random / at.by_strata) ** 2
        if at.by_strata >= at.random:
            return "Nothing in the table tells where truth is uncertain: labels drawn at random are as good."
        said = (
            f"{self.n_labels:,} labels drawn by strata are as good as about {round(worth, -1):,.0f} drawn at random "
            f"(± {at.by_strata:{self.digits}} instead of ± {at.random:{self.digits}})."
        )
        if self.aim == "gain" or at.by_strata <= LITTLE * at.random:
            return said
        return f"{said} That is little: for this aim truth is uncertain at most points. Strata narrow --aim gain most."

    def __str__(self) -> str:
        again = "" if self.draw == 1 else f" (draw {self.draw}, from the points without a true label)"
        lines = [f"What to label next: {self.n_labels:,} points, to measure {self.aims[self.aim]}{again}"]
        lines.append(f"  {'':<13}{'expect, drawn by strata':>24}{'drawn at random':>20}")
        for at in self.widths:
            halves = f"{at.by_strata:>19{self.digits}} (±){at.random:>16{self.digits}} (±)"
            lines.append(f"  {at.n_labels:>6,} labels{halves}")
        lines.append(f"  {'stratum':<13}{'points':>10}{'known':>8}{'to label':>10}{'weight':>9}{'uncertain':>11}")
        for k, each in enumerate(self.strata, 1):
            counts = f"{each.n_points:>10,}{each.n_known:>8,}{each.n_labels:>10,}"
            lines.append(f"  {k:<13}{counts}{each.weight:>9.2f}{each.spread:>11{self.digits}}")
        return "\n".join([*lines, wrapped(self.sentence, first="  ", rest="  ")])


@dataclass(frozen=True)
class NumberNextLabels(NextLabels):
    """Which points to give true numbers next; widths and spreads are in squared units of the numbers."""

    aims: ClassVar[Mapping[str, str]] = NUMBER_AIMS
    given: ClassVar[str] = "numbers"
    digits: ClassVar[str] = ".4g"
