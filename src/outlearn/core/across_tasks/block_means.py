"""Intervals for a mean over runs, such as a paired difference: for new tasks, or for new draws of these very tasks.

The two answer different questions. `over_clusters` takes the tasks as a sample of tasks: its unit is the task's mean,
and a handful of tasks says little. `over_splits` keeps the tasks as they are and asks what other draws of their points
would have given: its unit is the split. Splits of one task share points, so their spread alone is too small a guide;
the corrected variance adds what they share.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Integer
from scipy import stats

from outlearn.core.intervals import Interval
from outlearn.errors import ConfigError, DomainError, ShapeError

__all__ = ["over_clusters", "over_splits"]

# Fewer clusters than this give no interval: three means say next to nothing about their own spread.
FEWEST_CLUSTERS = 4


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

    Example:
        >>> print(over_clusters(np.array([1.0, 3.0, 3.0, 4.0, 6.0]), np.array([0, 0, 1, 2, 3])))
        3.7500 [1.0325, 6.4675]
    """
    _check(values, clusters, level)
    means = np.array([values[clusters == cluster].mean() for cluster in np.unique(clusters)])
    n, mean = len(means), float(means.mean())
    if n < FEWEST_CLUSTERS:
        reason = f"only {n} task{'s' * (n > 1)}: an interval for new tasks needs at least {FEWEST_CLUSTERS}"
        return Interval(mean, math.nan, math.nan, math.nan, n, len(values), level, reason, over="tasks")
    error = float(means.std(ddof=1)) / math.sqrt(n)
    half = float(stats.t.ppf(0.5 + level / 2, n - 1)) * error
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

    Example:
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
        of_split = np.array([values[mine & (splits == split)].mean() for split in np.unique(splits[mine])])
        means.append(of_split.mean())
        n_splits += len(of_split)
        freedoms.append(len(of_split) - 1)
        if len(of_split) > 1:
            variances.append(float(of_split.var(ddof=1)) * (1 / len(of_split) + float(shared[mine].mean())))
    mean = float(np.mean(means))
    if min(freedoms) < 1:
        reason = "a task has one split only: give several seeds to see what another draw would do"
        return Interval(mean, math.nan, math.nan, math.nan, n_splits, len(values), level, reason, over="splits")
    total = sum(variances)
    error = math.sqrt(total) / len(means)
    spread = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    freedom = total**2 / spread if spread > 0 else float(min(freedoms))
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    return Interval(mean, mean - half, mean + half, error, n_splits, len(values), level, over="splits")


def _check(values: np.ndarray, groups: np.ndarray, level: float) -> None:
    if not 0 < level < 1:
        raise ConfigError(f"level must lie between 0 and 1, like 0.95; got {level!r}.")
    if not len(values) or len(values) != len(groups):
        raise ShapeError(f"values have length {len(values)}, groups {len(groups)}; expected one for each run.")
    if not np.isfinite(values).all():
        raise DomainError(
            f"values[{int(np.flatnonzero(~np.isfinite(values))[0])}] is not finite; leave that run out of all that "
            "are compared."
        )
