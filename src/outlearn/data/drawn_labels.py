"""A list of points to give true labels, drawn by strata: written for people to fill in, and read back as true labels.

Each row says in which draw its point was drawn, of which stratum it is, how many points that has, and how many points
of the table the row stands for. The last is not read: the weights are those of the points that were filled in. A list
that was drawn on top of another holds what was filled in of that one; see `outlearn.core.labelers.strata`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from outlearn.core.labelers.strata import LEAST_DRAWN, DrawnStrata
from outlearn.core.spreadsheet_cells import guarded
from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import cell_value
from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.data.point_ids import read_ids, zeros_lost
from outlearn.data.raw_table import RawTable
from outlearn.data.read_labels import read_labels
from outlearn.errors import AlignmentError, DataError

__all__ = [
    "LABEL", "DrawnRows", "drawn_list", "is_drawn_list", "joined_draws", "listed", "points_of_list", "read_draws",
    "with_drawn_truth",
]  # fmt: skip

ID, LABEL, DRAW, STRATUM, STRATUM_POINTS, WEIGHT = "id", "label", "draw", "stratum", "stratum_points", "weight"
AGAIN = "Give the table that the list was drawn from, or draw again (--label-next)."


def drawn_list(table: LabelTable, points: Sequence[int], strata: DrawnStrata) -> str:
    """Write the list as CSV: an id, an empty label to fill in, draw, stratum and its size, the weight, and the text.

    What labelers said is left out, so that it sways nobody.

    Args:
        table: what the points were drawn from.
        points: which points, in the order to label them; those whose truth is known stand first, filled in.
        strata: how all of them were drawn.
    """
    known = [UNLABELED if table.true_labels is None else int(table.true_labels[i]) for i in points]
    labels = ["" if label == UNLABELED else table.class_names[label] for label in known]
    return listed(table.ids, table.texts, labels, points, strata)


def listed(
    ids: Sequence[str],
    texts: Sequence[str] | None,
    truth: Sequence[str],
    points: Sequence[int],
    strata: DrawnStrata,
) -> str:
    """Write a list of points, drawn by strata, as CSV; `truth` is what is known of each, "" for nothing."""
    draw, number, weights = strata.draws + 1, strata.within_draw + 1, strata.weights
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([ID, LABEL, DRAW, STRATUM, STRATUM_POINTS, WEIGHT, *([] if texts is None else ["text"])])
    for i, known in zip(points, truth, strict=True):
        h = int(strata.of_point[i])
        row = [ids[i], known, draw[h], number[h], strata.sizes[h], f"{weights[i]:.4f}"]
        writer.writerow([guarded(cell) for cell in (row if texts is None else [*row, texts[i]])])
    return sheet.getvalue()


def is_drawn_list(raw: RawTable) -> bool:
    """Say whether a table says of which stratum its points are.

    Raises:
        DataError: if it has weights alone: of which stratum a point is must be known too.
    """
    there = [name for name in (STRATUM, STRATUM_POINTS) if name in raw.columns]
    if len(there) < 2 and (there or WEIGHT in raw.columns):
        missing = next(name for name in (STRATUM, STRATUM_POINTS) if name not in raw.columns)
        raise DataError(
            f"{raw.source}: has a column {[*there, WEIGHT][0]!r} and none called {missing!r}: how its points were "
            f"drawn cannot be told. Keep the columns {STRATUM} and {STRATUM_POINTS} that --label-next wrote, or drop "
            f"{WEIGHT!r} if all points had the same chance."
        )
    return len(there) == 2


def with_drawn_truth(table: LabelTable, raw: RawTable, id_column: str) -> LabelTable:
    """Join the true labels of a list that was drawn by strata.

    Raises:
        DataError: if the list was filled in too little, a cell cannot be used, its strata are not of this table, or it
            contradicts true labels that the table has itself.
        AlignmentError: if it holds points that the table does not.
    """
    errors = raw.errors()
    where = points_of_list(raw, table.ids, table.source, id_column, errors)
    known = read_labels(raw, [LABEL], errors, class_names=table.class_names).labels[0]
    rows = read_draws(raw, errors)
    errors.raise_if_any()
    given = known != UNLABELED
    strata = joined_draws(raw, rows, where, given, np.asarray(table.answered.any(axis=0)), table.source)
    truth = np.full(table.n_points, UNLABELED, dtype=np.int64)
    truth[where[given]] = known[given]
    _refuse_other_truth(raw, table, truth)
    note = (
        f"{raw.source}: {int(given.sum()):,} of {len(where):,} points have a true label; they were drawn from "
        f"{strata.words}, and each counts for as many points as it stands for."
    )
    return replace(table, true_labels=truth, true_strata=strata, notes=(*table.notes, note))


def points_of_list(
    raw: RawTable, ids: Sequence[str], source: str, id_column: str, errors: InputErrors
) -> Int[np.ndarray, " rows"]:
    """Find the points of a list in the table that it was drawn from.

    Args:
        raw: the list.
        ids: of the table's points.
        source: what the table is called.
        id_column: of the table; a list without it has `id`.
        errors: of the list; a missing column ends the reading.

    Raises:
        AlignmentError: if it holds points that the table does not.
    """
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
    return np.array([point_of[name] for name in found])


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """What a list says: of each row its draw and its stratum within it, from 0; of each draw its strata's sizes."""

    draw: np.ndarray
    stratum: np.ndarray
    sizes: tuple[tuple[int, ...], ...]


def read_draws(raw: RawTable, errors: InputErrors) -> DrawnRows:
    """Read draws, strata, and the points of each stratum."""
    of_row: list[tuple[int, int]] = []
    size_of: dict[tuple[int, int], int] = {}
    cells_of = {name: raw.cells(name) for name in (DRAW, STRATUM, STRATUM_POINTS) if name in raw.columns}
    for cells in zip(*cells_of.values(), strict=True):
        read = {name: _whole(cell) for name, (cell, _) in zip(cells_of, cells, strict=True)}
        for name, (cell, at) in zip(cells_of, cells, strict=True):
            if read[name] is None:
                errors.add(
                    f"is {cell!r}, expected a whole number from 1 on. Leave it as --label-next wrote it.",
                    at=at, column=name,
                )  # fmt: skip
                break
        draw, stratum, size = read.get(DRAW, 1) or 0, read[STRATUM] or 0, read[STRATUM_POINTS] or 0
        if all(read.values()) and size_of.setdefault((draw, stratum), size) != size:
            errors.add(
                f"is {size}, and {size_of[draw, stratum]} in another row of stratum {stratum}. Leave it as "
                "--label-next wrote it.",
                at=cells[-1][1], column=STRATUM_POINTS,
            )  # fmt: skip
        of_row.append((draw, stratum))
    errors.raise_if_any()
    draws = sorted({draw for draw, _ in size_of})
    strata = {draw: sorted(h for d, h in size_of if d == draw) for draw in draws}
    return DrawnRows(
        np.array([draws.index(draw) for draw, _ in of_row]),
        np.array([strata[draw].index(h) for draw, h in of_row]),
        tuple(tuple(size_of[draw, h] for h in strata[draw]) for draw in draws),
    )


def joined_draws(
    raw: RawTable, rows: DrawnRows, where: np.ndarray, given: np.ndarray, answered: np.ndarray, source: str
) -> DrawnStrata:
    """Join the draws of which truth is there; one of which none was filled in says nothing.

    Args:
        raw: the list.
        rows: what it says of its rows.
        where: the point of the table that each row is.
        given: which rows were filled in.
        answered: which points of the table somebody labeled.
        source: what the table is called.

    Raises:
        DataError: if the list was filled in too little, or its strata are not of this table.
    """
    _refuse_gaps_before_the_last_draw(raw, rows, given)
    n_labeled = int(answered.sum())
    joined, n_known = None, 0
    for k, sizes in enumerate(rows.sizes):
        if sum(sizes) + n_known != n_labeled:
            known_before = f", and {n_known:,} were known before" if n_known else ""
            raise DataError(
                f"{raw.source}: its strata hold {sum(sizes):,} points{known_before}, and {n_labeled:,} points of "
                f"{source} have labels: its weights do not belong to that table. {AGAIN}"
            )
        filled = given & (rows.draw == k)
        if k and not filled.any():
            break
        of_point = np.full(len(answered), UNLABELED, dtype=np.int64)
        of_point[where[filled]] = rows.stratum[filled]
        _refuse_thin_strata(raw, of_point, sizes)
        joined = DrawnStrata(of_point, sizes) if joined is None else joined.joined(of_point, sizes)
        n_known += int(filled.sum())
    assert joined is not None  # a list has rows
    return joined


def _whole(cell: object) -> int | None:
    value = cell_value(cell)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if float(value).is_integer() and value >= 1 else None


def _refuse_thin_strata(raw: RawTable, of_point: np.ndarray, sizes: Sequence[int]) -> None:
    counts = np.bincount(of_point[of_point >= 0], minlength=len(sizes))
    for h, (size, count) in enumerate(zip(sizes, counts.tolist(), strict=True), 1):
        if count > size:
            raise DataError(
                f"{raw.source}: {count:,} points of stratum {h}, which has {size:,}: its weights do not belong to this "
                f"list. {AGAIN}"
            )
        if count < min(LEAST_DRAWN, size):
            raise DataError(
                f"{raw.source}: {count} of the {size:,} points of stratum {h} have a true label; expected "
                f"{LEAST_DRAWN} or more. Label from the top of the list on: any number of the first rows is spread "
                "over the strata."
            )


def _refuse_gaps_before_the_last_draw(raw: RawTable, rows: DrawnRows, given: np.ndarray) -> None:
    """Refuse a point that a later draw took as known and that has no label any more: the later sizes count it."""
    gone = ~given & (rows.draw < len(rows.sizes) - 1)
    if gone.any():
        raise DataError(
            f"{raw.source}: {int(gone.sum())} points of draw {int(rows.draw[gone][0]) + 1} have no true label any "
            "more; the later draw was made with it. Put it back, or draw again from the list before (--label-next)."
        )


def _refuse_other_truth(raw: RawTable, table: LabelTable, truth: np.ndarray) -> None:
    """Refuse true labels of the table that the list lacks or contradicts: it holds those that were there."""
    if table.true_labels is None:
        return
    other = table.answered.any(axis=0) & (table.true_labels != UNLABELED) & (table.true_labels != truth)
    if other.any():
        first = int(np.flatnonzero(other)[0])
        raise DataError(
            f"{raw.source}: {int(other.sum()):,} true labels of {table.source} are not in it or differ, first that of "
            f"{table.ids[first]!r}. A list drawn from that table holds the true labels that were there: give the two "
            "that belong together."
        )
