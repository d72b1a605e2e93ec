"""The figures of a report as SVG and PDF for a paper: one column of a two-column page wide, the same marks and numbers.

The page draws the same panels, one by one, so that they stand below each other on a narrow screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outlearn.errors import StoreError
from outlearn.report.charts import Chart
from outlearn.report.drawing import LOOK, draw_panel, plain

__all__ = ["write_figures"]

COLUMN_WIDTH = 3.35  # inches: one column of a two-column page


def write_figures(charts: Mapping[str, Chart], folder: Path) -> tuple[Path, ...]:
    """Write each chart as `KEY.svg` and `KEY.pdf`, into a folder that is made when it does not exist.

    Raises:
        StoreError: if a file cannot be written.
    """
    import matplotlib

    written = []
    style: Any = {**LOOK, "font.size": 7, "axes.linewidth": 0.6}
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
        draw_panel(axes, panel)
        if panel.title:
            axes.set_title(plain(panel.title), loc="left")
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
