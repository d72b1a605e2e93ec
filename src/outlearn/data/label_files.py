"""Read a table of labels with its texts and a few true labels, from one file or several, as one `LabelTable`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from outlearn.core.spreadsheet_cells import unguarded
from outlearn.data.array_files import read_array
from outlearn.data.column_roles import column_roles, ids_found, roles_of_annotations
from outlearn.data.drawn_labels import is_drawn_list, with_drawn_truth
from outlearn.data.formats import read_label_file
from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import is_gap
from outlearn.data.label_columns import LabelColumns, long_form
from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.data.labeled_rows import read_labeled_rows
from outlearn.data.npz_files import check_features
from outlearn.data.point_ids import join_by_id, name_of, read_ids, zeros_lost
from outlearn.data.raw_table import RawTable
from outlearn.data.read_labels import read_labels
from outlearn.data.read_texts import read_texts
from outlearn.data.templates import fill_templates
from outlearn.errors import AlignmentError, ConfigError, suggest

__all__ = ["is_array_file", "read_features", "read_label_table"]

ARRAYS = (".npy", ".npz", ".safetensors")


def read_label_table(
    path: str | Path,
    *,
    columns: LabelColumns | None = None,
    texts: str | Path | None = None,
    true: str | Path | None = None,
) -> LabelTable:
    """Read a table of labels, and optionally ids, texts and true labels.

    Args:
        path: a table with a column a labeler, or a row an annotation. An empty cell is no label.
        columns: which column is what.
        texts: another table, with the texts; joined by id, or by position where either has no ids.
        true: another table, with true labels of some points in its column `label` (or its only one beside the id); or a
            list that was drawn by strata, see `data.drawn_labels`.

    Returns:
        The table. Whether it is enough to say anything is not looked at here.

    Raises:
        ConfigError: if a column is named twice.
        DataError: if a file or cell cannot be used; names every error, up to ten.
        AlignmentError: if ids or lengths do not match.
    """
    columns = columns or LabelColumns()
    raw = read_label_file(Path(path).expanduser())
    errors = raw.errors()
    id_column, text_column = columns.id or "id", columns.text or "text"
    form = long_form(raw, columns)
    if form is None:
        roles = column_roles(raw, columns, errors, has_texts=texts is not None)
    else:
        roles = roles_of_annotations(raw, form, columns, errors, has_texts=texts is not None)
    columns, notes = roles.columns, roles.notes
    if columns.text is not None:
        raw = fill_templates(raw, [columns.text], "", errors, seed=0)
    raw, table = read_labeled_rows(raw, columns, form, errors)
    if not table.has_ids:
        notes += ("The labels have no ids: points are numbered from 1, in the order of the file.",)
    text = columns.text or "text"
    here = read_texts(raw, text, errors) if texts is None and text in raw.columns else None
    errors.raise_if_any()
    segments = None if columns.segment is None else _segments(raw, columns.segment)
    table = replace(table, texts=None if here is None else tuple(here), segments=segments, notes=(*table.notes, *notes))
    if texts is not None:
        of_texts = read_label_file(Path(texts).expanduser())
        table = _with_texts(table, of_texts, _ids_beside_texts(of_texts, table, id_column, text_column), text_column)
    if true is not None:
        of_truth = _as_given(read_label_file(Path(true).expanduser()))
        joined = with_drawn_truth if is_drawn_list(of_truth) else _with_true_labels
        table = joined(table, of_truth, id_column)
    return table


def read_features(path: str | Path, table: LabelTable) -> Float[np.ndarray, "points features"]:
    """Read features from an array file: one row a point, joined by id where both have ids, else by position.

    Raises:
        DataError, AlignmentError: if they are not finite numbers of that shape, or not of these points.
    """
    file = read_array(path)
    values = file.values
    check_features(values, InputErrors(file.source, "row"))
    if file.ids is not None and table.has_ids:
        values = values[join_by_id(file.ids, np.array(table.ids), file.source, table.source)]
    elif len(values) != table.n_points:
        raise AlignmentError(
            f"{file.source}: {len(values)} rows of features for {table.n_points} points of {table.source}. Give one "
            "row for each, in the same order."
        )
    return np.asarray(values, dtype=np.float32)


def is_array_file(path: str | Path) -> bool:
    """Say whether a path names features rather than texts."""
    return any(suffix in Path(str(path).partition(":")[0]).suffixes for suffix in ARRAYS)


def _segments(raw: RawTable, column: str) -> tuple[str, ...]:
    """Read the values of a column; an empty cell is a segment of its own."""
    return tuple("(none)" if is_gap(cell) else str(cell) for cell, _ in raw.cells(column))


def _ids_beside_texts(raw: RawTable, table: LabelTable, id_column: str, text_column: str) -> str:
    """Find the column of ids beside texts: what it is called beside the labels, or another that holds ids of theirs."""
    if id_column in raw.columns:
        return id_column
    found = ids_found(raw, [name for name in raw.columns if name != text_column])
    shared = found is not None and set(table.ids) & {name_of(cell) for cell, _ in raw.cells(found)}
    return found if found is not None and shared else id_column


def _with_texts(table: LabelTable, raw: RawTable, id_column: str, text_column: str) -> LabelTable:
    """Join the texts of another table."""
    errors = raw.errors()
    ids = read_ids(raw, id_column, errors) if id_column in raw.columns else None
    errors.raise_if_any()
    if ids is not None and table.has_ids:
        labeled = set(table.ids)
        rows = [row for row, name in enumerate(ids) if name in labeled]
        notes = raw.notes
        if 0 < len(rows) < len(ids):
            notes += (f"{len(ids) - len(rows):,} of {len(ids):,} texts of {raw.source} have no labels: left out.",)
            raw, ids = raw.select(rows), [ids[row] for row in rows]
        order = join_by_id(np.array(ids), np.array(table.ids), raw.source, table.source).tolist()
    else:
        order = _rows_by_position(raw, table)
        notes = (*raw.notes, f"{raw.source} was joined to the labels by position.")
    if text_column not in raw.columns:
        errors.fail(f"no column {text_column!r} with the texts (--text-column); {suggest(text_column, raw.columns)}")
    texts = read_texts(raw, text_column, errors)
    errors.raise_if_any()
    return replace(table, texts=tuple(texts[row] for row in order), notes=(*table.notes, *notes))


def _rows_by_position(raw: RawTable, table: LabelTable) -> list[int]:
    """Take the rows as they come.

    Raises:
        AlignmentError: if there are not as many as points.
    """
    if len(raw) != table.n_points:
        raise AlignmentError(
            f"{raw.source}: {len(raw)} records for {table.n_points} points of {table.source}, and no ids on "
            "both sides to join them by. Give both a column id, or the same points in the same order."
        )
    return list(range(len(raw)))


def _as_given(raw: RawTable) -> RawTable:
    """Take off what keeps a spreadsheet from running texts: the points to check come back from people."""
    columns = {
        name: [unguarded(value) if isinstance(value, str) else value for value in values]
        for name, values in raw.columns.items()
    }
    return replace(raw, columns=columns)


def _with_true_labels(table: LabelTable, raw: RawTable, id_column: str) -> LabelTable:
    """Join the true labels of some points."""
    errors = raw.errors()
    if table.true_labels is not None:
        raise ConfigError("--true and --true-column are both given; give one.")
    others = [column for column in raw.columns if column != id_column]
    column = "label" if "label" in others or len(others) != 1 else others[0]
    if column not in others:
        errors.fail(f"no column 'label' with the true labels; {suggest('label', raw.columns)}")
    kinds = raw.columns.get("kind", [])
    if "calibrate" in kinds and {"mistake", "suspect"} & set(kinds):  # our own sheet: only these are a random sample
        raw = raw.select([row for row, kind in enumerate(kinds) if kind == "calibrate"])
        note = f"Of {raw.source}, only points marked calibrate count: the others are no random sample."
        table = replace(table, notes=(*table.notes, note))
    ids = read_ids(raw, id_column, errors) if id_column in raw.columns else None
    known = read_labels(raw, [column], errors, class_names=table.class_names).labels[0]
    if not (known != UNLABELED).any():
        errors.add("holds no true label at all. Fill some, or leave it out.", column=column)
    errors.raise_if_any()
    if ids is None or not table.has_ids:
        return replace(table, true_labels=known[_rows_by_position(raw, table)])
    point_of = {name: i for i, name in enumerate(table.ids)}
    unknown = [name for name in ids if name not in point_of]
    if unknown:
        raise AlignmentError(
            f"{raw.source}: {len(unknown)} ids are not in {table.source}, first {unknown[0]!r}. "
            + (zeros_lost(unknown, table.ids) or "Give true labels of points that were labeled.")
        )
    true = np.full(table.n_points, UNLABELED, dtype=np.int64)
    true[[point_of[name] for name in ids]] = known
    return replace(table, true_labels=true)
