"""A list of points to give true labels, drawn by strata: written for people to fill in, and read back as true labels.

Each row says of which stratum its point is, how many points that has, and how many points of the table the row stands
for. Only the first two are read: the weights are those of the points that were filled in, N_h / n_h.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

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
    "AGAIN", "ID", "LABEL", "drawn_list", "is_drawn_list", "listed", "read_strata", "refuse_thin_strata",
    "with_drawn_truth",
]  # fmt: skip

ID, LABEL, STRATUM, STRATUM_POINTS, WEIGHT = "id", "label", "stratum", "stratum_points", "weight"
AGAIN = "Give the table that the list was drawn from, or draw again (--label-next)."


def drawn_list(table: LabelTable, points: Sequence[int], strata: Sequence[int], sizes: Sequence[int]) -> str:
    """Write the list as CSV: an id, an empty label to fill in, the stratum and its size, the weight, and the text.

    What labelers said is left out, so that it sways nobody.

    Args:
        table: what the points were drawn from.
        points: which points, in the order to label them; those whose truth is known stand first, filled in.
        strata: the stratum of each, from 1.
        sizes: points of each stratum.
    """
    known = [UNLABELED if table.true_labels is None else int(table.true_labels[i]) for i in points]
    labels = ["" if label == UNLABELED else table.class_names[label] for label in known]
    return listed(table.ids, table.texts, labels, points, strata, sizes)


def listed(
    ids: Sequence[str],
    texts: Sequence[str] | None,
    truth: Sequence[str],
    points: Sequence[int],
    strata: Sequence[int],
    sizes: Sequence[int],
) -> str:
    """Write a list of points, drawn by strata, as CSV; `truth` is what is known of each, "" for nothing."""
    counts = np.bincount(np.array(strata), minlength=len(sizes) + 1)
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([ID, LABEL, STRATUM, STRATUM_POINTS, WEIGHT, *([] if texts is None else ["text"])])
    for i, known, h in zip(points, truth, strata, strict=True):
        row = [ids[i], known, h, sizes[h - 1], f"{sizes[h - 1] / counts[h]:.4f}"]
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
    id_column = id_column if id_column in raw.columns else ID
    for column in (id_column, LABEL):
        if column not in raw.columns:
            errors.fail(f"no column {column!r}. Keep the columns that --label-next wrote.")
    ids = read_ids(raw, id_column, errors)
    point_of = {name: i for i, name in enumerate(table.ids)}
    unknown = [name for name in ids if name not in point_of]
    if unknown:
        raise AlignmentError(
            f"{raw.source}: {len(unknown)} of its {len(ids)} ids are not in {table.source}, first {unknown[0]!r}: its "
            f"weights do not belong to that table. {zeros_lost(unknown, table.ids) or AGAIN}"
        )
    known = read_labels(raw, [LABEL], errors, class_names=table.class_names).labels[0]
    strata, sizes = read_strata(raw, errors)
    errors.raise_if_any()
    n_labeled = int(table.answered.any(axis=0).sum())
    if sum(sizes) != n_labeled:
        raise DataError(
            f"{raw.source}: its strata hold {sum(sizes):,} points, and {n_labeled:,} points of {table.source} have "
            f"labels: its weights do not belong to that table. {AGAIN}"
        )
    given = known != UNLABELED
    rows = np.array([point_of[name] for name in ids])[given]
    of_point = np.full(table.n_points, UNLABELED, dtype=np.int64)
    of_point[rows] = strata[given]
    refuse_thin_strata(raw, of_point, sizes)
    truth = np.full(table.n_points, UNLABELED, dtype=np.int64)
    truth[rows] = known[given]
    _refuse_other_truth(raw, table, truth)
    note = (
        f"{raw.source}: {int(given.sum()):,} of {len(ids):,} points have a true label; they were drawn from "
        f"{len(sizes)} strata, and each counts for as many points as it stands for."
    )
    return replace(table, true_labels=truth, true_strata=DrawnStrata(of_point, sizes), notes=(*table.notes, note))


def read_strata(raw: RawTable, errors: InputErrors) -> tuple[np.ndarray, tuple[int, ...]]:
    """Read the stratum of each row, from 0, and the points of each stratum."""
    of_row: list[int] = []
    size_of: dict[int, int] = {}
    for (written, at), (points, _) in zip(raw.cells(STRATUM), raw.cells(STRATUM_POINTS), strict=True):
        stratum, size = _whole(written), _whole(points)
        if stratum is None or size is None:
            column, cell = (STRATUM, written) if stratum is None else (STRATUM_POINTS, points)
            errors.add(
                f"is {cell!r}, expected a whole number from 1 on. Leave it as --label-next wrote it.",
                at=at,
                column=column,
            )
        elif size_of.setdefault(stratum, size) != size:
            errors.add(
                f"is {size}, and {size_of[stratum]} in another row of stratum {stratum}. Leave it as --label-next "
                "wrote it.",
                at=at,
                column=STRATUM_POINTS,
            )
        of_row.append(stratum or 0)
    errors.raise_if_any()
    names = sorted(size_of)
    place = {name: h for h, name in enumerate(names)}
    return np.array([place[name] for name in of_row]), tuple(size_of[name] for name in names)


def _whole(cell: object) -> int | None:
    value = cell_value(cell)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if float(value).is_integer() and value >= 1 else None


def refuse_thin_strata(raw: RawTable, of_point: np.ndarray, sizes: Sequence[int]) -> None:
    """Refuse a list of which too few points of a stratum were filled in, or more than it has.

    Raises:
        DataError: names the stratum.
    """
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
