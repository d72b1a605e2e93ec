"""Whether an entry of the store is what its writer wrote."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

__all__ = ["damage", "sha256"]


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
