"""Plain text for people: lines that are cut between words, names that fit their column, and the same in a notebook."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable

__all__ = ["WIDTH", "bullets", "counted", "preformatted", "printable", "wrapped"]

WIDTH = 110  # columns of a printed line, unless the caller says otherwise


def wrapped(text: str, *, first: str = "", rest: str = "", width: int = WIDTH) -> str:
    """Cut a text into lines between words; a word that is longer than a line stays whole.

    Control characters become spaces. `first` starts the first line, `rest` the others.

    Examples:
        >>> print(wrapped("a teacher that errs at random", first="- ", rest="  ", width=16))
        - a teacher that
          errs at random
    """
    lines = textwrap.wrap(
        printable(text),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def bullets(title: str, sentences: Iterable[str]) -> str:
    """Write sentences as a list below a title.

    Examples:
        >>> print(bullets("Notes", ["Rows were joined by id."]))
        Notes
        - Rows were joined by id.
    """
    return "\n".join([title, *(wrapped(sentence, first="- ", rest="  ") for sentence in sentences)])


def counted(count: int, thing: str) -> str:
    """Write a count with its noun.

    Examples:
        >>> counted(1, "task"), counted(1200, "task"), counted(2, "loss")
        ('1 task', '1,200 tasks', '2 losses')
    """
    plural = f"{thing}es" if thing.endswith("s") else f"{thing}s"
    return f"{count:,} {thing if count == 1 else plural}"


def printable(text: str, *, width: int | None = None) -> str:
    """Replace control characters by spaces, and cut what is longer than `width`.

    Examples:
        >>> printable("a very\\tlong name", width=8)
        'a very …'
    """
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean if width is None or len(clean) <= width else clean[: width - 1] + "…"


def preformatted(text: str) -> str:
    """Write a text as HTML that keeps its columns: what a notebook shows of a result that print() shows as text.

    Examples:
        >>> preformatted("KL(a || b) < 1")
        '<pre>KL(a || b) &lt; 1</pre>'
    """
    return f"<pre>{html.escape(text)}</pre>"
