"""One HTML file from plain blocks: text, facts, figures, tables and sortable grids, with everything inlined.

This is the only place that writes HTML. Every string is escaped by jinja2's autoescape; data for scripts goes into JSON
blocks in which no character can end the block. The page forbids every request by its own content security policy, which
also names each script by its hash: a script that came in with a label or a file name does not run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from typing import Any, ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from outlearn.core.intervals import Interval
from outlearn.core.verdict import excludes_zero, has_interval
from outlearn.report import style
from outlearn.report.cells import Cell, Table, format_cell, point_estimate
from outlearn.report.charts import Chart
from outlearn.report.plotly_charts import to_plotly
from outlearn.results.measurement import Withheld

__all__ = [
    "Block", "Facts", "Figure", "Grid", "GridColumn", "Section", "TableBlock", "Text", "json_block", "render_page",
]  # fmt: skip


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text."""

    text: str
    block: ClassVar[str] = "text"


@dataclass(frozen=True)
class Facts:
    """Pairs of a name and a value: what was run, on what."""

    pairs: tuple[tuple[str, str], ...]
    block: ClassVar[str] = "facts"


@dataclass(frozen=True)
class TableBlock:
    """A table in full view, numbers formatted by `cells.format_cell`."""

    table: Table
    block: ClassVar[str] = "table"


@dataclass(frozen=True)
class Figure:
    """A chart with a caption that states what it shows and the same numbers as a table behind a disclosure.

    `key` is a short unique name, used in anchors and file names.
    """

    key: str
    title: str
    chart: Chart
    finding: str
    how_to_read: str = ""
    table: Table | None = None
    block: ClassVar[str] = "figure"

    def as_mapping(self) -> dict[str, Any]:
        """Return what plotly draws: {"data", "layout"} as plain JSON values."""
        return to_plotly(self.chart)


@dataclass(frozen=True)
class GridColumn:
    """A column of a grid. `kind` as in `cells.Column`; `filter` puts a chooser of its values above the grid."""

    name: str
    kind: str = "text"
    note: str = ""
    filter: bool = False


@dataclass(frozen=True)
class Grid:
    """A table that a reader sorts, filters and pages through; made by a small script from a JSON block.

    With `variants`, the columns named in `variant_columns` are filled from the chosen variant: `variants[name][i]`
    holds their values in row i.
    """

    key: str
    title: str
    caption: str
    columns: tuple[GridColumn, ...]
    rows: Sequence[Sequence[Cell]]
    sort_by: str
    descending: bool = False
    variants: Mapping[str, Sequence[Sequence[Any]]] = field(default_factory=dict)
    variant_columns: tuple[str, ...] = ()
    variant_name: str = "loss"
    first_variant: str = ""
    orders: tuple[tuple[str, str, bool], ...] = ()
    unit: str = "points"
    page_size: int = 25
    block: ClassVar[str] = "grid"

    def as_mapping(self) -> dict[str, Any]:
        """Return what the script reads; a cell is text, a number, null, or [mean, low, high]."""
        names = [column.name for column in self.columns]
        return {
            "columns": [asdict(column) for column in self.columns],
            "rows": [[_in_grid(cell) for cell in row] for row in self.rows],
            "sort": names.index(self.sort_by),
            "descending": self.descending,
            "variants": self.variants,
            "variantColumns": [names.index(name) for name in self.variant_columns],
            "firstVariant": self.first_variant,
            "orders": [[label, names.index(name), descending] for label, name, descending in self.orders],
            "unit": self.unit,
            "pageSize": self.page_size,
        }


Block = Text | Facts | TableBlock | Figure | Grid


@dataclass(frozen=True)
class Section:
    """A part of the page under one heading."""

    key: str
    heading: str
    blocks: tuple[Block, ...]
    lead: str = ""


def render_page(
    *, title: str, findings: Sequence[str], sections: Sequence[Section], subtitle: str = "", footer: str = ""
) -> str:
    """Return the page as one string of HTML that opens from disk and makes no request.

    The findings are the plain sentences at the top, under the title and the subtitle, which are a line each.

    Examples:
        >>> html = render_page(title="<script>", findings=["a < b"], sections=[])
        >>> "<h1>&lt;script&gt;</h1>" in html, "a &lt; b" in html
        (True, True)
    """
    blocks = [block for section in sections for block in section.blocks]
    # Tables first: they are ready before plotly, which is large, has been read.
    scripts = [_asset("grid.js")] if any(isinstance(block, Grid) for block in blocks) else []
    scripts.append(_asset("theme.js"))
    if any(isinstance(block, Figure) for block in blocks):
        scripts += [_plotly_js(), _asset("figures.js")]
    templates = PackageLoader("outlearn.report", "assets")
    environment = Environment(
        loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(json_block=json_block, format_cell=format_cell, is_told=_is_told)
    return environment.get_template("page.html.jinja").render(
        title=title,
        subtitle=subtitle,
        findings=findings,
        sections=sections,
        footer=footer,
        css=Markup(_asset("page.css").replace("FONT", style.FONT)),
        scripts=[Markup(script) for script in scripts],
        policy=_policy(scripts),
        look={"dark": style.DARK_OF, "width": 900},
        has_figures=any(isinstance(block, Figure) for block in blocks),
    )


def json_block(value: Any) -> Markup:
    """Return JSON in which no text can close the script element or open a comment; NaN becomes null.

    Examples:
        >>> str(json_block({"label": "</script><!--"}))
        '{"label":"\\\\u003c/script\\\\u003e\\\\u003c!--"}'
    """
    text = json.dumps(_without_nan(value), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _in_grid(cell: Cell) -> Any:
    if isinstance(cell, Interval) and has_interval(cell):
        return [cell.mean, cell.low, cell.high]
    return point_estimate(cell) if isinstance(cell, Interval | Withheld) else cell


def _is_told(cell: Cell, kind: str) -> bool:
    """Say whether a difference is told apart from 0, which a table shows in bold."""
    return kind == "points" and isinstance(cell, Interval) and excludes_zero(cell)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if hasattr(value, "tolist"):
        return _without_nan(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def _policy(scripts: Sequence[str]) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return (resources.files("outlearn.report") / "assets" / name).read_text(encoding="utf-8")


def _plotly_js() -> str:
    return (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
