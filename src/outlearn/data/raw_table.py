"""A table as a file holds it: columns of raw values, and the line each came from.

What the columns mean is decided elsewhere; every format ends here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from outlearn.data.input_errors import InputErrors

__all__ = ["RawTable"]


@dataclass(frozen=True, eq=False)
class RawTable:
    """Hold the columns of a table.

    Attributes:
        source: the file or dataset, as messages call it.
        columns: name to values, one a record; a missing value is None.
        positions: line (or row, counted from 1) of each record.
        unit: "line" or "row".
        class_names: names of the label's classes, where the file declares them; whole numbers index them.
        minus_1_is_missing: whether a label of -1 is a missing one: in arrays, where no cell can be empty, and in
            datasets, whose convention it is.
        features: `[records, features]`, of a file of arrays.
        notes: what reading did that a reader should know, in sentences.
    """

    source: str
    columns: dict[str, list[Any]]
    positions: Sequence[int]
    unit: str = "line"
    class_names: tuple[str, ...] | None = None
    minus_1_is_missing: bool = False
    features: Float[np.ndarray, "records features"] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.positions)

    def cells(self, column: str) -> Iterator[tuple[Any, int]]:
        """Give each cell of a column with its position."""
        return zip(self.columns[column], self.positions, strict=True)

    def select(self, rows: Sequence[int]) -> RawTable:
        """Keep these rows, in this order."""
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        return replace(self, columns=columns, positions=[self.positions[row] for row in rows], features=None)

    def errors(self) -> InputErrors:
        """Start a list of errors of this table."""
        return InputErrors(self.source, self.unit)
