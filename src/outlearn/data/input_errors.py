"""Collect what is wrong with a file, so that one error names all of it: the place, what came, and what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from outlearn.errors import DataError

__all__ = ["InputErrors"]

SHOWN = 10


@dataclass
class InputErrors:
    """Gather the errors of one file; raise them together.

    Args:
        source: the file or dataset, as messages call it.
        unit: what a position is called: "line" of a text file, "row" of a table.

    Examples:
        >>> errors = InputErrors("words.csv")
        >>> errors.add("is empty. Fill it or drop the line.", at=3, column="label")
        >>> errors.messages
        ["words.csv, line 3, column 'label': is empty. Fill it or drop the line."]
    """

    source: str
    unit: str = "line"
    messages: list[str] = field(default_factory=list)
    n_hidden: int = 0

    def add(self, message: str, *, at: int | None = None, column: str | None = None) -> None:
        """Note an error; beyond ten they are only counted."""
        if len(self.messages) >= SHOWN:
            self.n_hidden += 1
            return
        place = self.source
        if at is not None:
            place += f", {self.unit} {at}"
        if column is not None:
            place += f", column {column!r}"
        self.messages.append(f"{place}: {message}")

    def __len__(self) -> int:
        return len(self.messages) + self.n_hidden

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
