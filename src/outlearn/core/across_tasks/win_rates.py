"""How often one treatment beats another, with intervals that hold for few and for dependent blocks.

Runs on one task are not independent witnesses for other tasks, so the unit is the cluster (the task): each gives its
share of wins, and the interval is for a new cluster. A share lies in [0, 1], and of all variables in [0, 1] with a
given mean the one that is only 0 or 1 is the most spread out: so the binomial interval over clusters, with the sum of
their shares in the place of a count, errs on the wide side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer
from scipy import stats

from outlearn.core.across_tasks.ranking import cluster_scores
from outlearn.core.intervals import Interval
from outlearn.errors import ConfigError, DomainError, ShapeError

__all__ = ["win_rate", "win_rates"]


def win_rate(
    first: Float[np.ndarray, "blocks"],
    second: Float[np.ndarray, "blocks_of_second"],
    *,
    clusters: Integer[np.ndarray, "blocks_too"] | None = None,
    level: float = 0.95,
) -> Interval:
    """Give the share of blocks in which `first` is the higher score, a tie counting half.

    Clopper and Pearson's interval with the sum of the clusters' shares in the place of the count of successes.

    Args:
        first, second: scores, paired block by block; higher is better.
        clusters: for each block the index of its cluster, which weigh the same; None takes blocks as independent.
        level: coverage aimed at, between 0 and 1.

    Returns:
        The interval; `n_models` is the number of clusters and `n_points` that of blocks.

    Raises:
        ShapeError: for no block, or lengths that differ.
        DomainError: for nan; infinite scores are ranked as such.
        ConfigError: for a level outside (0, 1).

    Example:
        >>> print(win_rate(np.array([3.0, 4.0, 5.0, 2.0]), np.array([1.0, 1.0, 1.0, 1.0])))
        1.0000 [0.3976, 1.0000]

    Source: Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial, 1934;
    for shares in the place of counts the argument is in this module's docstring.
    """
    if first.shape != second.shape or not len(first):
        raise ShapeError(f"first has {len(first)} blocks, second {len(second)}; expected as many, and at least one.")
    if not 0 < level < 1:
        raise ConfigError(f"level must lie between 0 and 1, like 0.95; got {level!r}.")
    for name, scores in (("first", first), ("second", second)):
        if np.isnan(scores).any():
            block = int(np.flatnonzero(np.isnan(scores))[0])
            raise DomainError(
                f"scores must be numbers; {name} is nan in block {block}, which neither side can win. Leave blocks "
                "without a score out for both."
            )
    won = (first > second) + 0.5 * (first == second)
    shares = won if clusters is None else cluster_scores(won[:, None], clusters)[:, 0]
    n, total = len(shares), float(shares.sum())
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, total, n - total + 1)) if total > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, total + 1, n - total)) if total < n else 1.0
    error = float(shares.std(ddof=1)) / n**0.5 if n > 1 else float("nan")
    return Interval(total / n, low, high, error, n, len(first), level, over="clusters")


def win_rates(
    scores: Float[np.ndarray, "blocks treatments"],
    *,
    clusters: Integer[np.ndarray, "blocks_too"] | None = None,
    level: float = 0.95,
) -> Sequence[Sequence[Interval | None]]:
    """Give the win rate of every treatment (row) over every other (column); None on the diagonal.

    Example:
        >>> rates = win_rates(np.array([[2.0, 1.0], [3.0, 1.0]]))
        >>> rates[0][1].mean, rates[1][0].mean, rates[0][0] is None
        (1.0, 0.0, True)
    """
    k = scores.shape[1]
    return [
        [None if i == j else win_rate(scores[:, i], scores[:, j], clusters=clusters, level=level) for j in range(k)]
        for i in range(k)
    ]
