"""Embeddings whose gradient goes to the rows that a batch reads, and nowhere else.

A batch of a few hundred tokens reads a few hundred rows of a table with tens of thousands. torch answers with a
gradient of the whole table, filled with zeros and added to the one that is there, for every micro-batch: for a small
model half of a micro-batch's fixed cost. Here the rows are added where they belong. The sums are the same.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["add_gradients_by_row"]


def add_gradients_by_row(network: nn.Module) -> None:
    """Change the backward pass of every plain embedding that is trained; its forward pass and its name stay."""
    for module in network.modules():
        if type(module) is nn.Embedding and module.weight.requires_grad and module.max_norm is None:
            module.forward = partial(_look_up, module)  # type: ignore[method-assign]


def _look_up(module: nn.Embedding, ids: Tensor) -> Tensor:
    found: Tensor = _Rows.apply(module.weight, ids, module.padding_idx)  # type: ignore[no-untyped-call]
    return found


class _Rows(torch.autograd.Function):
    """Look up rows; in the backward pass add to the same rows of the weight's gradient."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, padding: int | None) -> Tensor:
        ctx.weight, ctx.padding = weight, padding
        ctx.save_for_backward(ids)
        return nn.functional.embedding(ids, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        (ids,) = ctx.saved_tensors
        weight: Tensor = ctx.weight
        rows, gradient = ids.reshape(-1), gradients[0].reshape(-1, weight.shape[1])
        if ctx.padding is not None:
            gradient = gradient * (rows != ctx.padding)[:, None]  # as torch has it: this row is never trained
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        weight.grad.index_add_(0, rows, gradient.to(weight.dtype))
        return None, None, None
