"""Numbers that labelers give to points: the counterpart of `LabelTable`, in which a gap is nan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64

from outlearn.core.number_intervals import NumberIntervals

__all__ = ["NumberTable"]


@dataclass(frozen=True, eq=False)
class NumberTable:
    """Hold what each labeler says of each point, as a number.

    Attributes:
        names: of the labelers.
        values: float64 `[labelers, points]`, nan where a labeler says nothing.
        ids: of the points.
        source: where the numbers came from.
        notes: what reading did that a reader should know, in sentences.
        intervals: in which each labeler says that the truth lies, nan where it says nothing; None if none does.
    """

    names: tuple[str, ...]
    values: Float64[np.ndarray, "labelers points"]
    ids: tuple[str, ...]
    source: str = "numbers"
    notes: tuple[str, ...] = ()
    intervals: NumberIntervals | None = None

    @property
    def answered(self) -> Bool[np.ndarray, "labelers points"]:
        """Mark where a labeler says something."""
        return ~np.isnan(self.values)

    def select(self, ids: Sequence[str], *, absent_are_gaps: bool = False) -> NumberTable:
        """Keep these points, in this order; a point that is not there is an error, or a gap."""
        row_of = {name: row for row, name in enumerate(self.ids)}
        rows = np.array([row_of.get(name, -1) if absent_are_gaps else row_of[name] for name in ids], dtype=np.int64)

        def taken(values: np.ndarray) -> np.ndarray:
            return np.where(rows >= 0, values[:, rows], np.nan)

        said = self.intervals
        if said is not None:
            said = NumberIntervals(taken(said.low), taken(said.high), said.level)
        return replace(self, ids=tuple(ids), values=taken(self.values), intervals=said)
