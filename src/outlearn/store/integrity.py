"""Whether an entry of the store is what its writer wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["damage", "read_meta", "sha256"]

# What every entry says of itself, and what of it readers go by.
FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "key": str, "stage": str, "created": str, "sha256": str, "seconds": (int, float),
}  # fmt: skip


def read_meta(folder: Path) -> dict[str, Any] | None:
    """Read what an entry says of itself; None where that is missing or no entry's."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(meta, dict) or not all(isinstance(meta.get(name), kind) for name, kind in FIELDS.items()):
        return None
    return meta if abs(meta["seconds"]) <= 1e300 else None  # not NaN, nor more than a float holds


def damage(folder: Path) -> str | None:
    """Say what is wrong with an entry, or None."""
    meta = read_meta(folder)
    if meta is None:
        return "meta.json is not an entry's" if (folder / "meta.json").exists() else "meta.json is missing"
    if meta["key"] != folder.name:
        return "meta.json belongs to another entry"
    try:
        if meta["sha256"] != sha256(folder / "arrays.safetensors"):
            return "the arrays do not match their hash"
    except FileNotFoundError:
        return "arrays.safetensors is missing"
    except OSError as error:
        return f"the arrays cannot be read: {error.strerror}"
    return None


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
