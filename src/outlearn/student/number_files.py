"""New rows of numbers: an .npz with `features` (and `ids`), or an .npy, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from outlearn.core.numpy_files import load_numpy
from outlearn.data.npz_files import open_npz, unreadable
from outlearn.data.text_files import check_file
from outlearn.errors import ConfigError, DataError

__all__ = ["FEATURES", "number_chunks"]

FEATURES, IDS = "features", "ids"
ROWS = 65536


def number_chunks(path: Path) -> Iterator[dict[str, Any]]:
    """Read rows of numbers.

    Yields:
        `features`, `[rows, features]`, and `id` where the file names its rows.

    Raises:
        ConfigError: for a file of another kind.
        DataError: if it cannot be read, or holds no such array.
    """
    if path.suffix.lower() not in (".npz", ".npy"):
        raise ConfigError(
            f"this student reads rows of numbers, and {str(path)!r} is no .npz or .npy. Save them by "
            "numpy.savez(FILE, features=...)."
        )
    check_file(path)
    arrays = _arrays(path)
    if FEATURES not in arrays:
        raise DataError(f"{path} has no array {FEATURES!r}; it has {', '.join(arrays) or 'none'}.")
    features, ids = arrays[FEATURES], arrays.get(IDS)
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "fiub":
        raise DataError(
            f"{path} has features of shape {features.shape} and type {features.dtype}; expected numbers, [rows, "
            "features]."
        )
    if ids is not None and ids.shape != (len(features),):
        raise DataError(f"{path} has ids of shape {ids.shape} for {len(features)} rows; expected one for each row.")
    for start in range(0, len(features), ROWS):
        rows = slice(start, start + ROWS)
        named = {} if ids is None else {"id": ids[rows].tolist()}
        yield {**named, FEATURES: features[rows]}


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the array of an .npy as features, or all arrays of an .npz."""
    if path.suffix.lower() == ".npz":
        with open_npz(path) as archive:
            return dict(archive)
    try:
        return {FEATURES: load_numpy(path)}
    except (OSError, ValueError, EOFError) as error:
        raise unreadable(path, error) from error
