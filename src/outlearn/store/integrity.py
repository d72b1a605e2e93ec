"""Whether an entry of the store is what its writer wrote: a wrong hash, length or JSON, and nothing else, is damage.

What cannot be read (no permission, too many open files, a disk or a server that fails) says nothing about the content:
it raises as it is, and the entry stays where it is.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outlearn.store.keys import canonical_json, stage_key

__all__ = ["damage", "meta_hash", "read_meta", "remedy", "sha256"]

# What every entry says of itself, and what of it readers go by.
FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "key": str, "stage": str, "version": int, "settings": dict, "inputs": dict, "created": str, "sha256": str,
    "meta_sha256": str, "seconds": (int, float),
}  # fmt: skip

REMEDIES = {
    errno.EACCES: "Ask its owner to let you read it (chmod -R g+rX, and umask 002 for who writes)",
    errno.EPERM: "Ask its owner to let you read it (chmod -R g+rX, and umask 002 for who writes)",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n), or use fewer --workers",
    errno.ENFILE: "Too many files are open on this machine: close other programs",
    errno.ESTALE: "The file server has forgotten it: run the same command again",
}


def remedy(error: OSError) -> str:
    """Say what to do about a file that cannot be read."""
    if error.errno in REMEDIES:
        return REMEDIES[error.errno]
    return "Check the disk and run the same command again"


def read_meta(folder: Path) -> dict[str, Any] | None:
    """Read what an entry says of itself; None where that is missing or no entry's.

    Raises:
        OSError: if it is there and cannot be read.
    """
    try:
        content = (folder / "meta.json").read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    try:
        meta = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(meta, dict) or not all(isinstance(meta.get(name), kind) for name, kind in FIELDS.items()):
        return None
    return meta if abs(meta["seconds"]) <= 1e300 else None  # not NaN, nor more than a float holds


def meta_hash(meta: Mapping[str, Any]) -> str:
    """Hash what an entry says of itself, without this hash."""
    rest = {name: value for name, value in meta.items() if name != "meta_sha256"}
    return hashlib.sha256(canonical_json(rest).encode()).hexdigest()


def damage(folder: Path) -> str | None:
    """Say what is wrong with an entry, or None.

    Raises:
        OSError: if it cannot be read.
    """
    meta = read_meta(folder)
    if meta is None:
        return "meta.json is not an entry's" if os.path.lexists(folder / "meta.json") else "meta.json is missing"
    try:
        if meta["meta_sha256"] != meta_hash(meta):
            return "meta.json does not match its hash"
        if meta["key"] != folder.name or folder.name != stage_key(
            meta["stage"], meta["version"], meta["settings"], meta["inputs"]
        ):
            return "meta.json belongs to another entry"
    except ValueError:  # NaN, which no writer writes
        return "meta.json is not an entry's"
    try:
        if meta["sha256"] != sha256(folder / "arrays.safetensors"):
            return "the arrays do not match their hash"
    except (FileNotFoundError, IsADirectoryError):
        return "arrays.safetensors is missing"
    return None


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
