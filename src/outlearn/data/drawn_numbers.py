"""A list of points to give true numbers, drawn by strata: read back with how many points each row stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outlearn.core.labelers.strata import DrawnStrata
from outlearn.data.drawn_labels import AGAIN, ID, LABEL, joined_draws, read_draws
from outlearn.data.point_ids import read_ids, zeros_lost
from outlearn.data.raw_table import RawTable
from outlearn.data.read_numbers import read_numbers
from outlearn.errors import AlignmentError

__all__ = ["read_drawn_numbers"]


def read_drawn_numbers(
    raw: RawTable, ids: Sequence[str], answered: np.ndarray, source: str, id_column: str
) -> tuple[np.ndarray, DrawnStrata, str]:
    """Read the true numbers of a list that was drawn by strata.

    Args:
        raw: the list.
        ids: of the points of the table that it was drawn from.
        answered: which of these points a labeler gave a number, `[points]`.
        source: what that table is called.
        id_column: of the table; a list without it has `id`.

    Returns:
        The numbers, `[points]`, nan where none is known; which point was drawn from which stratum; and a note.

    Raises:
        DataError: if the list was filled in too little, a cell cannot be used, or its strata are not of this table.
        AlignmentError: if it holds points that the table does not.
    """
    errors = raw.errors()
    id_column = id_column if id_column in raw.columns else ID
    for column in (id_column, LABEL):
        if column not in raw.columns:
            errors.fail(f"no column {column!r}. Keep the columns that --label-next wrote.")
    found = read_ids(raw, id_column, errors)
    point_of = {name: i for i, name in enumerate(ids)}
    unknown = [name for name in found if name not in point_of]
    if unknown:
        raise AlignmentError(
            f"{raw.source}: {len(unknown)} of its {len(found)} ids are not in {source}, first {unknown[0]!r}: its "
            f"weights do not belong to that table. {zeros_lost(unknown, ids) or AGAIN}"
        )
    known = read_numbers(raw, LABEL, errors)
    rows = read_draws(raw, errors)
    errors.raise_if_any()
    given = ~np.isnan(known)
    where = np.array([point_of[name] for name in found])
    strata = joined_draws(raw, rows, where, given, answered, source)
    truth = np.full(len(ids), np.nan)
    truth[where[given]] = known[given]
    note = (
        f"{raw.source}: {int(given.sum()):,} of {len(found):,} points have a true number; they were drawn from "
        f"{strata.words}, and each counts for as many points as it stands for."
    )
    return truth, strata, note
