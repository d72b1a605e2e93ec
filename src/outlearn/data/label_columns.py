"""Which column of a table of labels is what: a column a labeler (wide), or a row an annotation (long)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outlearn.data.class_names import spelling
from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import label_cells
from outlearn.data.raw_table import RawTable
from outlearn.data.wording import few, normalise
from outlearn.errors import ConfigError, suggest

__all__ = ["LabelColumns", "LongForm", "labeler_columns", "long_form"]

MANY_VALUES = 10  # different values from which a column is no column of classes, unless they are a tenth of its rows
# What annotation tools call their columns, without the _id that may follow.
ANNOTATORS = ("annotator", "labeler", "labeler", "worker", "rater", "coder", "judge", "user")
ITEMS = ("item", "task", "question", "unit", "point", "example", "document")
ANSWERS = ("label", "answer", "annotation", "class", "vote", "response", "rating")


@dataclass(frozen=True)
class LabelColumns:
    """Say which column is what. At None a column has its usual name (`id`, `text`) and may be absent.

    Attributes:
        id, text, true: names of columns; `true` has no usual name.
        labelers: names of the labelers' columns; empty: they are found.
        classes: names of the classes; empty: those that occur.
    """

    id: str | None = None
    text: str | None = None
    true: str | None = None
    labelers: Sequence[str] = ()
    classes: Sequence[str] = ()


@dataclass(frozen=True)
class LongForm:
    """Name the columns of a table whose rows are annotations: of which item, by whom, and what was said."""

    item: str
    annotator: str
    label: str


def long_form(table: RawTable, columns: LabelColumns) -> LongForm | None:
    """Find the columns of a table in long form; None if it is wide.

    It is long if a column is called as annotation tools call who labels (annotator, worker, rater, ...), holds no class
    itself, and another holds what was said.
    """
    if columns.labelers:
        return None
    taken = {columns.id or "id", columns.text or "text", columns.true}
    free = [name for name in table.columns if name not in taken]
    annotator = next((name for name in free if _called(name, ANNOTATORS)), None)
    answers = [name for name in free if name != annotator and not _called(name, ITEMS)]
    label = next((name for name in answers if _called(name, ANSWERS) and not name.lower().endswith("id")), None)
    if annotator is not None and label is None:
        answers = [name for name in answers if not _has_many_values(table, name)]
        label = answers[0] if len(answers) == 1 else None
    if annotator is None or label is None or _values(table, annotator) & _values(table, label):
        return None
    usual = columns.id or "id"
    item = usual if usual in table.columns else next((name for name in free if _called(name, ITEMS)), None)
    return None if item is None else LongForm(item, annotator, label)


def labeler_columns(
    table: RawTable, columns: LabelColumns, errors: InputErrors, *, has_texts: bool = False
) -> tuple[list[str], tuple[str, ...]]:
    """Find the labelers' columns of a wide table, and what to note of the others.

    Unless they are named, they are the most columns that share values, each with one of the others (with that of the
    true labels among them, if there is one): dates, counts and comments are left out, and a note names them. Where the
    table `has_texts` from elsewhere, the name of their column is not that of one here.

    Raises:
        ConfigError: if a column is named for two roles.
    """
    named = {
        "--id-column": columns.id, "--true-column": columns.true, "--text-column": None if has_texts else columns.text,
    }  # fmt: skip
    wanted = [(option, name) for option, name in named.items() if name is not None]
    wanted += [("--labelers", name) for name in columns.labelers]
    for option, name in wanted:
        if name not in table.columns:
            errors.add(f"no column {name!r} ({option}); {suggest(name, table.columns)}")
    errors.raise_if_any()
    twice = sorted({name for _, name in wanted if sum(name == other for _, other in wanted) > 1})
    if twice:
        raise ConfigError(f"the column {twice[0]!r} is named twice; give each column one part to play.")
    if columns.labelers:
        return list(columns.labelers), ()
    others = {columns.id or "id", columns.text or "text", columns.true}
    free = [name for name in table.columns if name not in others]
    values = {name: _values(table, name) for name in [*free, *([columns.true] if columns.true else [])]}
    groups = _sharing({name: each for name, each in values.items() if each})
    if columns.true:
        likely = [group for group in groups if columns.true in group]
    else:
        likely = [group for group in groups if len(group) == max(map(len, groups))]
    if len(likely) > 1:
        errors.fail(
            f"the columns {' and '.join(few(group) for group in likely[:3])} share no value, so it is not clear which "
            "are labels. Say which columns are labelers (--labelers), and write their labels in one way."
        )
    # A column without a value is kept: the error about a labeler without a label names it.
    found = [name for name in free if not values[name] or any(name in group for group in likely)]
    if not found:
        errors.fail(f"has no column of labels beside {few(list(table.columns))}. Give each labeler a column.")
    left = [name for name in free if name not in found]
    for name in found:
        if not columns.classes and _has_many_values(table, name):
            errors.add(
                f"has {len(values[name]):,} different values, too many for classes. Say which columns are labelers "
                "(--labelers), or which hold the ids and texts (--id-column, --text-column).",
                column=name,
            )
    note = f"Columns left out, because they share no value with the labels: {few(left)}. --labelers names labelers."
    return found, (note,) if left else ()


def _sharing(values: Mapping[str, set[str]]) -> list[list[str]]:
    """Group columns so that those of two groups share no value."""
    groups: list[list[str]] = []
    for name in values:
        near = [group for group in groups if any(values[name] & values[other] for other in group)]
        groups = [group for group in groups if group not in near] + [[*(n for group in near for n in group), name]]
    return groups


def _called(name: str, names: Sequence[str]) -> bool:
    """Say whether a column is called so, or so with an id, a name or a number after it: worker_id, WorkerId."""
    plain = name.lower().replace("-", "_")
    return any(plain.removesuffix(end).rstrip("_") in names for end in ("", "id", "name"))


def _values(table: RawTable, column: str) -> set[str]:
    """List what a column says, whatever its spelling."""
    return {normalise(spelling(cell)) for cell in label_cells(table, column) if cell.value is not None}


def _has_many_values(table: RawTable, column: str) -> bool:
    return len(_values(table, column)) > max(MANY_VALUES, len(table) // 10)
