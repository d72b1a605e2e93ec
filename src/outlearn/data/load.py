"""Load a task: a built-in one by name, or your own from a file, a folder or a hub."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outlearn.data.built_in import load_digits_task, load_vader_intensity, load_vader_lexicon
from outlearn.data.built_in_numbers import load_diabetes_task, load_vader_valence
from outlearn.data.formats import FORMATS, format_of
from outlearn.data.saved_datasets import is_saved_dataset, read_dataset
from outlearn.data.split_folders import read_split_files, split_files
from outlearn.data.task import Task
from outlearn.data.task_kinds import TASK_KINDS
from outlearn.data.task_table import Columns, task_from_table
from outlearn.errors import ConfigError, DataError, suggest

__all__ = ["DATASETS", "Dataset", "load_task"]


@dataclass(frozen=True)
class Dataset:
    """Describe one built-in task.

    Attributes:
        name: in `data.name`.
        line: for tables in docs: what is asked of the points.
        points: what they are, and how many.
        source, licence: of the data.
        load: makes the task.
        extra: of the package, that loading needs; "" for none.
        preset: the settings that a run of it starts from.
        task_kind: a key of TASK_KINDS.
    """

    name: str
    line: str
    points: str
    source: str
    licence: str
    load: Callable[[], Task]
    extra: str = ""
    preset: str = "text"
    task_kind: str = "classification"


DATASETS: Mapping[str, Dataset] = {
    each.name: each
    for each in (
        Dataset(
            "diabetes",
            "how far has the disease gone after a year? (a number)",
            "442 patients, ten measures of each",
            "Efron, Hastie, Johnstone and Tibshirani (2004), as it comes with scikit-learn",
            "BSD (scikit-learn)",
            load_diabetes_task,
            preset="diabetes",
            task_kind="regression",
        ),
        Dataset(
            "digits",
            "which digit?",
            "1,797 images of 8 by 8 pixels",
            "Alpaydin and Kaynak (1998), UCI, as it comes with scikit-learn",
            "CC BY 4.0",
            load_digits_task,
            preset="digits",
        ),
        Dataset(
            "vader-intensity",
            "do most of its raters find it strong, at least 2 on their scale to 4?",
            "6,800 words, 55% strong",
            "the VADER lexicon of Hutto and Gilbert (2014), inside the package `vaderSentiment`",
            "MIT",
            load_vader_intensity,
            extra="offline",
            preset="vader-intensity",
        ),
        Dataset(
            "vader-lexicon",
            "is a word positive?",
            "6,800 words, 44% positive",
            "the VADER lexicon of Hutto and Gilbert (2014), inside the package `vaderSentiment`",
            "MIT",
            load_vader_lexicon,
            extra="offline",
            preset="vader-lexicon",
        ),
        Dataset(
            "vader-valence",
            "how positive is a word, from -4 to 4? (the mean of ten raters)",
            "6,800 words, in the splits of vader-lexicon",
            "the VADER lexicon of Hutto and Gilbert (2014), inside the package `vaderSentiment`",
            "MIT",
            load_vader_valence,
            extra="offline",
            preset="vader-valence",
            task_kind="regression",
        ),
    )
}


def load_task(
    *,
    name: str | None = None,
    path: str | Path | None = None,
    format: str | None = None,
    task: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    chosen_column: str | None = None,
    rejected_column: str | None = None,
    id_column: str | None = None,
    group_column: str | None = None,
    split_column: str | None = None,
    labelers: Sequence[str] = (),
    annotator_column: str | None = None,
    annotation_column: str | None = None,
    interval_level: float | None = None,
    subset: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    limit_seed: int | None = None,
    seed: int = 0,
) -> Task:
    """Load the points and labels of a task.

    Args:
        name: of a built-in task (`DATASETS`), or with `format="huggingface"` of a dataset on the hub.
        path: of a file; of a folder that Hugging Face datasets wrote; or of a folder with a file for each split, named
            by it. Give a name or a path.
        format: one of `FORMATS`; by default the suffix of the path says it.
        task: a key of `TASK_KINDS`, where the data do not say it: "regression" if labels are numbers.
        text_column, label_column, chosen_column, rejected_column: names of the columns, if not those without `_column`.
            The name of a text column may be a template: `{title} {content}`, `Q: {question} A: {right|wrong}`.
        id_column, group_column, split_column: names of optional columns, if not id, group, split.
        labelers: names of columns that hold the labels of one labeler each; they become the task's `weak_labels`.
        annotator_column, annotation_column: of a table in which each row is one annotation: who labeled, and what was
            said. Its ids repeat, and a point's texts and true labels stand in each of its rows.
        interval_level: of numbers: at which the columns NAME_low and NAME_high, or NAME_sd, of a labeler NAME hold.
        subset: configuration of a dataset on the hub.
        split: the one split to read of a Hugging Face dataset.
        limit: keep this many points, drawn at random.
        limit_seed: of that draw, so that other seeds split the same points; by default `seed`.
        seed: of the slots of preference pairs, and of the answers that a template shows.

    Returns:
        The Task.

    Raises:
        ConfigError: if the arguments do not name one task.
        DataError: if the data cannot be used; names every problem.
        MissingExtraError: if a package is not installed.

    Examples:
        >>> load_task(name="digits", limit=300).n_points
        300
    """
    columns = Columns(
        text_column, label_column, chosen_column, rejected_column, id_column, group_column, split_column,
        tuple(labelers), annotator_column, annotation_column, interval_level,
    )  # fmt: skip
    if (name is None) == (path is None):
        raise ConfigError(
            f"data.name is {name!r} and data.path is {None if path is None else str(path)!r}; give exactly one: "
            f"the name of a built-in task ({', '.join(DATASETS)}), or the path of your own data."
        )
    if format is not None and format not in FORMATS:
        raise ConfigError(f"data.format is {format!r}; {suggest(format, FORMATS)}")
    if task is not None and task not in TASK_KINDS:
        raise ConfigError(f"data.task is {task!r}; {suggest(task, TASK_KINDS)}")
    if limit is not None and limit < 1:
        raise ConfigError(f"data.limit is {limit}; expected 1 or more, or none.")
    if path is not None:
        try:
            loaded = _load_path(
                Path(os.path.expanduser(path)), format, columns, subset=subset, split=split, seed=seed, kind=task
            )
        except OSError as error:  # a name too long, a folder without permission
            raise DataError(f"{path} cannot be read ({error}). Check the path and its permissions.") from error
    elif name is not None and format == "huggingface":
        table = read_dataset(name, columns, subset=subset, split=split)
        loaded = task_from_table(table, columns, name=name, seed=seed, kind=task)
    else:
        loaded = _load_built_in(str(name), format, columns, subset=subset, split=split)
    if task is not None and loaded.kind != task:
        raise ConfigError(f"data.task is {task!r}, and the data are {loaded.kind}. Leave out data.task.")
    return loaded if limit is None else _sample(loaded, limit, seed if limit_seed is None else limit_seed)


def _load_built_in(name: str, format: str | None, columns: Columns, *, subset: str | None, split: str | None) -> Task:
    """Load a built-in task, which takes no option."""
    if name not in DATASETS:
        hint = " For a dataset on the hub set data.format: huggingface." if "/" in name else ""
        raise ConfigError(f"data.name is {name!r}; {suggest(name, DATASETS)}{hint}")
    if format is not None or subset is not None or split is not None or columns != Columns():
        raise ConfigError(
            f"data.name {name!r} is built in: data.format, subset, split, labelers and *_column do not apply. "
            "Drop them."
        )
    return DATASETS[name].load()


def _load_path(
    path: Path,
    format: str | None,
    columns: Columns,
    *,
    subset: str | None,
    split: str | None,
    seed: int,
    kind: str | None,
) -> Task:
    """Load a file or a saved dataset."""
    if format is None and path.is_dir() and is_saved_dataset(path):
        format = "huggingface"
    if format is None and not path.is_dir():
        found = format_of(path)
        if found is None and path.exists():
            known = [suffix for each in FORMATS.values() for suffix in each.suffixes]
            raise DataError(
                f"{path} ends in {path.suffix!r}; known: {', '.join(known)}. Rename it, or set data.format to "
                f"one of {', '.join(FORMATS)}."
            )
        format = None if found is None else found.name
    if format != "huggingface" and (subset is not None or split is not None):
        raise ConfigError(
            "data.subset and data.split are for Hugging Face datasets. Drop them, or use a column `split`."
        )
    if format is not None and not FORMATS[format].names_columns and columns != Columns():
        suffixes = ", ".join(FORMATS[format].suffixes) or format
        raise ConfigError(f"data.labelers and *_column do not apply to {suffixes}, which holds {FORMATS[format].line}.")
    if format == "huggingface":
        if not is_saved_dataset(path):
            raise DataError(
                f"{path} is no folder that save_to_disk of Hugging Face datasets wrote. Give such a folder."
            )
        table = read_dataset(path, columns, split=split)
    elif format is None and (files := split_files(path)):
        table = read_split_files(path, files, columns)
    else:
        # Without a format the path is missing or a folder: any reader then says so.
        table = FORMATS[format or "csv"].read(path)
    name = f"{path.parent.name}/{path.stem}" if path.parent.name else path.stem
    return task_from_table(table, columns, name=name, seed=seed, kind=kind)


def _sample(task: Task, limit: int, seed: int) -> Task:
    """Keep `limit` points, in their order."""
    if limit >= task.n_points:
        return task
    # A stream of its own: the slots of pairs use the seed itself.
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    kept = np.sort(rng.choice(task.n_points, size=limit, replace=False))
    return task.select(kept, note=f"{limit:,} of {task.n_points:,} points were drawn at random (data.limit).")
