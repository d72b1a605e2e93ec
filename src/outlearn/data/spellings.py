"""One label written in two ways: two classes by mistake, or one class of what were two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from outlearn.data.problems import Problems
from outlearn.data.records import Records

__all__ = ["refuse_two_spellings"]

PADDED = re.compile(r"[+-]?0\d+")  # a whole number with leading zeros


def refuse_two_spellings(values: Sequence[Any], records: Records, column: str, problems: Problems) -> None:
    """Refuse "True" beside true, which would be two classes, and 01 beside 1, which would be one.

    Args:
        values: what the cells of the column were read as, in order.
        records: the table.
        column: name of the column.
        problems: what is wrong is added here.
    """
    cells = records.columns[column]
    padded = {
        row for row, cell in enumerate(cells)
        if isinstance(cell, str) and isinstance(values[row], int) and PADDED.fullmatch(cell.strip())
    }  # fmt: skip
    plain = {value for row, value in enumerate(values) if row not in padded} if padded else set()
    truths = any(isinstance(value, bool) for value in values)
    for row, value in enumerate(values):
        if row in padded and value in plain:
            other = str(value)
        elif truths and isinstance(value, str) and value != value.lower() and value.lower() in ("true", "false"):
            other = f"{value.lower()} without quotes"
        else:
            continue
        problems.add(
            f"is {cells[row]!r}, where another label is {other}. Write all labels in one way.",
            at=records.positions[row],
            column=column,
        )
