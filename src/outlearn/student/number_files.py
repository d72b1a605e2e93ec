"""New rows of numbers: an .npz with `features` (and `ids`), or an .npy, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

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
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {FEATURES: loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}. Save it again by numpy.savez(FILE, features=...).") from error
    if FEATURES not in arrays:
        raise DataError(f"{path} has no array {FEATURES!r}; it has {', '.join(arrays) or 'none'}.")
    features = arrays[FEATURES]
    for start in range(0, len(features), ROWS):
        rows = slice(start, start + ROWS)
        ids = {"id": arrays[IDS][rows].tolist()} if IDS in arrays else {}
        yield {**ids, FEATURES: features[rows]}
