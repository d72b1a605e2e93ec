"""What a run needs of its workers: to take a task, to say how many there are, and how a task's worker failed.

One loop drives workers of every kind (`runner`), through futures of concurrent.futures. A worker takes one task at a
time, and never more tasks are out than there are workers: no queue hides anywhere, so when a worker dies it is known
which task it ran.
"""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

__all__ = ["THREAD_VARIABLES", "ConnectionLostError", "InProcess", "WorkerDiedError", "Workers", "interrupts_blocked"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Start processes and threads inside that never get Ctrl-C, which is for the driver alone to act on.

    They inherit what is blocked here. A Ctrl-C meanwhile reaches this thread at the end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerDiedError(Exception):
    """What became of a task whose worker ended before the task did.

    Attributes:
        deaths: how many workers ended under it.
    """

    def __init__(self, how: str, deaths: int = 1) -> None:
        super().__init__(how)
        self.deaths = deaths


class ConnectionLostError(Exception):
    """What became of a task of which nothing is known any more: the way to its worker is cut."""


class Workers(ABC):
    """Run functions that do not raise; their futures fail as the engine's futures do, see `error`."""

    @abstractmethod
    def submit(self, function: Callable[..., str], *arguments: str, gpu: bool) -> Future[str]:
        """Give a task to a free worker; with `gpu` rather to one that offers a GPU.

        Raises:
            ConnectionLostError: if the workers cannot be reached.
        """

    @abstractmethod
    def error(self, future: Future[str]) -> BaseException | None:
        """Say what became of a task that has ended: None, `WorkerDiedError`, `ConnectionLostError`, or its error."""

    @abstractmethod
    def slots(self, *, gpu: bool = False) -> int:
        """Return how many tasks may be out at once, at least 1; wait a while for the first worker.

        With `gpu` only workers that offer a GPU count, if any does.

        Raises:
            ConnectionLostError: if the workers cannot be asked.
            WorkerError: if there are none.
        """

    @abstractmethod
    def reconnect(self) -> None:
        """Find the workers again after a `ConnectionLostError`.

        Raises:
            WorkerError: if they stay out of reach; what is finished is in the store.
        """

    @abstractmethod
    def close(self, *, at_once: bool) -> None:
        """End the workers that were started for this; at once, with whatever is running, or when they are done."""


class InProcess(Workers):
    """Run each task at once, here: the workers of those who asked for none."""

    def submit(self, function: Callable[..., str], *arguments: str, gpu: bool) -> Future[str]:
        future: Future[str] = Future()
        future.set_result(function(*arguments))
        return future

    def error(self, future: Future[str]) -> BaseException | None:
        return None

    def slots(self, *, gpu: bool = False) -> int:
        return 1

    def reconnect(self) -> None:
        return None

    def close(self, *, at_once: bool) -> None:
        return None
