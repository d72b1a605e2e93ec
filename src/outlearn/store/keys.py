"""What a stage is called: the hash of everything that its result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["canonical_json", "stage_key"]


def canonical_json(value: Any) -> str:
    """Write `value` as JSON with one text for each content: sorted keys, no spaces, no NaN.

    Examples:
        >>> canonical_json({"b": 1, "a": (2.0, None)})
        '{"a":[2.0,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def stage_key(stage: str, version: int, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Return the key of a stage, 64 hexadecimal digits: sha256 of all that its result depends on, see `Stage`."""
    content = {"stage": stage, "version": version, "settings": settings, "inputs": inputs}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()
