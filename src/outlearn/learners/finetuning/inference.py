"""Passes over points without learning: logits, and the features that the head reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from outlearn.learners.finetuning.batches import micro_batches
from outlearn.learners.finetuning.model import TextModel
from outlearn.learners.finetuning.tokens import TokenBatch, Tokens

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
    compute: Callable[[TokenBatch], Tensor],
    tokens: Tokens,
    points: Int[np.ndarray, " points"],
    tokens_per_batch: int,
) -> Float[Tensor, "points columns"]:
    """Run the longest texts first, each batch within the budget, and put the rows back in order, on the CPU."""
    training = model.network.training
    model.network.eval()
    try:
        order = micro_batches(tokens.sizes[points], tokens_per_batch)
        rows = [compute(tokens.batch(points[part], model.device)).cpu() for part in order]
    finally:
        model.network.train(training)
    if not rows:
        return torch.empty(0, 2 if model.pairs else model.head.out_features)
    found = torch.cat(rows)
    return found[torch.from_numpy(np.argsort(np.concatenate(order)))]
