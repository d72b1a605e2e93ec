"""Read the folder of a sweep: its runs, what was varied, what failed. Nothing here writes, and nothing trains."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outlearn.errors import DataError
from outlearn.results.run_folder import Run, load_run

__all__ = ["SweepFolder", "SweptRun", "is_sweep", "read_sweep_folder"]

SCHEMA = 1
AGAIN = "Give `outlearn sweep` again with the same file and folder: finished runs and stored stages are kept."


@dataclass(frozen=True)
class SweptRun:
    """A finished run of a sweep.

    Attributes:
        label: the name of its folder.
        values: varied key -> value; the loss is not among them.
        run: its folder.
    """

    label: str
    values: Mapping[str, Any]
    run: Run

    @property
    def task(self) -> str:
        """Name of its task."""
        return self.run.task.name

    @property
    def seed(self) -> Any:
        """Seed of its split, teachers and students."""
        return self.run.config.get("seed")


@dataclass(frozen=True)
class SweepFolder:
    """A sweep on disk.

    Attributes:
        path: the folder.
        name: of the sweep.
        keys: what was varied, but the loss.
        runs: those that are finished, in the order of the sweep file.
        failed: label -> cause.
        missing: labels of runs that were neither finished nor failed: the sweep was stopped.
        n_students: of all runs, as planned.
        seconds: how long the last call took.
    """

    path: Path
    name: str
    keys: tuple[str, ...]
    runs: tuple[SweptRun, ...]
    failed: Mapping[str, str]
    missing: tuple[str, ...]
    n_students: int
    seconds: float


def is_sweep(path: Path) -> bool:
    """Say whether a folder is that of a sweep."""
    return (path / "sweep.json").is_file()


def read_sweep_folder(path: str | Path) -> SweepFolder:
    """Read sweep.json and the finished runs that it names.

    Raises:
        DataError: if a file is missing or damaged, or of another schema; it says what to do.
    """
    folder = Path(path)
    file = folder / "sweep.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{str(folder)!r} has no sweep.json: it is not the folder of a sweep. {AGAIN}") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise DataError(f"{str(file)!r} cannot be read: {reason}. {AGAIN}") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else None
        raise DataError(f"{str(file)!r} has schema {found!r}; this version reads schema {SCHEMA}. {AGAIN}")
    try:
        records = [(str(r["label"]), dict(r["values"]), str(r["status"]), r["cause"]) for r in content["runs"]]
        keys = tuple(map(str, content["keys"]))
        totals = int(content["n_students"]), float(content["seconds"])
        name = str(content["name"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{str(file)!r} is damaged: {error!r}. {AGAIN}") from error
    # A label is a name, never a path: nothing outside this folder is read.
    unsafe = [label for label, _, status, _ in records if status == "finished" and Path(label).name != label]
    if unsafe:
        raise DataError(f"{str(file)!r} is damaged: the label {unsafe[0]!r} is no name of a folder. {AGAIN}")
    return SweepFolder(
        path=folder,
        name=name,
        keys=keys,
        runs=tuple(
            SweptRun(label, values, load_run(folder / "runs" / label))
            for label, values, status, _ in records
            if status == "finished"
        ),
        failed={label: str(cause) for label, _, status, cause in records if status == "failed"},
        missing=tuple(label for label, _, status, _ in records if status not in ("finished", "failed")),
        n_students=totals[0],
        seconds=totals[1],
    )
