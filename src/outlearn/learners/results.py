"""Collect predictions and trained heads, chunk after chunk, in the order of the jobs."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from outlearn.learners.base import FitResult, Heads
from outlearn.learners.blocks import Block
from outlearn.learners.inputs import Inputs

__all__ = ["Results"]

# Numbers predicted at once, beside the result itself.
PREDICTED = 4 * 2**20


class Results:
    """Hold the arrays of a result while they fill."""

    def __init__(
        self, data: Inputs, n_jobs: int, n_checkpoints: int, *, hidden: int | None, dtype: torch.dtype
    ) -> None:
        """Allocate everything; afterwards threads write to heads of their own."""
        self.data = data
        self.logits = {
            name: np.empty((n_checkpoints, n_jobs, len(x), data.n_classes), dtype=np.float32)
            for name, x in data.points.items()
        }
        sizes = [len(data.mean), *([] if hidden is None else [hidden]), data.n_classes]
        like = torch.empty(0, dtype=dtype).numpy().dtype
        self.layers = [
            (np.empty((n_jobs, inputs, outputs), like), np.empty((n_jobs, outputs), like))
            for inputs, outputs in itertools.pairwise(sizes)
        ]

    def record(self, checkpoint: int, block: Block, members: list[int]) -> None:
        """Predict all points with the heads of a block."""
        size = max(1, PREDICTED // (len(members) * self.data.n_classes))
        for name, x in self.data.points.items():
            for start in range(0, len(x), size):
                rows = slice(start, start + size)
                z = block.predict(x[rows])
                if z.shape[1] == 1:
                    z = torch.cat([-0.5 * z, 0.5 * z], dim=1)
                self.logits[name][checkpoint, members, rows] = z.permute(2, 0, 1).float().numpy()

    def keep(self, block: Block, members: list[int]) -> None:
        """Take over the trained parameters of a block."""
        for layer, (weight, bias) in enumerate(block.layers()):
            self.layers[layer][0][members], self.layers[layer][1][members] = weight, bias

    def finish(self, checkpoints: tuple[float, ...], *, gaps: np.ndarray | None = None) -> FitResult:
        """Return the result."""
        hidden = self.layers[0] if len(self.layers) == 2 else (None, None)
        heads = Heads(self.data.mean, self.data.scale, *self.layers[-1], hidden_weight=hidden[0], hidden_bias=hidden[1])
        return FitResult(logits=self.logits, checkpoints=checkpoints, heads=heads, gaps=gaps)
