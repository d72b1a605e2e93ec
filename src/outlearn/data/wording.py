"""How messages call what a cell holds, and what makes two texts the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["few", "kind_of", "normalise", "normalise_name", "shortened"]

NAMED = 5


def kind_of(value: object) -> str:
    """Name the kind of a value, without its article.

    Examples:
        >>> kind_of(7), kind_of([1]), kind_of({"role": "user"})
        ('number', 'list', 'object')
    """
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "object" if isinstance(value, dict) else type(value).__name__


def normalise(text: str) -> str:
    """Remove what does not make a text another text: Unicode form, case, and the length of blanks.

    Examples:
        >>> normalise("  A fine\\n FILM ")
        'a fine film'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def normalise_name(name: str) -> str:
    """Remove what does not make the name of a class another name: as `normalise`, and marks that end a sentence.

    Examples:
        >>> normalise_name("Positive."), normalise_name('"positive" '), normalise_name("C++"), normalise_name("?")
        ('positive', 'positive', 'c++', '?')
    """
    text = normalise(name)
    return text.strip("\"'`*.,;:! ") or text


def shortened(value: object) -> str:
    """Write a value in at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def few(names: Sequence[object]) -> str:
    """List the first few.

    Examples:
        >>> few(["a", "b"]), few(range(7))
        ("'a', 'b'", '0, 1, 2, 3, 4, ...')
    """
    return ", ".join(map(shortened, names[:NAMED])) + (", ..." if len(names) > NAMED else "")
