"""NumPy's own files, of which a damaged one is a ValueError, whatever NumPy stumbles over in it."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

__all__ = ["DAMAGE", "load_numpy"]

# Beside ValueError, OSError and EOFError: a header is read as Python text, and an archive as what zip files may be; of
# an archive an array is read when it is asked for.
DAMAGE = (
    tokenize.TokenError,
    SyntaxError,
    RecursionError,
    OverflowError,
    TypeError,
    KeyError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def load_numpy(file: str | Path | IO[bytes], *, mmap_mode: Literal["r"] | None = None) -> Any:
    """Read an array or open an archive, never pickled objects.

    Raises:
        ValueError, OSError, EOFError: if it is none, is damaged, or claims more than memory holds.
    """
    try:
        return np.load(file, mmap_mode=mmap_mode, allow_pickle=False)
    except DAMAGE as error:
        raise ValueError(f"damaged: {error}") from error
