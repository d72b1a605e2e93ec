"""Small runs, and what of them must be the same however they were computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.small_runs import SMALL, make_task_file

from outlearn.experiment.config import Config
from outlearn.experiment.load_config import load_config
from outlearn.store.store import Store

__all__ = ["config_of", "hashes", "make_task_file", "timeless"]


def config_of(path: Path, *overrides: str) -> Config:
    return load_config(overrides=[f"data.path={path}", *SMALL, *overrides])


def timeless(out: Path) -> dict[str, Any]:
    """Return the results without what tells one computing of them from another."""
    results = json.loads((out / "results.json").read_text())
    return {key: value for key, value in results.items() if key not in ("seconds", "stages")}


def hashes(store: Path) -> dict[str, str]:
    """Return key -> hash of the arrays, of every entry; each is intact."""
    assert [each for each in Store(store).verify() if each.damage] == []
    return {meta["key"]: meta["sha256"] for _, meta in Store(store).entries() if meta is not None}
