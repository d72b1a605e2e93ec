"""Load a task: a built-in one by name, or your own from a file, a folder or a hub."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from outlearn.data.arrays import read_npz
from outlearn.data.digits import load_digits_task
from outlearn.data.huggingface import is_saved_dataset, read_dataset
from outlearn.data.records import Records, read_csv, read_jsonl, read_label_sentence, read_parquet
from outlearn.data.split_files import read_split_files, split_files
from outlearn.data.tables import Columns, task_from_records
from outlearn.data.task import Task
from outlearn.data.vader import load_vader_intensity, load_vader_lexicon
from outlearn.errors import ConfigError, DataError, suggest

__all__ = ["DATASETS", "FORMATS", "load_task"]

DATASETS: dict[str, Callable[[], Task]] = {
    "digits": load_digits_task,
    "vader-intensity": load_vader_intensity,
    "vader-lexicon": load_vader_lexicon,
}

READERS: dict[str, Callable[[Path], Records]] = {
    "csv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "txt": read_label_sentence,
}
FORMATS = (*READERS, "npz", "huggingface")
SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".txt": "txt", ".npz": "npz"}
TABLES = {suffix: READERS[format] for suffix, format in SUFFIXES.items() if format in READERS}


def load_task(
    *,
    name: str | None = None,
    path: str | Path | None = None,
    format: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    chosen_column: str | None = None,
    rejected_column: str | None = None,
    id_column: str | None = None,
    group_column: str | None = None,
    split_column: str | None = None,
    subset: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Task:
    """Load the points and labels of a task.

    Args:
        name: of a built-in task (`DATASETS`), or with `format="huggingface"` of a dataset on the hub.
        path: of a file; of a folder that Hugging Face datasets wrote; or of a folder with a file for each split, named
            by it. Give a name or a path.
        format: one of `FORMATS`; by default the suffix of the path says it.
        text_column, label_column, chosen_column, rejected_column: names of the columns, if not those without `_column`.
            The name of a text column may be a template: `{title} {content}`, `Q: {question} A: {right|wrong}`.
        id_column, group_column, split_column: names of optional columns, if not id, group, split.
        subset: configuration of a dataset on the hub.
        split: the one split to read of a Hugging Face dataset.
        limit: keep this many points, drawn at random.
        seed: of the draw, of the slots of preference pairs, and of the answers that a template shows.

    Returns:
        The Task.

    Raises:
        ConfigError: if the arguments do not name one task.
        DataError: if the data cannot be used; names every problem.
        MissingExtraError: if a package is not installed.

    Example:
        >>> load_task(name="digits", limit=300).n_points
        300
    """
    columns = Columns(text_column, label_column, chosen_column, rejected_column, id_column, group_column, split_column)
    if (name is None) == (path is None):
        raise ConfigError(
            f"data.name is {name!r} and data.path is {None if path is None else str(path)!r}; give exactly one: "
            f"the name of a built-in task ({', '.join(DATASETS)}), or the path of your own data."
        )
    if format is not None and format not in FORMATS:
        raise ConfigError(f"data.format is {format!r}; {suggest(format, FORMATS)}")
    if limit is not None and limit < 1:
        raise ConfigError(f"data.limit is {limit}; expected 1 or more, or none.")
    if path is not None:
        try:
            task = _load_path(Path(os.path.expanduser(path)), format, columns, subset=subset, split=split, seed=seed)
        except OSError as error:  # a name too long, a folder without permission
            raise DataError(f"{path} cannot be read ({error}). Check the path and its permissions.") from error
    elif name is not None and format == "huggingface":
        records = read_dataset(name, columns, subset=subset, split=split)
        task = task_from_records(records, columns, name=name, seed=seed)
    else:
        task = _load_built_in(str(name), format, columns, subset=subset, split=split)
    return task if limit is None else _sample(task, limit, seed)


def _load_built_in(name: str, format: str | None, columns: Columns, *, subset: str | None, split: str | None) -> Task:
    """Load a built-in task, which takes no option."""
    if name not in DATASETS:
        hint = " For a dataset on the hub set data.format: huggingface." if "/" in name else ""
        raise ConfigError(f"data.name is {name!r}; {suggest(name, DATASETS)}{hint}")
    if format is not None or subset is not None or split is not None or columns != Columns():
        raise ConfigError(
            f"data.name {name!r} is built in: data.format, subset, split and *_column do not apply. Drop them."
        )
    return DATASETS[name]()


def _load_path(
    path: Path, format: str | None, columns: Columns, *, subset: str | None, split: str | None, seed: int
) -> Task:
    """Load a file or a saved dataset."""
    if format is None and path.is_dir() and is_saved_dataset(path):
        format = "huggingface"
    if format is None and not path.is_dir():
        format = SUFFIXES.get(path.suffix.lower())
        if format is None and path.exists():
            raise DataError(
                f"{path} ends in {path.suffix!r}; known: {', '.join(SUFFIXES)}. Rename it, or set data.format to "
                f"one of {', '.join(FORMATS)}."
            )
    name = f"{path.parent.name}/{path.stem}" if path.parent.name else path.stem
    if format != "huggingface" and (subset is not None or split is not None):
        raise ConfigError(
            "data.subset and data.split are for Hugging Face datasets. Drop them, or use a column `split`."
        )
    if format == "npz":
        if columns != Columns():
            raise ConfigError(
                "data.*_column do not apply to .npz, whose arrays are features, labels, ids, groups, splits."
            )
        return read_npz(path, name=name)
    if format == "huggingface":
        if not is_saved_dataset(path):
            raise DataError(
                f"{path} is no folder that save_to_disk of Hugging Face datasets wrote. Give such a folder."
            )
        records = read_dataset(path, columns, split=split)
    elif format is None and (files := split_files(path, TABLES)):
        records = read_split_files(path, files, TABLES, columns)
    else:
        # Without a format the path is missing or a folder: any reader then says so.
        records = READERS[format or "csv"](path)
    return task_from_records(records, columns, name=name, seed=seed)


def _sample(task: Task, limit: int, seed: int) -> Task:
    """Keep `limit` points, in their order."""
    if limit >= task.n_points:
        return task
    # A stream of its own: the slots of pairs use the seed itself.
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    kept = np.sort(rng.choice(task.n_points, size=limit, replace=False))
    return task.select(kept, note=f"{limit:,} of {task.n_points:,} points were drawn at random (data.limit).")
