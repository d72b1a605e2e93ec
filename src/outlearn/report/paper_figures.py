"""The figures of a report as SVG and PDF for a paper: one column of a two-column page wide, the same marks and numbers.

Drawn by matplotlib (extra `figures`), since plotly's own export needs a browser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outlearn.core.text import printable
from outlearn.errors import MissingExtraError, StoreError
from outlearn.report.charts import Bars, Chart, Dots, Heat, Line, Mark, Panel, Rule
from outlearn.report.style import CONTINUOUS_SCALE, SeriesStyle

__all__ = ["write_figures"]

COLUMN_WIDTH = 3.35  # inches: one column of a two-column page
SYMBOLS = {
    "circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "triangle-down": "v", "x": "x", "cross": "P",
    "star": "*", "pentagon": "p", "line-ns": "|", "line-ew": "_",
}  # fmt: skip
DASHES: dict[str, Any] = {
    "solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (8, 3)), "longdashdot": (0, (8, 2, 1, 2)),
}  # fmt: skip


def write_figures(charts: Mapping[str, Chart], folder: Path) -> tuple[Path, ...]:
    """Write each chart as `KEY.svg` and `KEY.pdf`, into a folder that is made when it does not exist.

    Raises:
        MissingExtraError: if matplotlib is not installed.
        StoreError: if a file cannot be written.
    """
    try:
        import matplotlib
    except ImportError:
        raise MissingExtraError("matplotlib", "figures") from None
    written = []
    style: Any = {"font.size": 7, "axes.linewidth": 0.6, "pdf.fonttype": 42}
    style |= {"svg.fonttype": "none", "svg.hashsalt": "outlearn"}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context(style):
            for key, chart in charts.items():
                figure = _figure(chart)
                for kind in ("svg", "pdf"):
                    path = folder / f"{key}.{kind}"
                    figure.savefig(path, metadata={"Date": None} if kind == "svg" else {"CreationDate": None})
                    written.append(path)
    except OSError as error:
        raise StoreError(
            f"{str(folder)!r} cannot be written: {error.strerror}. Choose another --figures DIR."
        ) from error
    return tuple(written)


def _figure(chart: Chart) -> Any:
    from matplotlib.figure import Figure

    columns = max(1, min(chart.columns, len(chart.panels)))
    rows = -(-len(chart.panels) // columns)
    wide = COLUMN_WIDTH * (2.1 if columns > 1 else 1)
    figure = Figure(figsize=(wide, rows * chart.panel_height / 320 * 2.2 + 0.5), layout="constrained")
    widths = chart.widths if len(chart.widths) == columns else (1.0,) * columns
    grid = figure.subplots(rows, columns, squeeze=False, sharey=chart.share_y, width_ratios=widths)
    for axes, panel in zip(grid.ravel(), chart.panels, strict=False):  # the last row may have axes to spare
        _draw(axes, panel)
    for axes in grid.ravel()[len(chart.panels) :]:
        axes.set_visible(False)
    if chart.legend:
        handles, labels = _legend(grid)
        columns = _legend_columns(labels, wide)
        figure.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False)
    return figure


def _legend(grid: Any) -> tuple[list[Any], list[str]]:
    found: dict[str, Any] = {}
    for axes in grid.ravel():
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def _legend_columns(labels: Sequence[str], wide: float) -> int:
    """Return how many names fit beside each other: at 7 points a letter takes about 0.055 inches, a handle 0.45."""
    longest = max(map(len, labels), default=1)
    return max(1, min(4, len(labels), int(wide / (0.45 + 0.055 * longest))))


def _draw(axes: Any, panel: Panel) -> None:
    for mark in panel.marks:
        _mark(axes, mark, panel)
    for name, axis in (("x", panel.x), ("y", panel.y)):
        set_ticks = getattr(axes, f"set_{name}ticks")
        axes.set(**{f"{name}label": _plain(axis.title), **({f"{name}scale": "log"} if axis.log else {})})
        if axis.categories:
            set_ticks(range(len(axis.categories)), [_plain(c)[:34] for c in axis.categories])
        elif axis.ticks:
            set_ticks(list(axis.ticks), [f"{tick:g}" for tick in axis.ticks])
            getattr(axes, f"{name}axis").minorticks_off()
        elif not axis.log:
            axes.locator_params(axis=name, nbins=6)
        if axis.limits:
            axes.set(**{f"{name}lim": axis.limits})
    if panel.y.categories:
        axes.set_ylim(len(panel.y.categories) - 0.4, -0.6)
    if panel.title:
        axes.set_title(_plain(panel.title), loc="left")


def _mark(axes: Any, mark: Mark, panel: Panel) -> None:
    if isinstance(mark, Rule):
        _rule(axes, mark)
    elif isinstance(mark, Line):
        marker = _marker(mark.style, 3) if mark.markers else {}
        axes.plot(mark.x, _numbers(mark.y), lw=1, label=_plain(mark.name), **_look(mark.style), **marker)
    elif isinstance(mark, Dots):
        _dots(axes, mark, panel)
    elif isinstance(mark, Bars):
        _bars(axes, mark, panel)
    elif isinstance(mark, Heat):
        _heat(axes, mark)


def _dots(axes: Any, mark: Dots, panel: Panel) -> None:
    x, y = panel.x.positions(mark.x), panel.y.positions(mark.y)
    along = x if mark.horizontal else y
    errors = None
    if any(low is not None for low in mark.low):
        errors = [
            [0.0 if low is None else value - low for value, low in zip(along, mark.low, strict=True)],
            [0.0 if high is None else high - value for value, high in zip(along, mark.high, strict=True)],
        ]
    ends: Any = {"xerr" if mark.horizontal else "yerr": errors, "lw": 0.9, "capsize": 1.5}
    look = {**_look(mark.style), **_marker(mark.style, 3.5), "ls": "none"}
    axes.errorbar(x, y, label=_plain(mark.name), **ends, **look)


def _bars(axes: Any, mark: Bars, panel: Panel) -> None:
    lanes = 1 + max(bar.lane for bar in panel.marks if isinstance(bar, Bars))
    size = 0.7 / lanes
    axis = panel.y if mark.horizontal else panel.x
    positions = [at - 0.35 + (mark.lane + 0.5) * size for at in axis.positions(mark.at)]
    base = [value or 0.0 for value in mark.base] or [0.0] * len(positions)
    draw = axes.barh if mark.horizontal else axes.bar
    extent = {"left": base, "height": size} if mark.horizontal else {"bottom": base, "width": size}
    look = {"color": mark.style.colour, "edgecolor": "white", "hatch": mark.style.pattern * 3 or None, "lw": 0.3}
    draw(positions, [v or 0.0 for v in mark.length], label=_plain(mark.name), **look, **extent)


def _heat(axes: Any, mark: Heat) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("outlearn", [(at, colour) for at, colour in CONTINUOUS_SCALE])
    image = axes.imshow(
        [_numbers(row) for row in mark.values], aspect="auto", cmap=scale, vmin=mark.limits[0], vmax=mark.limits[1]
    )
    axes.figure.colorbar(image, ax=axes, label=_plain(mark.name))
    axes.tick_params(axis="x", rotation=60)


def _rule(axes: Any, mark: Rule) -> None:
    look = {**_look(mark.style), "lw": 0.8, "zorder": 0}
    if mark.diagonal:
        axes.axline((mark.x or 0.0, mark.x or 0.0), slope=1, **look)
    elif mark.x is not None:
        axes.axvline(mark.x, **look)
    elif mark.y is not None:
        axes.axhline(mark.y, **look)


def _look(style: SeriesStyle) -> dict[str, Any]:
    return {"color": style.colour, "ls": DASHES.get(style.dash, "-")}


def _marker(style: SeriesStyle, size: float) -> dict[str, Any]:
    fill = "none" if style.symbol.endswith("-open") else style.colour
    return {"marker": SYMBOLS.get(style.symbol.removesuffix("-open"), "o"), "markersize": size, "markerfacecolor": fill}


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _plain(text: str) -> str:
    """Keep text out of matplotlib's mathematics, which a dollar sign starts, and printable."""
    return printable(text).replace("$", r"\$")
