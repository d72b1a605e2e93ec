"""What a page is made of: paragraphs, facts, tables, figures, grids, and the sections that hold them. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeAlias

from outlearn.core.intervals import Interval
from outlearn.core.verdict import has_interval
from outlearn.report.cells import Cell, Table, point_estimate
from outlearn.report.charts import Chart
from outlearn.results.measurement import Withheld

__all__ = [
    "Block", "Code", "Facts", "Figure", "Folded", "Grid", "GridColumn", "Listed", "Section", "TableBlock", "Text",
]  # fmt: skip


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text."""

    text: str
    block: ClassVar[str] = "text"


@dataclass(frozen=True)
class Listed:
    """Sentences, one below the other."""

    sentences: tuple[str, ...]
    block: ClassVar[str] = "list"


@dataclass(frozen=True)
class Code:
    """A command or a file as it is, to copy."""

    title: str
    text: str
    block: ClassVar[str] = "code"


@dataclass(frozen=True)
class Folded:
    """Blocks behind a heading that opens, within a section."""

    title: str
    blocks: tuple[Block, ...]
    block: ClassVar[str] = "folded"


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

    With `variants`, the columns named in `variant_columns` are filled from the variant that is chosen, a loss:
    `variants[name][i]` holds their values in row i.
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


Block: TypeAlias = "Text | Listed | Code | Facts | TableBlock | Figure | Grid | Folded"


@dataclass(frozen=True)
class Section:
    """A part of the page under one heading; a folded one shows its heading alone until it is opened."""

    key: str
    heading: str
    blocks: tuple[Block, ...]
    lead: str = ""
    folded: bool = False


def _in_grid(cell: Cell) -> Any:
    if isinstance(cell, Interval) and has_interval(cell):
        return [cell.mean, cell.low, cell.high]
    return point_estimate(cell) if isinstance(cell, Interval | Withheld) else cell
