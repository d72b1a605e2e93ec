"""Read a folder that holds one table for each split: teacher.jsonl, student.jsonl, validation.jsonl, test.jsonl."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from outlearn.data.formats import format_of
from outlearn.data.raw_table import RawTable
from outlearn.data.task_table import Columns, split_names
from outlearn.errors import DataError

__all__ = ["read_split_files", "split_files"]


def split_files(path: Path) -> list[Path]:
    """List the tables of a folder, if one of them at least is named by a split; else none."""
    if not path.is_dir():
        return []
    files = sorted(file for file in path.iterdir() if file.is_file() and _is_table(file))
    return files if any(name is not None for name in split_names([file.stem for file in files])) else []


def read_split_files(path: Path, files: list[Path], columns: Columns) -> RawTable:
    """Put the tables one after another, with a column that names the split of each record: its file's name.

    Messages count the records through all files, in the order of `files`.

    Raises:
        DataError: if a file's name is no split's, two name the same, or their columns differ; only the
            column of labels may be absent from some.
    """
    assigned: dict[str, Path] = {}
    for file, name in zip(files, split_names([file.stem for file in files]), strict=True):
        if name is None:
            raise DataError(
                f"{path} holds {file.name!r}, which names no split. Name each file after its split (teacher, student, "
                "train, validation or test), or give one file with a column `split`."
            )
        if name in assigned:
            raise DataError(f"{path} holds {assigned[name].name!r} and {file.name!r}, both for {name}. Keep one.")
        assigned[name] = file
    parts = {name: found.read(file) for name, file in assigned.items() if (found := format_of(file)) is not None}
    first = next(iter(parts.values()))
    for name, part in parts.items():
        different = sorted(set(part.columns) ^ set(first.columns))
        if set(different) - {columns.name("label")}:  # a file without labels need not have their column
            raise DataError(
                f"{assigned[name]} and {first.source} differ in the columns {', '.join(different)}. Give both the same."
            )
    names = dict.fromkeys(column for part in parts.values() for column in part.columns)
    values = {
        column: [cell for part in parts.values() for cell in part.columns.get(column, [None] * len(part))]
        for column in names
    }
    values[columns.name("split")] = [name for name, part in parts.items() for _ in range(len(part))]
    n_records = sum(map(len, parts.values()))
    return replace(first, source=str(path), columns=values, positions=range(1, n_records + 1), unit="record")


def _is_table(file: Path) -> bool:
    """Say whether a file is a table of texts, which an archive of arrays is not."""
    found = format_of(file)
    return found is not None and found.names_columns
