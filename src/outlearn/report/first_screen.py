"""What a page says before anything is scrolled: a verdict, bad news, a few numbers, one picture, what to do next.

Every page of a question fills it in: a run, labels before training, an explanation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.verdict import has_interval
from outlearn.report.blocks import Figure, Listed, Section
from outlearn.report.cells import Cell, Kind, format_cell, format_number
from outlearn.results.measurement import Withheld

__all__ = ["FirstScreen", "NextStep", "Tile", "Tone", "about_the_data"]

Tone = Literal["go", "stop", "open"]


@dataclass(frozen=True)
class Tile:
    """One number that a reader looks for: whose it is, how much, its interval, and what it means in a few words."""

    name: str
    value: Cell
    kind: Kind = "percent"
    note: str = ""
    role: str = ""
    level: float = 0.95

    @property
    def number(self) -> str:
        """Return the number as text, with its unit where one is written behind a number."""
        text = format_cell(self.value, self.kind, intervals=False)
        return f"{text}%" if self.kind == "percent" and text[-1:].isdigit() else text

    @property
    def interval(self) -> str:
        """Return the interval in words, or why there is none."""
        value = self.value
        if isinstance(value, Interval) and has_interval(value):
            low, high = (format_number(end, self.kind) for end in (value.low, value.high))
            return f"{low} to {high} ({level_in_words(self.level)} interval)"
        return value.reason or "" if isinstance(value, Interval | Withheld) else ""


@dataclass(frozen=True)
class NextStep:
    """What to do next, and the command that does it; empty where no command does."""

    text: str
    command: str = ""


@dataclass(frozen=True)
class FirstScreen:
    """The first screen of a page.

    Attributes:
        verdict: one line in plain words.
        because: what decided, with its number and interval; a sentence.
        tone: whether the verdict says go, says stop, or leaves it open; never shown by colour alone.
        tiles: three or four numbers.
        figure: the one picture.
        steps: what to do next, the first thing first.
        bad_news: what speaks against the page's own story, a sentence each; shown right below the verdict.
    """

    verdict: str
    because: str = ""
    tone: Tone = "open"
    tiles: tuple[Tile, ...] = ()
    figure: Figure | None = None
    steps: tuple[NextStep, ...] = ()
    bad_news: tuple[str, ...] = ()


def about_the_data(caveats: tuple[str, ...]) -> tuple[Section, ...]:
    """Show what a reader must know of the data right below the first screen, whose first words are the verdict."""
    return (Section("data", "About the data", (Listed(caveats),)),) if caveats else ()
