"""A table of labelers' numbers with ids, texts and some true numbers, from files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from outlearn.core.intervals import check_level
from outlearn.core.labelers.strata import DrawnStrata
from outlearn.data.column_roles import column_roles
from outlearn.data.drawn_labels import is_drawn_list
from outlearn.data.drawn_numbers import read_drawn_numbers
from outlearn.data.formats import read_label_file
from outlearn.data.interval_columns import find_interval_columns, read_intervals
from outlearn.data.label_columns import LabelColumns, long_form
from outlearn.data.number_table import NumberTable
from outlearn.data.point_ids import join_by_id, read_ids
from outlearn.data.raw_table import RawTable
from outlearn.data.read_numbers import read_numbers
from outlearn.data.read_texts import read_texts
from outlearn.data.templates import fill_templates
from outlearn.data.wording import few
from outlearn.errors import suggest

__all__ = ["RatedTable", "read_rated_table"]

TRUE = "label"  # column of a table of true numbers, if there are several


@dataclass(frozen=True, eq=False)
class RatedTable:
    """Hold what labelers say, in numbers, and what else is known of the points.

    Attributes:
        numbers: of the labelers.
        true: float64 `[points]`, nan where it is not known; None if none is.
        texts: of the points, or None.
        has_ids: whether the ids were given; else they are numbers.
        true_strata: which points of known truth were drawn from which stratum; None if all had the same chance.
    """

    numbers: NumberTable
    true: Float64[np.ndarray, " points"] | None = None
    texts: tuple[str, ...] | None = None
    has_ids: bool = True
    true_strata: DrawnStrata | None = None


def read_rated_table(
    path: str | Path,
    *,
    columns: LabelColumns | None = None,
    texts: str | Path | None = None,
    true: str | Path | None = None,
    interval_level: float | None = None,
) -> RatedTable:
    """Read a table with a column of numbers for each labeler; an empty cell is a gap.

    Columns NAME_low and NAME_high, or NAME_sd, beside the labeler NAME are its interval, or its standard deviation.

    Args:
        path: the table.
        columns: which column is what; what is not named is found, see `column_roles`.
        texts: another table, with the texts, joined by id.
        true: another table, with true numbers of some points, joined by id; or a list drawn by strata.
        interval_level: at which intervals are meant to hold; None leaves them out.

    Raises:
        ConfigError: if a column is named for two parts.
        DataError, AlignmentError: for what cannot be used, by line and column, and if two columns could play one part.
    """
    columns = columns or LabelColumns()
    if interval_level is not None:
        check_level(interval_level, "the level of intervals (--interval-level)")
    raw = read_label_file(Path(path).expanduser())
    errors = raw.errors()
    if columns.labelers is None and long_form(raw, columns) is not None:
        errors.fail("a row is an annotation here; of numbers give one row a point, with a column for each labeler.")
    roles = column_roles(raw, columns, errors, has_texts=texts is not None, numeric=True)
    names, notes = list(roles.columns.labelers or ()), roles.notes
    of_texts = columns.text or "text"
    columns = roles.columns
    id_column, has_ids = columns.id or "id", columns.id is not None
    ids = read_ids(raw, id_column, errors) if has_ids else [str(k) for k in range(1, len(raw) + 1)]
    values = np.stack([read_numbers(raw, name, errors) for name in names])
    around = find_interval_columns([name for name in raw.columns if name not in names], names)
    if interval_level is not None and not around.names:
        errors.fail("no intervals to check (--interval-level). Add columns NAME_low and NAME_high, or NAME_sd.")
    intervals = None if interval_level is None else read_intervals(raw, names, values, around, interval_level, errors)
    notes += around.note("--interval-level 0.9") if interval_level is None else ()
    truth = None if columns.true is None else read_numbers(raw, columns.true, errors)
    said = None
    if columns.text is not None:
        said = read_texts(fill_templates(raw, [columns.text], "", errors, seed=0), columns.text, errors)
    errors.raise_if_any()
    source, strata = str(path), None
    if true is not None:
        given = read_label_file(Path(true).expanduser())
        if is_drawn_list(given):
            answered = ~np.isnan(values).all(axis=0)
            truth, strata, note = read_drawn_numbers(given, ids, answered, source, id_column)
            notes += (note,)
        else:
            truth = _true_numbers(given, ids, id_column, source)
    if texts is not None:
        said = _texts(texts, ids, id_column, of_texts, source)
    numbers = NumberTable(tuple(names), values, tuple(ids), source, (*raw.notes, *notes), intervals)
    return RatedTable(numbers, truth, None if said is None else tuple(said), has_ids, strata)


def _true_numbers(raw: RawTable, ids: list[str], id_column: str, source: str) -> np.ndarray:
    """Join true numbers of some points by id; of no point of the table they are an error."""
    errors = raw.errors()
    id_column = id_column if id_column in raw.columns else "id"  # as our own lists call it
    if id_column not in raw.columns:
        errors.fail(f"no column {id_column!r} with the points' ids; {suggest(id_column, raw.columns)}")
    others = [name for name in raw.columns if name != id_column]
    if TRUE not in others and len(others) != 1:
        errors.fail(f"expected the true numbers in a column {TRUE!r}, beside {id_column!r}; it has {few(others)}.")
    column = TRUE if TRUE in others else others[0]
    given = dict(zip(read_ids(raw, id_column, errors), read_numbers(raw, column, errors).tolist(), strict=True))
    unknown = [name for name in given if name not in set(ids)]
    if unknown:
        errors.add(
            f"{len(unknown):,} ids are no points of {source}: {few(unknown)}. Drop these rows.", column=id_column
        )
    errors.raise_if_any()
    return np.array([given.get(name, np.nan) for name in ids])


def _texts(path: str | Path, ids: list[str], id_column: str, text_column: str, source: str) -> list[str]:
    raw = read_label_file(Path(path).expanduser())
    errors = raw.errors()
    for name in (id_column, text_column):
        if name not in raw.columns:
            errors.fail(f"no column {name!r}; {suggest(name, raw.columns)}")
    found, said = read_ids(raw, id_column, errors), read_texts(raw, text_column, errors)
    errors.raise_if_any()
    return [said[row] for row in join_by_id(np.array(found), np.array(ids), str(path), source).tolist()]
