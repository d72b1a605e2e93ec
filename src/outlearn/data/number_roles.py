"""Which columns of numbers are labelers': those that go together, with one another and with the true numbers.

Minutes, prices and counts are numbers too. Labelers of one target answer on its scale and rise with it, which Lin's
concordance measures: 1 between the same numbers, about 0 where two columns have nothing to do with each other, or are
on other scales.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.sparse.csgraph import connected_components
from scipy.special import ndtri

from outlearn.core.numbers import Numbers
from outlearn.core.students.concordance import concordance_matrix
from outlearn.data.input_errors import InputErrors
from outlearn.data.interval_columns import labelers_among
from outlearn.data.label_cells import cell_value, is_gap
from outlearn.data.raw_table import RawTable
from outlearn.data.read_numbers import read_ratings, refuse_other_spellings
from outlearn.data.wording import few

__all__ = ["go_together", "holds_numbers", "number_labelers"]

FEWEST = 20  # points with both numbers, below which two columns are not told apart
LEAST = 0.1  # concordance of columns that go together
CHANCE = 0.01  # that two of the columns go together by it, where none do


def holds_numbers(table: RawTable, column: str) -> bool:
    """Say whether most cells that are not empty are numbers; those that are none are named where they are read."""
    given = [value for cell, _ in table.cells(column) if (value := cell_value(cell)) is not None]
    n_numbers = sum(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
    return 2 * n_numbers > len(given)


def number_labelers(
    table: RawTable, free: Sequence[str], truth: str | None, errors: InputErrors, *, truth_alone: bool = False
) -> tuple[list[str], tuple[str, ...]]:
    """Find the labelers among columns, and those that are none; columns of their intervals are neither.

    Args:
        table: a row a point.
        free: columns that play no other part.
        truth: the column of true numbers, if there is one.
        errors: noted so far.
        truth_alone: true numbers without labelers will do.

    Raises:
        DataError: if columns are as likely labelers as not.
    """
    refuse_other_spellings(table, free, errors)
    numeric = [name for name in free if holds_numbers(table, name)]
    candidates, around = labelers_among(numeric, errors, "name all labelers (--labelers)")
    names = [*candidates, *([truth] if truth else [])]
    kept = [candidates[k] for k in _together(_values(table, names), names, anchored=truth is not None, errors=errors)]
    if truth and candidates and not kept and (not truth_alone or any(is_gap(c) for c in table.columns[truth])):
        otherwise = f", or --labelers none if teachers are to be trained on {truth!r}" if truth_alone else ""
        errors.fail(
            f"{few(candidates)} hold{'s' if len(candidates) == 1 else ''} numbers that do not go with the true ones in "
            f"{truth!r} (Lin's concordance is about 0 or below: another scale, the other way round, or another thing). "
            f"Say --labelers {shlex.quote(','.join(candidates))} if students are to learn from "
            f"{'it' if len(candidates) == 1 else 'them'}{otherwise}."
        )
    return kept, tuple(name for name in free if name not in kept and name not in around.names)


def go_together(table: RawTable, columns: Sequence[str]) -> bool:
    """Say whether any two columns of numbers go together."""
    return len(columns) > 1 and bool(_links(_values(table, columns))[0].any())


def _values(table: RawTable, columns: Sequence[str]) -> Float[np.ndarray, "columns points"]:
    unread = InputErrors(str(table.source))  # what is no number is named when the labelers are read
    return np.array([read_ratings(table, name, unread)[0] for name in columns])


def _together(
    values: Float[np.ndarray, "columns points"], names: Sequence[str], *, anchored: bool, errors: InputErrors
) -> list[int]:
    """Choose the columns that go together: with the last one if `anchored`, else the most that do.

    Of a column that shares too few points with every other nothing is known, and it is kept; so are all, if no two are
    shown to go together and nothing is known of what they should go with.
    """
    n_others = len(values) - anchored
    if not n_others:
        return []
    linked, known = _links(values)
    alone = ~np.asarray(known.any(axis=1))
    group: np.ndarray = connected_components(linked, directed=False)[1]
    sizes = np.bincount(group)[group]
    largest = np.unique(group[sizes == sizes.max()])
    if anchored and not alone[-1]:
        chosen = np.asarray(group == group[-1])
    elif sizes.max() == 1:
        chosen = np.full(len(values), True)
    else:
        if len(largest) > 1:
            groups = [[names[k] for k in np.flatnonzero(group == each).tolist()] for each in largest.tolist()]
            errors.fail(
                f"the columns {' and '.join(few(each) for each in groups)} hold numbers that go together, and not with "
                "the others. Say which are labelers: --labelers."
            )
        chosen = np.asarray(group == largest[0])
    return [k for k in range(n_others) if chosen[k] or alone[k]]


def _links(
    values: Float[np.ndarray, "columns points"],
) -> tuple[Bool[np.ndarray, "columns columns"], Bool[np.ndarray, "columns columns"]]:
    """Mark the pairs of columns that go together, and those of which that can be known."""
    numbers = Numbers.from_values(values)
    there = (~np.isnan(values)).astype(np.float64)
    shared = there @ there.T
    known = shared >= FEWEST
    np.fill_diagonal(known, val=False)
    found = np.nan_to_num(concordance_matrix(numbers, numbers))
    # Columns that have nothing to do with each other have a correlation of about N(0, 1 / points).
    deviations = -ndtri(CHANCE / max(len(values) * (len(values) - 1) / 2, 1))
    return known & (found >= np.maximum(LEAST, deviations / np.sqrt(np.maximum(shared, 1)))), known
