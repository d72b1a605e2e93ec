"""Progress on a terminal or in a notebook: bars for work that takes over a second; silent elsewhere."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from outlearn.progress import Advance

__all__ = ["Bars", "in_notebook"]


def in_notebook() -> bool:
    """Say whether this runs in a notebook that can show bars: rich draws them with ipywidgets."""
    return Console().is_jupyter and importlib.util.find_spec("ipywidgets") is not None


class Bars:
    """Show the pipeline's progress; a context manager that leaves the terminal as it was."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._shown = sys.stderr.isatty() or in_notebook()
        self._progress = Progress(*columns, console=Console(stderr=True), disable=not self._shown, transient=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def bar(self, text: str) -> Iterator[Advance | None]:
        """Show a bar while its block runs, and one line with the time when it ends."""
        began = time.perf_counter()
        task = self._progress.add_task(text, total=None)

        def advance(done: int, total: int) -> None:
            self._progress.update(task, completed=done, total=total)

        try:
            yield advance
        finally:
            self._progress.remove_task(task)
        seconds = time.perf_counter() - began
        if seconds > 1:
            self.say(f"{text}: {seconds:.1f} s")

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        if self._shown:
            self._progress.console.print(text, markup=False, highlight=False)
