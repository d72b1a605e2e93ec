"""Pool the hidden states of texts, in batches of similar length that run side by side with one thread each.

Threads inside of an operation wait for each other hundreds of times a text: on a machine that does anything else, two
of them are slower than one. Batches wait for nobody.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from tokenizers import Tokenizer
from torch import Tensor

from outlearn.encoders.points import Progress
from outlearn.language_models.bert import Bert
from outlearn.language_models.token_batches import padded, token_batches
from outlearn.language_models.wrapped_texts import wrapped_texts
from outlearn.parallel import one_thread_an_operation, run_chunks

if TYPE_CHECKING:  # it loads transformers
    from outlearn.language_models.prefix import PromptBatch

__all__ = ["BertTexts", "Pooling", "TextModel", "TransformersTexts", "encode_tokens"]

Pooling = Literal["mean", "cls", "last"]
Tokens = list[list[int]]
# A batch that has not been run: its texts, and what computes their features.
Batch = tuple[Int[np.ndarray, " texts"], Callable[[], Tensor]]


class TextModel(Protocol):
    """A tokenizer and a network, ready to read."""

    @abstractmethod
    def tokens(self, texts: list[str]) -> Tokens:
        """Tokenise texts as the network reads them, cut to its length."""

    @abstractmethod
    def batches(self, tokens: Tokens) -> Any:
        """Give the batches inside of a context, the longest texts first: `Sequence[Batch]`."""


@dataclass(frozen=True, eq=False)
class BertTexts:
    """Read texts with a BERT that needs no transformers."""

    tokenizer: Tokenizer
    network: Bert
    pooling: Pooling
    tokens_per_batch: int

    def tokens(self, texts: list[str]) -> Tokens:
        return [each.ids for each in self.tokenizer.encode_batch(texts)]

    @contextmanager
    def batches(self, tokens: Tokens) -> Iterator[Sequence[Batch]]:
        lengths = np.array([len(ids) for ids in tokens])
        yield [
            (points, partial(self._pooled, tokens, points)) for points in token_batches(lengths, self.tokens_per_batch)
        ]

    def _pooled(self, tokens: Tokens, points: Int[np.ndarray, " texts"]) -> Tensor:
        ids, mask = map(torch.from_numpy, padded([tokens[i] for i in points.tolist()], 0))
        # Without a mask attention is one product; of texts in the order of their lengths, most batches need none.
        return pool(self.network(ids, None if mask.all() else ~mask), mask, self.pooling)


@dataclass(frozen=True, eq=False)
class TransformersTexts:
    """Read texts with a model of transformers, between a prefix and a suffix.

    Args:
        tokenizer, network: of transformers.
        layers, pooling, prefix, suffix, max_length, cut, tokens_per_batch: as of `HuggingFace`.
    """

    tokenizer: Any
    network: Any
    layers: tuple[int, ...] | None
    pooling: Pooling
    prefix: str
    suffix: str
    max_length: int
    cut: Literal["end", "start"]
    tokens_per_batch: int

    def tokens(self, texts: list[str]) -> Tokens:
        around = {"prefix": self.prefix, "suffix": self.suffix}
        return wrapped_texts(self.tokenizer, texts, **around, max_length=self.max_length, cut=self.cut)

    @contextmanager
    def batches(self, tokens: Tokens) -> Iterator[Sequence[Batch]]:
        from outlearn.language_models.hidden_states import hidden_states

        with hidden_states(self.network, self.layers) as hidden:
            yield list(self._prompted(tokens, hidden) if self._shares_a_beginning() else self._plain(tokens, hidden))

    def _shares_a_beginning(self) -> bool:
        """Say whether what all texts begin with can be run once: later positions see what comes before them alone."""
        from outlearn.language_models.prefix import attends_backwards, can_cache

        return bool(
            self.prefix and self.pooling == "last" and can_cache(self.network) and attends_backwards(self.network)
        )

    def _prompted(self, tokens: Tokens, hidden: Callable[..., Tensor]) -> Iterator[Batch]:
        from outlearn.language_models.prefix import prompt_batches

        for batch in prompt_batches(self.network, tokens, tokens_per_batch=self.tokens_per_batch):
            yield batch.points, partial(_at_end, batch, hidden)

    def _plain(self, tokens: Tokens, hidden: Callable[..., Tensor]) -> Iterator[Batch]:
        lengths = np.array([len(ids) for ids in tokens])
        for points in token_batches(lengths, self.tokens_per_batch):
            yield points, partial(self._pooled, hidden, tokens, points)

    def _pooled(self, hidden: Callable[..., Tensor], tokens: Tokens, points: Int[np.ndarray, " texts"]) -> Tensor:
        rows = [tokens[i] for i in points.tolist()]
        read = padded(rows, self.tokenizer.pad_token_id or 0)
        ids, mask = (torch.from_numpy(part).to(self.network.device) for part in read)
        return pool(hidden(input_ids=ids, attention_mask=mask.long(), return_dict=True), mask, self.pooling)


def _at_end(batch: PromptBatch, hidden: Callable[..., Tensor]) -> Tensor:
    return batch.at_end(hidden(**batch.inputs()))


def pool(
    states: Float[Tensor, "texts width features"], mask: Tensor, pooling: Pooling
) -> Float[Tensor, "texts features"]:
    """Take the first or last token's state, or their mean; `mask` is True at the tokens of each text."""
    if pooling == "cls":
        return states[:, 0]
    if pooling == "last":
        return states[torch.arange(len(states), device=states.device), mask.sum(1) - 1]
    weights = mask.to(states.dtype)[:, :, None]
    return (states * weights).sum(1) / weights.sum(1)


def encode_tokens(
    model: TextModel, tokens: Tokens, progress: Progress | None, *, side_by_side: bool
) -> Float[np.ndarray, "texts features"]:
    """Run every batch, as many at once as torch may use threads.

    Args:
        model: of the tokens.
        tokens: of each text, at least one.
        progress: called with (done, all) texts.
        side_by_side: whether threads help; on a GPU they do not.
    """
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    last = 0

    def run(batch: Batch, report: Callable[[int], None]) -> None:
        points, compute = batch
        with torch.inference_mode():  # a mode of each thread
            rows.append((points, compute().cpu().numpy()))
        report(len(points))

    def show(done: int) -> None:
        nonlocal last
        if progress is not None and done > last:
            progress(done, len(tokens))
        last = done

    with one_thread_an_operation() as threads, torch.inference_mode(), model.batches(tokens) as batches:
        chunks = [partial(run, batch) for batch in batches]
        run_chunks(chunks, threads=threads if side_by_side else 1, progress=show)
    features = np.empty((len(tokens), rows[0][1].shape[1]), dtype=np.float32)
    for points, found in rows:
        features[points] = found
    return features
