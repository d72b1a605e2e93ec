"""How predictions and trained parameters are collected while threads train: every head writes rows of its own."""

from __future__ import annotations

import itertools

import numpy as np

from outlearn.lazy_torch import torch
from outlearn.learners.blocks import Block
from outlearn.learners.checked_inputs import Inputs
from outlearn.learners.fitted import FitResult, Heads
from outlearn.learners.rows import DenseRows

__all__ = ["Collected"]

# Numbers predicted at once, beside the result itself.
PREDICTED = 4 * 2**20


class Collected:
    """Hold the arrays of a result while they fill."""

    def __init__(
        self,
        data: Inputs,
        n_jobs: int,
        n_checkpoints: int,
        *,
        hidden: int | None,
        dtype: torch.dtype,
        predict_path: bool = True,
    ) -> None:
        """Allocate everything; afterwards threads write to heads of their own."""
        self.data = data
        self.first_predicted = 0 if predict_path else n_checkpoints - 1
        self.logits = {
            name: np.empty((n_checkpoints - self.first_predicted, n_jobs, len(x), data.n_outputs), dtype=np.float32)
            for name, x in data.points.items()
        }
        sizes = [len(data.mean), *([] if hidden is None else [hidden]), data.n_outputs]
        like = torch.empty(0, dtype=dtype).numpy().dtype
        self.layers = [
            (np.empty((n_checkpoints, n_jobs, inputs, outputs), like), np.empty((n_checkpoints, n_jobs, outputs), like))
            for inputs, outputs in itertools.pairwise(sizes)
        ]

    def record(self, checkpoint: int, block: Block, members: list[int]) -> None:
        """Predict all points with the heads of a block, at the checkpoints that are predicted."""
        at = checkpoint - self.first_predicted
        if at < 0:
            return
        for name, x in self.data.points.items():
            spread_out = x.shape[1] if isinstance(x, DenseRows) else 1
            size = max(1, PREDICTED // max(len(members) * self.data.n_outputs, spread_out))
            for start in range(0, len(x), size):
                rows = slice(start, min(start + size, len(x)))
                z = block.predict(x, rows.start, rows.stop)
                if self.data.n_outputs == 2:
                    z = torch.cat([-0.5 * z, 0.5 * z], dim=1)
                self.logits[name][at, members, rows] = z.permute(2, 0, 1).float().numpy()

    def keep(self, checkpoint: int, block: Block, members: list[int]) -> None:
        """Copy the parameters of a block as they are now."""
        for (weights, biases), (weight, bias) in zip(self.layers, block.layers(), strict=True):
            weights[checkpoint, members], biases[checkpoint, members] = weight, bias

    def finish(self, checkpoints: tuple[float, ...], *, gaps: np.ndarray | None = None) -> FitResult:
        """Return the result; numbers in their own units, as outputs before the link."""
        data = self.data
        if data.units is not None:
            weights, biases = self.layers[-1]
            weights *= data.units.scale[:, None, None]
            biases *= data.units.scale[:, None]
            biases += data.units.location[:, None]
            for outputs in self.logits.values():
                outputs *= data.units.scale[:, None, None]
                outputs += data.units.location[:, None, None]
        path = []
        for at in range(len(checkpoints)):
            *hidden, (weight, bias) = [(weights[at], biases[at]) for weights, biases in self.layers]
            path.append(Heads(data.mean, data.scale, weight, bias, *(hidden[0] if hidden else (None, None))))
        return FitResult(logits=self.logits, checkpoints=checkpoints, path=tuple(path), gaps=gaps)
