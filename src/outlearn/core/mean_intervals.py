"""Intervals for means over models and points: two-way standard errors.

Every measured value here is an array `[models, points]`. Models that share a teacher are not independent, so the unit
of replication is the teacher cluster (a teacher with all its students) crossed with the test point. With cluster means
`g[m, i]` of M clusters and n points the variance of the grand mean is estimated by

    v = S_row^2 / M + S_col^2 / n - S_res^2 / (M n),        floored at 0,

where S_row^2 and S_col^2 are the variances (ddof 1) of the row and column means and S_res^2 is the mean square of the
double-centred residuals. v is unbiased for crossed random effects. The quantile is Student's t with Satterthwaite's
degrees of freedom: M - 1 when the teachers dominate, more when the points do (a fixed M - 1 covers 99.9% of the time
instead of 95% there, with four teachers). The half-width is

    h = t sqrt(v + C / (M - 1) max(S_row^2 / M - S_res^2 / (M n), 0)),

whose second term is for few teachers: their effects on a risk are skewed (a teacher that leans by a errs by a^2), and
the plain t interval of so few skewed numbers covers 83 to 90% instead of 95%. How h becomes an interval is said by the
scale of the mean (`core.scales`). An interval that cannot be trusted is nan and says why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from outlearn.core.intervals import Interval, check_level, t_quantile
from outlearn.core.scales import REAL, SHARE, Scale
from outlearn.errors import AlignmentError, DomainError

__all__ = [
    "TwoWayVariance", "cluster_means", "mean_interval", "point_interval", "pseudo_values", "ratio_interval",
    "two_way_interval", "two_way_variance",
]  # fmt: skip

MINIMUM_POINTS = 4  # three points say too little about a spread to carry an interval
# With few teachers the row part and the degrees of freedom taken from it err together. Counting its square three times
# instead of once keeps 95% intervals of Gaussian effects between 93% and 98.2% from three teachers on, whichever effect
# is large (two teachers: 91% to 99.6%).
ROW_CAUTION = 3.0
SKEW_CAUTION = 3.0  # C above: what keeps four to eight skewed teachers at 90% and more, and Gaussian ones below 98%
RESIDUALS = 2**15  # computed at once, within a core's cache
ROUNDING = 16 * np.finfo(np.float64).eps  # spreads below this share of the largest value are rounding, not variation


@dataclass(frozen=True)
class TwoWayVariance:
    """The three parts of the variance of a grand mean: `rows` S_row^2/M, `columns` S_col^2/n, `cells` S_res^2/(Mn)."""

    rows: float
    columns: float
    cells: float
    n_rows: int
    n_columns: int

    @property
    def total(self) -> float:
        """Return the variance of the grand mean, v = rows + columns - cells, floored at 0."""
        return max(self.rows + self.columns - self.cells, 0.0)

    @property
    def degrees_of_freedom(self) -> float:
        """Return Satterthwaite's degrees of freedom of v, with caution for few rows; at least min(M, n) - 1."""
        if self.n_rows == 1:
            return float(self.n_columns - 1)
        least = float(min(self.n_rows, self.n_columns) - 1)
        r, c = self.n_rows - 1, self.n_columns - 1
        # Satterthwaite 1946: v^2 / sum_k (v_k^2 / freedom_k)
        spread = ROW_CAUTION * self.rows**2 / r + self.columns**2 / c + self.cells**2 / (r * c)
        return max(self.total**2 / spread, least) if spread > 0 else least

    @property
    def cautious(self) -> float:
        """Return the variance that the half-width is taken from: more for few teachers whose effects may be skewed."""
        if self.n_rows == 1:
            return self.total
        return self.total + SKEW_CAUTION / (self.n_rows - 1) * max(self.rows - self.cells, 0.0)

    def quantile(self, level: float) -> float:
        """Return the two-sided Student t quantile at `level`."""
        return t_quantile(level, self.degrees_of_freedom)


def two_way_variance(values: Float[np.ndarray, "models points"]) -> TwoWayVariance:
    """Estimate the variance of the grand mean of crossed effects from one value per (model, point).

    Args:
        values: finite, `[models, points]`, at least 2 points. One model has no spread of its own: then v is over
            points alone.

    Examples:
        >>> two_way_variance(np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])).total.__round__(4)
        1.3333

    Source: random-effects two-way layout; unbiased by the expected mean squares. Owen, The pigeonhole bootstrap, 2007,
    studies the resampling analogue.
    """
    n_rows, n_columns = values.shape
    if n_rows == 1:
        return TwoWayVariance(0.0, float(values[0].var(ddof=1)) / n_columns, 0.0, n_rows, n_columns)
    centre = values.mean()
    rows = values.mean(axis=1) - centre
    columns = values.mean(axis=0) - centre
    # By blocks: the residuals are never all in memory, and nothing cancels as in a difference of sums of squares.
    # S_res^2 (M - 1)(n - 1) = sum_mi (g_mi - row mean - column mean + mean)^2
    at_once = max(1, RESIDUALS // n_columns)
    blocks = [slice(start, start + at_once) for start in range(0, n_rows, at_once)]
    residuals = (values[block] - (centre + rows[block])[:, None] - columns for block in blocks)
    squares = sum(float(np.vdot(each, each)) for each in residuals)
    return TwoWayVariance(
        rows=float(np.square(rows).sum()) / (n_rows - 1) / n_rows,  # S_row^2 / M
        columns=float(np.square(columns).sum()) / (n_columns - 1) / n_columns,  # S_col^2 / n
        cells=squares / ((n_rows - 1) * (n_columns - 1)) / (n_rows * n_columns),  # S_res^2 / (M n)
        n_rows=n_rows,
        n_columns=n_columns,
    )


def two_way_interval(
    values: Float[np.ndarray, "models points"],
    level: float = 0.95,
    *,
    clusters: Integer[np.ndarray, "models_too"] | None = None,
    scale: Scale = REAL,
) -> Interval:
    """Give the mean over models and points with an interval for new teachers and new points.

    The half-width is that of this module's docstring; `scale` lays it around the mean. Values of models in one
    cluster are averaged first; every cluster weighs the same.

    Returns:
        The interval. It is nan, with the reason, for one cluster, for fewer than 4 points, for infinite values, and
        where the variance estimate is not positive though the values vary.

    Raises:
        DomainError: if a value is nan.
        ConfigError: if `level` is not between 0 and 1.
        AlignmentError: if clusters are not one for each model.

    Examples:
        >>> print(two_way_interval(np.array([[0.1, 0.3, 0.2, 0.4], [0.3, 0.5, 0.4, 0.7]])))
        0.3625 [-2.6328, 3.3578]

    Source: crossed random effects; Cornfield and Tukey, Average values of mean squares in factorials, 1956;
    Satterthwaite, An approximate distribution of estimates of variance components, 1946, for the degrees of freedom,
    which we take with caution for few teachers. Floored at 0; no interval is made up where the floor is reached.
    """
    _check(values, level)
    grouped = values if clusters is None else cluster_means(values, clusters)
    n_models, n_points = grouped.shape
    with np.errstate(invalid="ignore"):  # inf - inf: the mean is nan, and the reason below says so
        mean = float(grouped.mean())
    reason = _why_untrusted(grouped)
    if reason is None:
        parts = two_way_variance(grouped)
        error = math.sqrt(parts.total)
        if _is_constant(parts, grouped):
            return Interval.about(
                mean, 0.0, 0.0, freedom=n_points - 1.0, n_models=n_models, n_points=n_points, level=level, scale=scale
            )
        if error > 0:
            return Interval.about(
                mean,
                parts.quantile(level) * math.sqrt(parts.cautious),
                error,
                freedom=parts.degrees_of_freedom,
                n_models=n_models,
                n_points=n_points,
                level=level,
                scale=scale,
            )
        reason = "the variance estimate is not positive: too few models or points to tell their effects from noise"
        return Interval(mean, math.nan, math.nan, 0.0, n_models, n_points, level, reason)
    return Interval.missing(reason, mean=mean, n_models=n_models, n_points=n_points, level=level)


def point_interval(values: Float[np.ndarray, "models points"], level: float = 0.95, *, scale: Scale = REAL) -> Interval:
    """Give the mean with an interval for new test points only: these very models, whatever others would have done.

    Use it for a single fixed model (one ceiling, one ensemble). It says nothing about a new draw of the models.

    Examples:
        >>> print(point_interval(np.array([[1.0, 0.0, 1.0, 1.0, 1.0]]), scale=SHARE))
        0.8000 [0.2226, 0.9824]
    """
    _check(values, level)
    n_models, n_points = values.shape
    with np.errstate(invalid="ignore"):
        means = values.mean(axis=0)
        mean = float(means.mean())
    if n_points < MINIMUM_POINTS or not np.isfinite(means).all():
        reason = _why_untrusted(np.stack([means, means]))
        return Interval.missing(
            str(reason), mean=mean, n_models=n_models, n_points=n_points, level=level, over="points"
        )
    error = float(means.std(ddof=1)) / math.sqrt(n_points)
    return Interval.about(
        mean,
        t_quantile(level, n_points - 1.0) * error,
        error,
        freedom=n_points - 1.0,
        n_models=n_models,
        n_points=n_points,
        level=level,
        scale=scale,
        over="points",
    )


def mean_interval(
    values: Float[np.ndarray, "models points"],
    level: float = 0.95,
    *,
    clusters: Integer[np.ndarray, "models"] | None = None,
    scale: Scale = REAL,
) -> Interval:
    """Give the mean with its two-way interval, or over points alone where there is one independent model.

    `clusters` are the teachers of the models; None takes every model as independent.

    Examples:
        >>> values = np.array([[0.1, 0.3, 0.2, 0.4], [0.3, 0.5, 0.4, 0.7]])
        >>> mean_interval(values).over, mean_interval(values, clusters=np.array([0, 0])).over
        ('models and points', 'points')
    """
    independent = len(values) if clusters is None else len(np.unique(clusters))
    if independent > 1:
        return two_way_interval(values, level, clusters=clusters, scale=scale)
    return point_interval(values, level, scale=scale)


def ratio_interval(
    part: Float[np.ndarray, "models points"],
    whole: Float[np.ndarray, "models points"],
    level: float = 0.95,
    *,
    clusters: Integer[np.ndarray, "models"] | None = None,
    scale: Scale = SHARE,
) -> Interval:
    """Give mean(part) / mean(whole) by the delta method: it varies as the mean of r + (part - r whole) / mean(whole).

    Returns:
        The interval; missing where mean(whole) is 0.

    Examples:
        >>> print(ratio_interval(np.array([[0.0, 1.0, 1.0, 0.0, 1.0]]), np.array([[1.0, 1.0, 1.0, 0.0, 1.0]])))
        0.7500 [0.1687, 0.9779]
    """
    total = float(whole.mean())
    if total == 0:
        n_models = len(whole) if clusters is None else len(np.unique(clusters))
        return Interval.missing("there is no such point", n_models=n_models, n_points=whole.shape[1], level=level)
    ratio = float(part.mean()) / total
    return mean_interval(ratio + (part - ratio * whole) / total, level, clusters=clusters, scale=scale)


def cluster_means(
    values: Float[np.ndarray, "models points"], clusters: Integer[np.ndarray, "..."]
) -> Float[np.ndarray, "clusters points"]:
    """Average the models of each cluster: row j is the mean over models whose cluster is the j-th distinct index.

    Raises:
        AlignmentError: if clusters are not one for each model.

    Examples:
        >>> cluster_means(np.array([[1.0], [3.0], [7.0]]), np.array([5, 5, 2]))
        array([[7.],
               [2.]])
    """
    if np.shape(clusters) != (len(values),):
        raise AlignmentError(
            f"clusters must have shape ({len(values)},), the index of one teacher for each model; got "
            f"{np.shape(clusters)}."
        )
    order = np.argsort(clusters, kind="stable")
    ordered = np.asarray(clusters)[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    together = values[order]
    if len(starts) == len(values):
        return together
    sizes = np.diff(np.append(starts, len(values)))
    if sizes.min() == sizes.max():  # NumPy is 40 times as fast along an axis as it is at sums of marked rows
        return np.asarray(together.reshape(len(starts), -1, values.shape[1]).sum(axis=1) / sizes[0])
    return np.add.reduceat(together, starts, axis=0) / sizes[:, None]


def pseudo_values(
    full: Float[np.ndarray, "*rest"] | float, leave_one_out: Float[np.ndarray, "models *rest"]
) -> Float[np.ndarray, "models *rest"]:
    """Return the jackknife's pseudo-values M full - (M - 1) leave_one_out[m] of a statistic of M models.

    Their mean is the statistic without its bias of order 1/M (plug-in variances over M models are too small by their
    own share 1/M, plug-in biases too large by the same amount), and their spread is that of the statistic:
    `two_way_interval` of pseudo-values `[models, points]` is the interval of the corrected statistic.

    Raises:
        DomainError: for a single model.

    Examples:
        >>> x = np.array([1.0, 2.0, 4.0])     # the plug-in variance becomes the unbiased one
        >>> out = np.array([np.var(np.delete(x, m)) for m in range(3)])
        >>> float(pseudo_values(np.var(x), out).mean().round(4)), float(np.var(x, ddof=1).round(4))
        (2.3333, 2.3333)

    Source: Quenouille, Notes on bias in estimation, 1956; Tukey 1958 for the pseudo-values.
    """
    n_models = len(leave_one_out)
    if n_models < 2:
        raise DomainError(f"a jackknife needs at least 2 models; got {n_models}. Train more teachers.")
    return n_models * np.asarray(full) - (n_models - 1) * leave_one_out


def _check(values: np.ndarray, level: float) -> None:
    check_level(level)
    if values.size == 0:
        raise DomainError(f"an interval needs at least one model and one point; got shape {values.shape}.")
    if np.isnan(values).any():
        model, point = np.argwhere(np.isnan(values))[0]
        raise DomainError(f"values must not be nan; got nan at model {model}, point {point}. Measure that point again.")


def _why_untrusted(grouped: np.ndarray) -> str | None:
    n_models, n_points = grouped.shape
    if not np.isfinite(grouped).all():
        return "some values are infinite"
    if n_models < 2:
        return "only one independent model: its variation cannot be seen; train more teachers"
    if n_points < MINIMUM_POINTS:
        return f"only {n_points} point{'s' if n_points > 1 else ''}: an interval needs at least {MINIMUM_POINTS}"
    return None


def _is_constant(parts: TwoWayVariance, values: np.ndarray) -> bool:
    # The parts are variances of means; undo the 1/M, 1/n to compare with the values themselves.
    spread = max(parts.rows * parts.n_rows, parts.columns * parts.n_columns, parts.cells * values.size)
    return bool(spread <= (ROUNDING * float(np.abs(values).max())) ** 2)
