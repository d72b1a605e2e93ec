"""New points, as an encoder and a fine-tuned model read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["NewPoints"]


@dataclass(frozen=True)
class NewPoints:
    """New points as an encoder reads them."""

    name: str
    texts: tuple[str, ...] | None = None
    pairs: tuple[tuple[str, str], ...] | None = None
    features: np.ndarray | None = None

    @classmethod
    def of(cls, rows: Sequence[tuple[str, ...]]) -> NewPoints:
        """Hold one text a row, or two."""
        if rows and len(rows[0]) == 2:
            return cls("new texts", pairs=tuple((a, b) for a, b in rows))
        return cls("new texts", texts=tuple(text for (text,) in rows))

    def __len__(self) -> int:
        return next(len(each) for each in (self.texts, self.pairs, self.features) if each is not None)
