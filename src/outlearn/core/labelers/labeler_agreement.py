"""What agreement between labelers says without any true label, and without a model of their errors.

Labels are whole numbers `[labelers, points]`, -1 where a labeler gave none. Two labels of one point that differ cannot
both be right, so the mean error is at least half the disagreement D, whatever the errors are. If labels of a point are
independent draws given the point, D is also E[1 - |p|^2] for the distribution p of the labels there, which bounds the
share 1 - max p of labels that miss the answer given most often: the variance of the labels, in 0-1 loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from jaxtyping import Int

from outlearn.core.labelers.influence import LinearisedEstimate, mean_estimate, weighted_average

__all__ = [
    "PairTable", "agreement_of", "chance_corrected", "least_miss_rate", "mean_disagreement", "pair_table",
    "plurality_accuracy",
]  # fmt: skip

Labels = Int[np.ndarray, "labelers points"]
PairTable = Mapping[tuple[int, int], LinearisedEstimate]


def agreement_of(first: Int[np.ndarray, " points"], second: Int[np.ndarray, " points"]) -> LinearisedEstimate:
    """Estimate how often two labelings agree, over the points that both label (-1: no label).

    Examples:
        >>> agreement_of(np.array([0, 1, 1, -1]), np.array([0, 1, 0, 1])).value.__round__(4)
        0.6667
    """
    return mean_estimate((first == second).astype(np.float64), (first >= 0) & (second >= 0))


def pair_table(labels: Labels) -> PairTable:
    """Estimate the agreement of every pair of labelers that share a point.

    Examples:
        >>> pair_table(np.array([[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 0, 0]]))[1, 2].value
        0.75
    """
    return {
        (i, j): agreement_of(labels[i], labels[j])
        for i, j in combinations(range(len(labels)), 2)
        if ((labels[i] >= 0) & (labels[j] >= 0)).any()
    }


def chance_corrected(agreement: LinearisedEstimate, n_classes: int) -> LinearisedEstimate:
    """Rescale agreement so that 1 stays 1 and uniform guessing is 0: (K a - 1) / (K - 1).

    If wrong answers are spread evenly over the other classes, independently of everything else, this is the product of
    both sides' skills r = 1 - rate K / (K - 1): see `shared_answer`. It differs from Cohen's kappa, whose
    chance is that of the class shares found.

    Examples:
        >>> chance_corrected(mean_estimate(np.array([1.0, 1.0, 0.0, 1.0])), 2).value
        0.5
    """
    return (agreement * n_classes - 1.0) / (n_classes - 1)


def least_miss_rate(disagreement: float, n_classes: int) -> float:
    """Bound below how often a label misses the most frequent answer, from the disagreement of two draws of it.

    With distribution p at a point, D = 1 - |p|^2 and the miss rate is 1 - max p. Given D it is least where the other
    classes share the rest evenly: max p = (1 + sqrt((K - 1)(K (1 - D) - 1))) / K. As this is convex in D, the bound
    holds for averages over points that differ; it is reached where all points are alike. It is at most D;
    above D = 1 - 1/K it is what it is there.

    Examples:
        >>> round(least_miss_rate(0.32, 2), 6), round(least_miss_rate(0.34, 3), 4)
        (0.2, 0.2)
    """
    k = n_classes
    return 1 - (1 + math.sqrt(max((k - 1) * (k * (1 - disagreement) - 1), 0.0))) / k


def plurality_accuracy(n_labelers: int, rate: float, n_classes: int) -> float:
    """Compute how often the most frequent of n independent labels is the common answer.

    Each label misses it with probability `rate`, then equally likely any other class; ties are broken at random.

    Examples:
        >>> [round(plurality_accuracy(n, 0.2, 2), 4) for n in (1, 2, 3, 5)]
        [0.8, 0.8, 0.896, 0.9421]
        >>> round(plurality_accuracy(3, 0.2, 3), 4)
        0.912
    """
    total = 0.0
    other = rate / (n_classes - 1)
    for own in range(n_labelers + 1):
        # Exponential generating function of the other classes' votes, each at most `own`, by (votes, ties with it).
        ways = {(0, 0): 1.0}
        for _ in range(n_classes - 1):
            after: dict[tuple[int, int], float] = {}
            for (given, ties), weight in ways.items():
                for votes in range(min(own, n_labelers - own - given) + 1):
                    key = (given + votes, ties + (votes == own))
                    after[key] = after.get(key, 0.0) + weight * other**votes / math.factorial(votes)
            ways = after
        # n! / own! (1 - rate)^own times the coefficient of the other classes' votes, the answer winning 1 of ties + 1
        chance = math.factorial(n_labelers) / math.factorial(own) * (1 - rate) ** own
        total += chance * sum(w / (ties + 1) for (given, ties), w in ways.items() if given == n_labelers - own)
    return total


def mean_disagreement(pairs: PairTable) -> LinearisedEstimate:
    """Average 1 - agreement over the pairs, each weighted by the points that it shares.

    Examples:
        >>> mean_disagreement(pair_table(np.array([[0, 1, 1, 0], [0, 1, 0, 0]]))).value
        0.25
    """
    return 1.0 - weighted_average(list(pairs.values()))
