"""A chart as inline SVG: one picture for each panel, a legend of its own, and what each mark says when pointed at.

The panels of a chart are separate pictures, so that the page sets them side by side or below each other as there is
room. Text stays text, in the page's own font. Each colour of `style` becomes a variable of the page's style sheet, by
which dark mode and print change it. Nothing runs: a `<title>` on every mark is shown by the browser itself.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

from markupsafe import Markup, escape

from outlearn.core.text import printable
from outlearn.report.charts import Bars, Chart, Dots, Heat, Line, Panel, Rule
from outlearn.report.drawing import LOOK, bar_lanes, bar_look, draw_panel, line_look, marker_look
from outlearn.report.style import DARK_OF, SeriesStyle

__all__ = ["Drawn", "DrawnPanel", "LegendEntry", "drawn", "variable_of"]

FONT_SIZE = 12
SCALE = FONT_SIZE / 7  # marks are sized for a font of 7 points
WIDE, NARROW = 420, 300  # pixels: readable when shrunk to a phone, and of small multiples
MARGINS = 58  # pixels above and below the marks
PAGE_LOOK: dict[Any, Any] = {**LOOK, "font.size": FONT_SIZE, "axes.linewidth": 1.0, "hatch.linewidth": 1.2}
Sample: TypeAlias = Literal["bar", "marker", "line", "both"]
PADDING = 4  # pixels around a panel
LINE = 1.2 * FONT_SIZE  # pixels of a line of words
NEAR = 8.0  # pixels around the middle of a mark within which it is pointed at


@dataclass(frozen=True)
class DrawnPanel:
    """One panel: its title, and its picture."""

    title: str
    svg: Markup


@dataclass(frozen=True)
class LegendEntry:
    """One series: its name, and a sample of how it looks."""

    name: str
    svg: Markup


@dataclass(frozen=True)
class Drawn:
    """A chart, drawn."""

    panels: tuple[DrawnPanel, ...]
    legend: tuple[LegendEntry, ...]
    width: int


def drawn(chart: Chart, key: str) -> Drawn:
    """Draw a chart; `key` makes the ids in it its own on a page of many.

    Examples:
        >>> from outlearn.report.charts import Axis
        >>> from outlearn.report.style import SERIES
        >>> line = Line("a & b", SERIES[0], [1, 2], [3, 4], ["first", "second"])
        >>> found = drawn(Chart((Panel(Axis("epoch"), Axis("nats"), (line,)),)), "x")
        >>> "<title>second</title>" in found.panels[0].svg, found.legend[0].name
        (True, 'a & b')
    """
    width = NARROW if chart.columns > 2 else WIDE
    panels = tuple(
        DrawnPanel(panel.title, _panel(panel, (width, chart.panel_height + MARGINS), f"{key}-{number}"))
        for number, panel in enumerate(chart.panels)
    )
    named: dict[str, Bars | Dots | Line] = {}
    for panel in chart.panels:
        for mark in panel.marks:
            if not isinstance(mark, Rule | Heat) and mark.name:
                named.setdefault(mark.name, mark)
    entries = (
        LegendEntry(name, _own(_sample(_kind(mark), mark.style), f"{key}-l{number}"))
        for number, (name, mark) in enumerate(named.items() if chart.legend else ())
    )
    return Drawn(panels, tuple(entries), width)


def variable_of(colour: str) -> str:
    """Return the name of the style sheet's variable for a colour of the light palette."""
    return f"--c{colour[1:]}"


def _panel(panel: Panel, size: tuple[int, int], key: str) -> Markup:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(PAGE_LOOK):
        mapped = any(isinstance(mark, Heat) for mark in panel.marks)  # has a second pair of axes, for its colours
        figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, layout="constrained" if mapped else None)
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        draw_panel(axes, panel, scale=SCALE)
        picture = _svg(figure, fill=None if mapped else axes)
        spots = "".join(_spots(axes, panel, size[1]))
    return _own(picture.replace("</svg>", f'<g class="spots">{spots}</g></svg>'), key)


def _fill(figure: Any, axes: Any, renderer: Any) -> None:
    """Let the axes with their words fill the figure: one measure of the words, where a general layout takes several.

    Titles of the axes stand at the figure's edges: where they end up, without matplotlib's search for their place.
    """
    from matplotlib.transforms import Bbox, blended_transform_factory

    x, y, inner, (wide, high) = axes.xaxis, axes.yaxis, axes.bbox, figure.bbox.size
    x.set_label_coords(0.5, PADDING / high, blended_transform_factory(axes.transAxes, figure.transFigure))
    y.set_label_coords(PADDING / wide, 0.5, blended_transform_factory(figure.transFigure, axes.transAxes))
    x.label.set(va="bottom", visible=False)
    y.label.set(va="top", visible=False)
    outer = Bbox.union([inner, *filter(None, (axis.get_tightbbox(renderer) for axis in (x, y)))])
    titles = [figure.dpi / 72 * (LINE + x.labelpad) if axis.label.get_text() else 0.0 for axis in (x, y)]
    x.label.set_visible(True)
    y.label.set_visible(True)
    left, below = inner.x0 - outer.x0 + PADDING + titles[1], inner.y0 - outer.y0 + PADDING + titles[0]
    right, above = outer.x1 - inner.x1 + PADDING, outer.y1 - inner.y1 + PADDING
    axes.set_position((left / wide, below / high, (wide - left - right) / wide, (high - below - above) / high))


def _kind(mark: Bars | Dots | Line) -> Sample:
    if isinstance(mark, Bars):
        return "bar"
    return "marker" if isinstance(mark, Dots) else "both" if mark.markers else "line"


@cache
def _sample(kind: Sample, look: SeriesStyle) -> str:
    """Draw how a series looks, 30 by 14 pixels."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    with rc_context(PAGE_LOOK):
        figure = Figure(figsize=(30 / 72, 14 / 72), dpi=72)
        figure.patch.set_visible(False)
        if kind == "bar":
            figure.add_artist(Rectangle((0.1, 0.1), 0.8, 0.8, **bar_look(look)))
        else:
            shown = {**line_look(look), "lw": SCALE, "markevery": [1]}
            shown |= {} if kind == "line" else marker_look(look, 3.5 * SCALE)
            shown |= {"ls": "none"} if kind == "marker" else {}
            figure.add_artist(Line2D([0.02, 0.5, 0.98], [0.5] * 3, **shown))
        return _svg(figure)


def _svg(figure: Any, fill: Any = None) -> str:
    """Return matplotlib's SVG as an element: no prologue, no style sheet, no font, colours by variables.

    Args:
        figure: what to draw.
        fill: axes that are to fill it.
    """
    from matplotlib.backends import backend_svg

    svg: Any = backend_svg
    file, unsaid = io.StringIO(), dict.fromkeys(("Date", "Creator", "Format", "Type"))
    # One renderer measures words and draws them: each is measured once.
    renderer = svg.RendererSVG(*figure.bbox.size, file, metadata=unsaid)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # the browser has more fonts
        if fill is not None:
            _fill(figure, fill, renderer)
        figure.draw(renderer)
        renderer.finalize()
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>|\n\s*", " ", text, flags=re.S)
    text = re.sub(r' (?:width|height)="[\d.]+pt"| xmlns(?::xlink)?="[^"]*"| version="1.1"', "", text, count=5)
    text = text.replace("xlink:href", "href").replace("<defs> </defs>", "")
    text = re.sub(r"font: ?([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r'(fill|stroke)="(#[0-9a-f]{6})"', r'style="\1: \2"', text)
    return re.sub(r"#[0-9a-f]{6}(?=[;\"])", lambda found: _coloured(found.group()), text)


def _coloured(colour: str) -> str:
    return f"var({variable_of(colour)})" if colour in DARK_OF else colour


def _own(svg: str, key: str) -> Markup:
    """Keep the ids that are used, and make them the picture's own."""
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda at: f' id="{key}-{at[1]}"' if at[1] in used else "", svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{key}-", svg)
    return Markup(svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1))


def _spots(axes: Any, panel: Panel, height: int) -> Iterator[str]:
    """Yield what is pointed at: an unseen shape over each mark that says something, with its words."""
    for mark in panel.marks:
        if isinstance(mark, Dots | Line) and mark.hover:
            places = zip(panel.x.positions(mark.x), panel.y.positions(_known(mark.y)), mark.hover, strict=True)
            for x, y, words in places:
                if y == y:
                    across, up = axes.transData.transform((x, y))
                    yield _spot(f'<circle cx="{across:.1f}" cy="{height - up:.1f}" r="{NEAR}"', "circle", words)
        elif isinstance(mark, Bars) and mark.hover:
            yield from _bar_spots(axes, mark, panel, height)
        elif isinstance(mark, Heat) and mark.hover:
            for row, of_row in enumerate(mark.hover):
                for column, words in enumerate(of_row):
                    corners = (column - 0.5, row - 0.5), (column + 0.5, row + 0.5)
                    yield _box_spot(axes, corners, height, words)


def _bar_spots(axes: Any, mark: Bars, panel: Panel, height: int) -> Iterator[str]:
    positions, size = bar_lanes(mark, panel)
    bases = [base or 0.0 for base in mark.base] or [0.0] * len(positions)
    for at, base, length, words in zip(positions, bases, mark.length, mark.hover, strict=True):
        if length is not None:
            ends = ((base, at - size / 2), (base + length, at + size / 2))
            corners = ends if mark.horizontal else tuple((y, x) for x, y in ends)
            yield _box_spot(axes, corners, height, words)


def _box_spot(axes: Any, corners: Sequence[tuple[float, float]], height: int, words: str) -> str:
    (left, first), (right, second) = axes.transData.transform(corners)
    left, right, top, bottom = *sorted((left, right)), *sorted((height - first, height - second))
    size = f'width="{max(right - left, 3):.1f}" height="{bottom - top:.1f}"'
    return _spot(f'<rect x="{left:.1f}" y="{top:.1f}" {size}', "rect", words)


def _spot(start: str, tag: str, words: str) -> str:
    return f"{start}><title>{escape(printable(words))}</title></{tag}>"


def _known(values: Sequence[Any]) -> list[Any]:
    return [float("nan") if value is None else value for value in values]
