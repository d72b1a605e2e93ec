"""Worker processes on this machine, by loky: one pool of one process for each worker.

A pool breaks as a whole when one of its processes dies. With a pool for each worker only that worker's task is hit, it
is known which one, and the others go on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor

from outlearn.errors import first_line
from outlearn.store.executors.worker import serve_driver
from outlearn.store.executors.workers import WorkerDiedError, Workers, deaf_to_interrupts

__all__ = ["Processes"]


class Processes(Workers):
    """Start worker processes as tasks come, and replace those that die.

    Args:
        environments: variables to set in each worker, one mapping a worker.
    """

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self._environments = environments
        self._pools: list[ProcessPoolExecutor | None] = [None] * len(environments)
        self._running: list[Future[Any] | None] = [None] * len(environments)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        free = (slot for slot, future in enumerate(self._running) if future is None or future.done())
        slot = next(free, None)
        if slot is None:
            raise RuntimeError(f"all {len(self._pools)} workers are busy; submit at most slots() tasks at once")
        with deaf_to_interrupts():
            try:
                inner = self._pool(slot).submit(fn, *args, **kwargs)
            except BrokenExecutor:  # it died while it had nothing to do
                self._drop(slot)
                inner = self._pool(slot).submit(fn, *args, **kwargs)
        outer: Future[Any] = Future()
        self._running[slot] = outer
        inner.add_done_callback(partial(_pass_on, outer))
        return outer

    def slots(self, *, gpu: bool = False) -> int:
        return len(self._environments)

    def taking(self, *, gpu: bool) -> Executor:
        return self

    def reconnect(self) -> None:
        return None

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for pool in self._pools:
            if pool is not None:
                pool.shutdown(wait=wait, kill_workers=cancel_futures)
        self._pools = [None] * len(self._pools)

    def stop(self) -> None:
        self.shutdown(wait=True, cancel_futures=True)

    def _pool(self, slot: int) -> ProcessPoolExecutor:
        """Return the pool of a slot; a broken one is replaced."""
        last = self._running[slot]
        if last is not None and last.exception() is not None:
            self._drop(slot)
        pool = self._pools[slot]
        if pool is None:
            pool = ProcessPoolExecutor(
                max_workers=1, initializer=serve_driver, initargs=(os.getpid(),), env=dict(self._environments[slot])
            )
            self._pools[slot] = pool
        return pool

    def _drop(self, slot: int) -> None:
        pool, self._pools[slot], self._running[slot] = self._pools[slot], None, None
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=True)


def _pass_on(outer: Future[Any], inner: Future[Any]) -> None:
    """Copy the end of one future to another, in our terms."""
    error = inner.exception()
    if error is None:
        outer.set_result(inner.result())
    elif isinstance(error, BrokenExecutor):
        codes = re.search(r"exit codes of the workers are \{(.*?)\}", str(error))
        outer.set_exception(WorkerDiedError(f"exit code {codes[1]}" if codes else first_line(error)))
    else:
        outer.set_exception(error)
