"""Read columns of labels as classes or distributions: the one place that decides what a label is.

Nothing is guessed: labels are written in one way, or the error names the line that differs. Where the classes are known
beforehand (by a task, a dataset, an option), each cell may be a vote or a distribution; where they are found in the
labels, all labels are names, or whole numbers, or distributions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64

from outlearn.data.class_names import Classes, found_classes, known_classes, several_names, spelling
from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import MINUS_1, NEVER_A_CLASS, LabelCell, distribution, label_cells, rounding_note
from outlearn.data.label_columns import LongForm
from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.data.model_answers import class_shares
from outlearn.data.point_ids import name_of
from outlearn.data.raw_table import RawTable
from outlearn.data.wording import shortened

__all__ = ["read_annotations", "read_labels"]

SOFT = {"list", "object"}  # kinds of cells that are distributions
# What programs write for a missing number. Among names they may be the names of classes; among numbers they are none.
BLANKS = ("n/a", "na", "none", "null", *NEVER_A_CLASS)


def read_labels(
    table: RawTable,
    columns: Sequence[str],
    errors: InputErrors,
    *,
    class_names: Sequence[str] | None = None,
    normalise: bool = False,
) -> LabelTable:
    """Read columns of labels.

    Args:
        table: its `class_names`, if the file declares them, are indexed by whole numbers.
        columns: their names; they have the same classes.
        errors: noted so far.
        class_names: the classes, if they are known beforehand; then a vote is a name, or a number from 0 unless names
            are numbers.
        normalise: divide distributions by their sums.

    Returns:
        The labels, of as many labelers as columns and as many points as rows, whose ids are their numbers from 1.

    Raises:
        DataError: with the errors noted so far, if a label cannot be used.
    """
    before = len(errors)
    read = [cell for column in columns for cell in label_cells(table, column)]
    given = [cell for cell in read if cell.value is not None]
    if not given and class_names is None:
        errors.fail(
            "no record has a label, and so no class is known. Label some records, or name the column that has the "
            "labels: data.label_column.",
            column=columns[0] if len(columns) == 1 else None,
        )
    if class_names is None:
        given = _numbers_as_names(given)
        class_names = _named_by_distributions(given, table.class_names)
    _refuse_what_is_no_label(given, class_names or (), errors)
    errors.raise_if_any(beyond=before)
    classes = known_classes(class_names) if class_names is not None else _found(given, table.class_names, errors)
    labels, probs, spread = _coded(given, columns, classes, errors, len(table), normalise, class_names is not None)
    errors.raise_if_any(beyond=before)
    if class_names is None and len(np.unique(labels[labels >= 0])) < 2:
        common = f"class {classes.names[int(labels.max())]!r} is the most probable of every point"
        what = f"every label is {given[0].value!r}" if probs is None else common
        minus_1 = " (-1 marks a missing label.)" if table.minus_1_is_missing else ""
        errors.fail(
            f"{what}: one class cannot be learned. Give points of two classes or more.{minus_1}", column=columns[0]
        )
    return LabelTable(
        names=tuple(columns),
        labels=labels,
        class_names=classes.names,
        ids=tuple(map(str, range(1, len(table) + 1))),
        probs=probs,
        has_ids=False,
        source=table.source,
        notes=(*table.notes, *spread),
    )


def _named_by_distributions(given: Sequence[LabelCell], declared: Sequence[str] | None) -> list[str] | None:
    """Take the classes from distributions where other columns hold single classes, as true labels beside them are.

    By class name beside names; lists, whose classes are numbers from 0, beside numbers. Within a column it is a slip.
    """
    kinds = {cell.kind for cell in given}
    if len({(cell.column, cell.kind) for cell in given}) > len({cell.column for cell in given}):
        return None
    if kinds == {"list", "number"}:
        lengths = {len(cell.value) for cell in given if cell.kind == "list"}
        return list(declared or map(str, range(max(lengths))))
    if kinds != {"object", "name"}:
        return None
    return sorted({str(name) for cell in given if cell.kind == "object" for name in cell.value})


def read_annotations(
    table: RawTable,
    form: LongForm,
    ids: Sequence[str],
    errors: InputErrors,
    *,
    class_names: Sequence[str] | None = None,
    normalise: bool = False,
    true: str | None = None,
) -> LabelTable:
    """Read the labels of every annotator, with a gap where one has not labeled an item.

    Annotators and items come in the order of the file; `ids` name the item of each row. The column `true` may hold
    true labels, the same in every row of an item where one is given.

    Raises:
        DataError: with the errors noted so far, for a row without an annotator, an item that one labels twice or that
            has two true labels, or a label that cannot be used.
    """
    before = len(errors)
    names: dict[str, int] = {}
    items = {item: k for k, item in enumerate(dict.fromkeys(ids))}
    first: dict[tuple[int, int], int] = {}
    for (cell, at), item in zip(table.cells(form.annotator), ids, strict=True):
        written = name_of(cell)
        if not written:
            errors.add(f"has no {form.annotator}. Fill it or drop the row.", at=at, column=form.annotator)
            continue
        name = f"{form.annotator} {written}" if written.isdigit() else written
        where = names.setdefault(name, len(names)), items[item]
        if where in first:
            errors.add(
                f"{name!r} has labeled {item!r} already, in {table.unit} {first[where]}. Keep one of the rows, or "
                "name the second answer's annotator otherwise.",
                at=at,
                column=form.annotator,
            )
        first.setdefault(where, at)
    columns = [form.label, *([true] if true else [])]
    read = read_labels(table, columns, errors, class_names=class_names, normalise=normalise)
    errors.raise_if_any(beyond=before)
    read = _truth_of_items(read, true, table, ids, errors) if true else read
    labels = np.full((len(names), len(items)), UNLABELED, dtype=np.int64)
    probs = None if read.probs is None else np.full((*labels.shape, read.n_classes), np.nan)
    of_row = tuple(np.array(list(first)).T)  # one place for each row, in the order of the rows
    labels[of_row] = read.labels[0]
    if probs is not None and read.probs is not None:
        probs[of_row] = read.probs[0]
    note = f"Each row is one annotation, of {form.item} by {form.annotator}: {form.label}."
    return replace(
        read, names=tuple(names), labels=labels, probs=probs, ids=tuple(items), has_ids=True, notes=(*read.notes, note)
    )


def _truth_of_items(
    read: LabelTable, true: str, table: RawTable, ids: Sequence[str], errors: InputErrors
) -> LabelTable:
    """Take the second column of labels for true ones, and give each item the one that its rows have."""
    before, read = len(errors), read.with_last_as_truth()
    assert read.true_labels is not None
    row_of: dict[str, int] = {}
    for row, (item, label, at) in enumerate(zip(ids, read.true_labels.tolist(), table.positions, strict=True)):
        known = row_of.setdefault(item, row)
        other = int(read.true_labels[known])
        if label != UNLABELED and other == UNLABELED:
            row_of[item] = row
        elif label not in (UNLABELED, other):
            errors.add(
                f"gives {item!r} another true label than {table.unit} {table.positions[known]}. Give an item one.",
                at=at,
                column=true,
            )
    errors.raise_if_any(beyond=before)
    rows = list(row_of.values())
    return replace(
        read,
        true_labels=read.true_labels[rows],
        true_probs=None if read.true_probs is None else read.true_probs[rows],
    )


def _found(given: Sequence[LabelCell], declared: Sequence[str] | None, errors: InputErrors) -> Classes:
    """Find the classes in labels, which must be written in one way: all names, all whole numbers, or distributions."""
    before, first = len(errors), given[0]
    by_name = {"list", "name"} <= {cell.kind for cell in given}
    how = """, distributions by name, such as {"pos": 0.7, "neg": 0.3}""" if by_name else ""
    for cell in given:
        if cell.kind != first.kind and not {cell.kind, first.kind} <= SOFT:
            errors.add(
                f"is {shortened(cell.value)}, a {cell.kind}, where the first label is a {first.kind}; expected one "
                f"class, or distributions throughout. Write all labels in one way{how}.",
                at=cell.at,
                column=cell.column,
            )
    errors.raise_if_any(beyond=before)
    if first.kind not in SOFT:
        return known_classes(declared, by_number=True) if declared else found_classes(given, errors)
    counted = first.value if isinstance(first.value, Mapping) else range(len(first.value))
    names = tuple(declared or map(str, counted))
    if len(names) < 2:
        errors.fail(
            "the first label is a distribution over one class or none. Give two numbers or more.", column=first.column
        )
    return known_classes(names, by_number=False)


def _coded(
    given: Sequence[LabelCell],
    columns: Sequence[str],
    classes: Classes,
    errors: InputErrors,
    n_rows: int,
    normalise: bool,
    can_normalise: bool,
) -> tuple[Int64[np.ndarray, "columns rows"], Float64[np.ndarray, "columns rows classes"] | None, tuple[str, ...]]:
    """Turn cells into classes, -1 at a gap, and where one is a distribution, into distributions, nan at a gap.

    Notes say what was spread of the probabilities of a language model's tokens, and which sums were rounded.
    """
    place = {column: k for k, column in enumerate(columns)}
    labels = np.full((len(columns), n_rows), UNLABELED, dtype=np.int64)
    soft: dict[tuple[int, int], list[float]] = {}
    rests: list[float] = []
    for cell in given:
        where = place[cell.column], cell.row
        read: list[float] | int | str
        if cell.kind not in SOFT:
            read = _class_of(cell, classes)
            if cell.tokens and isinstance(read, int) and (found := class_shares(cell.tokens, classes.names)):
                read, rest = found
                rests.append(rest)
        else:
            read = distribution(cell.value, classes.names, normalise=normalise, can_normalise=can_normalise)
        if isinstance(read, str):
            errors.add(read, at=cell.at, column=cell.column)
        elif isinstance(read, list):
            soft[where], labels[where] = read, int(np.argmax(read))
        else:
            labels[where] = read
    if not soft or errors:
        return labels, None, ()
    probs = np.where((labels >= 0)[..., None], np.eye(len(classes.names))[labels], np.nan)
    probs[tuple(np.array(list(soft)).T)] = list(soft.values())
    note = (
        f"{len(rests):,} answers come with the probabilities of their first tokens, which are read as those of the "
        f"classes; {np.mean(rests or 0.0):.1%} of the probability, mean, is on other tokens or beyond those listed, "
        "and is spread evenly over the classes that none of them names."
    )
    rounded = rounding_note(cell.value for cell in given if cell.kind in SOFT)
    return labels, probs, (*([note] if rests else []), *rounded)


def _numbers_as_names(given: list[LabelCell]) -> list[LabelCell]:
    """In a text file "3" may be the name of a class beside "many": if a label is a name, so are the numbers."""
    kinds = {cell.kind for cell in given}
    texts = all(isinstance(cell.raw, str) for cell in given)
    blank = any(cell.kind == "name" and spelling(cell).lower() in BLANKS for cell in given)
    if kinds != {"name", "number"} or not texts or blank:
        return given
    return [replace(cell, value=str(cell.raw).strip(), kind="name") for cell in given]


def _refuse_what_is_no_label(given: Sequence[LabelCell], known: Sequence[str], errors: InputErrors) -> None:
    """Refuse a fraction, several names, and words for a missing label."""
    numbers = any(cell.kind == "number" for cell in given)
    for cell in given:
        written, wrong = spelling(cell), None
        if cell.kind == "fraction":
            wrong = (
                f"is {cell.value}, expected a whole number or a name: one fraction is no class. Write a soft label as "
                "a list, such as [0.3, 0.7]; if labels are numbers to predict, set data.task: "
                "regression (outlearn preflight: --numbers)."
            )
        elif cell.kind == "names":
            wrong = several_names(cell.raw, cell.value)
        elif written == str(UNLABELED) and written not in known:
            wrong = f"is {MINUS_1}"
        elif cell.kind == "name" and written not in known and written.lower() in (BLANKS if numbers else NEVER_A_CLASS):
            beside = " where other labels are numbers" if numbers else ", which is no class"
            wrong = f"is {cell.raw!r}{beside}. Leave the cell empty if the point has no label."
        if wrong:
            errors.add(wrong, at=cell.at, column=cell.column)


def _class_of(cell: LabelCell, classes: Classes) -> int | str:
    """Find the class that a vote names; or say what is wrong."""
    written = str(cell.raw).strip() if isinstance(cell.raw, str) else spelling(cell)
    for way in (cell.value if cell.kind == "number" else None, spelling(cell), written):
        if way is not None and way in classes.index:
            return classes.index[way]
    return classes.unknown(cell)
