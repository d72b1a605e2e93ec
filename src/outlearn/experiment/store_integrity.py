"""Whether an entry of the store is what its writer wrote, and what entries and damaged ones are called."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from uuid import uuid4

__all__ = ["aside_name", "damage", "is_aside_name", "is_key", "sha256"]


def is_key(name: str) -> bool:
    """Say whether the name is a stage's key, which is what an entry's folder is called."""
    return re.fullmatch(r"[0-9a-f]{64}", name) is not None


def aside_name(key: str) -> str:
    """Return key-random, a name under `damaged` that is nobody else's."""
    return f"{key}-{uuid4().hex[:8]}"


def is_aside_name(name: str) -> bool:
    """Say whether `aside_name` can have made this name."""
    return re.fullmatch(r"[0-9a-f]{64}-[0-9a-f]{8}", name) is not None


def damage(folder: Path) -> str | None:
    """Say what is wrong with an entry, or None."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
        if not isinstance(meta, dict) or not math.isfinite(float(meta["seconds"])):
            return "meta.json is not an entry's"
        if meta["key"] != folder.name:
            return "meta.json belongs to another entry"
        if meta["sha256"] != sha256(folder / "arrays.safetensors"):
            return "the arrays do not match their hash"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"meta.json cannot be read: {error!r}"
    return None


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
