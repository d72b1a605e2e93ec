"""How examples are grouped: a random batch for each step, cut by length into micro-batches of few padded tokens.

A step is the mean over `batch_size` random examples. Its gradient does not depend on how the batch is cut, so it is cut
where it is cheap: sorted by length, each micro-batch as many examples as fit a budget of tokens with padding. The order
of an epoch depends on the seed and the epoch alone, so a resumed run needs no state to go on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

__all__ = ["Length", "epoch_batches", "micro_batches"]


@dataclass(frozen=True)
class Length:
    """Say how long a training is.

    Attributes:
        per_epoch: steps of an epoch; the last of them may have fewer examples.
        total: all steps.
    """

    per_epoch: int
    total: int

    @classmethod
    def of(cls, n_examples: int, *, batch_size: int, epochs: float) -> Length:
        """Count the steps.

        Example:
            >>> Length.of(100, batch_size=32, epochs=2.5)
            Length(per_epoch=4, total=10)
        """
        per_epoch = math.ceil(n_examples / batch_size)
        return cls(per_epoch, cls._whole(epochs * per_epoch))

    def steps(self, epochs: float) -> int:
        """Round a number of epochs to whole steps, from 1 to all."""
        return min(self.total, self._whole(epochs * self.per_epoch))

    @staticmethod
    def _whole(steps: float) -> int:
        return max(1, round(steps))


def epoch_batches(n_examples: int, batch_size: int, *, seed: int, epoch: int) -> Iterator[Int[np.ndarray, " batch"]]:
    """Shuffle the examples of one epoch and cut them into batches.

    Args:
        n_examples: how many there are.
        batch_size: of each step; the last one may be smaller.
        seed: of the model.
        epoch: counted from 0.

    Yields:
        Indices of a batch.
    """
    order = np.random.default_rng([seed, epoch]).permutation(n_examples)
    for start in range(0, n_examples, batch_size):
        yield order[start : start + batch_size]


def micro_batches(lengths: Int[np.ndarray, " batch"], tokens: int) -> list[Int[np.ndarray, " micro_batch"]]:
    """Cut a batch into micro-batches of similar length, the longest first.

    Args:
        lengths: tokens of each example; of a pair, twice its longer text.
        tokens: limit of examples x longest; an example beyond it is a micro-batch by itself.

    Returns:
        Positions in the batch; every one occurs once.

    Example:
        >>> [part.tolist() for part in micro_batches(np.array([1, 5, 2, 2]), 6)]
        [[1], [2, 3, 0]]
    """
    order = np.argsort(-lengths, kind="stable")
    parts = []
    start = 0
    while start < len(order):
        size = max(1, tokens // int(lengths[order[start]]))
        parts.append(order[start : start + size])
        start += size
    return parts
