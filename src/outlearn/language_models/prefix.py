"""Run prompts whose beginning is the same: its keys and values are computed once, and every batch continues from them.

Rows are padded on the right with an explicit mask and explicit positions, so that the numbers are those of a prompt by
itself. What a network caches is that of its attention layers; one that has others reads every prompt whole.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from transformers import DynamicCache

from outlearn.language_models.token_batches import padded, shared_length, token_batches

__all__ = ["PromptBatch", "attends_backwards", "can_cache", "prompt_batches"]

ATTENTION = {"full_attention", "sliding_attention"}


@dataclass(frozen=True, eq=False)
class PromptBatch:
    """Hold the rows of one batch, after what all prompts share.

    Attributes:
        points: which prompts these are.
        input_ids: `[batch, width]`, padded on the right.
        mask: `[batch, shared + width]`, 1 at tokens.
        position_ids: `[batch, width]`.
        last: where in `width` each prompt ends.
        cache: keys and values of what is shared; None if nothing is.
    """

    points: Int[np.ndarray, " batch"]
    input_ids: Int[Tensor, "batch width"]
    mask: Int[Tensor, "batch all"]
    position_ids: Int[Tensor, "batch width"]
    last: Int[Tensor, " batch"]
    cache: DynamicCache | None

    def inputs(self) -> dict[str, Any]:
        """Return what the network takes."""
        read = {"input_ids": self.input_ids, "attention_mask": self.mask, "return_dict": True}
        if self.cache is None:  # positions count from 0, which every network takes for granted
            return {**read, "use_cache": False}
        return {**read, "position_ids": self.position_ids, "past_key_values": self.cache, "use_cache": True}

    def at_end(self, values: Tensor) -> Tensor:
        """Take `[batch, ...]` at the end of each prompt from `[batch, width, ...]`."""
        return values[torch.arange(len(values), device=values.device), self.last]

    def continued(self, word: Sequence[int]) -> PromptBatch:
        """Let every prompt go on with the same tokens, once the network has read it into the cache."""
        if self.cache is None:
            raise ValueError("a batch without a cache cannot be continued")
        n, device = len(self.input_ids), self.input_ids.device
        steps = torch.arange(len(word), device=device)
        end = self.position_ids.gather(1, self.last[:, None])
        return replace(
            self,
            input_ids=torch.tensor([list(word)], device=device).expand(n, -1),
            mask=torch.cat([self.mask, self.mask.new_ones(n, len(word))], dim=1),
            position_ids=end + 1 + steps,
            last=torch.full((n,), len(word) - 1, device=device),
            cache=_branch(self.cache, None),
        )


@torch.inference_mode()
def prompt_batches(
    network: Any, prompts: Sequence[Sequence[int]], *, tokens_per_batch: int, cached: bool = True
) -> Iterator[PromptBatch]:
    """Yield the prompts in batches of similar length, the longest first.

    Args:
        network: of transformers, that attends backwards.
        prompts: their tokens.
        tokens_per_batch: upper limit of rows times longest row, without what is shared.
        cached: whether to compute once what the prompts share, and to keep what the network reads, so that batches can
            be `continued`.
    """
    device = network.device
    shared = shared_length(prompts) if cached else 0
    prefix = DynamicCache() if cached else None
    if prefix is not None and shared:
        network(
            input_ids=torch.tensor([list(prompts[0][:shared])], device=device), past_key_values=prefix, use_cache=True
        )
    lengths = np.array([len(prompt) - shared for prompt in prompts])
    for points in token_batches(lengths, tokens_per_batch):
        # Nothing depends on the token that pads.
        read = padded([prompts[i][shared:] for i in points.tolist()], 0)
        ids, mask = (torch.from_numpy(part).to(device) for part in read)
        steps = torch.arange(ids.shape[1], device=device)
        yield PromptBatch(
            points,
            ids,
            torch.cat([mask.new_ones(len(ids), shared), mask], dim=1).long(),
            (shared + steps).expand(len(ids), -1),
            mask.sum(1) - 1,
            None if prefix is None else _branch(prefix, len(ids)),
        )


def can_cache(network: Any) -> bool:
    """Say whether all that the network remembers of a prompt is keys and values of attention."""
    config = network.config.get_text_config()
    # Configurations of one kind of layer list none; those of state-space models say so elsewhere.
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    return kinds <= ATTENTION and not network._is_stateful


@torch.inference_mode()
def attends_backwards(network: Any) -> bool:
    """Say whether no position sees a later one: then what prompts share can be computed once.

    Asked of the network itself, by changing a last token: configurations say it in many ways.
    """
    ids = torch.tensor([[1, 2], [1, 3]], device=network.device)
    hidden = network(input_ids=ids, output_hidden_states=True, return_dict=True).hidden_states[-1]
    return bool(torch.allclose(hidden[0, 0], hidden[1, 0], atol=1e-5)) and not torch.equal(hidden[0, 1], hidden[1, 1])


def _branch(cache: DynamicCache, rows: int | None) -> DynamicCache:
    """Copy a cache without copying its numbers: layers grow by making new tensors, so the old ones stay as they are."""
    branch = copy.copy(cache)
    layers: list[Any] = [copy.copy(layer) for layer in cache.layers]
    if rows is not None:
        for layer in layers:
            if layer.is_initialized:  # not beyond the layer where an encoder stops
                layer.keys, layer.values = (part.expand(rows, -1, -1, -1) for part in (layer.keys, layer.values))
    branch.layers = layers
    return branch
