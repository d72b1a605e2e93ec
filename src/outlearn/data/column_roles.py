"""Which column of a table is the id, the text, the true label, and each labeler's: named, or said by its values.

Nothing is decided in silence: a note says what was found and which flag says otherwise, and where two columns could
play one part, the error asks for the flag.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import cell_value, is_gap, label_cells
from outlearn.data.label_columns import (
    MANY_VALUES,
    TRUTHS,
    LabelColumns,
    LongForm,
    called,
    check_named,
    has_many_values,
    labeler_columns,
    share_values,
    values_of,
)
from outlearn.data.number_roles import go_together, holds_numbers, number_labelers
from outlearn.data.point_ids import name_of
from outlearn.data.raw_table import RawTable
from outlearn.data.read_numbers import other_spelling
from outlearn.data.templates import template_columns
from outlearn.data.wording import few, normalise

__all__ = ["FLAGS", "TRUTHS", "ColumnRoles", "column_roles", "ids_found", "roles_of_annotations"]

FLAGS = {"id": "--id-column", "text": "--text-column", "true": "--true-column", "labelers": "--labelers"}
USUAL_TRUTH = "label"
TEXTS = (
    "sentence", "body", "review", "content", "message", "document", "description", "question", "prompt", "tweet",
    "post", "utterance", "headline", "abstract", "word",
)  # fmt: skip
# Texts about the label rather than the point.
ASIDES = ("comment", "note", "reason", "rationale", "explanation", "justification", "remark")
SHORTEST_TEXT = 10  # characters, mean: names of classes are shorter, or repeat
LONGEST_ID = 64


@dataclass(frozen=True)
class ColumnRoles:
    """Say which column plays which part.

    Attributes:
        columns: every part that a column of the table plays, named or found.
        found: parts that were not named and are not called as usual: "id", "text", "true", "labelers".
        left_out: columns that are no labels by their values.
        numeric: labels are numbers.
    """

    columns: LabelColumns
    found: tuple[str, ...]
    left_out: tuple[str, ...]
    numeric: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what was found, and how to say otherwise."""
        notes = []
        labelers = "the labeler is" if len(self.columns.labelers or ()) == 1 else "the labelers are"
        words = {
            "id": f"the ids are in {self.columns.id}",
            "text": f"the texts are in {self.columns.text}",
            "labelers": f"{labelers} {', '.join(self.columns.labelers or ())}",
            "true": f"the true labels are in {self.columns.true}",
        }
        said = [part for part in words if part in self.found]
        if said:
            flags = ", ".join(FLAGS[part] for part in said)
            notes.append(f"By the columns' names and values, {'; '.join(words[part] for part in said)} ({flags}).")
        if self.left_out:
            why = "hold no numbers that go with the others'" if self.numeric else "share no value with the labels"
            notes.append(f"Columns left out, because they {why}: {few(self.left_out)} (--labelers names labelers).")
        return tuple(notes)


def column_roles(
    table: RawTable,
    given: LabelColumns,
    errors: InputErrors,
    *,
    has_texts: bool = False,
    aside: Sequence[str] = (),
    truth_alone: bool = False,
    numeric: bool = False,
) -> ColumnRoles:
    """Find the part that each column of a wide table plays.

    The ids are in a column whose values are short, without blanks and all different; the texts in one whose values are
    long and mostly different; labelers are the most columns that share values; true labels are in a column of these
    that is called so (gold, truth, ...; or label). What is named is taken as named.

    Args:
        table: a row a point.
        given: what is named.
        errors: noted so far.
        has_texts: the texts come from elsewhere, so none is looked for.
        aside: columns of other parts, such as groups.
        truth_alone: true labels without labelers will do; a column `label`, or else the only one of labels, has them.
        numeric: labels are numbers: labelers are the columns that go together, see `number_labelers`.

    Raises:
        ConfigError: if a column is named for two parts.
        DataError: if a named column is not there, no column holds labels, or two could play one part.
    """
    if not given.text and not has_texts and {"chosen", "rejected"} <= set(table.columns):
        errors.fail(
            "the columns 'chosen' and 'rejected' are pairs of texts, of which the first is better: no table of labels. "
            f"Train on them: outlearn run {shlex.quote(table.source)}. To look at labels beside them, name the text "
            "(--text-column '{chosen} {rejected}')."
        )
    parts = template_columns(given.text) if given.text and given.text not in table.columns else ()
    alone = (given.id, given.text, given.true, given.segment)
    taken = {*aside, *parts, *(given.labelers or ()), *filter(None, alone)}
    free = [name for name in table.columns if name not in taken]
    id_column, text_column, true_column = given.id, given.text, given.true
    if id_column is None:
        # Texts of one word are all different, as ids are: a column that is called so has texts.
        others = [name for name in free if name != "text" and not called(name, TEXTS)]
        if numeric:  # numbers are often all different
            others = [name for name in others if _is_called_id(name) or not holds_numbers(table, name)]
        id_column = "id" if "id" in free else ids_found(table, others)
    free = [name for name in free if name != id_column]
    if text_column is None and not has_texts:
        text_column = "text" if "text" in free else _texts(table, free, errors)
    free = [name for name in free if name != text_column]
    called_so = [name for name in free if _is_called_truth(name)]
    if true_column is None and truth_alone and USUAL_TRUTH in free and not called_so:
        true_column = USUAL_TRUTH
    columns = replace(given, id=id_column, text=None if has_texts else text_column, true=true_column)
    check_named(table, columns, errors)
    if numeric and given.labelers is None:
        truth = true_column or _truth(free, errors)
        others = [name for name in free if name != truth]
        labelers, left_out = number_labelers(table, others, truth, errors, truth_alone=truth_alone)
        labelers += [truth] if truth and truth != true_column else []
    else:
        scores = [name for name in free if given.labelers is None and _holds_scores(table, name)]
        if go_together(table, scores) and not share_values(table, [name for name in free if name not in scores]):
            _refuse_scores(table, scores, errors)
        labelers, left_out = labeler_columns(table, columns, errors, aside=(*aside, *parts))
    if true_column is None:
        true_column = _truth(labelers if given.labelers is None else free, errors)
        if truth_alone and true_column is None and given.labelers is None and len(labelers) == 1:
            true_column = labelers[0]
        said = [name for name in labelers if values_of(table, name)]
        if not truth_alone and given.labelers is None and said == [USUAL_TRUTH]:
            labelers = said  # columns without a value are no labelers who give it something to be the truth of
        if not truth_alone and labelers == [true_column]:
            true_column = None  # what the only labeler says is no truth
    empty = [name for name in labelers if truth_alone and given.labelers is None and not values_of(table, name)]
    labelers = [name for name in labelers if name not in (true_column, *empty)]
    if not labelers and not (truth_alone and true_column):
        errors.fail(f"has no column of labels beside {few(list(table.columns))}. Give each labeler a column.")
    if not numeric:
        _refuse_numbers(table, labelers, given, errors)
    usual = {"id": "id", "text": "text", "true": USUAL_TRUTH if truth_alone else None}
    named = {"id": given.id, "text": given.text, "true": given.true}
    now = {"id": id_column, "text": None if has_texts else text_column, "true": true_column}
    found = [part for part, name in now.items() if name not in (None, usual[part]) and named[part] is None]
    found += ["labelers"] if labelers and given.labelers is None else []
    columns = replace(columns, true=true_column, labelers=tuple(labelers))
    return ColumnRoles(columns, tuple(found), left_out, numeric)


def roles_of_annotations(
    table: RawTable, form: LongForm, given: LabelColumns, errors: InputErrors, *, has_texts: bool = False
) -> ColumnRoles:
    """Find the texts and the true labels of a table whose rows are annotations; its other parts are in `form`."""
    parts = template_columns(given.text) if given.text and given.text not in table.columns else ()
    taken = {form.item, form.annotator, form.label, given.text, given.true, *parts}
    free = [name for name in table.columns if name not in taken]
    first = {cell: row for row, (cell, _) in reversed(list(enumerate(table.cells(form.item))))}
    items = table.select(list(first.values()))
    text, true = given.text, given.true
    if text is None and not has_texts:
        text = "text" if "text" in free else _texts(items, free, errors)
    if true is None:
        answers = values_of(table, form.label)
        true = _truth([name for name in free if name != text and answers & values_of(table, name)], errors)
    found = ["text"] if given.text is None and text not in (None, "text") else []
    found += ["true"] if given.true is None and true is not None else []
    return ColumnRoles(replace(given, id=form.item, text=text, true=true), tuple(found), ())


def _refuse_numbers(table: RawTable, labelers: Sequence[str], given: LabelColumns, errors: InputErrors) -> None:
    """Refuse columns of numbers as labelers; counts, dates and the like only if nothing names them or the classes."""
    if scores := [name for name in labelers if _holds_scores(table, name)]:
        _refuse_scores(table, scores, errors)
    for name in labelers:
        if not given.classes and given.labelers is None and has_many_values(table, name):
            errors.add(
                f"has {len(values_of(table, name)):,} different values, too many for classes. Say which columns are "
                "labelers (--labelers), or which hold the ids and texts (--id-column, --text-column). If these are "
                "numbers to predict, look at them by outlearn preflight TABLE --numbers, and run with "
                "--set data.task=regression.",
                column=name,
            )


def _refuse_scores(table: RawTable, columns: Sequence[str], errors: InputErrors) -> None:
    first = next(cell for cell in table.columns[columns[0]] if not is_gap(cell))
    where = shlex.quote(table.source)
    errors.fail(
        f"{few(columns)} hold{'s' if len(columns) == 1 else ''} numbers, such as {first}, and not classes. If they are "
        f"to be predicted: outlearn preflight {where} --numbers, and outlearn run {where} --set data.task=regression. "
        "If they are probabilities of a class, write each as a list, such as [0.3, 0.7]."
    )


def _holds_scores(table: RawTable, column: str) -> bool:
    """Say whether most labels are fractions, or all are written as 40% or 0,4 and are too many for names of classes."""
    cells = [cell for cell in label_cells(table, column) if cell.value is not None]
    if 2 * sum(cell.kind == "fraction" for cell in cells) > len(cells):
        return True
    return len({cell.value for cell in cells if cell.kind == "name"}) > MANY_VALUES and bool(
        other_spelling(cell.raw for cell in cells)
    )


def ids_found(table: RawTable, names: Sequence[str]) -> str | None:
    """Find the column of ids; if several could be, the one that is called so, else none: points are then numbered."""
    likely = [name for name in names if _are_ids(table, name)]
    called_so = [name for name in likely if _is_called_id(name)]
    return next((group[0] for group in (likely, called_so) if len(group) == 1), None)


def _is_called_id(name: str) -> bool:
    return normalise(name).replace(" ", "_").endswith(("id", "uuid", "key", "index"))


def _are_ids(table: RawTable, column: str) -> bool:
    seen: set[str] = set()
    for cell, _ in table.cells(column):
        if not isinstance(cell, str | int) or isinstance(cell, bool):
            return False
        name = name_of(cell)
        if not name or len(name) > LONGEST_ID or name in seen or len(name.split()) > 1:
            return False
        seen.add(name)
    return len(seen) > 1


def _texts(table: RawTable, names: Sequence[str], errors: InputErrors) -> str | None:
    """Find the column of texts; if several could be, the one that is called so, else the user is asked."""
    likely = [name for name in names if not called(name, ASIDES) and _are_texts(table, name)]
    called_so = [name for name in (likely or names) if called(name, TEXTS)]
    if len(likely) < 2 or len(called_so) == 1:
        return next((group[0] for group in (likely, called_so) if len(group) == 1), None)
    both = " ".join(f"{{{name}}}" for name in likely[:2])
    return errors.fail(
        f"the columns {few(likely)} all hold texts. Name one (--text-column {likely[0]!r}), or join several "
        f"(--text-column {both!r})."
    )


def _are_texts(table: RawTable, column: str) -> bool:
    cells = [cell for cell, _ in table.cells(column) if not is_gap(cell)]
    if not cells or not all(isinstance(cell, str) and isinstance(cell_value(cell), str) for cell in cells):
        return False
    # Names of classes repeat; dates, links and ids are one word each.
    long = sum(map(len, cells)) >= SHORTEST_TEXT * len(cells)
    words = sum(len(cell.split()) > 1 or not cell.isascii() for cell in cells)
    return long and 2 * len(set(cells)) > len(cells) and 2 * words > len(cells)


def _truth(names: Sequence[str], errors: InputErrors) -> str | None:
    """Find the column that is called one of true labels."""
    called_so = [name for name in names if _is_called_truth(name)]
    if len(called_so) > 1:
        errors.fail(f"the columns {few(called_so)} could all hold the true labels. Name one: --true-column.")
    usual = [name for name in names if name == USUAL_TRUTH]
    return next(iter([*called_so, *usual]), None)


def _is_called_truth(name: str) -> bool:
    return normalise(name).replace(" ", "_").replace("-", "_") in TRUTHS
