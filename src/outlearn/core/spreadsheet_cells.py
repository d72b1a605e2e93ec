"""Text in tables for people: a spreadsheet runs what starts with = + - or @, so that a quote keeps it text.

The quote is taken off again where such a table is read back, and what had a quote of its own keeps that one.
"""

from __future__ import annotations

import re

__all__ = ["guarded", "unguarded"]

RUNS = re.compile(r"'*[=+\-@\t\r]")


def guarded(cell: object) -> object:
    """Put a quote before text that a spreadsheet would run; numbers are numbers.

    Examples:
        >>> guarded("=1+1"), guarded("a=b"), guarded("'=1"), guarded(-0.5)
        ("'=1+1", 'a=b', "''=1", -0.5)
    """
    return f"'{cell}" if isinstance(cell, str) and RUNS.match(cell) else cell


def unguarded(cell: str) -> str:
    """Take the quote off that `guarded` put there.

    Examples:
        >>> [unguarded(guarded(text)) for text in ("=1+1", "'=1", "'tis")]
        ['=1+1', "'=1", "'tis"]
    """
    return cell[1:] if cell.startswith("'") and RUNS.match(cell) else cell
