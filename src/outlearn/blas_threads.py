"""One thread for matrix products of NumPy and SciPy that are too small to be worth several.

Threads of one product wait for each other by spinning. A decomposition of 384 features on two cores cost two to three
times the CPU of one thread, and ten times its seconds where another program used one of the cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import scipy.linalg  # brings a BLAS of its own, which has to be there when libraries are looked for  # noqa: F401
from threadpoolctl import ThreadpoolController

__all__ = ["LARGE", "one_blas_thread"]

LARGE = 10**11  # multiplications, seconds of one thread: worth the waiting


@contextmanager
def one_blas_thread(multiplications: float = 0) -> Iterator[None]:
    """Let NumPy and SciPy use one thread for each operation inside, unless one has `LARGE` multiplications.

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
        with _blas().limit(limits=1):
            yield


@cache
def _blas() -> ThreadpoolController:
    """Find the libraries, which takes a millisecond."""
    return ThreadpoolController().select(user_api="blas")
