"""One thread for matrix products of NumPy and SciPy that are too small to be worth several.

Threads of one product wait for each other by spinning. A decomposition of 384 features on two cores cost two to three
times the CPU of one thread, and ten times its seconds where another program used one of the cores.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import scipy.linalg  # brings a BLAS of its own, which has to be there when libraries are looked for  # noqa: F401
from threadpoolctl import OpenBLASController, ThreadpoolController

__all__ = ["LARGE", "one_blas_thread"]

LARGE = 10**11  # multiplications, seconds of one thread: worth the waiting


class _OneThread:
    """Hold the whole process at one thread while any of its threads is inside: the first in sets it, the last restores.

    Were each to restore what it had found, the second of two that overlap would find, and leave behind, what the first
    had set.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._restore: Callable[[], object] = lambda: None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Enter, and leave on any error."""
        with self._lock:
            if self._inside == 0:
                self._restore = _limit()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._restore()


@contextmanager
def one_blas_thread(multiplications: float = 0) -> Iterator[None]:
    """Let NumPy and SciPy use one thread for each operation inside, unless one has `LARGE` multiplications.

    The number is one of the process: threads that overlap share it, and the last to leave restores it.

    Examples:
        >>> import numpy as np
        >>> with one_blas_thread():
        ...     np.eye(2) @ np.eye(2)
        array([[1., 0.],
               [0., 1.]])
    """
    if multiplications > LARGE:
        yield
    else:
        with _ONE_THREAD.held():
            yield


@cache
def _blas() -> ThreadpoolController:
    """Find the libraries, which takes a millisecond."""
    return ThreadpoolController().select(user_api="blas")


def _limit() -> Callable[[], object]:
    """Set one thread; return what restores the number there was."""
    limiter = _blas().limit(limits=1)
    # threadpoolctl lets only the thread that set a limit change it: whoever is last has to be able to.
    OpenBLASController.clear_controlling_thread()

    def restore() -> None:
        limiter.restore_original_limits()
        OpenBLASController.clear_controlling_thread()

    return restore


_ONE_THREAD = _OneThread()
