"""Numbers on their way to paper: estimates with intervals, plain tables, and every formatting rule in one place.

A `Table` holds numbers, not text. `format_cell` turns a number into text by the kind of its column, and it is the only
code that knows about percentages: everything before the report is in shares and nats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Cell",
    "Column",
    "Estimate",
    "Kind",
    "Table",
    "estimate_of",
    "excludes_zero",
    "format_cell",
    "format_number",
]

Kind = Literal["text", "percent", "points", "nats", "signed", "ratio", "count", "seconds"]
MISSING = "—"


@dataclass(frozen=True)
class Estimate:
    """A measured mean, its interval, and why either is missing. Shares stay shares and nats stay nats."""

    mean: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    n_models: int | None = None
    n_points: int | None = None

    @property
    def has_interval(self) -> bool:
        """Say whether both ends of the interval are known."""
        return self.low is not None and self.high is not None


Cell = Estimate | float | int | str | None


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

    def text_rows(self, *, intervals: bool = True) -> list[list[str]]:
        """Return every cell as text, by the kind of its column."""
        return [
            [format_cell(cell, col.kind, intervals=intervals) for cell, col in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]


def estimate_of(value: Any) -> Estimate:
    """Read an estimate of results.json: a mapping with mean (or value), low, high, reason, or a number, or null.

    Example:
        >>> estimate_of({"mean": 0.7, "low": None, "high": None, "reason": "one teacher"}).reason
        'one teacher'
        >>> estimate_of(0.5).mean, estimate_of(None).mean
        (0.5, None)
    """
    if isinstance(value, Mapping):
        mean = value.get("mean", value.get("value"))
        reason = value.get("reason")
        return Estimate(
            _finite(mean),
            _finite(value.get("low")),
            _finite(value.get("high")),
            None if reason is None else str(reason),
            _count(value.get("n_models")),
            _count(value.get("n_points")),
        )
    return Estimate(_finite(value))


def excludes_zero(estimate: Estimate) -> bool:
    """Say whether the interval is known and lies on one side of 0: the only case in which a sign may be claimed.

    Example:
        >>> excludes_zero(Estimate(0.1, 0.02, 0.18)), excludes_zero(Estimate(0.1, -0.02, 0.22))
        (True, False)
    """
    if estimate.low is None or estimate.high is None:
        return False
    return estimate.low > 0 or estimate.high < 0


def format_number(value: float | None, kind: Kind) -> str:
    """Write one number: shares as percent with one digit, nats with three, ratios with two, signs where signed.

    Example:
        >>> format_number(0.7981, "percent"), format_number(0.031, "points"), format_number(0.53421, "nats")
        ('79.8', '+3.1', '0.534')
        >>> format_number(-0.0001, "signed"), format_number(None, "ratio"), format_number(1500, "count")
        ('0.000', '—', '1,500')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if kind == "count":
        return f"{round(value):,}"
    scale, digits, sign = {
        "percent": (100, 1, ""),
        "points": (100, 1, "+"),
        "nats": (1, 3, ""),
        "signed": (1, 3, "+"),
        "ratio": (1, 2, ""),
        "seconds": (1, 1, ""),
        "text": (1, 3, ""),
    }[kind]
    text = f"{value * scale:{sign}.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def format_cell(cell: Cell, kind: Kind = "text", *, intervals: bool = True) -> str:
    """Write one cell; an estimate carries its interval behind it.

    Example:
        >>> format_cell(Estimate(0.798, 0.779, 0.816), "percent")
        '79.8 [77.9, 81.6]'
        >>> format_cell(Estimate(None, reason="withheld"), "ratio"), format_cell("mae")
        ('—', 'mae')
    """
    if cell is None or isinstance(cell, str):
        return MISSING if cell is None else cell
    if isinstance(cell, Estimate):
        text = format_number(cell.mean, kind)
        if intervals and cell.mean is not None and cell.has_interval:
            return f"{text} [{format_number(cell.low, kind)}, {format_number(cell.high, kind)}]"
        return text
    return format_number(float(cell), kind)


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def cell_value(cell: Cell) -> float | str | None:
    """Return what a cell sorts by: the mean of an estimate, else the number or the text itself."""
    return cell.mean if isinstance(cell, Estimate) else cell


def as_records(table: Table) -> Sequence[dict[str, Cell]]:
    """Return the rows as mappings from column name to cell."""
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]
