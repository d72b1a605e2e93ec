"""A list of points to give true numbers, drawn by strata: read back with how many points each row stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outlearn.core.labelers.strata import DrawnStrata
from outlearn.data.drawn_labels import LABEL, joined_draws, points_of_list, read_draws
from outlearn.data.raw_table import RawTable
from outlearn.data.read_numbers import read_numbers

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
    where = points_of_list(raw, ids, source, id_column, errors)
    known = read_numbers(raw, LABEL, errors)
    rows = read_draws(raw, errors)
    errors.raise_if_any()
    given = ~np.isnan(known)
    strata = joined_draws(raw, rows, where, given, answered, source)
    truth = np.full(len(ids), np.nan)
    truth[where[given]] = known[given]
    note = (
        f"{raw.source}: {int(given.sum()):,} of {len(where):,} points have a true number; they were drawn from "
        f"{strata.words}, and each counts for as many points as it stands for."
    )
    return truth, strata, note
