"""Which column of a table of labels is what: a column a labeler (wide), or a row an annotation (long)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from outlearn.data.class_names import spelling
from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import LabelCell, label_cells
from outlearn.data.raw_table import RawTable
from outlearn.data.templates import template_columns
from outlearn.data.wording import few, normalise
from outlearn.errors import ConfigError, suggest

__all__ = [
    "MANY_VALUES",
    "TRUTHS",
    "LabelColumns",
    "LongForm",
    "called",
    "check_named",
    "has_many_values",
    "labeler_columns",
    "long_form",
    "share_values",
    "values_of",
]

SHARED = 0.5  # of the values of the column with fewer, from which two columns are said to share them
MANY_VALUES = 10  # different values from which a column is no column of classes, unless they are a tenth of its rows
# What annotation tools call their columns, without the _id that may follow.
ANNOTATORS = ("annotator", "labeler", "labeller", "worker", "rater", "coder", "judge", "user")
ITEMS = ("item", "task", "question", "unit", "point", "example", "document")
# What people call a column of true labels; `label` itself is one only beside columns of labelers.
TRUTHS = (
    "gold", "gold_label", "truth", "true", "true_label", "ground_truth", "groundtruth", "y_true", "reference",
    "reference_label",
)  # fmt: skip
ANSWERS = ("label", "answer", "annotation", "class", "vote", "response", "rating")


@dataclass(frozen=True)
class LabelColumns:
    """Say which column is what. At None a column has its usual name (`id`, `text`) and may be absent.

    Attributes:
        id, text, true: names of columns; `true` has no usual name.
        segment: by whose values points are told apart.
        labelers: names of the labelers' columns; None: they are found.
        classes: names of the classes; empty: those that occur.
    """

    id: str | None = None
    text: str | None = None
    true: str | None = None
    labelers: Sequence[str] | None = None
    classes: Sequence[str] = ()
    segment: str | None = None


@dataclass(frozen=True)
class LongForm:
    """Name the columns of a table whose rows are annotations: of which item, by whom, and what was said."""

    item: str
    annotator: str
    label: str


def long_form(table: RawTable, columns: LabelColumns) -> LongForm | None:
    """Find the columns of a table in long form; None if it is wide.

    It is long if a column is called as annotation tools call who labels (annotator, worker, rater, ...), holds no class
    or distribution itself, and another holds what was said, which the truth is not.
    """
    if columns.labelers is not None:
        return None
    taken = {columns.id or "id", columns.text or "text", columns.true, columns.segment}
    free = [name for name in table.columns if name not in taken]
    annotator = next((name for name in free if called(name, ANNOTATORS) and _holds_names(table, name)), None)
    answers = [name for name in free if name != annotator and not called(name, ITEMS)]
    label = next((name for name in answers if called(name, ANSWERS) and not name.lower().endswith("id")), None)
    if annotator is not None and label is None:
        answers = [name for name in answers if not called(name, TRUTHS) and not has_many_values(table, name)]
        label = answers[0] if len(answers) == 1 else None
    if annotator is None or label is None or values_of(table, annotator) & values_of(table, label):
        return None
    usual = columns.id or "id"
    item = usual if usual in table.columns else next((name for name in free if called(name, ITEMS)), None)
    return None if item is None else LongForm(item, annotator, label)


def check_named(table: RawTable, columns: LabelColumns, errors: InputErrors) -> None:
    """Check that columns which are named are there, and play one part each.

    Raises:
        ConfigError: if one is named for two parts. DataError: if one is not there.
    """
    named = {"--id-column": columns.id, "--true-column": columns.true, "--text-column": columns.text}
    named["--segment-column"] = columns.segment
    wanted = [(option, name) for option, name in named.items() if name is not None and not template_columns(name)]
    wanted += [("--labelers", name) for name in columns.labelers or ()]
    for option, name in wanted:
        if name not in table.columns:
            errors.add(f"no column {name!r} ({option}); {suggest(name, table.columns)}")
    errors.raise_if_any()
    twice = sorted({name for _, name in wanted if sum(name == other for _, other in wanted) > 1})
    if twice:
        raise ConfigError(f"the column {twice[0]!r} is named twice; give each column one part to play.")


def labeler_columns(
    table: RawTable, columns: LabelColumns, errors: InputErrors, *, aside: Sequence[str] = ()
) -> tuple[list[str], tuple[str, ...]]:
    """Find the labelers' columns of a wide table, and the columns that are none.

    Unless they are named, they are the most columns that share values, each with one of the others (with that of the
    true labels among them, if there is one): dates, counts and comments are left out.
    """
    if columns.labelers is not None:
        return list(columns.labelers), ()
    others = {columns.id, columns.text, columns.true, columns.segment, *aside}
    free = [name for name in table.columns if name not in others]
    values = {
        name: values_of(table, name, columns.classes) for name in [*free, *([columns.true] if columns.true else [])]
    }
    groups = _sharing({name: each for name, each in values.items() if each})
    if columns.true:
        likely = [group for group in groups if columns.true in group]
    else:
        likely = [group for group in groups if len(group) == max(map(len, groups))]
    if len(likely) > 1:
        errors.fail(
            f"the columns {' and '.join(few(group) for group in likely[:3])} share no value, so it is not clear which "
            "are labels. Say which columns are labelers (--labelers), and write their labels in one way; if they are "
            "numbers, outlearn preflight has --numbers."
        )
    # A column without a value is kept: the error about a labeler without a label names it.
    found = [name for name in free if not values[name] or any(name in group for group in likely)]
    return found, tuple(name for name in free if name not in found)


def share_values(table: RawTable, columns: Sequence[str]) -> bool:
    """Say whether any two columns share values, as labelers do."""
    values = {name: each for name in columns if (each := values_of(table, name))}
    return len(_sharing(values)) < len(values)


def _sharing(values: Mapping[str, set[str]]) -> list[list[str]]:
    """Group columns so that those of two groups share few values, if any: `other` alone makes no label of a country."""

    def share(first: set[str], second: set[str]) -> bool:
        return len(first & second) >= SHARED * min(len(first), len(second))

    groups: list[list[str]] = []
    for name in values:
        near = [group for group in groups if any(share(values[name], values[other]) for other in group)]
        groups = [group for group in groups if group not in near] + [[*(n for group in near for n in group), name]]
    return groups


def called(name: str, names: Sequence[str]) -> bool:
    """Say whether a column is called so, or so with an id, a name or a number after it: worker_id, WorkerId."""
    plain = name.lower().replace("-", "_")
    return any(plain.removesuffix(end).rstrip("_") in names for end in ("", "id", "name"))


def _holds_names(table: RawTable, column: str) -> bool:
    """Say whether no cell is a distribution: a judge's probabilities are what it said, not what it is called."""
    return not any(cell.kind in ("list", "object") for cell in label_cells(table, column))


def values_of(table: RawTable, column: str, classes: Sequence[str] = ()) -> set[str]:
    """List what a column says, whatever its spelling; a distribution says all classes, by name or else by index.

    Args:
        table, column: what is read.
        classes: names of the classes, in the order of distributions that are lists.
    """
    given = [cell for cell in label_cells(table, column) if cell.value is not None]
    return {normalise(name) for cell in given for name in _names_of(cell, classes)}


def _names_of(cell: LabelCell, classes: Sequence[str]) -> Iterable[str]:
    if cell.kind == "list":
        return classes if len(classes) == len(cell.value) else map(str, range(len(cell.value)))
    return map(str, cell.value) if cell.kind == "object" else [spelling(cell)]


def has_many_values(table: RawTable, column: str) -> bool:
    """Say whether a column holds too many different values for classes."""
    return len(values_of(table, column)) > max(MANY_VALUES, len(table) // 10)
