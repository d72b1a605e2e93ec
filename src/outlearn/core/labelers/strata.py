"""True labels that were drawn by strata: how many of each to draw, and means that stay unbiased.

N points fall into strata of N_h points, W_h = N_h / N, of which n_h were drawn at random within the stratum. The mean

    m = sum_h W_h m_h,        m_h the mean over the points drawn of stratum h,

weighs each drawn point by w_i = N_h / n_h, one over its chance to be drawn (Horvitz and Thompson), and is unbiased
whatever the strata are. Over new points, of which the N are a sample themselves, its variance is

    sum_h W_h^2 s_h^2 / n_h + (1 / N) sum_h W_h (m_h - m)^2.

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
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from outlearn.core.labelers.influence import SHARE, LinearisedEstimate, mean_estimate
from outlearn.core.labelers.skewed_interval import Unseen
from outlearn.errors import DomainError

__all__ = ["LEAST_DRAWN", "DrawnStrata", "Ends", "allocate", "mean_of_drawn", "strata_of_spread"]

Ends = Sequence[Float[np.ndarray, " points"] | float]  # the least and the largest value of all points, or of each

LEAST_DRAWN = 2  # of a stratum: one point shows no spread
LEAST_TO_DRAW = 5  # of a stratum: two show it so badly that shares for which it matters more would have no interval
EVEN_SHARE = 0.1  # of labels are spread evenly whatever is guessed: no weight is more than 10 times the mean one


@dataclass(frozen=True, eq=False)
class DrawnStrata:
    """Hold which points of known truth were drawn from which stratum.

    Attributes:
        of_point: the stratum of each point that was drawn, from 0; -1 for all others.
        sizes: points of each stratum, drawn or not.
    """

    of_point: Int[np.ndarray, " points"]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        for h, (size, drawn) in enumerate(zip(self.sizes, self.counts, strict=True)):
            if not LEAST_DRAWN <= drawn <= size:
                raise DomainError(
                    f"stratum {h} has {size:,} points and {drawn} of known truth; expected {LEAST_DRAWN} to {size:,}."
                )

    @property
    def counts(self) -> tuple[int, ...]:
        """Count the points drawn from each stratum."""
        drawn = self.of_point[self.of_point >= 0]
        return tuple(np.bincount(drawn, minlength=len(self.sizes)).tolist())

    @property
    def weights(self) -> Float[np.ndarray, " points"]:
        """Give each drawn point its weight N_h / n_h, 0 to all others."""
        of_stratum = np.array(self.sizes) / np.array(self.counts)
        return np.where(self.of_point >= 0, of_stratum[self.of_point], 0.0)

    def mean(
        self,
        values: Float[np.ndarray, " points"],
        where: Bool[np.ndarray, " points"] | None = None,
        *,
        ends: Ends = SHARE,
    ) -> LinearisedEstimate:
        """Estimate a mean over all points, or over those that `where` marks, from the points drawn.

        Over a part of the points it is the ratio of the two weighted sums. What no point drawn showed is counted in
        each stratum (`Unseen`): one whose points drawn all have the same value is not known to have no other.

        Args:
            values: at the points drawn; what stands elsewhere is not looked at.
            where: marks the points that the mean is over.
            ends: the least and the largest that a value can be, of all points or of each; the same where nothing is
                uncertain.

        Raises:
            DomainError: if no point drawn is marked.

        Examples:
            >>> strata = DrawnStrata(np.array([0, 0, -1, -1, 1, 1, 1, -1]), (4, 4))
            >>> strata.mean(np.array([1.0, 0, 9, 9, 1, 1, 1, 9])).value
            0.75
        """
        n, sizes, counts = len(values), np.array(self.sizes), np.array(self.counts)
        drawn, mask = self.of_point >= 0, np.ones(len(values), dtype=bool) if where is None else where
        marked = drawn & mask
        if not marked.any():
            raise DomainError("a mean needs at least one point of known truth; none is marked.")
        shares = sizes / sizes.sum()

        def means(of: np.ndarray) -> np.ndarray:
            return np.bincount(self.of_point[drawn], of[drawn], minlength=len(sizes)) / counts

        kept = np.where(marked, values, 0.0)
        part = float(shares @ means(marked.astype(np.float64)))
        value = float(shares @ means(kept)) / part

        # The ratio in linear form: e_i = (v_i - m) / part where marked, else 0; its mean over all points is 0.
        def error(of: np.ndarray | float) -> np.ndarray:
            return np.where(marked, (of - value) / part, 0.0)

        centre = means(error(kept))
        deviation = np.where(drawn, error(kept) - centre[self.of_point], 0.0)
        spread = means(np.square(deviation)) * counts / (counts - 1)
        # Of each point drawn: its deviation within its stratum; and what all of a stratum share, whose squares sum to
        # the part between strata, W_h (m_h - m)^2 / N.
        inner = shares / counts * np.sqrt(counts / (counts - 1))
        between = shares * np.square(centre) / sizes.sum()
        shared = np.where(centre < 0, -1.0, 1.0) * np.sqrt(between / counts)
        influence = np.where(drawn, n * (inner[self.of_point] * deviation + shared[self.of_point]), 0.0)
        at_ends = [n * shares / counts * (means(error(end)) - centre) for end in ends]
        # What was not seen may be in any stratum: of one prior in all, each has its share.
        unseen = [
            Unseen.at(*(float(end[h]) for end in at_ends), share=share) for h, share in enumerate(shares.tolist())
        ]
        parts = np.square(shares) * spread / counts + np.array([each.square for each in unseen]) / n**2
        in_part = np.maximum(np.bincount(self.of_point[marked], minlength=len(sizes)), LEAST_DRAWN)
        return LinearisedEstimate(value, influence, 1 + _freedom(parts, in_part), Unseen.of(unseen))


def mean_of_drawn(
    values: Float[np.ndarray, " points"],
    where: Bool[np.ndarray, " points"],
    strata: DrawnStrata | None,
    *,
    ends: Ends = SHARE,
) -> LinearisedEstimate:
    """Estimate a mean from the points that `where` marks: drawn at random from all, or by strata; see `DrawnStrata`."""
    if strata is not None:
        return strata.mean(values, where, ends=ends)
    of_marked = [float(np.broadcast_to(end, len(values))[where].mean()) for end in ends]
    return mean_estimate(values, where, ends=of_marked)


def _freedom(parts: np.ndarray, counts: np.ndarray) -> int:
    """Return Satterthwaite's degrees of freedom of a variance that is a sum over strata; all of them if it is 0."""
    total = float(np.square(parts.sum()))
    if total == 0:
        return int((counts - 1).sum())
    return max(int(total / float((np.square(parts) / (counts - 1)).sum())), 1)


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
