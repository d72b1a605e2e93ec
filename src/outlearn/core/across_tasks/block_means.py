"""Intervals for a mean over runs, such as a paired difference: for new tasks, or for new draws of these very tasks.

The two answer different questions. `over_clusters` takes the tasks as a sample of tasks: its unit is the task's mean,
and a handful of tasks says little. `over_splits` keeps the tasks as they are and asks what other draws of their points
would have given: its unit is the split. Splits of one task share points, so their spread alone is too small a guide;
the corrected variance adds what they share.

`win_rate` is about new tasks too. Each task gives its share of wins, in [0, 1], and of all variables in [0, 1] with a
given mean the one that is only 0 or 1 is the most spread out: so the binomial interval over tasks, with the sum of
their shares in the place of a count, errs on the wide side.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Integer
from scipy.special import betaincinv

from outlearn.core.intervals import Interval, Withheld, check_level, t_quantile
from outlearn.core.mean_intervals import cluster_means
from outlearn.core.verdict import is_above_zero
from outlearn.errors import DomainError, ShapeError

__all__ = ["over_clusters", "over_splits", "ratio_over_splits", "win_rate"]

# Fewer clusters than this give no interval: three means say next to nothing about their own spread.
MINIMUM_CLUSTERS = 4


def over_clusters(
    values: Float[np.ndarray, "blocks"], clusters: Integer[np.ndarray, "blocks_too"], level: float = 0.95
) -> Interval:
    """Give the mean of the clusters' means with an interval for new clusters: mean +- t_{C-1} sd / sqrt(C).

    Args:
        values: one value for each run, such as a paired difference of accuracies.
        clusters: for each run the index of its task. Every task weighs the same, however many runs it has.
        level: coverage aimed at.

    Returns:
        The interval; nan with the reason for fewer than 4 clusters. `n_models` counts clusters, `n_points` runs.

    Examples:
        >>> print(over_clusters(np.array([1.0, 3.0, 3.0, 4.0, 6.0]), np.array([0, 0, 1, 2, 3])))
        3.7500 [1.0325, 6.4675]
    """
    _check(values, clusters, level)
    means = cluster_means(values[:, None], clusters)[:, 0]
    n, mean = len(means), float(means.mean())
    if n < MINIMUM_CLUSTERS:
        reason = f"only {n} task{'s' * (n > 1)}: an interval for new tasks needs at least {MINIMUM_CLUSTERS}"
        return Interval.missing(reason, mean=mean, n_models=n, n_points=len(values), level=level, over="tasks")
    error = float(means.std(ddof=1)) / math.sqrt(n)
    half = t_quantile(level, float(n - 1)) * error
    return Interval(mean, mean - half, mean + half, error, n, len(values), level, over="tasks")


def over_splits(
    values: Float[np.ndarray, "blocks"],
    tasks: Integer[np.ndarray, "blocks_too"],
    splits: Integer[np.ndarray, "blocks_of_splits"],
    shared: Float[np.ndarray, "blocks_of_shared"],
    level: float = 0.95,
) -> Interval:
    """Give the mean over these very tasks with an interval for new draws of their points.

    Runs of one task and split (other encoders, say) are averaged first. With S splits of task t, whose means have the
    variance s_t^2, and T tasks, the variance is sum_t s_t^2 (1/S + n_test / n_train) / T^2: the second term is for the
    points that splits share. Student's t, degrees of freedom by Satterthwaite.

    Args:
        values: one value for each run.
        tasks: for each run the index of its task.
        splits: for each run the index of its split (its seed).
        shared: for each run n_test / n_train; 0 where splits are draws of new points.
        level: coverage aimed at.

    Returns:
        The interval; nan with the reason where a task has one split. `n_models` counts splits, `n_points` runs.

    Examples:
        >>> values, one = np.array([1.0, 2.0, 3.0, 2.0]), np.zeros(4, dtype=int)
        >>> print(over_splits(values, one, np.arange(4), np.zeros(4)))
        2.0000 [0.7008, 3.2992]

    Source: Nadeau and Bengio, Inference for the generalization error, 2003: the corrected resampled t-test.
    """
    _check(values, tasks, level)
    if len(splits) != len(values) or len(shared) != len(values) or not (shared >= 0).all():
        raise ShapeError(
            f"splits have length {len(splits)}, shared {len(shared)}; expected {len(values)}, one for each run, and "
            "shared at least 0."
        )
    means, variances, freedoms, n_splits = [], [], [], 0
    for task in np.unique(tasks):
        mine = tasks == task
        of_split = cluster_means(values[mine, None], splits[mine])[:, 0]
        means.append(of_split.mean())
        n_splits += len(of_split)
        freedoms.append(len(of_split) - 1)
        if len(of_split) > 1:
            variances.append(float(of_split.var(ddof=1)) * (1 / len(of_split) + float(shared[mine].mean())))
    mean = float(np.mean(means))
    if min(freedoms) < 1:
        reason = "a task has one split only: give several seeds to see what another draw would do"
        return Interval.missing(reason, mean=mean, n_models=n_splits, n_points=len(values), level=level, over="splits")
    total = sum(variances)
    error = math.sqrt(total) / len(means)
    spread = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    freedom = total**2 / spread if spread > 0 else float(min(freedoms))
    half = t_quantile(level, float(freedom)) * error
    return Interval(mean, mean - half, mean + half, error, n_splits, len(values), level, over="splits")


def ratio_over_splits(
    part: Float[np.ndarray, "blocks"],
    whole: Float[np.ndarray, "blocks_of_whole"],
    tasks: Integer[np.ndarray, "blocks_too"],
    splits: Integer[np.ndarray, "blocks_of_splits"],
    shared: Float[np.ndarray, "blocks_of_shared"],
    level: float = 0.95,
) -> Interval | Withheld:
    """Give the ratio of two means over these very tasks, such as gain / room, with Fieller's interval for new draws.

    It holds every r for which the mean of part - r whole cannot be told apart from 0 by `over_splits`, with the degrees
    of freedom of the task that has the fewest splits.

    Returns:
        The interval, or `Withheld` where the mean of `whole` is not shown to be above 0: a ratio to it says nothing.

    Examples:
        >>> part, whole, one = np.array([1.0, 2.0, 3.0, 2.0]), np.array([4.0, 5.0, 4.0, 5.0]), np.zeros(4, dtype=int)
        >>> print(ratio_over_splits(part, whole, one, np.arange(4), np.zeros(4)))
        0.4444 [0.1540, 0.7735]

    Source: Fieller, Some problems in interval estimation, 1954; the variance is that of `over_splits`.
    """
    room = over_splits(whole, tasks, splits, shared, level)
    gain = over_splits(part, tasks, splits, shared, level)
    if not is_above_zero(room):
        return Withheld(room.reason or "the mean to divide by is not shown to be above 0")
    fewest = min(len(np.unique(splits[tasks == task])) for task in np.unique(tasks))
    t = t_quantile(level, float(fewest - 1))
    # Var(a + b) - Var(a) - Var(b) = 2 Cov(a, b), and the variance of `over_splits` is a quadratic form.
    both = over_splits(part + whole, tasks, splits, shared, level)
    covariance = (both.standard_error**2 - gain.standard_error**2 - room.standard_error**2) / 2
    a = room.mean**2 - (t * room.standard_error) ** 2
    b = gain.mean * room.mean - t**2 * covariance
    c = gain.mean**2 - (t * gain.standard_error) ** 2
    if a <= 0:  # the fewest splits tell less than all of them together
        return Withheld("the mean to divide by is not shown to be above 0")
    half = math.sqrt(max(b**2 - a * c, 0.0)) / a
    low, high, no_error = b / a - half, b / a + half, math.nan  # Fieller's interval has no standard error
    ratio = gain.mean / room.mean
    return Interval(ratio, low, high, no_error, gain.n_models, gain.n_points, level, over="splits")


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

    Examples:
        >>> print(win_rate(np.array([3.0, 4.0, 5.0, 2.0]), np.array([1.0, 1.0, 1.0, 1.0])))
        1.0000 [0.3976, 1.0000]

    Source: Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial, 1934;
    for shares in the place of counts the argument is in this module's docstring.
    """
    if first.shape != second.shape or not len(first):
        raise ShapeError(f"first has {len(first)} blocks, second {len(second)}; expected as many, and at least one.")
    check_level(level)
    for name, scores in (("first", first), ("second", second)):
        if np.isnan(scores).any():
            block = int(np.flatnonzero(np.isnan(scores))[0])
            raise DomainError(
                f"scores must be numbers; {name} is nan in block {block}, which neither side can win. Leave blocks "
                "without a score out for both."
            )
    won = (first > second) + 0.5 * (first == second)
    shares = won if clusters is None else cluster_means(won[:, None], clusters)[:, 0]
    n, total = len(shares), float(shares.sum())
    tail = (1 - level) / 2
    low = float(betaincinv(total, n - total + 1, tail)) if total > 0 else 0.0
    high = float(betaincinv(total + 1, n - total, 1 - tail)) if total < n else 1.0
    error = float(shares.std(ddof=1)) / n**0.5 if n > 1 else float("nan")
    return Interval(total / n, low, high, error, n, len(first), level, over="clusters")


def _check(values: np.ndarray, groups: np.ndarray, level: float) -> None:
    check_level(level)
    if not len(values) or len(values) != len(groups):
        raise ShapeError(f"values have length {len(values)}, groups {len(groups)}; expected one for each run.")
    if not np.isfinite(values).all():
        raise DomainError(
            f"values[{int(np.flatnonzero(~np.isfinite(values))[0])}] is not finite; leave that run out of all that "
            "are compared."
        )
