"""Two-way bootstrap by weight matrices: a check on the intervals of `intervals.py` that assumes no formula.

One replicate draws M models and n points with replacement, independently (the pigeonhole bootstrap), and averages the
drawn cells: mean_b = sum_mi R[b, m] V[m, i] C[b, i] / (M n), R and C the counts of each model and point. So all
replicates together are two products, R V and its row-wise product with C, instead of B gathers of M x n cells.

V is split into grand mean, row and column effects and double-centred rest. The effects are summed in float64; only the
rest, whose mean is near zero by construction, goes through a float32 product: the replicates differ from float64 ones
by about 1e-7 of their own spread, at half the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from outlearn.core.intervals import cluster_means
from outlearn.errors import AlignmentError, ConfigError, DomainError

__all__ = ["Bootstrap", "Resamples", "bootstrap_means", "draw_resamples", "two_way_bootstrap"]

CHUNK = 256  # replicates in one product: large enough for the product's speed, small enough to stay in cache


@dataclass(frozen=True)
class Resamples:
    """Which models and points each replicate draws: `models` [replicates, M] and `points` [replicates, n], indices."""

    models: Integer[np.ndarray, "replicates models"]
    points: Integer[np.ndarray, "replicates points"]


@dataclass(frozen=True)
class Bootstrap:
    """Replicate means of a two-way bootstrap, with the percentile interval and the standard error they give."""

    mean: float
    low: float
    high: float
    standard_error: float
    replicates: Float[np.ndarray, "replicates"]
    level: float


def draw_resamples(n_models: int, n_points: int, *, replicates: int = 1000, seed: int = 0) -> Resamples:
    """Draw models and points with replacement, independently of each other.

    Example:
        >>> r = draw_resamples(3, 5, replicates=2)
        >>> r.models.shape, r.points.shape
        ((2, 3), (2, 5))
    """
    if replicates < 1 or n_models < 1 or n_points < 1:
        raise ConfigError(
            f"replicates, models and points must be at least 1; got {replicates}, {n_models} and {n_points}."
        )
    rng = np.random.default_rng(seed)
    models = rng.integers(0, n_models, size=(replicates, n_models), dtype=np.intp)
    points = rng.integers(0, n_points, size=(replicates, n_points), dtype=np.intp)
    return Resamples(models, points)


def bootstrap_means(
    values: Float[np.ndarray, "models points"], resamples: Resamples, *, inflate: bool = False
) -> Float[np.ndarray, "replicates"]:
    """Average the cells that each replicate draws.

    Equal to `[values[np.ix_(r, c)].mean() for r, c in zip(resamples.models, resamples.points)]` to about 1e-7 of the
    replicates' spread.

    Args:
        values: finite, `[models, points]`.
        resamples: which models and points each replicate draws.
        inflate: scale row and column effects by sqrt(M/(M-1)) and sqrt(n/(n-1)) first, since resampling M models
            shrinks the variance between them by 1 - 1/M.

    Example:
        >>> bootstrap_means(np.array([[0.0, 2.0]]), Resamples(np.array([[0]]), np.array([[1, 1]])))
        array([2.])

    Source: Owen, The pigeonhole bootstrap, Annals of Applied Statistics 2007.
    """
    n_models, n_points = values.shape
    _check(values, resamples)
    centre = values.mean()
    rows = values.mean(axis=1) - centre
    columns = values.mean(axis=0) - centre
    row_scale = math.sqrt(n_models / (n_models - 1)) if inflate and n_models > 1 else 1.0
    column_scale = math.sqrt(n_points / (n_points - 1)) if inflate and n_points > 1 else 1.0
    rest = np.empty(values.shape, dtype=np.float32)
    for m in range(n_models):
        rest[m] = (values[m] - centre - rows[m] - columns) * (row_scale * column_scale)
    rows *= row_scale
    columns *= column_scale

    n_replicates = len(resamples.models)
    means = np.empty(n_replicates)
    counts = np.empty((min(CHUNK, n_replicates), n_models), dtype=np.float32)
    drawn = np.empty((len(counts), n_points), dtype=np.float32)
    for start in range(0, n_replicates, CHUNK):
        size = min(CHUNK, n_replicates - start)
        for b in range(size):
            counts[b] = np.bincount(resamples.models[start + b], minlength=n_models)
        np.matmul(counts[:size], rest, out=drawn[:size])  # R V
        for b in range(size):
            points = resamples.points[start + b]
            # Gathering a row is the product with C, without building C.
            cells = float(drawn[b].take(points).sum(dtype=np.float64)) / n_models
            means[start + b] = (cells + float(columns.take(points).sum())) / n_points
        means[start : start + size] += rows[resamples.models[start : start + size]].mean(axis=1)
    return means + centre


def two_way_bootstrap(
    values: Float[np.ndarray, "models points"],
    level: float = 0.95,
    *,
    clusters: Integer[np.ndarray, "models_too"] | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> Bootstrap:
    """Bootstrap the grand mean over teacher clusters and points, with the variance between models corrected.

    The pigeonhole bootstrap counts the interaction of models and points three times where the formula of
    `two_way_interval` counts it once, so its interval is a little wider.

    Args:
        values: finite, `[models, points]`.
        level: share of replicates inside the percentile interval.
        clusters: for each model the index of its teacher; clusters are resampled whole.
        replicates: number of resamples.
        seed: of the resamples.

    Raises:
        DomainError: with one cluster or one point, which cannot be resampled; for values that are not finite.
        ConfigError: if `level` is not between 0 and 1, or for no replicates.
        AlignmentError: if clusters are not one for each model.

    Example:
        >>> values = np.add.outer(np.arange(8.0), np.zeros(50))
        >>> b = two_way_bootstrap(values, replicates=4000)
        >>> round(b.mean, 2), round(b.standard_error, 2)    # by the formula sqrt(6 / 8) = 0.87
        (3.5, 0.85)
    """
    if not 0 < level < 1:
        raise ConfigError(f"level must lie between 0 and 1, like 0.95; got {level!r}.")
    grouped = values if clusters is None else cluster_means(values, clusters)
    if min(grouped.shape) < 2:
        raise DomainError(
            f"a two-way bootstrap needs at least 2 independent models and 2 points; got {grouped.shape[0]} and "
            f"{grouped.shape[1]}. Use point_interval for a single fixed model."
        )
    resamples = draw_resamples(*grouped.shape, replicates=replicates, seed=seed)
    means = bootstrap_means(grouped, resamples, inflate=True)
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return Bootstrap(float(grouped.mean()), float(low), float(high), float(means.std()), means, level)


def _check(values: np.ndarray, resamples: Resamples) -> None:
    n_models, n_points = values.shape
    if resamples.models.shape[1] != n_models or resamples.points.shape[1] != n_points:
        raise AlignmentError(
            f"values have {n_models} models and {n_points} points, the resamples draw {resamples.models.shape[1]} and "
            f"{resamples.points.shape[1]}. Draw them with draw_resamples({n_models}, {n_points})."
        )
    if not np.isfinite(values).all():
        model, point = np.argwhere(~np.isfinite(values))[0]
        raise DomainError(
            f"a bootstrap needs finite values; got {values[model, point]} at model {model}, point {point}."
        )
