"""Colours, marker shapes, dashes and hatching that every figure of a report shares.

No series is told apart by colour alone: it also has a marker shape, a line dash and a bar pattern, and neighbours in
the palette differ in lightness, so that a greyscale print stays readable. Figures are built in the light palette. A
page in dark mode swaps each light colour for its partner in `DARK_OF`: use only the colours of this module in a figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "CONTINUOUS_SCALE", "DARK_OF", "FONT", "GRID", "INK", "MUTED", "PAPER", "ROLES", "SERIES", "SeriesStyle",
    "series_style",
]  # fmt: skip

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif"

PAPER, INK, MUTED, GRID = "#ffffff", "#1c2430", "#5a6573", "#d9dee5"


@dataclass(frozen=True)
class SeriesStyle:
    """How one series looks: a colour, a marker shape, a line dash and a bar pattern, each enough by itself."""

    colour: str
    symbol: str
    dash: str
    pattern: str


# Each colour of the palette, light and dark.
_PALETTE = {
    "#0b3c8c": "#7aa7ff", "#c8500a": "#ff9d5c", "#007a5e": "#4fd1ac", "#7a1f6b": "#e08bd4", "#9a7400": "#e6c34d",
    "#2b8cbe": "#7fd0f5", "#5c2d0c": "#d9a37a", "#d1478c": "#ff9cc8", "#3f6b00": "#a9d65c", "#5b5bd6": "#b3b3ff",
}  # fmt: skip
_LIGHT = tuple(_PALETTE)
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross", "star", "pentagon")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_PATTERNS = ("", "/", "x", "\\", "-", "|", "+", ".")


def _look(colour: str, shift: int) -> SeriesStyle:
    symbol, dash, pattern = (of[shift % len(of)] for of in (_SYMBOLS, _DASHES, _PATTERNS))
    return SeriesStyle(colour, symbol, dash, pattern)


SERIES: tuple[SeriesStyle, ...] = tuple(_look(colour, i) for i, colour in enumerate(_LIGHT))

# Fixed looks: who or what a mark stands for never depends on how many losses a run has.
ROLES: dict[str, SeriesStyle] = {
    "majority": SeriesStyle("#7d8794", "line-ns-open", "dot", "."),
    "teacher": SeriesStyle("#5a6573", "square-open", "dash", "/"),
    "ensemble": SeriesStyle("#5c2d0c", "diamond-open", "dashdot", "x"),
    "student": SeriesStyle(_LIGHT[0], "circle", "solid", ""),
    "control": SeriesStyle(_LIGHT[2], "cross", "dot", "+"),
    "ceiling": SeriesStyle(INK, "star", "longdash", ""),
    "gap": SeriesStyle(INK, "diamond", "solid", ""),
    "misfit": SeriesStyle(_LIGHT[5], "circle", "solid", ""),
    "residual": SeriesStyle(_LIGHT[1], "square", "dash", "/"),
    "bias": SeriesStyle(_LIGHT[0], "circle", "solid", ""),
    "variance": SeriesStyle("#e3a35b", "square", "dash", "/"),
    "noise": SeriesStyle("#aab2bd", "triangle-up", "dot", "."),
    "measured": SeriesStyle(_LIGHT[0], "circle", "solid", ""),
    "theory": SeriesStyle(INK, "line-ew-open", "dash", ""),
}

# Monotone in lightness, so it survives greyscale; readable on both backgrounds.
CONTINUOUS_SCALE: list[list[Any]] = [[0.0, "#f3f6fb"], [0.35, "#a9c3e4"], [0.7, "#3f77b5"], [1.0, "#08244f"]]

DARK_OF: dict[str, str] = {
    **_PALETTE,
    PAPER: "#14181f", INK: "#e8ecf2", MUTED: "#a3aebd", GRID: "#343c49",
    "#7d8794": "#8d98a7", "#e3a35b": "#c98a3f", "#aab2bd": "#667180",
}  # fmt: skip


def series_style(index: int) -> SeriesStyle:
    """Return the look of series number `index`; past the palette, colours repeat with another shape and dash.

    Examples:
        >>> series_style(0).colour == series_style(len(SERIES)).colour
        True
        >>> series_style(0) == series_style(len(SERIES))
        False
    """
    turn, k = divmod(index, len(SERIES))
    return _look(SERIES[k].colour, k + 4 * turn)
