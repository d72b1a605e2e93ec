"""Compare treatments (losses, encoders) over blocks: ranks, and tests of whether they differ at all and which do.

Scores are `[blocks, treatments]`: in a block (a run) every treatment met the same data. Tests by rank ask nothing of
the scores' distribution or scale, so blocks may differ in difficulty; they do ask that blocks are independent. Runs on
one task are not independent witnesses for other tasks: average them first (`intervals.cluster_means`), so that tasks
are the blocks. Over repeated splits of one task the tests speak of new splits of that task, and lean towards too small
p-values, because splits share points. How large differences are and how often they win is in `block_means`.

Source: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 2006; Benavoli, Corani and Mangili,
Should we really use post-hoc tests based on mean-ranks?, JMLR 2016 (why pairs are tested by Wilcoxon's test here).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from outlearn.errors import DomainError, ShapeError

__all__ = [
    "FriedmanTest", "PairwiseTests", "block_ranks", "cliques", "friedman_test", "holm", "nemenyi_difference",
    "wilcoxon_holm",
]  # fmt: skip

Scores = Float[np.ndarray, "blocks treatments"]


@dataclass(frozen=True)
class FriedmanTest:
    """Hold the test that all treatments rank alike.

    Attributes:
        statistic: Friedman's chi-squared, corrected for ties.
        p_value: of it, by the chi-squared distribution; rough for few blocks.
        f_statistic: Iman and Davenport's F = (N - 1) chi^2 / (N (k - 1) - chi^2) of N blocks and k treatments, infinite
            if all blocks agree.
        f_p_value: of it; less conservative than Friedman's.
    """

    statistic: float
    p_value: float
    f_statistic: float
    f_p_value: float


@dataclass(frozen=True)
class PairwiseTests:
    """Hold Wilcoxon's signed-rank test of every pair of treatments.

    Attributes:
        p_values: two-sided, `[treatments, treatments]`, 1 on the diagonal.
        adjusted: Holm's, over all pairs: below alpha with probability at most alpha if no pair differs.
        smallest: the smallest p-value that this many blocks can give, 2 / 2^N.
    """

    p_values: Float[np.ndarray, "treatments treatments"]
    adjusted: Float[np.ndarray, "treatments treatments"]
    smallest: float


def block_ranks(scores: Scores, *, higher_is_better: bool = True) -> Float[np.ndarray, "blocks treatments"]:
    """Rank the treatments of each block, 1 the best; ties share the mean of their ranks.

    Raises:
        DomainError: if a score is nan.
        ShapeError: for fewer than two treatments.

    Example:
        >>> block_ranks(np.array([[0.9, 0.8, 0.8], [0.7, 0.6, 0.5]]))
        array([[1. , 2.5, 2.5],
               [1. , 2. , 3. ]])
    """
    _check(scores)
    return stats.rankdata(-scores if higher_is_better else scores, axis=1)


def friedman_test(scores: Scores) -> FriedmanTest:
    """Test that all treatments have the same distribution of ranks.

    chi^2 = 12 N / (k (k + 1)) [sum_j R_j^2 - k (k + 1)^2 / 4], divided by the correction for ties; R_j mean ranks.

    Raises:
        DomainError: if every block ties all its treatments, or a score is nan.
        ShapeError: for fewer than two blocks or treatments.

    Example:
        >>> friedman_test(np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [2.0, 3.0, 1.0]])).statistic.__round__(4)
        4.6667

    Source: Friedman 1937; Iman and Davenport, Approximations of the critical region of the Friedman statistic, 1980.
    scipy.stats.friedmanchisquare gives the same chi^2, but refuses two treatments and all-tied blocks, and has no F.
    """
    _check(scores, min_blocks=2)
    n, k = scores.shape
    ranks = block_ranks(scores)
    # Ties shrink the ranks' variance: the sum of squares that ranks without ties have, against the one they have.
    within = float(np.square(ranks - (k + 1) / 2).sum())
    if within == 0:
        raise DomainError("every block ties all its treatments, so there are no ranks to compare.")
    between = n * float(np.square(ranks.mean(axis=0) - (k + 1) / 2).sum())
    statistic = n * (k - 1) * between / within
    room = n * (k - 1) - statistic
    # A sum of rounding errors stands for 0 where all blocks agree.
    f_statistic = (n - 1) * statistic / room if room > 1e-9 * n * (k - 1) else math.inf
    return FriedmanTest(
        statistic=statistic,
        p_value=float(stats.chi2.sf(statistic, k - 1)),
        f_statistic=f_statistic,
        f_p_value=float(stats.f.sf(f_statistic, k - 1, (k - 1) * (n - 1))),
    )


def nemenyi_difference(n_treatments: int, n_blocks: int, *, level: float = 0.95) -> float:
    """Return the difference of two mean ranks from which on Nemenyi's test calls two treatments different.

    CD = q sqrt(k (k + 1) / (6 N)), with q the quantile of the studentised range for k groups and infinite degrees of
    freedom, divided by sqrt(2). It is known from figures; `wilcoxon_holm` is the better test of a pair, whose result
    here would depend on which other treatments were tried.

    Example:
        >>> round(nemenyi_difference(4, 14), 2)  # Demsar 2006, 3.2.2: q = 2.569
        1.25
    """
    if n_treatments < 2 or n_blocks < 2 or not 0 < level < 1:
        raise DomainError(
            f"a critical difference needs 2 treatments, 2 blocks and a level between 0 and 1; got {n_treatments}, "
            f"{n_blocks} and {level}."
        )
    q = float(stats.studentized_range.ppf(level, n_treatments, math.inf)) / math.sqrt(2)
    return q * math.sqrt(n_treatments * (n_treatments + 1) / (6 * n_blocks))


def wilcoxon_holm(scores: Scores) -> PairwiseTests:
    """Test every pair of treatments by Wilcoxon's signed-rank test, with Holm's correction.

    The test asks whether the paired differences are symmetric around 0, that is, whether neither treatment tends to win
    by more than the other. Blocks that tie a pair are left out of it; a pair that always ties has p = 1. The exact
    distribution is used up to 50 untied blocks, else the normal one.

    Raises:
        DomainError, ShapeError: see `friedman_test`.

    Example:
        >>> wilcoxon_holm(np.array([[0.9, 0.8], [0.7, 0.5], [0.8, 0.5], [0.9, 0.5], [0.9, 0.4]])).p_values[0, 1].item()
        0.0625
    """
    _check(scores, min_blocks=2)
    n, k = scores.shape
    p_values = np.ones((k, k))
    upper = np.triu_indices(k, 1)
    for i, j in zip(*upper, strict=True):
        p_values[i, j] = p_values[j, i] = _signed_rank(scores[:, i] - scores[:, j])
    adjusted = np.ones((k, k))
    adjusted[upper] = holm(p_values[upper])
    adjusted = np.minimum(adjusted, adjusted.T)
    return PairwiseTests(p_values, adjusted, smallest=min(1.0, 2.0 ** (1 - n)))


def holm(p_values: Float[np.ndarray, "tests"]) -> Float[np.ndarray, "tests"]:
    """Adjust p-values so that the chance of any false rejection is bounded, whatever their dependence.

    The i-th smallest of m is multiplied by m - i + 1; none may be smaller than one before it, nor above 1.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03]))
        array([0.03, 0.06, 0.06])

    Source: Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.minimum(1.0, p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(steps)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted


def cliques(
    mean_ranks: Float[np.ndarray, "treatments"], differ: Bool[np.ndarray, "treatments treatments"]
) -> tuple[Sequence[int], ...]:
    """Return the largest runs of treatments, in the order of their ranks, no two of which are shown to differ.

    These are the bars of a critical-difference diagram. A run of one is left out.

    Example:
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


def _signed_rank(differences: Float[np.ndarray, "blocks"]) -> float:
    """Return the two-sided p-value of Wilcoxon's test, without the zeros."""
    untied = differences[differences != 0]
    if not len(untied):
        return 1.0
    sizes = stats.rankdata(np.abs(untied))
    positive = float(sizes[untied > 0].sum())
    if len(untied) <= 50:
        return _exact_signed_rank(sizes, positive)
    return float(stats.wilcoxon(untied, method="asymptotic", correction=True).pvalue)


def _exact_signed_rank(sizes: Float[np.ndarray, "blocks"], positive: float) -> float:
    """Count over all signs how often the positive ranks' sum is as far from its centre; right with tied sizes too.

    scipy.stats.wilcoxon is exact without ties only; with them it approximates from 14 blocks on.
    """
    doubled = np.rint(2 * sizes).astype(int)  # mean ranks are halves
    counts = np.zeros(int(doubled.sum()) + 1)
    counts[0] = 1.0
    for size in doubled:
        shifted = np.zeros_like(counts)
        shifted[size:] = counts[: len(counts) - size]
        counts += shifted
    far = np.abs(np.arange(len(counts)) - doubled.sum() / 2) >= abs(2 * positive - doubled.sum() / 2) - 1e-9
    return float(min(1.0, counts[far].sum() / counts.sum()))


def _check(scores: np.ndarray, *, min_blocks: int = 1) -> None:
    n, k = scores.shape
    if k < 2 or n < min_blocks:
        raise ShapeError(f"scores have shape {scores.shape}; expected at least {min_blocks} blocks and two treatments.")
    if np.isnan(scores).any():
        block, treatment = np.argwhere(np.isnan(scores))[0].tolist()
        raise DomainError(
            f"scores[{block}, {treatment}] is nan; ranks need every treatment in every block. Leave the block out."
        )
