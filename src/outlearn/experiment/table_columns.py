"""Which columns of a user's table a run reads as what: named, else found by names and values, and said."""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outlearn.data.column_roles import ColumnRoles, column_roles, roles_of_annotations
from outlearn.data.formats import FORMATS, format_of
from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import is_gap
from outlearn.data.label_columns import LabelColumns, LongForm, long_form
from outlearn.data.raw_table import RawTable
from outlearn.data.task_kinds import TASK_KINDS
from outlearn.data.templates import template_columns
from outlearn.data.wording import few

__all__ = ["named_columns", "with_columns_found"]

# part -> key of `data`
KEYS = {"id": "id_column", "text": "text_column", "true": "label_column"}
OTHERS = {"group": "group_column", "split": "split_column", "chosen": "chosen_column", "rejected": "rejected_column"}


def named_columns(columns: LabelColumns) -> dict[str, Any]:
    """Write what is named as keys of `data`.

    Examples:
        >>> named_columns(LabelColumns(true="gold", labelers=["llm"]))
        {'label_column': 'gold', 'labelers': ['llm']}
    """
    named = {key: getattr(columns, part) for part, key in KEYS.items() if getattr(columns, part) is not None}
    return named if columns.labelers is None else {**named, "labelers": list(columns.labelers)}


def with_columns_found(given: Mapping[str, Any]) -> dict[str, Any]:
    """Name the columns of the table at `data.path` that are not named yet; a warning says what was found.

    A table of pairs, a folder and an archive of arrays are left as they are: their parts have names of their own.

    Raises:
        DataError: if there is no column of true labels or texts, or two columns could play one part.
    """
    data = given.get("data")
    table = _table_of(data) if isinstance(data, Mapping) else None
    if table is None or not isinstance(data, Mapping):
        return dict(given)
    labelers = data.get("labelers")
    labelers = [labelers] if isinstance(labelers, str) else labelers
    named = LabelColumns(data.get("id_column"), data.get("text_column"), data.get("label_column"), labelers)
    there = {*table.columns, *template_columns(named.text or "")}
    if not there.issuperset(filter(None, (named.id, named.true, *(labelers or ())))):
        return dict(given)  # reading the data says which is not there, and what is
    errors = table.errors()
    aside = [str(data.get(key) or name) for name, key in OTHERS.items()]
    form = _form(table, named, data)
    if form is not None:
        roles = roles_of_annotations(table, form, named, errors)
    else:
        kind = TASK_KINDS.get(str(data.get("task")))
        numeric = kind is not None and kind.numeric
        roles = column_roles(table, named, errors, aside=aside, truth_alone=True, numeric=numeric)
    external = isinstance(given.get("teacher"), Mapping) and bool(given["teacher"].get("external"))
    _check(table, roles, errors, external=external or form is not None)
    columns = roles.columns
    used = [] if external and "labelers" in roles.found else list(columns.labelers or ())
    if roles.found and not (roles.found == ("labelers",) and not used):
        notes = roles.notes if used else roles.notes[:1]
        warnings.warn(f"{table.source}: {' '.join(notes)}", stacklevel=3)
    usual = {"id": "id", "text": "text", "true": "label"}
    found = {
        key: getattr(columns, part)
        for part, key in KEYS.items()
        if data.get(key) is None and getattr(columns, part) not in (None, usual[part])
    }
    if form is not None:
        found |= {"annotator_column": form.annotator, "annotation_column": form.label}
    return {**given, "data": {**data, **found, **({"labelers": used} if used else {})}}


def _table_of(data: Mapping[str, Any]) -> RawTable | None:
    """Read the table, if it is a file of columns that the user names, and not of pairs."""
    if not isinstance(data.get("path"), str) or data.get("chosen_column") or data.get("rejected_column"):
        return None
    path = Path(os.path.expanduser(data["path"]))
    known = FORMATS.get(str(data.get("format"))) if data.get("format") is not None else format_of(path)
    if known is None or not known.labels or not path.is_file():
        return None
    table = known.read(path)
    return None if {"chosen", "rejected"} <= set(table.columns) else table


def _form(table: RawTable, named: LabelColumns, data: Mapping[str, Any]) -> LongForm | None:
    """Say which columns hold annotations, if each row is one: ids repeat, or true labels stand beside."""
    annotator, label = data.get("annotator_column"), data.get("annotation_column")
    form = LongForm(named.id or "id", annotator, label) if annotator and label else long_form(table, named)
    if form is None or annotator:
        return form
    ids = [cell for cell, _ in table.cells(form.item)]
    truth = roles_of_annotations(table, form, named, table.errors(), has_texts=True).columns.true
    return form if len(set(map(str, ids))) < len(ids) or truth is not None else None


def _check(table: RawTable, roles: ColumnRoles, errors: InputErrors, *, external: bool) -> None:
    """Refuse a table without true labels or texts, and labelers beside complete true labels, unless they are named."""
    columns = roles.columns
    labelers = columns.labelers or ()
    if columns.text is None:
        errors.add(f"no column of texts beside {few(list(table.columns))}. Name it: --text-column (data.text_column).")
    if columns.true is None:
        errors.add(
            f"no column of true labels beside {few(list(table.columns))}: without any, nothing can be tested. Name it "
            "(--true-column, data.label_column); or label some 100 points drawn at random, in a column gold. What "
            "labels say without true ones, outlearn preflight tells."
        )
    elif "labelers" in roles.found and not external and not any(is_gap(c) for c in table.columns[columns.true]):
        errors.add(
            f"every point has a true label ({columns.true}), and {few(list(labelers))} may be labelers. Say --labelers "
            f"{shlex.quote(','.join(labelers))} if students are to learn from them, or --labelers none if teachers are "
            f"to be trained on {columns.true}."
        )
    errors.raise_if_any()
