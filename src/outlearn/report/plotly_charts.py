"""Draw a `Chart` as a plotly figure: a mapping of plain JSON values, without plotly's own validation, which is slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from outlearn.core.text import printable
from outlearn.report import style
from outlearn.report.charts import Axis, Bars, Chart, Dots, Heat, Line, Panel, Rule

__all__ = ["to_plotly"]

TOP, BOTTOM, GAP = 58, 56, 78  # pixels above, below and between rows of panels
LABEL = 34  # letters of a tick or a title


def to_plotly(chart: Chart) -> dict[str, Any]:
    """Return {"data", "layout"} for plotly.

    Examples:
        >>> line = Line("a", style.SERIES[0], [1, 2], [3, 4])
        >>> figure = to_plotly(Chart((Panel(Axis("epoch"), Axis("nats"), (line,)),)))
        >>> figure["data"][0]["x"], figure["layout"]["xaxis"]["title"]["text"]
        ([1, 2], 'epoch')
    """
    columns = max(1, min(chart.columns, len(chart.panels)))
    rows = -(-len(chart.panels) // columns)
    titled = any(panel.title for panel in chart.panels)
    gap = GAP + (16 if titled else 0)
    top = TOP if chart.legend else 30
    inner = rows * chart.panel_height + (rows - 1) * gap
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "shapes": [], "barmode": "overlay"}
    named: set[str] = set()
    x_spans = _spans(chart.widths or (1.0,) * columns, 0.03 if chart.share_y else 0.1 if columns < 4 else 0.07)
    for index, panel in enumerate(chart.panels):
        row, column = divmod(index, columns)
        number = _number(index)
        start = 1 - (row * (chart.panel_height + gap) + chart.panel_height) / inner
        y_span = [max(start, 0.0), min(start + chart.panel_height / inner, 1.0)]
        x_axis = {**_axis(panel.x), "domain": x_spans[column], "anchor": f"y{number}"}
        y_axis = {**_axis(panel.y, upright=True), "domain": y_span, "anchor": f"x{number}"}
        if chart.share_y and column:
            y_axis |= {"showticklabels": False, "title": {"text": ""}, "matches": f"y{_number(row * columns)}"}
        layout[f"xaxis{number}"], layout[f"yaxis{number}"] = x_axis, y_axis
        if panel.title:
            layout["annotations"].append(_title(panel.title, x_spans[column], y_span))
        for mark in panel.marks:
            if isinstance(mark, Rule):
                layout["shapes"].append(_rule(mark, number))
            else:
                data.append(_trace(mark, panel, number, named))
    layout |= {
        "height": round(inner + top + BOTTOM),
        "margin": {"l": 70, "r": 22, "t": top, "b": BOTTOM},
        "showlegend": chart.legend,
        "legend": {"yref": "container", "y": 1, "yanchor": "top", "x": 0, "xanchor": "left", "orientation": "h"},
    }
    return {"data": data, "layout": style.layout(**layout)}


def _number(index: int) -> str:
    return "" if index == 0 else str(index + 1)


def _spans(widths: Sequence[float], gap: float) -> list[list[float]]:
    room = 1 - gap * (len(widths) - 1)
    spans, left = [], 0.0
    for width in widths:
        size = room * width / sum(widths)
        spans.append([left, min(left + size, 1.0)])
        left += size + gap
    return spans


def _axis(axis: Axis, *, upright: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"title": {"text": _plain(axis.title)}}
    if axis.categories:
        # Positions with names as tick texts: names that differ only in their tails stay apart when shortened.
        ends = [-0.6, len(axis.categories) - 0.4]
        names = [_plain(printable(name, width=LABEL)) for name in axis.categories]
        found |= {"tickvals": list(range(len(names))), "ticktext": names}
        found |= {"range": ends[::-1] if upright else ends, "showgrid": False, "zeroline": False}
    if axis.log:
        found["type"] = "log"
    if axis.limits:
        found["range"] = list(axis.limits)
    if axis.ticks:
        found |= {"tickvals": list(axis.ticks), "ticktext": [f"{tick:g}" for tick in axis.ticks]}
    return found


def _trace(mark: Dots | Line | Bars | Heat, panel: Panel, number: str, named: set[str]) -> dict[str, Any]:
    base: dict[str, Any] = {"xaxis": f"x{number}", "yaxis": f"y{number}", "name": _plain(mark.name)}
    base |= {"legendgroup": base["name"], "showlegend": bool(base["name"]) and base["name"] not in named}
    named.add(base["name"])
    if isinstance(mark, Dots):
        return base | _dots(mark, panel)
    if isinstance(mark, Line):
        return base | _line(mark)
    return base | (_bars(mark, panel) if isinstance(mark, Bars) else _heat(mark, panel, first=number == ""))


def _marker(look: style.SeriesStyle, size: float) -> dict[str, Any]:
    return {"color": look.colour, "symbol": look.symbol, "size": size, "line": {"color": look.colour, "width": 1.6}}


def _hover(texts: Sequence[str]) -> dict[str, Any]:
    if not texts:
        return {"hoverinfo": "skip"}
    return {"customdata": [_plain(text) for text in texts], "hovertemplate": "%{customdata}<extra></extra>"}


def _dots(mark: Dots, panel: Panel) -> dict[str, Any]:
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": panel.x.positions(mark.x),
        "y": panel.y.positions(mark.y),
        "marker": _marker(mark.style, mark.size),
        **_hover(mark.hover),
    }
    values = mark.x if mark.horizontal else mark.y
    if any(low is not None for low in mark.low):
        trace["error_x" if mark.horizontal else "error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [_distance(value, high) for value, high in zip(values, mark.high, strict=True)],
            "arrayminus": [_distance(low, value) for value, low in zip(values, mark.low, strict=True)],
            "color": mark.style.colour,
            "thickness": 1.8,
            "width": 4,
        }
    return trace


def _distance(low: float | str | None, high: float | str | None) -> float | None:
    return high - low if isinstance(low, int | float) and isinstance(high, int | float) else None


def _line(mark: Line) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers" if mark.markers else "lines",
        "x": list(mark.x),
        "y": list(mark.y),
        "line": {"color": mark.style.colour, "dash": mark.style.dash, "width": 2},
        "marker": _marker(mark.style, 7),
        **_hover(mark.hover),
    }


def _bars(mark: Bars, panel: Panel) -> dict[str, Any]:
    lanes = 1 + max(bar.lane for bar in panel.marks if isinstance(bar, Bars))
    width = 0.7 / lanes
    along, across = ("x", "y") if mark.horizontal else ("y", "x")
    return {
        "type": "bar",
        "base": list(mark.base) or None,
        "width": width,
        "offset": -0.35 + mark.lane * width,
        "marker": {
            "color": mark.style.colour,
            "line": {"color": mark.style.colour, "width": 1},
            "pattern": {"shape": mark.style.pattern, "fgcolor": style.PAPER, "bgcolor": mark.style.colour, "size": 6},
        },
        **_hover(mark.hover),
        along: list(mark.length),
        across: (panel.y if mark.horizontal else panel.x).positions(mark.at),
        "orientation": "h" if mark.horizontal else "v",
    }


def _heat(mark: Heat, panel: Panel, *, first: bool) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "z": [list(row) for row in mark.values],
        "x": panel.x.positions(mark.columns),
        "y": panel.y.positions(mark.rows),
        "zmin": mark.limits[0],
        "zmax": mark.limits[1],
        "colorscale": style.CONTINUOUS_SCALE,
        "showscale": first,
        "colorbar": {"thickness": 12, "outlinewidth": 0, "title": {"text": _plain(mark.name), "side": "right"}},
        "xgap": 1,
        "ygap": 1,
        "showlegend": False,
        "customdata": [[_plain(text) for text in row] for row in mark.hover],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _rule(mark: Rule, number: str) -> dict[str, Any]:
    x, y = f"x{number}", f"y{number}"
    line = {"color": mark.style.colour, "dash": mark.style.dash, "width": 1.5}
    if mark.diagonal:
        ends = {"x0": 0, "x1": 1, "y0": 0, "y1": 1, "xref": x, "yref": y}
        if mark.x is not None and mark.y is not None:
            ends |= {"x0": mark.x, "y0": mark.x, "x1": mark.y, "y1": mark.y}
    elif mark.x is not None:
        ends = {"x0": mark.x, "x1": mark.x, "y0": 0, "y1": 1, "xref": x, "yref": f"{y} domain"}
    else:
        ends = {"x0": 0, "x1": 1, "y0": mark.y, "y1": mark.y, "xref": f"{x} domain", "yref": y}
    return {"type": "line", "layer": "below", "line": line, **ends}


def _title(text: str, x: Sequence[float], y: Sequence[float]) -> dict[str, Any]:
    return {
        "text": _plain(printable(text, width=LABEL)),
        "x": x[0],
        "y": y[1],
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "yshift": 3,
        "showarrow": False,
        "font": {"size": 13, "color": style.INK},
    }


def _plain(text: str) -> str:
    """Escape what plotly reads as markup or as a template; nothing that came with the data is ever formatting."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "% {")
    return "".join(c if c.isprintable() or c == "\n" else " " for c in safe).replace("\n", "<br>")
