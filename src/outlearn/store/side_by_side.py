"""Compute the stages of a run, each after its inputs, and two side by side where neither needs the other.

What a stage does in Python, or one small product after another, leaves cores idle, which another fills meanwhile.
Results do not depend on timing: a stage reads nothing but its inputs, and has seeds of its own. While two may run,
every operation of torch and NumPy takes one thread, however many run at the moment; a stage's own chunks go side by
side as they always do. A stage that fills the machine by itself, such as encoding texts, says so and runs alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from graphlib import TopologicalSorter

from outlearn.lazy_torch import torch
from outlearn.parallel import one_thread_an_operation
from outlearn.progress import Advance, Progress
from outlearn.store.stage import Stage, StageRunner, upstream
from outlearn.store.store import Entry, Store

__all__ = ["AT_ONCE", "compute_in_order"]

AT_ONCE = 2  # each may take the working memory that training is allowed
POLL_SECONDS = 0.1

OnDone = Callable[[str, Entry, float], None]


class _StoppedError(Exception):
    """Another stage failed, or the caller was interrupted."""


def compute_in_order(
    stages: Mapping[str, Stage], store: Store, progress: Progress, *, on_done: OnDone, at_once: int = AT_ONCE
) -> StageRunner:
    """Compute what the store has not of these stages; the first error ends all, and what is complete is kept.

    Args:
        stages: name -> stage, the inputs of each before it. They start in this order, as far as inputs allow.
        store: where stages are kept.
        progress: where they report; a stage that is to stop does so when it reports next.
        on_done: called here with the name, the entry and the seconds of each stage as it ends.
        at_once: how many to compute at once; never more than torch may use threads.

    Returns:
        The runner, which knows the entries.

    Raises:
        OutlearnError: what a stage raises.
    """
    stop = threading.Event()
    runner = StageRunner(store, _Stoppable(progress, stop))
    queue = _Queue(stages)

    def by_itself(stage: Stage) -> bool:
        # What is stored is read here: then a run of which all is stored asks nothing of torch, and does not import it.
        return stage.alone or stage.key in store or min(at_once, torch.get_num_threads()) == 1

    def result(name: str) -> tuple[Entry, float]:
        began = time.perf_counter()
        return runner.result(stages[name]), time.perf_counter() - began

    while (first := queue.first()) is not None:
        if by_itself(stages[first]):
            queue.start()
            on_done(first, *result(first))
            queue.done(first)
        else:
            _side_by_side(queue, result, on_done, at_once, stop)
    return runner


def _side_by_side(
    queue: _Queue, result: Callable[[str], tuple[Entry, float]], on_done: OnDone, at_once: int, stop: threading.Event
) -> None:
    """Compute stages until none is left or the next is to run alone."""
    running: dict[Future[tuple[Entry, float]], str] = {}
    with one_thread_an_operation(), ThreadPoolExecutor(at_once) as pool:
        try:
            while True:
                while len(running) < at_once and (first := queue.first()) is not None and not queue.stages[first].alone:
                    queue.start()
                    # Working memory and NumPy's treatment of floating-point errors are what they are here.
                    running[pool.submit(copy_context().run, result, first)] = first
                if not running:
                    return
                ended = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done
                for future in [each for each in running if each in ended]:
                    name = running.pop(future)
                    on_done(name, *future.result())
                    queue.done(name)
        except BaseException:  # Ctrl-C interrupts the wait
            stop.set()
            raise


class _Queue:
    """Hold the stages whose inputs are there, in the order in which they were given."""

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self.stages = stages
        self._place = {name: place for place, name in enumerate(stages)}
        names_of: dict[str, list[str]] = {}
        before: dict[str, list[str]] = {}
        for name, stage in stages.items():
            # Stages of one key come after each other too: the second finds what the first has computed.
            before[name] = [other for each in upstream(stage) for other in names_of.get(each.key, ())]
            names_of.setdefault(stage.key, []).append(name)
        self._sorter = TopologicalSorter(before)
        self._sorter.prepare()
        self._ready: list[str] = []

    def first(self) -> str | None:
        """Name the stage to start next; None if there is none now."""
        self._ready = sorted([*self._ready, *self._sorter.get_ready()], key=self._place.__getitem__)
        return self._ready[0] if self._ready else None

    def start(self) -> None:
        """Take it out."""
        self._ready.pop(0)

    def done(self, name: str) -> None:
        """Let those start that waited for a stage alone."""
        self._sorter.done(name)


@dataclass(frozen=True)
class _Stoppable:
    """Show the progress of stages, and stop them where they report it."""

    shown: Progress
    stop: threading.Event

    @contextmanager
    def bar(self, text: str) -> Iterator[Advance]:
        with self.shown.bar(text) as advance:

            def told(done: int, total: int) -> None:
                if self.stop.is_set():
                    raise _StoppedError
                if advance is not None:
                    advance(done, total)

            yield told

    def say(self, text: str) -> None:
        self.shown.say(text)
