"""Several sets of as many rows, each with heads of its own: one batch of heads, whose products alone go set by set.

Of sets of 25 to 400 examples a step of L-BFGS costs by its hundred small operations, not by its products: the heads of
many sets take one step in little more time than those of one.
"""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.lazy_torch import Tensor, torch
from outlearn.learners.rows import Products, Rows

__all__ = ["RowsOfSets"]


class RowsOfSets(Products):
    """Multiply each head with the rows of its set.

    Heads are innermost in what is multiplied, `[..., logits x heads]`, and the heads of a set lie side by side.
    """

    def __init__(self, sets: Sequence[Rows], set_of_head: Tensor) -> None:
        """Take sets of the same shape, and the set of each head, ascending."""
        self._sets, self._set_of_head = tuple(sets), set_of_head
        self.shape, self.dtype = sets[0].shape, sets[0].dtype
        ends = torch.bincount(set_of_head, minlength=len(sets)).cumsum(0).tolist()
        self._heads = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    def product(self, start: int, stop: int, weight: Tensor, out: Tensor) -> None:
        """Multiply set by set."""
        w, z = self._by_head(weight), self._by_head(out)
        for rows, heads in zip(self._sets, self._heads, strict=True):
            if heads.start < heads.stop:
                own = z.new_empty(len(z), (heads.stop - heads.start) * z.shape[1])
                rows.product(start, stop, w[:, :, heads].reshape(len(w), -1), own)
                z[:, :, heads] = own.view(len(z), z.shape[1], -1)

    def add_back(self, start: int, stop: int, residual: Tensor, out: Tensor) -> None:
        """Multiply back set by set."""
        r, g = self._by_head(residual), self._by_head(out)
        for rows, heads in zip(self._sets, self._heads, strict=True):
            if heads.start < heads.stop:
                own = g.new_zeros(len(g), (heads.stop - heads.start) * g.shape[1])
                rows.add_back(start, stop, r[:, :, heads].reshape(len(r), -1), own)
                g[:, :, heads] += own.view(len(g), g.shape[1], -1)

    def of_heads(self, heads: Tensor) -> RowsOfSets:
        """Keep these heads; a set without heads costs nothing."""
        return RowsOfSets(self._sets, self._set_of_head[heads])

    def _by_head(self, table: Tensor) -> Tensor:
        return table.view(len(table), -1, len(self._set_of_head))
