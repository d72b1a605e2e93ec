"""A small sweep by the command line, as a process that can be killed, and what of it must be the same in the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from tests.programs import OUTLEARN, Program, Programs
from tests.store.executors.runs import hashes, make_task_file, timeless

__all__ = ["SmallSweep"]


class SmallSweep:
    """A sweep over seeds and numbers of students on one small task.

    Args:
        programs: what starts it.
        folder: where its files are.
        seeds: how many seeds.
        epochs: of the students; more take longer.
    """

    def __init__(self, programs: Programs, folder: Path, *, seeds: int, epochs: int = 4) -> None:
        self._programs, self.folder = programs, folder
        student = {"learner": {"epochs": epochs}, "checkpoints": [1], "loss": ["forward_ce", "reverse_ce"]}
        content = {
            "name": "small",
            "base": {
                "data": {"path": str(make_task_file(folder / "task.npz"))},
                "teacher": {"models": 3, "labels": 20},
                "student": student,
                "ceiling": {"models": 2},
            },
            "grid": {"seed": list(range(seeds)), "student.seeds": [1, 2]},
        }
        (folder / "sweep.yaml").write_text(yaml.safe_dump(content))

    def arguments(self, name: str, *options: str, store: str | None = None) -> list[str]:
        """Return what outlearn is to be called with; the results go to a folder of this name."""
        paths = ["--store", str(self.folder / (store or f"{name}-store")), "--out", str(self.folder / name)]
        return ["sweep", str(self.folder / "sweep.yaml"), *paths, *options]

    def start(self, name: str, *options: str, store: str | None = None) -> Program:
        """Start it, in a process group of its own."""
        return self._programs.start(OUTLEARN, *self.arguments(name, *options, store=store), merged=True)

    def run(self, name: str, *options: str, store: str | None = None) -> str:
        """Run it to its end, which is to be a good one, and return what it printed."""
        return self._programs.run(OUTLEARN, *self.arguments(name, *options, store=store), merged=True).output()

    def results(self, name: str, store: str | None = None) -> Mapping[str, Any]:
        """Return all that must not depend on how the sweep was computed: tables, runs, and the store's content."""
        out = self.folder / name
        return {
            "tables": [(out / file).read_bytes() for file in ("results.csv", "models.csv")],
            "runs": {run.name: timeless(run) for run in sorted((out / "runs").iterdir())},
            "store": hashes(self.folder / (store or f"{name}-store")),
        }

    def log(self, name: str, event: str) -> Sequence[dict[str, Any]]:
        """Return the log's rows of one event; a row that is being written is left out."""
        path = self.folder / name / "log.jsonl"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [row for row in map(json.loads, lines) if row["event"] == event]
