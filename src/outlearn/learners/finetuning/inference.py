"""Passes over points without learning: logits, and the features that the head reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from outlearn.learners.finetuning.batches import MicroBatch, micro_batches
from outlearn.learners.finetuning.model import TextModel
from outlearn.learners.finetuning.tokens import Tokens

__all__ = ["run_in_batches"]


@torch.no_grad()
def run_in_batches(
    model: TextModel,
    compute: Callable[[Tokens, Int[np.ndarray, " points"], MicroBatch], Tensor],
    tokens: Tokens,
    points: Int[np.ndarray, " points"],
    *,
    tokens_per_batch: int,
) -> Float[Tensor, "points columns"]:
    """Compute the logits or the features of points, without dropout: the longest texts first, each batch in the budget.

    Args:
        model: in any mode, which is restored.
        compute: `model.logits` or `model.features`.
        tokens: of all points.
        points: those to compute, in the order of the result.
        tokens_per_batch: the budget.

    Returns:
        One row a point, on the CPU.
    """
    training = model.network.training
    model.network.eval()
    try:
        batches = micro_batches(tokens.lengths[points], tokens=tokens_per_batch, overhead=model.overhead)
        rows = [compute(tokens, points, batch).cpu() for batch in batches]
    finally:
        model.network.train(training)
    if not rows:
        return torch.empty(0, 2 if model.pairs else model.head.out_features)
    order = np.argsort(np.concatenate([batch.points for batch in batches]))
    return torch.cat(rows)[torch.from_numpy(order)]
