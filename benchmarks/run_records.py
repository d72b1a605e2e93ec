"""JSON lines in which a benchmark keeps its runs, so that one that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def read_runs(path: Path) -> list[dict[str, Any]]:
    """Read the runs that are there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add_run(path: Path, setting: str, seed: int, found: dict[str, Any]) -> None:
    """Append a run."""
    with path.open("a") as file:
        file.write(json.dumps({"setting": setting, "seed": seed, **found}) + "\n")


def missing_runs(path: Path, settings: Sequence[str], seeds: Sequence[int]) -> Iterator[tuple[str, int]]:
    """List the (setting, seed) that are not there, seed after seed."""
    done = {(run["setting"], run["seed"]) for run in read_runs(path)}
    return ((name, seed) for seed in seeds for name in settings if (name, seed) not in done)
