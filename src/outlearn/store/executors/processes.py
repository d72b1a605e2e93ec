"""Worker processes on this machine, by loky: one pool of one process for each worker.

A pool breaks as a whole when one of its processes dies. With a pool for each worker only that worker's task is hit, it
is known which one, and the others go on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass

from joblib.externals.loky import ProcessPoolExecutor

from outlearn.errors import first_line
from outlearn.store.executors.worker import serve_driver
from outlearn.store.executors.workers import WorkerDiedError, Workers, interrupts_blocked

__all__ = ["Processes"]


@dataclass
class _Slot:
    """The place of one worker: its environment, its pool while it lives, and the task that it was given last."""

    environment: Mapping[str, str]
    pool: ProcessPoolExecutor | None = None
    task: Future[str] | None = None

    def submit(self, function: Callable[..., str], *arguments: str) -> Future[str]:
        if self.task is not None and self.task.exception() is not None:
            self.close(at_once=True)
        if self.pool is None:
            self.pool = ProcessPoolExecutor(
                max_workers=1, initializer=serve_driver, initargs=(os.getpid(),), env=dict(self.environment)
            )
        self.task = self.pool.submit(function, *arguments)
        return self.task

    def close(self, *, at_once: bool) -> None:
        pool, self.pool, self.task = self.pool, None, None
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=at_once)


class Processes(Workers):
    """Start worker processes as tasks come, one for each mapping of variables to set, and replace those that die."""

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self._workers = [_Slot(environment) for environment in environments]

    def submit(self, function: Callable[..., str], *arguments: str, gpu: bool) -> Future[str]:
        free = next((each for each in self._workers if each.task is None or each.task.done()), None)
        if free is None:
            raise RuntimeError(f"all {len(self._workers)} workers are busy; submit at most slots() tasks at once")
        with interrupts_blocked():
            try:
                return free.submit(function, *arguments)
            except BrokenExecutor:  # it died while it had nothing to do
                free.close(at_once=True)
                return free.submit(function, *arguments)

    def error(self, future: Future[str]) -> BaseException | None:
        error = future.exception()
        if not isinstance(error, BrokenExecutor):
            return error
        codes = re.search(r"exit codes of the workers are \{(.*?)\}", str(error))
        return WorkerDiedError(f"exit code {codes[1]}" if codes else first_line(error))

    def slots(self, *, gpu: bool = False) -> int:
        return len(self._workers)

    def reconnect(self) -> None:
        return None

    def close(self, *, at_once: bool) -> None:
        for worker in self._workers:
            worker.close(at_once=at_once)
