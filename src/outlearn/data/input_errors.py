"""Collect what is wrong with a file, so that one error names all of it: the place, what came, and what to do.

A mistake that is repeated is one line: the first place in full, then how many more there are, and some of these. Two
errors are the same mistake if they differ only in the values that they quote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn

from outlearn.errors import DataError

__all__ = ["InputErrors"]

SHOWN = 10  # different mistakes
EXAMPLES = 3  # of one mistake, after its first place
VALUE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?""")


@dataclass
class _Mistake:
    """One mistake: its first place in full, how often it came again, and some of these places."""

    first: str
    values: tuple[str, ...]
    again: int = 0
    examples: list[str] = field(default_factory=list)

    def repeat(self, at: int | None, values: tuple[str, ...]) -> None:
        self.again += 1
        if at is not None and len(self.examples) < EXAMPLES:
            new = [value for value, before in zip(values, self.values, strict=True) if value != before]
            self.examples.append(f"{at} ({new[0]})" if new else str(at))

    def said(self, unit: str) -> str:
        if not self.again:
            return self.first
        if not self.examples:
            return f"{self.first} The same {self.again:,} more time{'s' * (self.again > 1)}."
        *most, last = self.examples
        if self.again > len(self.examples):
            return f"{self.first} The same in {self.again:,} more {unit}s: {', '.join(self.examples)}, ..."
        places = f"{', '.join(most)} and {last}" if most else last
        return f"{self.first} The same in {unit}{'s' * (self.again > 1)} {places}."


@dataclass
class InputErrors:
    """Gather the errors of one file; raise them together.

    Args:
        source: the file or dataset, as messages call it.
        unit: what a position is called: "line" of a text file, "row" of a table.

    Examples:
        >>> errors = InputErrors("words.csv")
        >>> errors.add("'yess' is no class. Use yes or no.", at=3, column="label")
        >>> errors.add("'noo' is no class. Use yes or no.", at=5, column="label")
        >>> errors.messages
        ["words.csv, line 3, column 'label': 'yess' is no class. Use yes or no. The same in line 5 ('noo')."]
    """

    source: str
    unit: str = "line"
    n_hidden: int = 0
    _mistakes: dict[tuple[str | None, str], _Mistake] = field(default_factory=dict)

    @property
    def messages(self) -> list[str]:
        """Return one line a mistake, in the order in which they came first."""
        return [mistake.said(self.unit) for mistake in self._mistakes.values()]

    def add(self, message: str, *, at: int | None = None, column: str | None = None) -> None:
        """Note an error; beyond ten different ones they are only counted."""
        values, alike = tuple(VALUE.findall(message)), (column, VALUE.sub("", message))
        if alike in self._mistakes:
            self._mistakes[alike].repeat(at, values)
            return
        if len(self._mistakes) >= SHOWN:
            self.n_hidden += 1
            return
        place = self.source
        if at is not None:
            place += f", {self.unit} {at}"
        if column is not None:
            place += f", column {column!r}"
        self._mistakes[alike] = _Mistake(f"{place}: {message}", values)

    def __len__(self) -> int:
        return sum(1 + mistake.again for mistake in self._mistakes.values()) + self.n_hidden

    def fail(self, message: str, *, at: int | None = None, column: str | None = None) -> NoReturn:
        """Note an error without which nothing more can be said, and raise all.

        Raises:
            DataError: one line an error.
        """
        self.add(message, at=at, column=column)
        self.raise_if_any()
        raise AssertionError("an error was noted")

    def raise_if_any(self, *, beyond: int = 0) -> None:
        """Raise everything noted so far as one DataError, one line an error.

        The `beyond` errors that were noted before do not, alone, end the reading.

        Raises:
            DataError: if more than those were noted.
        """
        if len(self) > beyond:
            more = [f"{self.source}: and {self.n_hidden} problems more."] if self.n_hidden else []
            raise DataError("\n".join([*self.messages, *more]))
