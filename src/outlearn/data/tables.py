"""Turn a table of records into a task: which column means what."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int64

from outlearn.data.labels import Labels, cell_value, distribution, parse_labels
from outlearn.data.problems import Problems
from outlearn.data.records import Records
from outlearn.data.task import ASSIGNABLE, PREFERENCE_CLASSES, UNLABELLED, Task, make_task
from outlearn.data.templates import fill_templates
from outlearn.errors import suggest

__all__ = ["Columns", "split_names", "task_from_records"]

# How files spell the splits.
SPELLINGS = {
    "training": "train", "dev": "validation", "val": "validation", "valid": "validation", "unsupervised": "student",
    "unlabelled": "student", "unlabeled": "student",
}  # fmt: skip
SPLIT_SPELLINGS = {**{name: name for name in ASSIGNABLE}, **SPELLINGS}


@dataclass(frozen=True)
class Columns:
    """Name the columns of a table. A column left at None has its usual name; optional ones may then be absent."""

    text: str | None = None
    label: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    id: str | None = None
    group: str | None = None
    split: str | None = None

    def name(self, role: str) -> str:
        """Say which column plays a role.

        Example:
            >>> Columns(text="sentence").name("text"), Columns().name("label")
            ('sentence', 'label')
        """
        return str(getattr(self, role) or role)


def task_from_records(
    records: Records,
    columns: Columns,
    *,
    name: str,
    features: Float[np.ndarray, "points features"] | None = None,
    seed: int = 0,
    licence: str = "",
) -> Task:
    """Build a task from a table.

    A table with `chosen` and `rejected` is a preference task: the two texts are put into slots a and b at random, and
    the label is the slot of the preferred one. There, `label` is optional: the share of raters who preferred `chosen`,
    or a list of both shares. Any other table needs `label`, where a cell may be empty, and `text` unless features are
    given. `id`, `group` and `split` are optional. The names of text columns may be templates; see
    `outlearn.data.templates`.

    Args:
        records: the table.
        columns: which column is which.
        name: of the task.
        features: precomputed, `[points, features]`, one row a record.
        seed: of the slot swap, and of the answers that a template shows.
        licence: of the data.

    Raises:
        DataError: names every problem, up to ten: file, line, column, what came, what to do.
    """
    problems = records.problems()
    preference = _is_preference(records, columns, problems)
    if preference:
        roles: tuple[str, ...] = ("chosen", "rejected")
    else:
        roles = ("text", "label") if features is None else ("label",)
    names = [columns.name(role) for role in roles if role != "label"]
    records = fill_templates(records, names, columns.name("label"), problems, seed=seed)
    problems.raise_if_any()
    for role in roles:
        _require(records, columns.name(role), role, problems)
    for role in ("id", "group", "split", "label"):
        if getattr(columns, role) is not None and role not in roles:
            _require(records, columns.name(role), role, problems)
    problems.raise_if_any()

    ids = _names(records, columns.name("id"), problems)
    _refuse_twice(ids, records, columns.name("id"), problems)
    groups = _names(records, columns.name("group"), problems)
    assigned = _assigned(records, columns.name("split"), problems)
    common: dict[str, Any] = {
        "name": name, "ids": ids, "groups": groups, "assigned": assigned, "source": records.source, "licence": licence,
    }  # fmt: skip
    if preference:
        chosen = _texts(records, columns.name("chosen"), problems)
        rejected = _texts(records, columns.name("rejected"), problems)
        share = _share_for_chosen(records, columns.name("label"), problems)
        differ = np.array([first.strip() != second.strip() for first, second in zip(chosen, rejected, strict=True)])
        if not differ.any() and not problems:
            problems.add("the two texts are the same in every record, so that neither is better. Check the columns.")
        problems.raise_if_any()
        task = _preference_task(chosen, rejected, share, seed=seed, common=common)
        if differ.all():
            return task
        note = f"Pairs left out because their two texts are the same, so that neither is better: {(~differ).sum():,}."
        return task.select(np.flatnonzero(differ), note=note)
    texts = _texts(records, columns.name("text"), problems) if "text" in roles else None
    parsed = parse_labels(records, columns.name("label"), problems)
    problems.raise_if_any()
    labels = cast(Labels, parsed)  # None only with a problem, and then the line above raised
    missing = int((labels.labels == UNLABELLED).sum())
    note = f"{missing:,} of {len(records):,} points have no label: students alone learn from them."
    return make_task(
        texts=texts,
        features=features,
        class_names=labels.class_names,
        labels=labels.labels,
        target=labels.target,
        notes=[note] if missing else [],
        **common,
    )


def _is_preference(records: Records, columns: Columns, problems: Problems) -> bool:
    """Decide between texts and pairs by the columns that are there, or that the user named."""
    named_pair = columns.chosen is not None or columns.rejected is not None
    if named_pair and columns.text is not None:
        problems.add(
            "text_column and chosen_column or rejected_column are both given: a point is a text or a pair. Give one."
        )
    has_pair = "chosen" in records.columns and "rejected" in records.columns
    if has_pair and "text" in records.columns and not named_pair and columns.text is None:
        problems.add(
            "has the columns text, chosen and rejected. Name the one to use: data.text_column or data.chosen_column."
        )
    return named_pair or (has_pair and columns.text is None)


def _require(records: Records, column: str, role: str, problems: Problems) -> None:
    if column not in records.columns:
        problems.add(f"no column {column!r} for data.{role}_column; {suggest(column, records.columns)}")


def _texts(records: Records, column: str, problems: Problems) -> list[str]:
    """Check a column of texts; a text keeps its own blanks."""
    texts = []
    for cell, at in zip(records.columns[column], records.positions, strict=True):
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            problems.add("is empty. Fill it or drop the record.", at=at, column=column)
        elif not isinstance(cell, str):
            problems.add(f"is {_short(cell)}, a {type(cell).__name__}; expected a text.", at=at, column=column)
        texts.append(cell if isinstance(cell, str) else "")
    return texts


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _names(records: Records, column: str, problems: Problems) -> list[str] | None:
    """Read an optional column of names: texts or whole numbers."""
    if column not in records.columns:
        return None
    names = []
    for cell, at in zip(records.columns[column], records.positions, strict=True):
        usable = isinstance(cell, str | int) and not isinstance(cell, bool) and str(cell).strip()
        if not usable:
            problems.add(f"is {_short(cell)}; expected a name or a whole number in every record.", at=at, column=column)
        names.append(str(cell).strip())
    return names


def _refuse_twice(ids: list[str] | None, records: Records, column: str, problems: Problems) -> None:
    """Name every id that occurs a second time."""
    first: dict[str, int] = {}
    for name, at in zip(ids or [], records.positions if ids else [], strict=True):
        if name in first:
            problems.add(
                f"the id {name!r} is already that of {records.unit} {first[name]}. Make ids different.",
                at=at,
                column=column,
            )
        first.setdefault(name, at)


def split_names(values: list[Any]) -> Iterator[str | None]:
    """Read how a file names splits: teacher, student, train, validation (dev, val), test; None for anything else."""
    for value in values:
        yield SPLIT_SPELLINGS.get(value.strip().lower()) if isinstance(value, str) else None


def _assigned(records: Records, column: str, problems: Problems) -> list[str] | None:
    """Read an optional column of split names."""
    if column not in records.columns:
        return None
    assigned = []
    cells = records.columns[column]
    for cell, name, at in zip(cells, split_names(cells), records.positions, strict=True):
        if name is None:
            problems.add(f"is {_short(cell)}; {suggest(cell, SPLIT_SPELLINGS)}", at=at, column=column)
        assigned.append(name or "")
    return assigned


def _share_for_chosen(records: Records, column: str, problems: Problems) -> Float[np.ndarray, " points"] | None:
    """Read the share of raters who preferred `chosen`; without the column it is 1."""
    if column not in records.columns:
        return None
    shares = []
    for cell, at in zip(records.columns[column], records.positions, strict=True):
        value = cell_value(cell)
        if isinstance(value, list | dict):
            row, problem = distribution(value, ("chosen", "rejected"))
            value = row[0] if row else None
        else:
            inside = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
            problem = (
                None
                if inside and math.isfinite(value)
                else (
                    f"is {_short(cell)}; for a pair it is the share of raters who preferred {'chosen'!r}, from 0 to 1."
                )
            )
        if problem:
            problems.add(problem, at=at, column=column)
        shares.append(float(value) if not problem and value is not None else math.nan)
    return np.array(shares)


def _preference_task(
    chosen: list[str],
    rejected: list[str],
    share: Float[np.ndarray, " points"] | None,
    *,
    seed: int,
    common: dict[str, Any],
) -> Task:
    """Put the two texts of each record into slots a and b at random, so that the slot alone says nothing."""
    slots: Int64[np.ndarray, " points"] = np.random.default_rng(seed).integers(0, 2, size=len(chosen))
    pairs = [(r, c) if slot else (c, r) for c, r, slot in zip(chosen, rejected, slots.tolist(), strict=True)]
    labels, target = slots, None
    if share is not None:
        for_a = np.where(slots == 0, share, 1 - share)
        soft = np.stack([for_a, 1 - for_a], axis=1)
        labels = soft.argmax(1)
        target = None if np.isin(share, (0.0, 1.0)).all() else soft
    return make_task(
        kind="preference",
        class_names=PREFERENCE_CLASSES,
        pairs=pairs,
        labels=labels,
        target=target,
        first_slot=slots,
        **common,
    )
