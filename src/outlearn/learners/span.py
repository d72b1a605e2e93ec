"""The space that a few examples span, in which a ridge's minimum lies: as many features as there are examples.

The minimum of a loss of x_i W plus |W|^2 has W = X^T A (the representer theorem). With X X^T = V L V^T, the rows of
Z = V sqrt(L) have the inner products of those of X, so that a head a on Z is the head W = X^T V / sqrt(L) a on X, with
the same predictions and |a| = |W|.
"""

from __future__ import annotations

import numpy as np

from outlearn.lazy_torch import Tensor, torch
from outlearn.learners.rows import DenseRows, Rows

__all__ = ["Span"]

# Directions of less than this part of the largest are rounding.
RESOLUTION = 1e-13

LARGEST = 2048  # rows whose span is found: a decomposition of seconds


class Span:
    """Hold the span of rows.

    Attributes:
        rows: Z, float64, with the column of the bias if there is one.
    """

    @classmethod
    def of(cls, x: Rows) -> Span | None:
        """Return the span of rows that are fewer than their features, and few enough to find it; else None."""
        return cls(x) if len(x) < min(x.shape[1], LARGEST + 1) else None

    def __init__(self, x: Rows) -> None:
        values, vectors = np.linalg.eigh(x.gram())
        kept = values > RESOLUTION * max(values[-1], np.finfo(np.float64).tiny)
        roots = np.sqrt(values[kept])
        z = vectors[:, kept] * roots
        ones = np.ones((len(x), int(x.bias)))
        self.rows = DenseRows(torch.from_numpy(np.hstack([z, ones])), bias=x.bias)
        self._x = x.exact()
        self._back = torch.from_numpy(vectors[:, kept] / roots)

    def to_features(self, parameters: Tensor) -> Tensor:
        """Turn parameters on Z, `[inputs, columns]`, into those on X, float64."""
        a = parameters.double()
        weight = a.new_zeros(self._x.shape[1], a.shape[1])
        self._x.add_back(0, len(self._x), self._back @ a[: self._back.shape[1]], weight)
        if self._x.bias:
            weight[-1] = a[-1]
        return weight
