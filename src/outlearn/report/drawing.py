"""Draw the marks of a panel with matplotlib: the one drawing that the page and the files for a paper share."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from outlearn.core.text import printable
from outlearn.report.charts import Axis, Bars, Dots, Heat, Line, Mark, Panel, Rule
from outlearn.report.style import CONTINUOUS_SCALE, GRID, INK, MUTED, PAPER, SeriesStyle

__all__ = ["LOOK", "bar_lanes", "bar_look", "draw_panel", "line_look", "marker_look", "plain"]

SYMBOLS = {
    "circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "triangle-down": "v", "x": "x", "cross": "P",
    "star": "*", "pentagon": "p", "line-ns": "|", "line-ew": "_",
}  # fmt: skip
DASHES: dict[str, Any] = {
    "solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (8, 3)), "longdashdot": (0, (8, 2, 1, 2)),
}  # fmt: skip
LETTERS = 22  # in a line of a category's name, which takes two lines at most
MARKER, LARGE = 3.5, 9.0  # points at a font of 7 points, for marks of the ordinary size

# Colours of `style` alone: the page swaps each for its dark partner.
LOOK: dict[str, Any] = {
    "axes.edgecolor": MUTED, "axes.labelcolor": INK, "text.color": INK, "xtick.color": MUTED, "ytick.color": MUTED,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "grid.color": GRID, "axes.unicode_minus": False, "axes.facecolor": "none",
    "svg.fonttype": "none", "svg.hashsalt": "outlearn", "pdf.fonttype": 42,
}  # fmt: skip


def draw_panel(axes: Any, panel: Panel, *, scale: float = 1.0) -> None:
    """Draw a panel into matplotlib's axes; lines and markers are `scale` times those for a font of 7 points."""
    for mark in panel.marks:
        _mark(axes, mark, panel, scale)
    for name, axis in (("x", panel.x), ("y", panel.y)):
        _set_axis(axes, name, axis)
    if panel.y.categories:
        axes.set_ylim(len(panel.y.categories) - 0.4, -0.6)
    if any(isinstance(mark, Heat) for mark in panel.marks):
        for label in axes.get_xticklabels():  # ends at its column, however long its name
            label.set(ha="right", rotation_mode="anchor")


def _set_axis(axes: Any, name: str, axis: Axis) -> None:
    set_ticks = getattr(axes, f"set_{name}ticks")
    axes.set(**{f"{name}label": plain(axis.title), **({f"{name}scale": "log"} if axis.log else {})})
    if axis.categories:
        set_ticks(range(len(axis.categories)), [_name(category) for category in axis.categories])
        axes.tick_params(axis=name, length=0)
    else:
        axes.grid(visible=True, axis=name, linewidth=0.5)
    if axis.ticks:
        set_ticks(list(axis.ticks), [f"{tick:g}" for tick in axis.ticks])
        getattr(axes, f"{name}axis").minorticks_off()
    elif not axis.log and not axis.categories:
        axes.locator_params(axis=name, nbins=6)
    if axis.limits:
        axes.set(**{f"{name}lim": axis.limits})


def _name(category: str) -> str:
    first, *rest = textwrap.wrap(plain(category), LETTERS, break_long_words=False) or [""]
    return "\n".join(printable(line, width=LETTERS) for line in (first, " ".join(rest)) if line)


def _mark(axes: Any, mark: Mark, panel: Panel, scale: float) -> None:
    if isinstance(mark, Rule):
        _rule(axes, mark, scale)
    elif isinstance(mark, Line):
        marker = marker_look(mark.style, 3 * scale) if mark.markers else {}
        look = {"lw": scale, **line_look(mark.style), **marker}
        axes.plot(mark.x, _numbers(mark.y), label=plain(mark.name), **look)
    elif isinstance(mark, Dots):
        _dots(axes, mark, panel, scale)
    elif isinstance(mark, Bars):
        _bars(axes, mark, panel)
    elif isinstance(mark, Heat):
        _heat(axes, mark)


def _dots(axes: Any, mark: Dots, panel: Panel, scale: float) -> None:
    x, y = panel.x.positions(mark.x), panel.y.positions(mark.y)
    along = x if mark.horizontal else y
    errors = None
    if any(low is not None for low in mark.low):
        errors = [
            [0.0 if low is None else value - low for value, low in zip(along, mark.low, strict=True)],
            [0.0 if high is None else high - value for value, high in zip(along, mark.high, strict=True)],
        ]
    ends: Any = {"xerr" if mark.horizontal else "yerr": errors, "lw": 0.9 * scale, "capsize": 1.5 * scale}
    look = {**line_look(mark.style), **marker_look(mark.style, MARKER * scale * mark.size / LARGE), "ls": "none"}
    axes.errorbar(x, y, label=plain(mark.name), **ends, **look)


def _bars(axes: Any, mark: Bars, panel: Panel) -> None:
    draw = axes.barh if mark.horizontal else axes.bar
    positions, size = bar_lanes(mark, panel)
    base = [value or 0.0 for value in mark.base] or [0.0] * len(positions)
    extent = {"left": base, "height": size} if mark.horizontal else {"bottom": base, "width": size}
    draw(positions, [v or 0.0 for v in mark.length], label=plain(mark.name), **bar_look(mark.style), **extent)


def bar_lanes(mark: Bars, panel: Panel) -> tuple[list[float], float]:
    """Return where bars stand across, and how thick they are: the lanes of a panel share the room of a category."""
    lanes = 1 + max(bar.lane for bar in panel.marks if isinstance(bar, Bars))
    size = 0.7 / lanes
    axis = panel.y if mark.horizontal else panel.x
    return [at - 0.35 + (mark.lane + 0.5) * size for at in axis.positions(mark.at)], size


def _heat(axes: Any, mark: Heat) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("outlearn", [(at, colour) for at, colour in CONTINUOUS_SCALE])
    # Cells as shapes, not as an image: sharp at every size.
    edges = [[k - 0.5 for k in range(n + 1)] for n in (len(mark.columns), len(mark.rows))]
    values, (low, high) = [_numbers(row) for row in mark.values], mark.limits
    cells = axes.pcolormesh(*edges, values, cmap=colours, vmin=low, vmax=high, edgecolors=PAPER, linewidth=0.4)
    axes.figure.colorbar(cells, ax=axes, label=plain(mark.name))
    axes.set_xlim(-0.5, len(mark.columns) - 0.5)
    axes.tick_params(axis="x", rotation=60)


def _rule(axes: Any, mark: Rule, scale: float) -> None:
    look = {**line_look(mark.style), "lw": 0.8 * scale, "zorder": 0.9}
    if mark.diagonal:
        axes.axline((mark.x or 0.0, mark.x or 0.0), slope=1, **look)
    elif mark.x is not None:
        axes.axvline(mark.x, **look)
    elif mark.y is not None:
        axes.axhline(mark.y, **look)


def line_look(style: SeriesStyle) -> dict[str, Any]:
    """Return a series' colour and dash."""
    return {"color": style.colour, "ls": DASHES.get(style.dash, "-")}


def marker_look(style: SeriesStyle, size: float) -> dict[str, Any]:
    """Return a series' marker; an open one is filled with paper, so that no line runs through it."""
    fill = PAPER if style.symbol.endswith("-open") else style.colour
    return {"marker": SYMBOLS.get(style.symbol.removesuffix("-open"), "o"), "markersize": size, "markerfacecolor": fill}


def bar_look(style: SeriesStyle) -> dict[str, Any]:
    """Return a series' bars: its colour, hatched with paper."""
    return {"facecolor": style.colour, "edgecolor": PAPER, "hatch": style.pattern * 3 or None, "lw": 0.3}


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def plain(text: str) -> str:
    """Keep text out of matplotlib's mathematics, which a dollar sign starts, and printable."""
    return printable(text).replace("$", r"\$")
