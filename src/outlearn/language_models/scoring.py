"""How probable each class word is after each prompt: the sum of the log-probabilities of its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from outlearn.language_models.causal_lm import CausalLM
from outlearn.language_models.prefix import PromptBatch, prompt_batches

__all__ = ["word_log_probs"]

Word = tuple[int, ...]


@torch.inference_mode()
def word_log_probs(
    model: CausalLM,
    prompts: Sequence[Sequence[int]],
    words: Sequence[Word],
    *,
    tokens_per_batch: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Float64[np.ndarray, "prompts words"]:
    """Compute log P(word | prompt) = sum_i log P(token i of the word | prompt, its tokens before), in nats.

    First tokens are read where the prompt ends. A word of more tokens continues from the prompt's own keys and values,
    in one short pass for each word; a network that keeps no such cache reads the prompt again.

    Args:
        model: of language.
        prompts: their tokens.
        words: their tokens; none begins another.
        tokens_per_batch: by default that of the device.
        progress: called with (done, all) prompts.
    """
    found = np.empty((len(prompts), len(words)))
    budget = tokens_per_batch or model.tokens_per_batch
    longer = [k for k, word in enumerate(words) if len(word) > 1]
    first = torch.tensor([word[0] for word in words], device=model.network.device)
    done = 0
    for batch in prompt_batches(model.network, prompts, tokens_per_batch=budget, cached=model.cached):
        with _only_at_end(model.network, batch):
            logits = model.network(**batch.inputs()).logits[:, 0]
        log_probs = _log_softmax_at(logits, first)
        for k in longer if model.cached else ():
            log_probs[:, k] += _rest(model, batch, words[k])
        found[batch.points] = log_probs.cpu().numpy()
        done += len(batch.points)
        if progress is not None:
            progress(done, len(prompts))
    for k in longer if not model.cached else ():
        for i, token in enumerate(words[k][1:], start=1):
            further = [[*prompt, *words[k][:i]] for prompt in prompts]
            found[:, k] += word_log_probs(model, further, [(token,)], tokens_per_batch=budget)[:, 0]
    return found


def _rest(model: CausalLM, batch: PromptBatch, word: Word) -> Float[Tensor, " batch"]:
    """Sum the log-probabilities of a word's tokens after its first."""
    further = batch.continued(word[:-1])
    logits = model.network(**further.inputs()).logits
    steps = [
        _log_softmax_at(logits[:, i], logits.new_tensor([token], dtype=torch.long)) for i, token in enumerate(word[1:])
    ]
    return torch.cat(steps, dim=1).sum(1)


def _log_softmax_at(logits: Float[Tensor, "batch vocabulary"], tokens: Tensor) -> Float[Tensor, "batch tokens"]:
    wide = logits.double() if logits.device.type == "cpu" else logits.float()
    return (wide[:, tokens] - wide.logsumexp(1, keepdim=True)).double()


@contextmanager
def _only_at_end(network: Any, batch: PromptBatch) -> Iterator[None]:
    """Let the output layer see the end of each prompt alone: it is a fifth of a small model, and needed once a text."""
    head = network.get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda _, inputs: (batch.at_end(inputs[0])[:, None],))
    try:
        yield
    finally:
        handle.remove()
