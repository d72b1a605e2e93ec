"""A figure as plain data, panels with axes and marks: drawn the same on the page and for a paper.

Values are in the units that the axis shows (percent, nats). `hover` holds the text of each mark as a reader sees it,
formatted by `cells`, so that what is drawn, what is hovered and what is in the table are the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from outlearn.report.style import SeriesStyle

__all__ = ["Axis", "Bars", "Chart", "Dots", "Heat", "Line", "Mark", "Panel", "Rule"]

Number = float | None


@dataclass(frozen=True)
class Axis:
    """One axis: a title, categories where it is not numeric, a range, a logarithm."""

    title: str = ""
    categories: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None
    log: bool = False
    ticks: tuple[float, ...] = ()

    def positions(self, values: Sequence[float | str]) -> list[float]:
        """Return where values stand: categories at 0, 1, 2, ... in their order, numbers at themselves."""
        index = {name: float(k) for k, name in enumerate(self.categories)}
        return [index[value] if isinstance(value, str) else value for value in values]


@dataclass(frozen=True)
class Dots:
    """Points with intervals. Intervals run along the numeric axis: along x if `horizontal`, else along y."""

    name: str
    style: SeriesStyle
    x: Sequence[float | str]
    y: Sequence[float | str]
    low: Sequence[Number] = ()
    high: Sequence[Number] = ()
    hover: Sequence[str] = ()
    horizontal: bool = False
    size: float = 9


@dataclass(frozen=True)
class Line:
    """A line through points, with or without markers."""

    name: str
    style: SeriesStyle
    x: Sequence[float]
    y: Sequence[Number]
    hover: Sequence[str] = ()
    markers: bool = True


@dataclass(frozen=True)
class Bars:
    """Bars at categories or numbers, from `base` (0 if empty) over `length`; horizontal ones stand at positions on y.

    Bars of one panel stand side by side by their `lane`; in one lane they are stacked as given by `base`.
    """

    name: str
    style: SeriesStyle
    at: Sequence[str | float]
    length: Sequence[Number]
    base: Sequence[Number] = ()
    hover: Sequence[str] = ()
    horizontal: bool = True
    lane: int = 0


@dataclass(frozen=True)
class Heat:
    """A map of numbers, `values[row][column]`, dark where large; `limits` are shared between panels."""

    name: str
    values: Sequence[Sequence[Number]]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    limits: tuple[float, float]
    hover: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Rule:
    """A reference line over the whole panel: horizontal at `y`, vertical at `x`, or the diagonal."""

    style: SeriesStyle
    x: float | None = None
    y: float | None = None
    diagonal: bool = False


Mark = Dots | Line | Bars | Heat | Rule


@dataclass(frozen=True)
class Panel:
    """One plot of a figure."""

    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    title: str = ""


@dataclass(frozen=True)
class Chart:
    """A figure: panels in rows of `columns`; `panel_height` in pixels of the page, without titles and margins."""

    panels: tuple[Panel, ...]
    columns: int = 1
    panel_height: int = 320
    share_y: bool = False
    legend: bool = True
    widths: tuple[float, ...] = field(default=())
