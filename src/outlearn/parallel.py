"""Run independent chunks of heads side by side, one thread each, with the threads that torch may use.

Splitting every product over threads needs a barrier after each operation, thousands a second here: on a machine that
does anything else, a thread that is not running holds up all, and training gets ten times slower than with one thread.
Chunks need no barriers: torch releases the interpreter's lock in its operations. Results do not depend on timing.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager

from outlearn.blas_threads import one_blas_thread
from outlearn.lazy_torch import torch

__all__ = ["Chunk", "equal_parts", "one_thread_an_operation", "run_chunks"]

POLL_SECONDS = 0.1

# What a chunk runs: it is given a function to call now and then with how much of it is done.
Chunk = Callable[[Callable[[int], None]], None]


class _StoppedError(Exception):
    """Another chunk failed, or the caller was interrupted."""


def equal_parts(items: Sequence[int], n_parts: int) -> list[list[int]]:
    """Split a sequence into at most this many runs of nearly equal length, in order."""
    n_parts = max(1, min(n_parts, len(items)))
    cuts = [len(items) * part // n_parts for part in range(n_parts + 1)]
    return [list(items[start:stop]) for start, stop in itertools.pairwise(cuts)]


@contextmanager
def one_thread_an_operation() -> Iterator[int]:
    """Let torch and NumPy use one thread for each operation inside; give the number that the caller allows torch.

    Torch keeps the number for each thread, and for threads to come the last one that any thread has set: threads that
    overlap share that one, and what each allowed comes back with the last to leave.
    """
    with one_blas_thread(), _TORCH.held() as threads:
        yield threads


class _TorchThreads:
    """Hold torch at one thread an operation while any thread is inside."""

    def __init__(self) -> None:
        self._lock, self._inside, self._allowed = threading.Lock(), 0, 1
        self._this = threading.local()

    @contextmanager
    def held(self) -> Iterator[int]:
        """Give what torch may use: one in a block within another, all that is allowed beside other threads."""
        with self._lock:
            own = torch.get_num_threads()
            nested = getattr(self._this, "inside", False)
            if self._inside == 0:
                self._allowed = own
            elif not nested:  # a new thread starts with the number of those to come, which is held at one
                own = max(own, self._allowed)
            self._inside += 1
            self._this.inside = True
            torch.set_num_threads(1)
        try:
            yield own
        finally:
            with self._lock:
                self._inside -= 1
                self._this.inside = nested
                torch.set_num_threads(own)

    def join(self, threads: int) -> None:
        """Let this thread work for a block of another one, with so many threads an operation."""
        self._this.inside = True
        torch.set_num_threads(threads)


_TORCH = _TorchThreads()


def run_chunks(
    chunks: Sequence[Chunk], *, threads: int, progress: Callable[[int], None], threads_each: int = 1
) -> None:
    """Run all chunks, `threads` at once; the first error stops the others and is raised.

    Chunks write their results where they belong and report how much they have done; progress is called in the caller's
    thread with the sum. More than one of `threads_each` pays where the operations of a chunk are few and large.
    """
    if min(threads, len(chunks)) == 1:
        _run_in_turn(chunks, progress, threads_each)
    else:
        _run_side_by_side(chunks, progress, threads, threads_each)


def _run_in_turn(chunks: Sequence[Chunk], progress: Callable[[int], None], threads_each: int) -> None:
    """Run the chunks in the caller's thread."""
    torch.set_num_threads(threads_each)
    finished = last = 0

    def report(value: int) -> None:
        nonlocal last
        last = value
        progress(finished + value)

    for chunk in chunks:
        chunk(report)
        finished += last


def _run_side_by_side(
    chunks: Sequence[Chunk], progress: Callable[[int], None], threads: int, threads_each: int
) -> None:
    """Run the chunks in a pool, and stop it at the first error or interrupt."""
    done = [0] * len(chunks)
    stop = threading.Event()

    def work(index: int) -> None:
        _TORCH.join(threads_each)

        def report(value: int) -> None:
            if stop.is_set():
                raise _StoppedError
            done[index] = value

        with torch.no_grad():  # a mode of each thread
            chunks[index](report)

    with ThreadPoolExecutor(min(threads, len(chunks))) as pool:
        futures = [pool.submit(work, index) for index in range(len(chunks))]
        try:
            pending = set(futures)
            while pending and not stop.is_set():
                finished, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_EXCEPTION)
                if any(future.exception() for future in finished):
                    stop.set()
                progress(sum(done))
        finally:  # also when Ctrl-C interrupts the wait
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    for future in futures:
        if not future.cancelled() and not isinstance(future.exception(), _StoppedError):
            future.result()
