"""How much working memory the training of heads may take, for all that runs inside a block of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from outlearn.errors import ConfigError

__all__ = ["allowed_memory", "parse_size", "working_memory"]

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
SMALLEST = 2**20

_ALLOWED: ContextVar[int] = ContextVar("working memory", default=512 * 2**20)


def allowed_memory() -> int:
    """Return the bytes that training may work with: 512 MiB, or what a block around it says."""
    return _ALLOWED.get()


@contextmanager
def working_memory(n_bytes: int | None) -> Iterator[None]:
    """Let training in this block work with so many bytes; None changes nothing.

    Examples:
        >>> with working_memory(parse_size("2GiB")):
        ...     allowed_memory()
        2147483648
    """
    if n_bytes is None:
        yield
        return
    token = _ALLOWED.set(n_bytes)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def parse_size(text: str) -> int:
    """Read a size such as 500MB, 2GiB or 1.5G; a plain number is in bytes.

    Raises:
        ConfigError: if it is no size, or below 1 MiB.

    Examples:
        >>> parse_size("1.5 GB"), parse_size("512MiB")
        (1500000000, 536870912)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", text.upper())
    if found is None or found[2] not in UNITS:
        raise ConfigError(f"the size {text!r} is not of the form NUMBER UNIT, such as 500MB or 2GiB.")
    size = int(float(found[1]) * UNITS[found[2]])
    if size < SMALLEST:
        raise ConfigError(f"the size {text!r} is below 1 MiB, which holds no head; give more, such as 500MB.")
    return size
