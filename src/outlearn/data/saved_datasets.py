"""Read a Hugging Face dataset: by name, or from a folder that `save_to_disk` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outlearn.data.raw_table import RawTable
from outlearn.data.task_table import Columns, split_names
from outlearn.data.templates import template_columns
from outlearn.errors import DataError, MissingExtraError, first_line, suggest

__all__ = ["is_saved_dataset", "read_dataset", "read_saved_dataset"]


def is_saved_dataset(path: Path) -> bool:
    """Say whether a folder was written by `save_to_disk`."""
    return (path / "dataset_dict.json").is_file() or (path / "dataset_info.json").is_file()


def read_saved_dataset(path: Path) -> RawTable:
    """Read a folder that `save_to_disk` wrote, whose columns have their usual names."""
    return read_dataset(path, Columns())


def read_dataset(
    source: str | Path, columns: Columns, *, subset: str | None = None, split: str | None = None
) -> RawTable:
    """Read the columns that matter of a dataset in a folder (Path), or on the hub (str, with its subset).

    If it has several splits and none is asked for, all are read, and train, validation and test stay apart, in a column
    `split`: that needs every split's name to be one that `data.split_column` allows. The table has the class names that
    the dataset declares.

    Raises:
        DataError: if there is no such dataset, subset or split, or it cannot be read.
        MissingExtraError: if `datasets` is not installed.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "hf") from error
    try:
        loaded = (
            datasets.load_from_disk(str(source)) if isinstance(source, Path) else datasets.load_dataset(source, subset)
        )
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"the dataset {str(source)!r} cannot be loaded ({first_line(error)}). Check its name and data.subset; "
            "without a network, give the folder of Dataset.save_to_disk as data.path."
        ) from error
    parts: dict[str, Any] = dict(loaded) if isinstance(loaded, dict) else {split or "": loaded}
    if split is not None and split not in parts:
        raise DataError(f"the dataset {str(source)!r} has no split {split!r}; {suggest(split, parts)} Set data.split.")
    if split is not None:
        parts = {split: parts[split]}
    assigned = list(split_names(list(parts)))
    if len(parts) > 1 and None in assigned:
        raise DataError(
            f"the dataset {str(source)!r} has the splits {', '.join(parts)}, and {list(parts)[assigned.index(None)]!r} "
            "is none of teacher, student, train, validation and test. Name the one to read with data.split."
        )
    return _table(str(source), parts, columns, assigned if len(parts) > 1 else [])


def _table(source: str, parts: dict[str, Any], columns: Columns, assigned: list[str | None]) -> RawTable:
    """Put the splits one after another."""
    first = next(iter(parts.values()))
    for name, part in parts.items():
        if part.column_names != first.column_names:
            raise DataError(f"the dataset {source!r} has other columns in {name!r}. Name one split with data.split.")
    roles = ("text", "label", "chosen", "rejected", "id", "group", "split")
    names = [
        *(columns.name(role) for role in roles),
        *columns.labelers,
        *filter(None, (columns.annotator, columns.annotation)),
    ]
    names += [column for name in names for column in template_columns(name)]
    wanted = [column for column in dict.fromkeys(names) if column in first.column_names]
    values: dict[str, list[Any]] = {column: [] for column in wanted}
    for part in parts.values():
        for column in wanted:
            values[column].extend(part.select_columns([column])[:][column])
    if assigned:
        values[columns.name("split")] = [
            name for name, part in zip(assigned, parts.values(), strict=True) for _ in range(len(part))
        ]
    # So that a message about a missing column can name those that exist.
    for column in first.column_names:
        values.setdefault(column, [])
    label = first.features.get(columns.name("label"))
    n_records = sum(len(part) for part in parts.values())
    if not n_records:
        raise DataError(f"the dataset {source!r} has no record; expected at least one.")
    class_names = tuple(label.names) if hasattr(label, "names") else None
    return RawTable(
        source, values, range(1, n_records + 1), unit="row", class_names=class_names, minus_1_is_missing=True
    )
