"""A pretrained model with a head that scores texts: run on micro-batches, its head set from a probe, saved.

K logits a text for classes; for preference pairs one reward a text, whose two rewards are the two logits of the pair
(Bradley-Terry).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from outlearn.language_models.quiet import without_bars
from outlearn.learners.finetuning.activations import activation_functions, values_computed_again
from outlearn.learners.finetuning.batches import MicroBatch, micro_batches
from outlearn.learners.finetuning.tokens import TokenBatch, Tokens

__all__ = ["TextModel"]

# What a forward and backward pass costs besides its tokens, in tokens: measured on MiniLM with one core. A GPU waits
# for launches.
OVERHEAD_CPU, OVERHEAD_GPU = 32, 1024
# Below so many tokens a GPU waits for its launches, and the hooks that spare memory would be waited for as well.
LAUNCHED = 4096


class TextModel:
    """Score texts with a pretrained model.

    Args:
        network: of transformers, or PEFT around it.
        head: the last layer.
        adapted: whether PEFT is around the network.
        pairs: whether a point is a pair of texts.
        precision: "float32", "float64", or "bf16" (autocast; the weights stay float32).
        held: tokens of the longest text whose activations are held from the forward to the backward pass, without the
            values of activation functions. Those of a longer text are computed again, layer by layer.
    """

    def __init__(self, network: Any, head: nn.Linear, *, adapted: bool, pairs: bool, precision: str, held: int) -> None:
        self.network, self.head, self.adapted, self.pairs, self.precision = network, head, adapted, pairs, precision
        self.held = held
        self.layers = [module for module in network.modules() if hasattr(module, "_gradient_checkpointing_func")]
        self.functions = activation_functions(network)
        self.device: torch.device = next(network.parameters()).device
        self.overhead = OVERHEAD_CPU if self.device.type == "cpu" else OVERHEAD_GPU

    def logits(
        self, tokens: Tokens, points: Int[np.ndarray, " points"], batch: MicroBatch
    ) -> Float[Tensor, "points classes"]:
        """Compute the logits of a micro-batch of points, in float32 at least; of a pair, its two rewards.

        Positions in `batch` count in `points`.
        """
        return self._of_points(tokens, points, batch, self._scores)

    @torch.no_grad()
    def features(
        self, tokens: Tokens, points: Int[np.ndarray, " points"], batch: MicroBatch
    ) -> Float[Tensor, "points features"]:
        """Compute what the head reads of each point; of a pair, slot a less slot b."""
        found = self._of_points(tokens, points, batch, self._features)
        if not self.pairs:
            return found
        return found[:, : found.shape[1] // 2] - found[:, found.shape[1] // 2 :]

    @torch.no_grad()
    def run(
        self,
        compute: Callable[[Tokens, Int[np.ndarray, " points"], MicroBatch], Tensor],
        tokens: Tokens,
        points: Int[np.ndarray, " points"],
        *,
        tokens_per_batch: int,
    ) -> Float[Tensor, "points columns"]:
        """Compute the `logits` or `features` of points without learning, the longest texts first; rows on the CPU."""
        training = self.network.training
        self.network.eval()
        try:
            batches = micro_batches(tokens.lengths[points], tokens=tokens_per_batch, overhead=self.overhead)
            rows = [compute(tokens, points, batch).cpu() for batch in batches]
        finally:
            self.network.train(training)
        if not rows:
            return torch.empty(0, 2 if self.pairs else self.head.out_features)
        order = np.argsort(np.concatenate([batch.points for batch in batches]))
        return torch.cat(rows)[torch.from_numpy(order)]

    def _of_points(
        self,
        tokens: Tokens,
        points: Int[np.ndarray, " points"],
        batch: MicroBatch,
        compute: Callable[[TokenBatch], Tensor],
    ) -> Float[Tensor, "points columns"]:
        """Run the parts, put the texts back in order, and the slots of a point beside each other."""
        texts = tokens.text_of[points[batch.points]]
        rows = []
        for i, part in enumerate(batch.parts):
            padded = tokens.batch(texts.ravel()[part], self.device)
            if not torch.is_grad_enabled():
                rows.append(compute(padded))
            elif i < len(batch.parts) - batch.kept:
                rows.append(checkpoint(compute, padded, use_reentrant=False))
            else:
                with values_computed_again(self.functions if self._spares(padded) else ()):
                    rows.append(compute(padded))
        order = torch.from_numpy(np.argsort(np.concatenate(batch.parts))).to(self.device)
        return torch.cat(rows)[order].reshape(len(texts), -1)

    def _spares(self, batch: TokenBatch) -> bool:
        """Say whether the values of activation functions are computed again: not of a batch whose layers are."""
        few = self.device.type != "cpu" and batch.input_ids.numel() < LAUNCHED
        return batch.input_ids.shape[1] <= self.held and not few

    def _scores(self, batch: TokenBatch) -> Float[Tensor, "texts outputs"]:
        for layer in self.layers:
            layer.gradient_checkpointing = batch.input_ids.shape[1] > self.held
        # A decoder finds a text's last token as the last id that is not this one.
        self.network.config.get_text_config().pad_token_id = batch.pad
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            scores: Tensor = self.network(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
        return _at_least_float32(scores)

    def _features(self, batch: TokenBatch) -> Float[Tensor, "texts features"]:
        """Catch what the head reads."""
        caught: list[Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
        try:
            self._scores(batch)
        finally:
            hook.remove()
        found = _at_least_float32(caught[0])
        if found.ndim == 3:  # a decoder scores every token
            found = found[torch.arange(len(found), device=found.device), batch.last]
        return found

    @torch.no_grad()
    def set_head(self, weight: Float[Tensor, "features classes"], bias: Float[Tensor, " classes"]) -> None:
        """Start the head from a linear probe on `features`; a head without a bias takes the weights alone."""
        if self.pairs:
            # The probe's logits are +-w.(phi(a) - phi(b)) / 2; the reward is w.phi.
            weight = (weight[:, 0] - weight[:, 1])[:, None]
            bias = bias.new_zeros(1)
        self.head.weight.copy_(weight.T)
        if self.head.bias is not None:
            self.head.bias.copy_(bias)

    def trainable(self) -> dict[str, nn.Parameter]:
        """Return the parameters that training moves, by name; a tied one occurs once."""
        return {name: p for name, p in self.network.named_parameters() if p.requires_grad}

    def save(self, folder: Path, tokenizer: Any) -> None:
        """Write weights (safetensors), configuration and tokenizer; adapters are merged first."""
        network = self.network
        if self.adapted:
            network = network.merge_and_unload()
        network.config.get_text_config().pad_token_id = tokenizer.pad_token_id
        with without_bars():
            network.save_pretrained(folder, safe_serialization=True)
            tokenizer.save_pretrained(folder)


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor
