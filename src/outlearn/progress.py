"""Progress of long work: pipeline code reports, whoever shows it decides how."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

__all__ = ["Advance", "Progress", "Silent"]

Advance = Callable[[int, int], None]


@runtime_checkable
class Progress(Protocol):
    """Where stages report what they do."""

    def bar(self, text: str) -> AbstractContextManager[Advance | None]:
        """Open a bar; the function it gives is called with (done, total)."""

    def say(self, text: str) -> None:
        """Show a line that stays."""


class Silent:
    """Report nowhere."""

    def bar(self, text: str) -> AbstractContextManager[Advance | None]:
        return nullcontext(None)

    def say(self, text: str) -> None:
        return None
