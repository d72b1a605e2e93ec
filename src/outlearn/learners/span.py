"""The space that a few examples span, in which a ridge's minimum lies: as many features as there are examples.

The minimum of a loss of x_i W plus |W|^2 has W = X^T A (the representer theorem). With X X^T = V L V^T, the rows of
Z = V sqrt(L) have the inner products of those of X, so that a head a on Z is the head W = X^T V / sqrt(L) a on X, with
the same predictions and |a| = |W|.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from outlearn.learners.rows import DenseRows, Rows

__all__ = ["Span"]

# Directions of less than this part of the largest are rounding.
RESOLUTION = 1e-13


class Span:
    """Find the span of rows that are fewer than their features.

    Attributes:
        rows: Z, float64, with the column of the bias if there is one.
    """

    def __init__(self, x: Rows, n_logits: int) -> None:
        values, vectors = np.linalg.eigh(x.gram())
        kept = values > RESOLUTION * max(values[-1], np.finfo(np.float64).tiny)
        roots = np.sqrt(values[kept])
        z = vectors[:, kept] * roots
        ones = np.ones((len(x), int(x.bias)))
        self.rows = DenseRows(torch.from_numpy(np.hstack([z, ones])), bias=x.bias)
        self._x, self._n_logits = x.exact(), n_logits
        self._back = torch.from_numpy(vectors[:, kept] / roots)

    def to_features(self, parameters: Tensor) -> Tensor:
        """Turn parameters on Z, `[inputs x logits, 1]`, into those on X."""
        a = parameters.view(-1, self._n_logits)
        weight = a.new_zeros(self._x.shape[1], self._n_logits)
        n_directions = self._back.shape[1]
        self._x.add_back(0, len(self._x), self._back @ a[:n_directions], weight)
        if self._x.bias:
            weight[-1] = a[-1]
        return weight.view(-1, 1)
