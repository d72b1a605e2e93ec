"""Find files inside installed packages and name them by their content. Nothing is imported from those packages."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

from outlearn.errors import MissingExtraError

__all__ = ["package_folder", "sha256_of"]


def package_folder(package: str, *, extra: str) -> Path:
    """Locate the folder of an installed top-level package without importing it.

    Raises:
        MissingExtraError: if it is not installed; names the extra that brings it.
    """
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(package, extra)
    return Path(next(iter(spec.submodule_search_locations)))


def sha256_of(path: Path) -> str:
    """Hash the content of a file; within a process a file that has not changed is read once.

    The weights of a large model take a minute, and a sweep names them for every run.
    """
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@lru_cache(maxsize=256)
def _sha256(path: Path, *state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
