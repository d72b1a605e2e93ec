"""Read a run folder, of classes or of numbers."""

from __future__ import annotations

from pathlib import Path

from outlearn.results.number_run import NumberRun, load_number_run
from outlearn.results.numbers import NUMBERS
from outlearn.results.reading import AGAIN
from outlearn.results.run_folder import Run
from outlearn.results.run_folder import load_run as load_class_run
from outlearn.results.serialization import read_json

__all__ = ["is_number_run", "load_run"]


def is_number_run(folder: str | Path) -> bool:
    """Say whether a folder holds the results of a run whose target is a number."""
    file = Path(folder) / "results.json"
    if not file.is_file():
        return False
    content = read_json(file, again=AGAIN)
    task = content.get("task") if isinstance(content, dict) else None
    return isinstance(task, dict) and task.get("task") == NUMBERS


def load_run(folder: str | Path) -> Run | NumberRun:
    """Read a run folder.

    Args:
        folder: where `outlearn run` or `ol.run` wrote.

    Returns:
        The run; of a task whose label is a number, a `NumberRun`. Its predictions are read when they are first asked
        for.

    Raises:
        DataError: if the folder or a file is missing, damaged, foreign, or of another schema; it names the file, the
            field and what to do.
    """
    return load_number_run(folder) if is_number_run(folder) else load_class_run(folder)
