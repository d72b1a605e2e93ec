"""What a run needs of its workers: the interface of concurrent.futures, how many there are, and how they fail.

Each kind of workers is a `concurrent.futures.Executor`, so one loop drives them all (`runner`). A worker takes one task
at a time, and never more tasks are out than there are workers: no queue hides in an executor, so when a worker dies it
is known which task it ran.
"""

from __future__ import annotations

import signal
from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from types import TracebackType
from typing import Any

__all__ = ["ConnectionLostError", "InProcess", "WorkerDiedError", "Workers", "deaf_to_interrupts"]


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Let processes and threads that are started inside never get Ctrl-C, which is for the driver alone to act on.

    They inherit what is blocked here. A Ctrl-C meanwhile reaches this thread at the end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerDiedError(Exception):
    """Result of a task whose worker ended before the task did.

    Attributes:
        deaths: how many workers ended under it.
    """

    def __init__(self, how: str, deaths: int = 1) -> None:
        super().__init__(how)
        self.deaths = deaths


class ConnectionLostError(Exception):
    """Result of a task of which nothing is known any more: the way to its worker is cut."""


class Workers(Executor):
    """Executors that a run can use.

    A future holds what the function returned, a `WorkerDiedError` or a `ConnectionLostError`; functions that are
    submitted do not raise.
    """

    @abstractmethod
    def slots(self, *, gpu: bool = False) -> int:
        """Return how many tasks may be out at once, at least 1; wait a while for the first worker.

        Args:
            gpu: count only workers that offer a GPU, if any does.

        Raises:
            ConnectionLostError: if the workers cannot be asked.
            WorkerError: if there are none.
        """

    @abstractmethod
    def taking(self, *, gpu: bool) -> Executor:
        """Return what takes tasks that a GPU helps, or all others."""

    @abstractmethod
    def reconnect(self) -> None:
        """Find the workers again after a `ConnectionLostError`.

        Raises:
            WorkerError: if they stay out of reach; what is finished is in the store.
        """

    @abstractmethod
    def stop(self) -> None:
        """End at once, with whatever is running."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.shutdown()
        else:
            self.stop()


class InProcess(Workers):
    """Run each task at once, here: the executor of those who asked for none."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def slots(self, *, gpu: bool = False) -> int:
        return 1

    def taking(self, *, gpu: bool) -> Executor:
        return self

    def reconnect(self) -> None:
        return None

    def stop(self) -> None:
        return None
