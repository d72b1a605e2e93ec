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

__all__ = ["compute_features", "predict_logits"]


def predict_logits(
    model: TextModel, tokens: Tokens, points: Int[np.ndarray, " points"], *, tokens_per_batch: int
) -> Float[Tensor, "points classes"]:
    """Compute the logits of points, without dropout."""
    return _in_batches(model, model.logits, tokens, points, tokens_per_batch)


def compute_features(
    model: TextModel, tokens: Tokens, points: Int[np.ndarray, " points"], *, tokens_per_batch: int
) -> Float[Tensor, "points features"]:
    """Compute what the head reads of each point, without dropout."""
    return _in_batches(model, model.features, tokens, points, tokens_per_batch)


@torch.no_grad()
def _in_batches(
    model: TextModel,
    compute: Callable[[Tokens, Int[np.ndarray, " points"], MicroBatch], Tensor],
    tokens: Tokens,
    points: Int[np.ndarray, " points"],
    tokens_per_batch: int,
) -> Float[Tensor, "points columns"]:
    """Run the longest texts first, each batch within the budget, and put the rows back in order, on the CPU."""
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
