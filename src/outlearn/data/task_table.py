"""Turn a table of records into a task: which column means what."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import cell_value, distribution
from outlearn.data.label_columns import LabelColumns, LongForm
from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.data.labeled_rows import read_labeled_rows
from outlearn.data.number_task import number_task_from_table
from outlearn.data.point_ids import read_ids
from outlearn.data.raw_table import RawTable
from outlearn.data.read_labels import read_labels
from outlearn.data.read_texts import read_texts
from outlearn.data.task import ASSIGNABLE, PAIR_NAMES, PREFERENCE_CLASSES, Task, make_task
from outlearn.data.task_kinds import TASK_KINDS
from outlearn.data.templates import fill_templates
from outlearn.data.wording import shortened
from outlearn.errors import suggest

__all__ = ["Columns", "split_names", "task_from_table"]

# What files call the splits.
OTHER_NAMES = {
    "training": "train", "dev": "validation", "val": "validation", "valid": "validation", "unsupervised": "student",
    "unlabelled": "student", "unlabeled": "student",
}  # fmt: skip
# What the command line calls the keys of columns.
FLAGS = {"text": " (--text-column)", "label": " (--true-column)", "id": " (--id-column)"}
SPLIT_OF_NAME = {**{name: name for name in ASSIGNABLE}, **OTHER_NAMES}


@dataclass(frozen=True)
class Columns:
    """Name the columns of a table. A column left at None has its usual name; optional ones may then be absent.

    `labelers` are columns of weak labels, of one labeler each. In a table whose rows are annotations, `annotator` says
    who labeled and `annotation` what was said. These have no usual names. `interval_level` is that at which columns
    NAME_low and NAME_high, or NAME_sd, of a labeler of numbers are meant to hold; None leaves them out.
    """

    text: str | None = None
    label: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    id: str | None = None
    group: str | None = None
    split: str | None = None
    labelers: tuple[str, ...] = ()
    annotator: str | None = None
    annotation: str | None = None
    interval_level: float | None = None

    def name(self, role: str) -> str:
        """Say which column plays a role.

        Examples:
            >>> Columns(text="sentence").name("text"), Columns().name("label")
            ('sentence', 'label')
        """
        return str(getattr(self, role) or role)


def task_from_table(table: RawTable, columns: Columns, *, name: str, seed: int = 0, kind: str | None = None) -> Task:
    """Build a task from a table.

    A table with `chosen` and `rejected` is a preference task: the two texts are put into slots a and b at random, and
    the label is the slot of the preferred one. There, `label` is optional: the share of raters who preferred `chosen`,
    or a list of both shares. Any other table needs `label`, where a cell may be empty, and `text` unless features are
    given. `id`, `group` and `split` are optional. The names of text columns may be templates; see
    `outlearn.data.templates`. The seed is that of the slot swap, and of the answers that a template shows. With kind
    "regression" labels and those of labelers are numbers.

    Raises:
        DataError: names every problem, up to ten: file, line, column, what came, what to do.
    """
    errors = table.errors()
    numeric = kind is not None and TASK_KINDS[kind].numeric
    preference = not numeric and _is_preference(table, columns, errors)
    if preference:
        roles: tuple[str, ...] = ("chosen", "rejected")
    else:
        roles = ("text", "label") if table.features is None else ("label",)
    names = [columns.name(role) for role in roles if role != "label"]
    table = fill_templates(table, names, columns.name("label"), errors, seed=seed)
    errors.raise_if_any()
    named = [role for role in ("id", "group", "split", "label") if getattr(columns, role) is not None]
    for role in dict.fromkeys((*roles, *named)):
        if columns.name(role) not in table.columns:
            errors.add(
                f"no column {columns.name(role)!r} for data.{role}_column{FLAGS.get(role, '')}; "
                f"{suggest(columns.name(role), table.columns)}"
            )
    for labeler in columns.labelers:
        if labeler not in table.columns:
            errors.add(f"no column {labeler!r} for data.labelers; {suggest(labeler, table.columns)}")
    errors.raise_if_any()

    labels = None
    if columns.annotator is not None or columns.annotation is not None:
        table, labels = _annotations(table, columns, errors, preference=preference)
    id_column = columns.name("id")
    ids = read_ids(table, id_column, errors) if id_column in table.columns else None
    groups = _names(table, columns.name("group"), errors)
    assigned = _assigned(table, columns.name("split"), errors)
    common: dict[str, Any] = {
        "name": name, "ids": ids, "groups": groups, "assigned": assigned, "source": table.source,
        "notes": list(table.notes),
    }  # fmt: skip
    if preference:
        chosen = read_texts(table, columns.name("chosen"), errors)
        rejected = read_texts(table, columns.name("rejected"), errors)
        share = _share_for_chosen(table, columns.name("label"), errors)
        differ = np.array([first.strip() != second.strip() for first, second in zip(chosen, rejected, strict=True)])
        if not differ.any() and not errors:
            errors.add("the two texts are the same in every record, so that neither is better. Check the columns.")
        if share is not None and (share == 0.5).all() and not errors:
            errors.add(
                "every pair is a tie, half of the raters for each text: nothing says which is better. Give pairs of "
                "which one text was preferred.",
                column=columns.name("label"),
            )
        weak = read_labels(table, columns.labelers, errors, class_names=PAIR_NAMES) if columns.labelers else None
        errors.raise_if_any()
        task = _preference_task(chosen, rejected, share, weak, seed=seed, common=common)
        if differ.all():
            return task
        note = f"Pairs left out because their two texts are the same, so that neither is better: {(~differ).sum():,}."
        return task.select(np.flatnonzero(differ), note=note)
    texts = read_texts(table, columns.name("text"), errors) if "text" in roles else None
    if numeric:
        if columns.annotator is not None:
            errors.fail("a row an annotation is for classes; for numbers give each labeler a column (data.labelers).")
        parts = {**common, "texts": texts, "features": table.features}
        return number_task_from_table(
            table, columns.name("label"), columns.labelers, errors, parts, interval_level=columns.interval_level
        )
    if labels is None:
        named_parts = LabelColumns(true=columns.name("label"), labelers=columns.labelers)
        _, labels = read_labeled_rows(table, named_parts, None, errors)
    errors.raise_if_any()
    before = len(labels.notes)
    labels = labels.with_classes_used() if table.class_names is not None else labels
    assert labels.true_labels is not None
    missing = int((labels.true_labels == UNLABELED).sum())
    note = f"{missing:,} of {len(table):,} points have no label: students alone learn from them."
    return make_task(
        texts=texts,
        features=table.features,
        class_names=labels.class_names,
        labels=labels.true_labels,
        target=labels.true_probs,
        weak_labels=_of_points(labels, ids) if columns.labelers or columns.annotator else None,
        **{**common, "notes": [*table.notes, *labels.notes[before:], *([note] if missing else [])]},
    )


def _annotations(
    table: RawTable, columns: Columns, errors: InputErrors, *, preference: bool
) -> tuple[RawTable, LabelTable]:
    """Read a table whose rows are annotations: the rows of its items, and their labels."""
    if columns.annotator is None or columns.annotation is None or columns.labelers or preference:
        errors.fail(
            "data.annotator_column and data.annotation_column name who labeled and what was said, a row an annotation "
            "of a text; they go together, and without data.labelers, chosen and rejected."
        )
    for name in (columns.name("id"), columns.annotator, columns.annotation):
        if name not in table.columns:
            errors.fail(f"no column {name!r} for a row an annotation; {suggest(name, table.columns)}")
    form = LongForm(columns.name("id"), columns.annotator, columns.annotation)
    return read_labeled_rows(table, LabelColumns(true=columns.name("label")), form, errors)


def _of_points(labels: LabelTable, ids: Sequence[str] | None) -> LabelTable:
    """Name the points of weak labels as the task does, and leave the true labels to it."""
    names = tuple(map(str, range(labels.n_points))) if ids is None else tuple(ids)
    return replace(labels, ids=names, has_ids=ids is not None, true_labels=None, true_probs=None)


def _is_preference(table: RawTable, columns: Columns, errors: InputErrors) -> bool:
    """Decide between texts and pairs by the columns that are there, or that the user named."""
    named_pair = columns.chosen is not None or columns.rejected is not None
    if named_pair and columns.text is not None:
        errors.add(
            "text_column and chosen_column or rejected_column are both given: a point is a text or a pair. Give one."
        )
    has_pair = "chosen" in table.columns and "rejected" in table.columns
    if has_pair and "text" in table.columns and not named_pair and columns.text is None:
        errors.add(
            "has the columns text, chosen and rejected. Name the one to use: data.text_column or data.chosen_column."
        )
    return named_pair or (has_pair and columns.text is None)


def _names(table: RawTable, column: str, errors: InputErrors) -> list[str] | None:
    """Read an optional column of names: texts or whole numbers."""
    if column not in table.columns:
        return None
    names = []
    for cell, at in table.cells(column):
        usable = isinstance(cell, str | int) and not isinstance(cell, bool) and str(cell).strip()
        if not usable:
            errors.add(
                f"is {shortened(cell)}; expected a name or a whole number in every record.", at=at, column=column
            )
        names.append(str(cell).strip())
    return names


def split_names(values: list[Any]) -> Iterator[str | None]:
    """Read how a file names splits: teacher, student, train, validation (dev, val), test; None for anything else."""
    for value in values:
        yield SPLIT_OF_NAME.get(value.strip().lower()) if isinstance(value, str) else None


def _assigned(table: RawTable, column: str, errors: InputErrors) -> list[str] | None:
    """Read an optional column of split names."""
    if column not in table.columns:
        return None
    assigned = []
    cells = table.columns[column]
    for cell, name, at in zip(cells, split_names(cells), table.positions, strict=True):
        if name is None:
            errors.add(f"is {shortened(cell)}; {suggest(cell, SPLIT_OF_NAME)}", at=at, column=column)
        assigned.append(name or "")
    return assigned


def _share_for_chosen(table: RawTable, column: str, errors: InputErrors) -> Float[np.ndarray, " points"] | None:
    """Read the share of raters who preferred `chosen`; without the column it is 1."""
    if column not in table.columns:
        return None
    shares = []
    for cell, at in table.cells(column):
        value = cell_value(cell)
        if isinstance(value, list | dict):
            both = distribution(value, ("chosen", "rejected"))
            value, problem = (math.nan, both) if isinstance(both, str) else (both[0], "")
        else:
            usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
            wanted = "for a pair it is the share of raters who preferred 'chosen', from 0 to 1."
            problem = "" if usable else f"is {shortened(cell)}; {wanted}"
        if problem:
            errors.add(problem, at=at, column=column)
        shares.append(math.nan if problem else float(value))
    return np.array(shares)


def _preference_task(
    chosen: list[str],
    rejected: list[str],
    share: Float[np.ndarray, " points"] | None,
    weak: LabelTable | None,
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
    if weak is not None:
        weak = _of_points(weak.with_classes_swapped(slots == 1, PREFERENCE_CLASSES), common["ids"])
    return make_task(
        kind="preference",
        weak_labels=weak,
        class_names=PREFERENCE_CLASSES,
        pairs=pairs,
        labels=labels,
        target=target,
        first_slot=slots,
        **common,
    )
