"""What preflight reads: the labels of several labelers as one checked table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from outlearn.data.labels import cell_value
from outlearn.data.problems import Problems
from outlearn.data.records import Records
from outlearn.errors import DataError, ShapeError, suggest

__all__ = ["FEWEST_POINTS", "LabelTable", "class_names_of", "make_table", "numbers_of", "read_column"]

FEWEST_POINTS = 20  # below, the interval of an agreement is wider than what it is to tell apart
NOT_CLASSES = 10  # different values from which a column is looked at with suspicion


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Hold weak labels. Build it with `make_table`, which checks it.

    Attributes:
        names: of the labelers.
        labels: int64 `[labelers, points]`, the number of a class, or -1 where the labeler gave none.
        class_names: in the order of the numbers.
        ids: of the points, as text.
        texts: of the points, or None.
        true_labels: int64 `[points]`, -1 where it is not known; None if none is.
        has_ids: the ids were given; else they are numbers from 1.
        source: where the labels came from.
        notes: what reading did that a reader should know.
    """

    names: tuple[str, ...]
    labels: Int[np.ndarray, "labelers points"]
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    texts: tuple[str, ...] | None = None
    true_labels: Int[np.ndarray, " points"] | None = None
    has_ids: bool = True
    source: str = "labels"
    notes: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        """Count the classes."""
        return len(self.class_names)

    @property
    def n_points(self) -> int:
        """Count the points."""
        return len(self.ids)


def make_table(table: LabelTable) -> LabelTable:
    """Check a table.

    Raises:
        ShapeError: if lengths differ.
        DataError: names everything else that makes it useless: one labeler, too few points, a labeler that gave no
            label or only one class, no point with two labels, a label that is no class.
    """
    n_labelers, n_points = table.labels.shape
    lengths = {"ids": len(table.ids), "texts": n_points if table.texts is None else len(table.texts)}
    lengths["true_labels"] = n_points if table.true_labels is None else len(table.true_labels)
    for what, length in lengths.items():
        if length != n_points:
            raise ShapeError(f"{table.source}: {length} {what} for {n_points} points. Give one for each point.")
    if len(table.names) != n_labelers:
        raise ShapeError(f"{table.source}: {len(table.names)} names for {n_labelers} labelers.")
    if n_labelers < 2:
        names = ", ".join(map(repr, table.names)) or "none"
        raise DataError(
            f"{table.source}: {n_labelers} labeler{'' if n_labelers == 1 else 's'} ({names}); expected two or more, or "
            "one that was asked twice, each answer in its own column. One answer a point says nothing about its error."
        )
    if n_points < FEWEST_POINTS:
        raise DataError(
            f"{table.source}: {n_points} points; expected at least {FEWEST_POINTS}. Fewer say nothing about agreement."
        )
    problems = Problems(table.source)
    if table.n_classes < 2:
        problems.add(f"all labels are {', '.join(map(repr, table.class_names))}; expected two classes or more.")
    for name, row in [*zip(table.names, table.labels, strict=True), ("true labels", table.true_labels)]:
        if row is not None and ((row < -1) | (row >= table.n_classes)).any():
            wrong = int(row[(row < -1) | (row >= table.n_classes)][0])
            problems.add(f"{name} has the label {wrong}; expected 0 to {table.n_classes - 1}, or -1 for none.")
    for name, row in zip(table.names, table.labels, strict=True) if not problems else ():
        given = np.unique(row[row >= 0])
        if not len(given):
            problems.add(f"labeler {name!r} has no label at all. Leave it out.")
        elif len(given) == 1:
            problems.add(
                f"labeler {name!r} always says {table.class_names[int(given[0])]!r}, whatever the point: there is "
                "nothing to learn from it. Leave it out (--labelers NAMES)."
            )
    if not problems and int(((table.labels >= 0).sum(axis=0) > 1).sum()) < FEWEST_POINTS:
        problems.add(
            f"fewer than {FEWEST_POINTS} points have labels of two labelers; agreement cannot be measured. Let two "
            "label the same points."
        )
    problems.raise_if_any()
    return table


def class_names_of(columns: Sequence[Sequence[str | None]]) -> tuple[str, ...]:
    """List the classes that occur: by number where all are whole numbers, else by name.

    Example:
        >>> class_names_of([["10", "9", None]]), class_names_of([["pos", "neg"]])
        (('9', '10'), ('neg', 'pos'))
    """
    found = {name for column in columns for name in column if name is not None}
    if all(name.lstrip("-").isdigit() for name in found):
        return tuple(sorted(found, key=int))
    return tuple(sorted(found))


def read_column(records: Records, column: str, problems: Problems, *, n_classes: int | None = None) -> list[str | None]:
    """Read a column of votes: names of classes, None where the cell is empty.

    Args:
        records: the table.
        column: its name.
        problems: what is wrong is added here.
        n_classes: how many classes were named beforehand; without, a column of very many values is refused.
    """
    votes: list[str | None] = []
    for cell, at in zip(records.columns[column], records.positions, strict=True):
        value = cell_value(cell)
        name: str | None = None
        if isinstance(value, bool):
            name = str(value).lower()
        elif isinstance(value, str) and value.lower() != "nan":
            name = value
        elif isinstance(value, int):
            name = str(value)
        elif isinstance(value, float) and not math.isnan(value):
            problems.add(
                f"is {value}; one number is no label. Write the class that it stands for.", at=at, column=column
            )
        elif isinstance(value, list | dict):
            problems.add(f"is {value!r}; expected one class. Write the most probable one.", at=at, column=column)
        elif value is not None:
            problems.add(f"is {cell!r}, which is no class. Leave the cell empty to abstain.", at=at, column=column)
        votes.append(name)
    different = len({name for name in votes if name is not None})
    if n_classes is None and different > max(NOT_CLASSES, len(votes) // 10) and not problems:
        problems.add(
            f"has {different:,} different values, too many for classes. Say which columns are labelers (--labelers), "
            "or which hold the ids and texts (--id-column, --text-column).",
            column=column,
        )
    return votes


def numbers_of(
    votes: Sequence[str | None], class_names: Sequence[str], records: Records, column: str, problems: Problems
) -> Int[np.ndarray, " points"]:
    """Turn names of classes into numbers, -1 for none; unknown names are problems."""
    place = {name: k for k, name in enumerate(class_names)}
    for vote, at in zip(votes, records.positions, strict=True):
        if vote is not None and vote not in place:
            problems.add(f"is {vote!r}, which is no class; {suggest(vote, class_names)}", at=at, column=column)
    return np.array([-1 if vote is None else place.get(vote, -1) for vote in votes], dtype=np.int64)
