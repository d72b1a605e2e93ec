"""How to cut points into strata, and how many of each to give true labels, so that a mean varies least.

The least variance for n labels has n_h proportional to N_h s_h (Neyman): more where more points are and where truth is
less certain. The s_h are guesses before the labels are there; wrong guesses cost width, never truth.

Source: Neyman, On the two different aspects of the representative method, 1934; Cochran, Sampling Techniques, 1977,
chapters 5 and 5A; Wright, The equivalence of Neyman optimum allocation for sampling and equal proportions for
apportioning the U.S. House of Representatives, 2012, for whole numbers.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from outlearn.errors import DomainError

__all__ = ["allocate", "strata_of_spread"]

LEAST_TO_DRAW = 5  # of a stratum: two show it so badly that shares for which it matters more would have no interval
EVEN_SHARE = 0.1  # of labels are spread evenly whatever is guessed: no weight is more than 10 times the mean one


def allocate(
    n_labels: int, sizes: Sequence[int], spreads: Sequence[float], known: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Say how many points to draw from each stratum, beside those known, so that the mean varies least.

    Each label goes where it removes the most, N_h^2 s_h^2 / (k (k + 1)) for label k + 1 of a stratum: the exact optimum
    in whole numbers. A tenth of all labels is spread evenly first.

    Args:
        n_labels: to draw.
        sizes: points of each stratum.
        spreads: the guessed standard deviation of the values in each.
        known: points of each stratum whose truth is known, drawn at random.

    Raises:
        DomainError: if there are fewer labels than five for each stratum, or more than points.

    Examples:
        >>> allocate(100, [500, 500], [0.1, 0.4])
        (20, 80)
        >>> allocate(100, [500, 500], [0.1, 0.4], known=[30, 10])
        (0, 100)
    """
    counts = list(known or [0] * len(sizes))
    free = sum(sizes) - sum(counts)
    least = [min(max(LEAST_TO_DRAW - count, 0), size - count) for size, count in zip(sizes, counts, strict=True)]
    if not sum(least) <= n_labels <= free:
        raise DomainError(f"{n_labels} labels cannot be drawn; expected {sum(least)} to {free:,}.")
    total = n_labels + sum(counts)
    even = [math.ceil(EVEN_SHARE * total * size / sum(sizes)) for size in sizes]
    drawn = list(least)
    left = n_labels - sum(least)

    def evenly(h: int, k: int) -> float:
        return sizes[h] / (k + 1)

    def evenly_up_to_its_share(h: int, k: int) -> float:
        return evenly(h, k) if k < even[h] else 0.0

    def where_it_removes_most(h: int, k: int) -> float:
        return (sizes[h] * spreads[h]) ** 2 / (k * (k + 1)) if k else math.inf

    for priority in (evenly_up_to_its_share, where_it_removes_most, evenly):  # the last where no spread is left
        heap = [(-priority(h, counts[h] + drawn[h]), h) for h in range(len(sizes))]
        heapq.heapify(heap)
        while heap and left:
            urgency, h = heapq.heappop(heap)
            if urgency == 0 or counts[h] + drawn[h] >= sizes[h]:
                continue
            drawn[h], left = drawn[h] + 1, left - 1
            heapq.heappush(heap, (-priority(h, counts[h] + drawn[h]), h))
    return tuple(drawn)


def strata_of_spread(
    spread: Float[np.ndarray, " points"], means: Float[np.ndarray, " points"], n_strata: int, *, least: int
) -> Int[np.ndarray, " points"]:
    """Cut points into strata by how uncertain their values are: points of no spread, then equal sums of spread.

    Sums of spread that are equal make Neyman's allocation about equal too, so that no stratum has few labels. Points
    of one spread are put in the order of their mean.

    Args:
        spread: the guessed standard deviation of the value of each point.
        means: its guessed mean.
        n_strata: at most so many.
        least: points of a stratum at least; a smaller one is joined to its neighbour.

    Returns:
        The stratum of each point, from 0, by rising spread.

    Examples:
        >>> strata_of_spread(np.array([0.3, 0, 0.1, 0, 0.1, 0.1, 0.3]), np.zeros(7), 3, least=1)
        array([2, 0, 1, 0, 1, 1, 2])
    """
    order = np.lexsort((means, spread))
    total = np.cumsum(spread[order])
    certain = int((spread == 0).sum())
    parts = max(n_strata - (certain > 0), 1)
    ends = [certain, *(int(np.searchsorted(total, total[-1] * (k + 1) / parts)) for k in range(parts - 1))]
    starts = [0]
    for end in ends:
        if least <= end - starts[-1] and least <= len(spread) - end:
            starts.append(end)
    found = np.empty(len(spread), dtype=np.int64)
    for h, (start, end) in enumerate(zip(starts, [*starts[1:], len(spread)], strict=True)):
        found[order[start:end]] = h
    return found
