"""How often two disjoint votes agree: measured on a table, without a model.

Of the labels of a point, m are drawn at random and m of the rest; each group votes, ties shared evenly. Where points
have 2m labels or more this needs no assumption on how labelers or points differ: it is what a second panel of as many
of these labelers would say. It depends on the labels of a point only through how many are of each class.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from outlearn.core.labelers.influence import LinearisedEstimate, mean_estimate
from outlearn.core.top_class import top_class

__all__ = ["split_vote_agreement"]

DRAWS = 20_000  # of two groups, in all: what they leave to chance is less than what a table of 20,000 points does
LEAST_DRAWS = 20  # of each pattern of counts
MIN_POINTS_TO_SPLIT = 20


def split_vote_agreement(
    counts: Int[np.ndarray, "points classes"], size: int, rng: np.random.Generator
) -> LinearisedEstimate | None:
    """Estimate how often two votes of so many different labelers of a point agree.

    Args:
        counts: labels of each class at each point.
        size: labelers in a vote, m.
        rng: draws the groups.

    Returns:
        The mean over the points with 2m labels or more; None if there are fewer than 20 such points.

    Examples:
        >>> counts = np.array([[4, 0], [2, 2]] * 10)
        >>> one = split_vote_agreement(counts, 1, np.random.default_rng(0))
        >>> round(one.value, 2)     # of two and two labels, two drawn agree in a third: (1 + 1/3) / 2
        0.67
    """
    enough = counts.sum(axis=1) >= 2 * size
    if enough.sum() < MIN_POINTS_TO_SPLIT:
        return None
    # Which class has how many labels does not matter for agreement: few different patterns are left.
    patterns, row_of, times = np.unique(
        -np.sort(-counts[enough], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    values = np.zeros(len(patterns))
    for row, (pattern, count) in enumerate(zip(patterns, times.tolist(), strict=True)):
        if pattern[0] == pattern.sum():
            values[row] = 1.0
            continue
        draws = max(LEAST_DRAWS, round(DRAWS * count / enough.sum()))
        given = np.repeat(np.arange(len(pattern)), pattern)
        drawn = rng.permuted(np.tile(given, (draws, 1)), axis=1)
        first, second = (_vote(drawn[:, part], int(given[-1]) + 1) for part in (slice(size), slice(size, 2 * size)))
        values[row] = (first * second).sum(axis=1).mean()
    agreement = np.zeros(len(counts))
    agreement[enough] = values[row_of.ravel()]
    return mean_estimate(agreement, enough)


def _vote(labels: np.ndarray, n_classes: int) -> np.ndarray:
    return top_class((labels[:, :, None] == np.arange(n_classes)).sum(axis=1))
