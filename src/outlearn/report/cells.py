"""Numbers on their way to paper: measurements with intervals, plain tables, and every formatting rule in one place.

A `Table` holds numbers, not text. `format_cell` turns a number into text by the kind of its column, and it is the only
code that knows about percentages: everything before the report is in shares and nats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from outlearn.core.intervals import Interval
from outlearn.core.verdict import has_interval
from outlearn.results.measurement import Withheld

__all__ = ["Cell", "Column", "Kind", "Table", "format_cell", "format_number", "point_estimate"]

Kind = Literal["text", "percent", "points", "nats", "signed", "ratio", "count", "number", "signed_number"]
SIGNIFICANT = 4  # digits of a number in units of its own, as far as they stand before the fourth decimal
MISSING = "—"

Cell = Interval | Withheld | float | int | str | None


@dataclass(frozen=True)
class Column:
    """One column: its name, the kind of its numbers, and a line that explains it."""

    name: str
    kind: Kind = "text"
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of numbers: `rows[i][j]` belongs to `columns[j]`; `footnotes` stand below it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    footnotes: tuple[str, ...] = field(default=())

    def text_rows(self) -> list[list[str]]:
        """Return every cell as text, by the kind of its column."""
        return [
            [format_cell(cell, column.kind) for cell, column in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]


def point_estimate(cell: Cell) -> float | None:
    """Return the number of a cell, without its interval; None where there is none.

    Examples:
        >>> point_estimate(Interval(0.7, 0.6, 0.8, 0.05, 4, 100)), point_estimate(Withheld("one teacher"))
        (0.7, None)
    """
    number = cell.mean if isinstance(cell, Interval) else cell
    return float(number) if isinstance(number, int | float) and math.isfinite(number) else None


def format_number(value: float | None, kind: Kind) -> str:
    """Write one number: shares as percent with one digit, nats with three, ratios with two, signs where signed.

    A number in units of its own has four digits that count.

    Examples:
        >>> format_number(0.7981, "percent"), format_number(0.031, "points"), format_number(0.53421, "nats")
        ('79.8', '+3.1', '0.534')
        >>> format_number(-0.0001, "signed"), format_number(None, "ratio"), format_number(1500, "count")
        ('0.000', '—', '1,500')
        >>> format_number(4591.2, "number"), format_number(0.01234, "signed_number")
        ('4,591', '+0.0123')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if kind == "count":
        return f"{round(value):,}"
    if kind in ("number", "signed_number"):
        digits = min(SIGNIFICANT, max(0, SIGNIFICANT - 1 - math.floor(math.log10(abs(value))))) if value else 0
        text = f"{value:{'+' if kind == 'signed_number' else ''},.{digits}f}"
        return text.lstrip("+-") if float(text.replace(",", "")) == 0 else text
    scale, digits, sign = {
        "percent": (100, 1, ""),
        "points": (100, 1, "+"),
        "nats": (1, 3, ""),
        "signed": (1, 3, "+"),
        "ratio": (1, 2, ""),
        "text": (1, 3, ""),
    }[kind]
    text = f"{value * scale:{sign}.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def format_cell(cell: Cell, kind: Kind = "text", *, intervals: bool = True) -> str:
    """Write one cell; a measurement carries its interval behind it, and what is withheld is a dash.

    Examples:
        >>> format_cell(Interval(0.798, 0.779, 0.816, 0.01, 4, 100), "percent")
        '79.8 [77.9, 81.6]'
        >>> format_cell(Withheld("one teacher"), "ratio"), format_cell("mae")
        ('—', 'mae')
    """
    if isinstance(cell, str):
        return cell
    text = format_number(point_estimate(cell), kind)
    if intervals and text != MISSING and isinstance(cell, Interval) and has_interval(cell):
        return f"{text} [{format_number(cell.low, kind)}, {format_number(cell.high, kind)}]"
    return text
