"""Ranks over blocks, and groups of treatments that are not told apart.

Scores are `[blocks, treatments]`: in a block (a run) every treatment met the same data. Ranks describe; who is better
is decided by the interval of a paired difference (`block_means`, `core.verdict`). Tests by ranks are not given beside
it: over splits that share points they tell too much apart (Friedman) or, with few splits, nothing (Nemenyi, Wilcoxon),
and would contradict the interval on the same page.

Source: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 2006; Benavoli, Corani and Mangili,
Should we really use post-hoc tests based on mean-ranks?, JMLR 2016, on why pairs are not told apart by mean ranks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from outlearn.core.ranks import mid_ranks
from outlearn.errors import DomainError, ShapeError

__all__ = ["block_ranks", "cliques"]

Scores = Float[np.ndarray, "blocks treatments"]


def block_ranks(scores: Scores, *, higher_is_better: bool = True) -> Float[np.ndarray, "blocks treatments"]:
    """Rank the treatments of each block, 1 the best; ties share the mean of their ranks.

    Raises:
        DomainError: if a score is nan.
        ShapeError: for fewer than two treatments.

    Examples:
        >>> block_ranks(np.array([[0.9, 0.8, 0.8], [0.7, 0.6, 0.5]]))
        array([[1. , 2.5, 2.5],
               [1. , 2. , 3. ]])
    """
    _check(scores)
    return mid_ranks(-scores if higher_is_better else scores)


def cliques(
    mean_ranks: Float[np.ndarray, "treatments"], differ: Bool[np.ndarray, "treatments treatments"]
) -> tuple[Sequence[int], ...]:
    """Return the largest runs of treatments, in the order of their ranks, no two of which are shown to differ.

    These are the bars of a critical-difference diagram. A run of one is left out.

    Examples:
        >>> differ = np.array([[False, False, True], [False, False, False], [True, False, False]])
        >>> cliques(np.array([1.2, 2.0, 2.8]), differ)
        ((0, 1), (1, 2))
    """
    order = np.argsort(mean_ranks, kind="stable").tolist()
    found: list[tuple[int, ...]] = []
    last = 0
    for start in range(len(order)):
        stop = start + 1
        while stop < len(order) and not any(differ[order[stop], other] for other in order[start:stop]):
            stop += 1
        if stop > last and stop - start > 1:
            found.append(tuple(order[start:stop]))
        last = max(last, stop)
    return tuple(found)


def _check(scores: np.ndarray, *, min_blocks: int = 1) -> None:
    n, k = scores.shape
    if k < 2 or n < min_blocks:
        raise ShapeError(f"scores have shape {scores.shape}; expected at least {min_blocks} blocks and two treatments.")
    if np.isnan(scores).any():
        block, treatment = np.argwhere(np.isnan(scores))[0].tolist()
        raise DomainError(
            f"scores[{block}, {treatment}] is nan; ranks need every treatment in every block. Leave the block out."
        )
