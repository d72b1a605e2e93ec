"""Read a table of weak labels, its texts or features, and a few true labels, from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from outlearn.data.array_files import read_array
from outlearn.data.id_joins import places
from outlearn.data.labels import cell_value
from outlearn.data.load import READERS, SUFFIXES
from outlearn.data.problems import Problems
from outlearn.data.records import Records, check_file
from outlearn.errors import AlignmentError, ConfigError, DataError, suggest
from outlearn.preflight_checks.label_table import (
    LabelTable,
    class_names_of,
    make_table,
    numbers_of,
    read_column,
)

__all__ = ["Roles", "is_array_file", "read_features", "read_label_table"]

TABLES = ("csv", "jsonl", "parquet")
ARRAYS = (".npy", ".npz", ".safetensors")


@dataclass(frozen=True)
class Roles:
    """Say which column is what. At None a column has its usual name (`id`, `text`) and may be absent.

    Attributes:
        id, text, true: names of columns; `true` has no usual name.
        labelers: names of the labelers' columns; empty: all other columns.
        classes: names of the classes; empty: those that occur.
    """

    id: str | None = None
    text: str | None = None
    true: str | None = None
    labelers: Sequence[str] = ()
    classes: Sequence[str] = ()


def read_label_table(
    path: str | Path,
    *,
    roles: Roles | None = None,
    texts: str | Path | None = None,
    true: str | Path | None = None,
) -> LabelTable:
    """Read a table with a column a labeler, and optionally ids, texts and true labels.

    Args:
        path: CSV, JSON lines or Parquet. An empty cell is no label.
        roles: which column is what.
        texts: another table, with the texts; joined by id, or by position where either has no ids.
        true: another table, with true labels of some points in its column `label` (or its only one beside the id).

    Returns:
        The checked table.

    Raises:
        ConfigError: if a column is named twice.
        DataError: if a file or cell cannot be used; names every problem, up to ten.
        AlignmentError: if ids or lengths do not match.
    """
    roles = roles or Roles()
    records = _read(Path(path))
    columns = _labeler_columns(records, roles, has_texts=texts is not None)
    problems = records.problems()
    ids = _ids(records, roles.id, problems)
    n_classes = len(roles.classes) or None
    votes = {name: read_column(records, name, problems, n_classes=n_classes) for name in columns}
    problems.raise_if_any()
    classes = tuple(roles.classes) or class_names_of(list(votes.values()))
    labels = [numbers_of(column, classes, records, name, problems) for name, column in votes.items()]
    known = None
    if roles.true is not None:
        known = numbers_of(read_column(records, roles.true, problems), classes, records, roles.true, problems)
    text_column = roles.text or "text"
    found = _texts(records, text_column, problems) if texts is None and text_column in records.columns else None
    problems.raise_if_any()
    points = tuple(ids or map(str, range(1, len(records) + 1)))
    table = LabelTable(tuple(columns), np.stack(labels) if labels else np.zeros((0, len(points)), dtype=np.int64),
                       classes, points, found, known, ids is not None, records.source)  # fmt: skip
    notes = [] if ids else ["The labels have no ids: points are numbered from 1, in the order of the file."]
    if texts is not None:
        other = _read(Path(texts))
        order, note = _order(other, roles.id, table)
        problems = other.problems()
        if text_column not in other.columns:
            problems.add(
                f"no column {text_column!r} with the texts (--text-column); {suggest(text_column, other.columns)}"
            )
            problems.raise_if_any()
        column = _texts(other, text_column, problems)
        problems.raise_if_any()
        table, notes = replace(table, texts=tuple(column[i] for i in order)), notes + note
    if true is not None:
        table = _with_true_labels(table, _read(Path(true)), roles.id)
    return make_table(replace(table, notes=(*notes, *table.notes)))


def read_features(path: str | Path, table: LabelTable) -> Float[np.ndarray, "points features"]:
    """Read features from an array file: one row a point, joined by id where both have ids, else by position.

    Raises:
        DataError, AlignmentError: if they are not finite numbers of that shape, or not of these points.
    """
    file = read_array(path)
    values = file.values
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise DataError(
            f"{file.source}: features have shape {values.shape} and dtype {values.dtype}; expected numbers "
            "[points, features]."
        )
    if file.ids is not None and table.has_ids:
        values = values[places(file.ids, np.array(table.ids), file.source, table.source)]
    elif len(values) != table.n_points:
        raise AlignmentError(
            f"{file.source}: {len(values)} rows of features for {table.n_points} points of {table.source}. Give one "
            "row for each, in the same order."
        )
    features = np.asarray(values, dtype=np.float32)
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0].tolist()
        raise DataError(
            f"{file.source}: row {row}, column {column} is {features[row, column]}; expected finite numbers."
        )
    return features


def is_array_file(path: str | Path) -> bool:
    """Say whether a path names features rather than texts."""
    return any(suffix in Path(str(path).partition(":")[0]).suffixes for suffix in ARRAYS)


def _read(path: Path) -> Records:
    path = path.expanduser()
    check_file(path)
    format = SUFFIXES.get(path.suffix.lower())
    if format not in TABLES:
        raise DataError(f"{path} ends in {path.suffix!r}; a table is .csv, .jsonl or .parquet. Convert it.")
    return READERS[format](path)


def _labeler_columns(records: Records, roles: Roles, *, has_texts: bool) -> list[str]:
    problems = records.problems()
    named = {"--id-column": roles.id, "--true-column": roles.true, "--text-column": None if has_texts else roles.text}
    wanted = [(option, name) for option, name in named.items() if name is not None]
    wanted += [("--labelers", name) for name in roles.labelers]
    for option, name in wanted:
        if name not in records.columns:
            problems.add(f"no column {name!r} ({option}); {suggest(name, records.columns)}")
    problems.raise_if_any()
    twice = sorted({name for _, name in wanted if sum(name == other for _, other in wanted) > 1})
    if twice:
        raise ConfigError(f"the column {twice[0]!r} is named twice; give each column one part to play.")
    if roles.labelers:
        return list(roles.labelers)
    others = {roles.id or "id", roles.text or "text", roles.true}
    return [name for name in records.columns if name not in others]


def _ids(records: Records, column: str | None, problems: Problems) -> list[str] | None:
    """Read the ids, and name those that are missing or come twice."""
    name = column or "id"
    if name not in records.columns:
        return None
    ids: list[str] = []
    first: dict[str, int] = {}
    for cell, at in zip(records.columns[name], records.positions, strict=True):
        value = cell if isinstance(cell, str) else cell_value(cell)
        text = "" if value is None else str(value).strip()
        if not text:
            problems.add("has no id. Fill it or drop the row.", at=at, column=name)
        elif text in first:
            problems.add(
                f"the id {text!r} is already that of {records.unit} {first[text]}. Make ids different.",
                at=at,
                column=name,
            )
        first.setdefault(text, at)
        ids.append(text)
    return ids


def _texts(records: Records, column: str, problems: Problems) -> tuple[str, ...]:
    for cell, at in zip(records.columns[column], records.positions, strict=True):
        if not isinstance(cell, str) or not cell.strip():
            problems.add("has no text. Fill it or drop the row.", at=at, column=column)
    return tuple(cell if isinstance(cell, str) else "" for cell in records.columns[column])


def _order(records: Records, id_column: str | None, table: LabelTable) -> tuple[list[int], list[str]]:
    """Find the row of each point of the table: by id where both have ids, else by position."""
    problems = records.problems()
    ids = _ids(records, id_column, problems)
    problems.raise_if_any()
    if ids is not None and table.has_ids:
        return places(np.array(ids), np.array(table.ids), records.source, table.source).tolist(), []
    if len(records) != table.n_points:
        raise AlignmentError(
            f"{records.source}: {len(records)} records for {table.n_points} points of {table.source}, and no ids on "
            "both sides to join them by. Give both a column id, or the same points in the same order."
        )
    return list(range(len(records))), [f"{records.source} was joined to the labels by position."]


def _with_true_labels(table: LabelTable, records: Records, id_column: str | None) -> LabelTable:
    """Join the true labels of some points."""
    problems = records.problems()
    if table.true_labels is not None:
        raise ConfigError("--true and --true-column are both given; give one.")
    name = id_column or "id"
    others = [column for column in records.columns if column != name]
    column = "label" if "label" in others or len(others) != 1 else others[0]
    if column not in others:
        problems.add(f"no column 'label' with the true labels; {suggest('label', records.columns)}")
        problems.raise_if_any()
    votes = read_column(records, column, problems)
    kinds = records.columns.get("kind", [])
    if "calibrate" in kinds and {"mistake", "suspect"} & set(kinds):  # our own sheet: only these are a random sample
        votes = [vote if kind == "calibrate" else None for vote, kind in zip(votes, kinds, strict=True)]
        note = f"Of {records.source}, only points marked calibrate count: the others are no random sample."
        table = replace(table, notes=(*table.notes, note))
    if not any(votes) and not problems:
        problems.add("holds no true label at all. Fill some, or leave it out.", column=column)
    numbers = numbers_of(votes, table.class_names, records, column, problems)
    ids = _ids(records, id_column, problems)
    problems.raise_if_any()
    known = np.full(table.n_points, -1, dtype=np.int64)
    if ids is None or not table.has_ids:
        _order(records, id_column, table)
        return replace(table, true_labels=numbers)
    place = {point: i for i, point in enumerate(table.ids)}
    unknown = [point for point in ids if point not in place]
    if unknown:
        raise AlignmentError(
            f"{records.source}: {len(unknown)} ids are not in {table.source}, first {unknown[0]!r}. Give true labels "
            "of points that were labelled."
        )
    for point, number in zip(ids, numbers.tolist(), strict=True):
        known[place[point]] = number
    return replace(table, true_labels=known)
