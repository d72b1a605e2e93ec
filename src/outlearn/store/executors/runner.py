"""The loop that runs tasks on any workers: order, faults and reports in one place.

A task that raises has failed: it would raise again. A task whose worker died is started again, since machines lose
power and memory for reasons of their own; but the last attempt is made with nothing beside it, so that a task which
kills its workers is told from those that only ran next to it. What comes after a failed task is skipped, the rest goes
on. When the way to the workers is cut, all that was out is submitted again: tasks may run twice and give the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from graphlib import CycleError, TopologicalSorter
from typing import Any

from outlearn.errors import ConfigError
from outlearn.store.executors.task import Done, Failed, Outcome, Skipped, Task
from outlearn.store.executors.worker import answer
from outlearn.store.executors.workers import ConnectionLostError, WorkerDiedError, Workers
from outlearn.store.store import canonical_json
from outlearn.version import __version__

__all__ = ["RETRIES", "TaskRunner"]

RETRIES = 2  # after a worker's death
POLL_SECONDS = 0.5

OnDone = Callable[[str, Outcome], None]


class TaskRunner:
    """Run tasks on workers; `token` is a file of the store that every worker must see, if it is given."""

    def __init__(self, workers: Workers, *, token: str = "") -> None:
        self.workers = workers
        self._token = token

    def run(self, tasks: Sequence[Task], *, on_done: OnDone | None = None) -> dict[str, Outcome]:
        """Run all tasks, each after those it names, and say what became of each.

        Args:
            tasks: in the order of preference; names are unique.
            on_done: called here, with the name and the outcome of each task as it ends.

        Returns:
            name -> outcome, for every task.

        Raises:
            ConfigError: if names repeat, or tasks come after unknown ones or each other.
            WorkerError: if the workers are out of reach for good.
        """
        _check(tasks)
        return _Run(self.workers, self._token, tasks, on_done or (lambda name, outcome: None)).finish()


def _check(tasks: Sequence[Task]) -> None:
    names = Counter(task.name for task in tasks)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise ConfigError(f"tasks need names of their own; {repeated[0]!r} comes {names[repeated[0]]} times.")
    for task in tasks:
        for name in task.after:
            if name not in names:
                raise ConfigError(f"the task {task.name!r} comes after {name!r}, which is not among the tasks.")
    try:
        TopologicalSorter({task.name: task.after for task in tasks}).prepare()
    except CycleError as error:
        raise ConfigError(f"tasks wait for each other: {' -> '.join(error.args[1])}.") from error


class _Run:
    """The state of one run."""

    def __init__(self, workers: Workers, token: str, tasks: Sequence[Task], on_done: OnDone) -> None:
        self.workers, self.token, self.on_done = workers, token, on_done
        self.waiting = {task.name: task for task in tasks}
        self.suspects: dict[str, Task] = {}
        self.out: dict[Future[str], Task] = {}
        self.alone: Task | None = None
        self.deaths: Counter[str] = Counter()
        self.outcomes: dict[str, Outcome] = {}
        self.order = [task.name for task in tasks]

    def finish(self) -> dict[str, Outcome]:
        while self.waiting or self.suspects or self.out:
            try:
                self._submit()
                ended, _ = wait(self.out, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                errors = {future: self.workers.error(future) for future in ended}
                # What is known comes first: tasks that are lost are all submitted again.
                for future in sorted(ended, key=lambda each: isinstance(errors[each], ConnectionLostError)):
                    self._settle(future, errors[future])
            except ConnectionLostError:
                self.workers.reconnect()
                self.waiting = {task.name: task for task in self.out.values()} | self.waiting
                self.out.clear()
                self.alone = None
        return {name: self.outcomes[name] for name in self.order}

    def _submit(self) -> None:
        """Start what can start."""
        slots = self.workers.slots()
        for task in list(self.waiting.values()):
            if self.alone is not None or len(self.out) >= slots:
                break
            if self._is_ready(task) and (not task.gpu or self._has_gpu()):
                self._start(self.waiting.pop(task.name))
        if not self.out and self.suspects:
            self.alone = self.suspects.pop(next(iter(self.suspects)))
            self._start(self.alone)

    def _is_ready(self, task: Task) -> bool:
        """Say whether all is done that a task comes after; skip it if that cannot be."""
        before = {name: self.outcomes.get(name) for name in task.after}
        lacking = tuple(name for name, outcome in before.items() if isinstance(outcome, Failed | Skipped))
        if lacking:
            del self.waiting[task.name]
            self._end(task, Skipped(lacking))
            return False
        return all(isinstance(outcome, Done) for outcome in before.values())

    def _has_gpu(self) -> bool:
        """Say whether one more task with a GPU may be out."""
        return sum(task.gpu for task in self.out.values()) < self.workers.slots(gpu=True)

    def _start(self, task: Task) -> None:
        arguments = canonical_json(dict(task.arguments))
        future = self.workers.submit(answer, task.function, arguments, __version__, self.token, gpu=task.gpu)
        self.out[future] = task

    def _settle(self, future: Future[str], error: BaseException | None) -> None:
        """Take in what came of a task."""
        if isinstance(error, ConnectionLostError):
            raise error
        task = self.out.pop(future)
        was_alone, self.alone = self.alone is task, None
        if isinstance(error, WorkerDiedError):
            self._died(task, error, was_alone=was_alone)
        elif error is not None:  # the answer could not be made or sent: a worker without outlearn, for one
            self._end(task, Failed(f"no answer from its worker: {type(error).__name__}: {error}"))
        else:
            self._end(task, _outcome(json.loads(future.result()), attempts=self.deaths[task.name] + 1))

    def _died(self, task: Task, error: WorkerDiedError, *, was_alone: bool) -> None:
        """Give a task another chance, the last one alone, or give it up."""
        self.deaths[task.name] += error.deaths
        deaths = self.deaths[task.name]
        if was_alone:
            cause = (
                f"{deaths} workers died while running it ({error}), the last with nothing else running. It may need "
                "more memory than a worker has, or crash a library."
            )
            self._end(task, Failed(cause, attempts=deaths))
        elif deaths >= RETRIES:
            self.suspects[task.name] = task
        else:
            self.waiting[task.name] = task

    def _end(self, task: Task, outcome: Outcome) -> None:
        self.outcomes[task.name] = outcome
        self.on_done(task.name, outcome)


def _outcome(reply: dict[str, Any], *, attempts: int) -> Done | Failed:
    """Read a worker's answer."""
    given = tuple(reply["warnings"])
    if "error" in reply:
        return Failed(**reply["error"], attempts=attempts, worker=reply["worker"], warnings=given)
    return Done(reply["result"], reply["seconds"], reply["worker"], attempts=attempts, warnings=given)
