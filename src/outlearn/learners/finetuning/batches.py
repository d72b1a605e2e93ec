"""How examples are grouped: a random batch for each step, cut by length into micro-batches of few padded tokens.

A step is the mean over `batch_size` random examples. Its gradient does not depend on how the batch is cut, so it is cut
where it is cheap: sorted by length, within a budget of tokens, where padding and the fixed cost of a pass together are
least. The order of an epoch depends on the seed and the epoch alone, so a resumed run needs no state to go on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

__all__ = ["Length", "MicroBatch", "cut_sorted", "epoch_batches", "micro_batches"]


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

        Examples:
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
    """Shuffle the examples of one epoch, counted from 0, and yield its batches of indices; the last may be small."""
    order = np.random.default_rng([seed, epoch]).permutation(n_examples)
    for start in range(0, n_examples, batch_size):
        yield order[start : start + batch_size]


@dataclass(frozen=True)
class MicroBatch:
    """Hold the points of one backward pass, and how their texts are cut into forward passes.

    Attributes:
        points: positions in the batch.
        parts: each forward pass as positions in the grid `[points, slots]`, row by row; the longest texts come last.
        kept: how many of the last parts keep their activations; the others are computed again in the backward pass.
    """

    points: Int[np.ndarray, " points"]
    parts: tuple[Int[np.ndarray, " texts"], ...]
    kept: int


def micro_batches(lengths: Int[np.ndarray, "points slots"], *, tokens: int, overhead: int) -> list[MicroBatch]:
    """Cut a batch so that few tokens are padding and few are held at a time.

    Texts of similar length go together into a forward pass. The texts of a pair need a common backward pass, so pairs
    are grouped, by their shorter texts (the cheapest of the orders tried on HH-RLHF), and the texts of a group are cut.
    A group has as many pairs as its texts, cut with the overhead in mind, fit with their padding: a group filled to the
    limit without padding could only be cut into passes of equal texts, some sixty of one text each on a GPU. A pair
    that exceeds the limit by itself keeps the activations of its longer text alone.

    Args:
        lengths: tokens of each text; two slots for pairs.
        tokens: how many a micro-batch may hold with padding; a text beyond it stands by itself.
        overhead: what a forward and backward pass costs besides its tokens, in tokens.

    Returns:
        Every point occurs once. The micro-batch that holds the most tokens comes first, so that the others fit in the
        memory that it leaves; texts beyond the limit, of which one layer is held, come last.

    Examples:
        >>> for batch in micro_batches(np.array([[1], [5], [2], [2]]), tokens=6, overhead=1):
        ...     print(batch.points)
        [2 3 0]
        [1]
    """
    n_slots = lengths.shape[1]
    order = np.argsort(-lengths.min(1), kind="stable")
    if n_slots == 1:
        cuts = cut_sorted(lengths[order, 0], tokens=tokens, overhead=overhead)
        found = [MicroBatch(order[cut], (np.arange(cut.stop - cut.start),), 1) for cut in cuts]
    else:
        found = list(_groups_of_pairs(order, lengths, tokens, overhead))
    return sorted(found, key=lambda batch: -_held(lengths[batch.points].ravel(), batch, tokens))


def _held(lengths: Int[np.ndarray, " texts"], batch: MicroBatch, tokens: int) -> int:
    """Count the padded tokens that are held through all layers."""
    parts = batch.parts[len(batch.parts) - batch.kept :]
    sizes = [int(lengths[part].max()) * len(part) for part in parts]
    return sum(size for size in sizes if size <= tokens)


def _groups_of_pairs(
    order: Int[np.ndarray, " points"], lengths: Int[np.ndarray, "all_points slots"], tokens: int, overhead: int
) -> Iterator[MicroBatch]:
    """Take as many pairs as fit the limit with their padding, again and again, at least one."""
    start = 0
    while start < len(order):
        fits = int((np.cumsum(lengths[order[start:]].sum(1)) <= tokens).sum())  # without padding: no more than these
        while True:
            points = order[start : start + max(1, fits)]
            batch, held = _of_pairs(points, lengths, tokens, overhead)
            if held <= tokens or fits <= 1:
                break
            # The padding is about the share by which it is too much; one less at least, so that this ends.
            fits = min(fits - 1, int(fits * tokens / held))
        yield batch
        start += len(points)


def _of_pairs(
    points: Int[np.ndarray, " points"], lengths: Int[np.ndarray, "all_points slots"], tokens: int, overhead: int
) -> tuple[MicroBatch, int]:
    """Cut the texts of some pairs into parts that are done in one backward pass, the longest texts last.

    Also returns how many tokens all of the parts hold with padding.
    """
    texts = lengths[points].ravel()
    order = np.argsort(-texts, kind="stable")
    cuts = cut_sorted(texts[order], tokens=tokens, overhead=overhead)
    # The last part is the first to be done in the backward pass, and gone when an earlier one is computed again.
    held = np.cumsum([int(texts[order[cut.start]]) * (cut.stop - cut.start) for cut in cuts])
    kept = max(1, int((held <= tokens).sum()))
    return MicroBatch(points, tuple(order[cut] for cut in reversed(cuts)), kept), int(held[-1])


def cut_sorted(lengths: Int[np.ndarray, " texts"], *, tokens: int, overhead: int) -> list[slice]:
    """Cut texts, longest first, into parts such that padded tokens plus the parts' overhead are fewest.

    cost(j) = min over i of cost(i) + lengths[i] (j - i) + overhead, with lengths[i] (j - i) within the limit.

    Examples:
        >>> cut_sorted(np.array([9, 9, 3, 3, 3]), tokens=100, overhead=4)
        [slice(0, 2, None), slice(2, 5, None)]
        >>> cut_sorted(np.array([9, 9, 3, 3, 3]), tokens=100, overhead=40)
        [slice(0, 5, None)]
    """
    n = len(lengths)
    cost, start = np.zeros(n + 1), np.zeros(n + 1, dtype=np.int64)
    low = 0
    for j in range(1, n + 1):
        while low < j - 1 and lengths[low] * (j - low) > tokens:
            low += 1
        i = np.arange(low, j)
        candidates = cost[i] + lengths[i] * (j - i) + overhead
        best = int(candidates.argmin())
        cost[j], start[j] = candidates[best], low + best
    cuts, end = [], n
    while end:
        cuts.append(slice(int(start[end]), end))
        end = int(start[end])
    return cuts[::-1]
