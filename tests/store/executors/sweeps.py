"""A small sweep by the command line, as a process that can be killed, and what of it must be the same in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from tests.store.executors.runs import hashes, make_task_file, timeless

__all__ = ["SWEEP_COMMAND", "SmallSweep"]

SWEEP_COMMAND = ("-c", "from outlearn.cli import main; main()", "sweep")


class SmallSweep:
    """A sweep over seeds and numbers of students on one small task.

    Args:
        folder: where its files are.
        seeds: how many seeds.
        epochs: of the students; more take longer.
    """

    def __init__(self, folder: Path, *, seeds: int, epochs: int = 4) -> None:
        self.folder = folder
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
        """Return what Python is to be called with; the results go to a folder of this name."""
        paths = ["--store", str(self.folder / (store or f"{name}-store")), "--out", str(self.folder / name)]
        return [*SWEEP_COMMAND, str(self.folder / "sweep.yaml"), *paths, *options]

    def start(self, name: str, *options: str, store: str | None = None, **how: Any) -> subprocess.Popen[str]:
        """Start it in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, *self.arguments(name, *options, store=store)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            **how,
        )

    def run(self, name: str, *options: str, store: str | None = None) -> str:
        """Run it to its end, which is to be a good one, and return what it printed."""
        process = self.start(name, *options, store=store)
        text, _ = process.communicate()
        assert process.returncode == 0, text
        return text

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
