"""Names of points, and joining the rows of one file to the points of another by them.

Rows are joined by id where both files have ids, else by position, and a note says which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, Shaped

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import is_gap
from outlearn.data.raw_table import RawTable
from outlearn.data.task import Task
from outlearn.data.wording import few
from outlearn.errors import AlignmentError

__all__ = [
    "by_position", "check_ids", "join_by_id", "name_of", "numbered_repeats", "read_ids", "refuse_repeats", "zeros_lost",
]  # fmt: skip

LONG_FORM = (
    " Make ids different; or, if each row is one annotation, name its columns id, annotator and label, and give the "
    "table as labels of several labelers (teacher.external, preflight)."
)


def read_ids(table: RawTable, column: str, errors: InputErrors, *, repeats: bool = False) -> list[str]:
    """Read a column of ids as stripped text, so that the id 7 of one file is the id "7" of another.

    A missing id is an error, and so is one that comes again, unless it `repeats`, as where each row is one annotation.
    """
    ids: list[str] = []
    first: dict[str, int] = {}
    for cell, at in table.cells(column):
        name = name_of(cell)
        if not name:
            errors.add("has no id. Fill it or drop the row.", at=at, column=column)
        elif name in first and not repeats:
            errors.add(
                f"the id {name!r} is already that of {table.unit} {first[name]}.{LONG_FORM}", at=at, column=column
            )
        first.setdefault(name, at)
        ids.append(name)
    return ids


def name_of(cell: object) -> str:
    """Write what a cell names as stripped text, a whole number without a point; nothing for a gap.

    Examples:
        >>> name_of(" 7 "), name_of(7.0), name_of(None)
        ('7', '7', '')
    """
    if is_gap(cell):
        return ""
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell).strip()


def check_ids(
    found: Sequence[str], task: Task, wanted: Sequence[str], column: str, missing: str, errors: InputErrors
) -> None:
    """Name the first few ids that are no point of the task, and the wanted points that have no row; count them."""
    known, there = set(task.ids), dict.fromkeys(found)
    unknown = [name for name in there if name not in known and name]
    absent = [name for name in wanted if name not in there]
    if unknown:
        errors.add(
            f"ids name no point of task {task.name!r} ({len(unknown):,}): {few(unknown)}. Its ids are like "
            f"{few(task.ids)}. Drop these rows (data.limit may have left their points out).",
            column=column,
        )
    if absent and missing == "error":
        errors.add(
            f"{len(absent):,} of {len(wanted):,} points have no row: {few(absent)}. Give each of them one, or set "
            "teacher.missing=abstain if the labeler may abstain.",
            column=column,
        )


def join_by_id(
    ids: Shaped[np.ndarray, " points"], wanted: Shaped[np.ndarray, " points_too"], source: str, other: str
) -> Int[np.ndarray, " points_too"]:
    """Find where each wanted id, of the file `other`, stands among `ids`, of `source`; both must hold the same ids.

    Raises:
        AlignmentError: names the first id that is missing, unknown or repeated.

    Examples:
        >>> join_by_id(np.array(["a", "b"]), np.array(["b", "a"]), "s.csv", "t.csv")
        array([1, 0])
    """
    refuse_repeats(ids, source)
    row_of = {name: index for index, name in enumerate(ids.tolist())}
    order = wanted.tolist()
    missing = [name for name in order if name not in row_of]
    extra = sorted(set(row_of) - set(order), key=str)
    if missing or extra:
        what = f"{len(missing)} ids of {other} are missing, first {missing[0]!r}" if missing else ""
        more = f"{len(extra)} are not in {other}, first {extra[0]!r}" if extra else ""
        raise AlignmentError(
            f"{source}: ids do not match: {'; '.join(filter(None, (what, more)))}. Save the same points."
        )
    return np.array([row_of[name] for name in order])


def zeros_lost(unknown: Sequence[str], known: Sequence[str]) -> str:
    """Say so if ids are unknown only because their leading zeros are gone; nothing otherwise.

    Examples:
        >>> zeros_lost(["7"], ["0007", "x"]), zeros_lost(["8"], ["0007"])
        ("Leading zeros are gone, which a spreadsheet takes off: '7' is '0007' there. Read the column as text.", '')
    """
    full = {name.lstrip("0"): name for name in known}
    if not unknown or not all(name.lstrip("0") in full for name in unknown):
        return ""
    first = unknown[0]
    return (
        f"Leading zeros are gone, which a spreadsheet takes off: {first!r} is {full[first.lstrip('0')]!r} there. Read "
        "the column as text."
    )


def refuse_repeats(ids: Shaped[np.ndarray, " points"], source: str) -> None:
    """Raise AlignmentError if an id comes twice."""
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        raise AlignmentError(
            f"{source}: the id {values[counts.argmax()].item()!r} comes {counts.max()} times. Make ids unique."
        )


def by_position(role: str, source: str, has_ids: bool, other: str, other_has_ids: bool) -> tuple[str, ...]:
    """Say so where only one of two files has ids, so that rows were joined by position.

    Examples:
        >>> by_position("target", "y.npy", False, "t.csv", True)
        ('y.npy has no ids, so the target was joined to the other points by position.',)
    """
    if has_ids == other_has_ids:  # neither: arrays in one order, as every array program has them
        return ()
    return (f"{other if has_ids else source} has no ids, so the {role} was joined to the other points by position.",)


def numbered_repeats(names: Sequence[str]) -> list[str]:
    """Number the later ones of equal names.

    Examples:
        >>> numbered_repeats(["lol", "ok", "lol"])
        ['lol', 'ok', 'lol#2']
    """
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
