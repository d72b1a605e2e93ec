"""What the figures of the theory share: reading a curve, marks from columns, and tables of every number drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from outlearn.report.cells import Column, Table
from outlearn.report.charts import Axis, Dots, Line
from outlearn.report.style import SeriesStyle
from outlearn.report.theory_text import number
from outlearn.results.theory import Curve

__all__ = ["dots", "largest", "line", "log_axis", "numbers_table", "rows_where"]


def rows_where(curve: Curve, **values: str | float) -> dict[str, np.ndarray]:
    """Return the rows of a curve whose columns have the given values."""
    keep = np.ones(len(next(iter(curve.values()))), dtype=bool)
    for name, value in values.items():
        keep &= curve[name] == value
    return {name: column[keep] for name, column in curve.items()}


def dots(name: str, style: SeriesStyle, curve: Curve, x: str, y: str, *, size: float = 8) -> Dots:
    """Draw column `y` against `x`, with the interval in the columns `y_low` and `y_high` where they are there."""
    low, high = (curve[f"{y}_{end}"].tolist() if f"{y}_{end}" in curve else [] for end in ("low", "high"))
    texts = []
    for index, (at, value) in enumerate(zip(curve[x], curve[y], strict=True)):
        interval = f" [{number(low[index])}, {number(high[index])}]" if low else ""
        texts.append(f"{name}\n{x.replace('_', ' ')} {number(at)}: {number(value)}{interval}")
    return Dots(name, style, curve[x].tolist(), curve[y].tolist(), low=low, high=high, hover=texts, size=size)


def line(
    name: str, style: SeriesStyle, x: np.ndarray, y: np.ndarray, *, ceiling: float | None = None, markers: bool = False
) -> Line:
    """Draw a line; values that are not finite, or above the ceiling, break it."""
    shown = [None if not np.isfinite(v) or (ceiling is not None and abs(v) > ceiling) else float(v) for v in y]
    return Line(name, style, x.tolist(), shown, markers=markers)


def log_axis(title: str, *columns: np.ndarray) -> Axis:
    """Make a logarithmic axis with few round ticks: 1, 2, 5 where they are at most eight, else 1 and 3, else powers."""
    values = np.concatenate([np.asarray(column, dtype=float) for column in columns])
    values = values[np.isfinite(values) & (values > 0)]
    low, high = float(values.min()) * 0.9, float(values.max()) * 1.1
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks: tuple[float, ...] = ()
    for steps in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        ticks = tuple(step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high)
        if len(ticks) <= 8:
            break
    return Axis(title, log=True, ticks=ticks)


def numbers_table(
    title: str, curve: Curve, keys: Sequence[str], headings: Mapping[str, str] = MappingProxyType({})
) -> Table:
    """Put the columns `keys` of a curve into a table; X_low and X_high are headed "low" and "high", X_exact "exact X",
    unless `headings` has a clearer one.
    """

    def heading(key: str) -> str:
        stem, _, last = key.rpartition("_")
        return last if last in ("low", "high") else f"exact {stem}" if last == "exact" else key.replace("_", " ")

    columns = tuple(Column(headings.get(key, heading(key))) for key in keys)
    texts = [[each if isinstance(each, str) else number(each) for each in curve[key].tolist()] for key in keys]
    return Table(title, columns, tuple(zip(*texts, strict=True)))


def largest(values: np.ndarray) -> float:
    """Return the largest finite value."""
    return float(values[np.isfinite(values)].max())
