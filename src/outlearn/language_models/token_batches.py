"""Texts in batches of similar length, by a budget of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

__all__ = ["padded", "shared_length", "token_batches"]


def token_batches(lengths: Int[np.ndarray, " texts"], tokens_per_batch: int) -> list[Int[np.ndarray, " batch"]]:
    """Cut the texts, longest first, into batches of at most `tokens_per_batch` tokens with padding.

    Index arrays hold every text once; the first batch has the longest text, so memory peaks at the start.

    Examples:
        >>> [batch.tolist() for batch in token_batches(np.array([1, 5, 2, 2]), 6)]
        [[1], [2, 3, 0]]
    """
    order = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        size = max(1, tokens_per_batch // int(lengths[order[start]]))
        batches.append(order[start : start + size])
        start += size
    return batches


def padded(
    rows: Sequence[Sequence[int]], pad: int
) -> tuple[Int[np.ndarray, "rows width"], Bool[np.ndarray, "rows width"]]:
    """Put rows of tokens into one array, padded on the right; the mask is True at their tokens.

    Examples:
        >>> [part.tolist() for part in padded([[5, 6], [7]], 0)]
        [[[5, 6], [7, 0]], [[True, True], [True, False]]]
    """
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, pad, dtype=np.int64)
    ids[mask] = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
    return ids, mask


def shared_length(prompts: Sequence[Sequence[int]]) -> int:
    """Count the tokens that all prompts begin with, but leave each at least one of its own.

    Counted on the tokens of whole prompts: a tokenizer may merge the end of what they share with what follows.

    Examples:
        >>> shared_length([[1, 2, 3, 4], [1, 2, 5]]), shared_length([[1, 2], [1, 2]])
        (2, 1)
    """
    first, last = min(map(list, prompts)), max(map(list, prompts))  # in this order all others lie between
    most = min(map(len, prompts)) - 1
    return next((i for i in range(most) if first[i] != last[i]), max(most, 0))
