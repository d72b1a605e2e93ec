"""Which classes labels have: named beforehand, or found in the labels; one class in two spellings is refused."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import LabelCell
from outlearn.data.wording import normalise_name
from outlearn.errors import suggest

__all__ = ["Classes", "found_classes", "known_classes", "refuse_near_spellings", "spelling"]

PADDED = re.compile(r"[+-]?0\d+")  # a whole number with leading zeros
SEPARATORS = "#|;,"  # with which annotation tools join the names of several classes


@dataclass(frozen=True)
class Classes:
    """Hold the classes, and how cells may write them.

    Attributes:
        names: in label order.
        index: what a cell may say -> its class: a name, or a whole number.
    """

    names: tuple[str, ...]
    index: Mapping[object, int]

    def unknown(self, cell: LabelCell) -> str:
        """Say that a cell is no class, and what it may be."""
        numbered = any(isinstance(key, int) for key in self.index)
        number = f" or number from 0 to {len(self.names) - 1}" if numbered else ""
        known = suggest(cell.raw, self.names)
        return f"is {cell.raw!r}, which is no class{number}; {known} Leave the cell empty where there is no label."


def spelling(cell: LabelCell) -> str:
    """Write a name or a number as the name of a class: true and false in lower case."""
    return str(cell.value).lower() if isinstance(cell.value, bool) else str(cell.value)


def known_classes(names: Sequence[str], *, by_number: bool | None = None) -> Classes:
    """Make the classes that are known beforehand, in label order.

    With `by_number` a whole number is a place in that order; None: only if no name is a number itself.

    Examples:
        >>> dict(known_classes(["no", "yes"]).index), dict(known_classes(["1", "2"]).index)
        ({'no': 0, 'yes': 1, 0: 0, 1: 1}, {'1': 0, '2': 1})
    """
    numbered = any(name.lstrip("+-").isdigit() for name in names)
    index: dict[object, int] = {name: k for k, name in enumerate(names)}
    if by_number or (by_number is None and not numbered):
        index |= {k: k for k in range(len(names))}
    return Classes(tuple(names), index)


def found_classes(cells: Sequence[LabelCell], errors: InputErrors) -> Classes:
    """Find the classes of labels, without gaps, that are all names or all whole numbers.

    Names come in alphabetical order. Whole numbers are counted from 0 or from 1 without a gap.

    Raises:
        DataError: with those, if the labels cannot be classes.
    """
    before = len(errors)
    refuse_near_spellings(cells, errors)
    errors.raise_if_any(beyond=before)
    if cells[0].kind == "name":
        names = sorted({spelling(cell) for cell in cells})
        _refuse_several_names(cells, names, errors)
        classes = Classes(tuple(names), {name: k for k, name in enumerate(names)})
    else:
        present = sorted({cell.value for cell in cells})
        start = 1 if present[0] == 1 else 0
        allowed = range(start, min(start + len(present), len(cells) + 2))
        for cell in cells:
            if cell.value not in allowed:
                shown = ", ".join(map(str, present[:5])) + (", ..." if len(present) > 5 else "")
                errors.add(
                    f"is {cell.value}, out of range: the labels {shown} are not counted from 0 or 1 without a gap. "
                    "Renumber them, or write them as names.",
                    at=cell.at,
                    column=cell.column,
                )
        classes = Classes(tuple(map(str, allowed)), {value: k for k, value in enumerate(allowed)})
    errors.raise_if_any(beyond=before)
    if len(classes.names) >= max(len(cells), 2):
        found = f"{len(classes.names)} different labels for {len(cells)} points"
        errors.fail(f"{found}, but a class needs several. Is it the right column?", column=cells[0].column)
    return classes


def refuse_near_spellings(cells: Sequence[LabelCell], errors: InputErrors) -> None:
    """Refuse names that differ in case, blanks, ending marks or Unicode form alone, and 01 beside 1: one class each.

    The most common spelling, or of true and false the one without quotes, is taken for the one that was meant.
    """
    truths = {spelling(cell) for cell in cells if isinstance(cell.value, bool)}
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for (name, written), count in Counter((spelling(cell), _written(cell)) for cell in cells).items():
        # A truth value outweighs every text: "True" is what is written otherwise.
        spellings[normalise_name(name)][written] += count + (len(cells) if written in truths else 0)
    meant = {key: written.most_common(1)[0][0] for key, written in spellings.items() if len(written) > 1}
    for cell in cells if meant else ():
        wanted = meant.get(normalise_name(spelling(cell)))
        if wanted is not None and _written(cell) != wanted:
            other = f"{wanted} without quotes" if wanted in truths else wanted
            errors.add(
                f"is {cell.raw!r}, where another label is {other}. Write all labels in one way.",
                at=cell.at,
                column=cell.column,
            )


def _written(cell: LabelCell) -> str:
    """Return a label as its file writes it; a number is the same with or without a point."""
    if cell.kind == "number" and isinstance(cell.raw, str) and PADDED.fullmatch(cell.raw.strip()):
        return cell.raw.strip()
    return spelling(cell)


def _refuse_several_names(cells: Sequence[LabelCell], names: Sequence[str], errors: InputErrors) -> None:
    """Refuse neg#pos beside neg and pos, which would be a third class."""
    present = set(names)
    for name in names:
        for separator in SEPARATORS:
            parts = [part.strip() for part in name.split(separator)]
            if len(parts) > 1 and present.issuperset(parts):
                for cell in cells:
                    if spelling(cell) == name:
                        errors.add(several_names(name, parts), at=cell.at, column=cell.column)
                break


def several_names(written: object, parts: Sequence[str]) -> str:
    """Say that one class a point is expected."""
    return (
        f"is {written!r}, which names several classes ({', '.join(parts)}); one class a point is expected. Keep one, "
        "leave the cell empty, or give a distribution."
    )
