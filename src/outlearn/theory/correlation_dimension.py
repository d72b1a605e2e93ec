"""How many directions two feature sets share: an estimate of the correlation dimension, with its interval.

For whitened features z_w, z_s the correlation dimension is q = |E z_s z_w'|_F^2, the sum of the squared canonical
correlations: 0 if they share nothing, min(d_w, d_s) if one determines the other linearly. With N points the plug-in
value T (Pillai's trace) is far too large, d_w d_s / (N - 1) even for unrelated features. For Gaussian features its mean
is close to T = q + (d_w - q)(d_s - q) / (m - q) with m = N - 1, which we solve:

    q = (m T - d_w d_s) / (m - d_w - d_s + T).

The relation is exact in the mean where every canonical correlation is 0 or 1 and correct to leading order in 1/N
otherwise (Isserlis); `outlearn theory subspace` measures what is left. An estimate may fall a little outside
[0, min(d_w, d_s)]: it is reported as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real
from scipy import linalg

from outlearn.core.intervals import t_quantile
from outlearn.errors import AlignmentError, DomainError
from outlearn.theory.scalars import Number, Whole

__all__ = ["CorrelationDimension", "correlation_dimension", "effective_dimension"]

_RANK_TOLERANCE = 1e-10  # of the largest eigenvalue of the covariance: directions below it are rounding


@dataclass(frozen=True)
class CorrelationDimension:
    """Hold the correlation dimension of two feature sets.

    Attributes:
        value: the estimate, corrected for the number of points.
        low, high: its interval (delete-a-group jackknife).
        standard_error: of the value.
        uncorrected: the plug-in value, biased up.
        canonical_correlations: of the sample, descending; each is biased up too.
        dimensions: d_w and d_s, directions that were kept.
        effective_dimensions: (sum of eigenvalues)^2 / sum of squares of each covariance, corrected.
        n_points: N.
    """

    value: float
    low: float
    high: float
    standard_error: float
    uncorrected: float
    canonical_correlations: Float[np.ndarray, " directions"]
    dimensions: tuple[int, int]
    effective_dimensions: tuple[float, float]
    n_points: int

    def variance_ratio(self, student_examples: Number) -> float:
        """Predict Var(student) / Var(teacher) for least squares: [q + d_s/(N - d_s - 1) (d_w - q)] / d_w.

        Raises:
            DomainError: if the student has fewer than d_s + 2 examples.
        """
        d_w, d_s = self.dimensions
        student_examples = float(student_examples)
        if student_examples < d_s + 2:
            raise DomainError(f"the average exists from {d_s + 2} student examples on, got {student_examples}")
        return (self.value + d_s / (student_examples - d_s - 1) * (d_w - self.value)) / d_w

    def __str__(self) -> str:
        d_w, d_s = self.dimensions
        return (
            f"correlation dimension {self.value:.1f} [{self.low:.1f}, {self.high:.1f}] of {d_w} and {d_s} directions "
            f"({self.value / min(d_w, d_s):.0%} of the smaller set; plug-in {self.uncorrected:.1f}; "
            f"{self.n_points} points)"
        )


def correlation_dimension(
    teacher_features: Real[np.ndarray, "points teacher_features"],
    student_features: Real[np.ndarray, "rows student_features"],
    *,
    variance_share: Number = 1.0,
    groups: Whole = 20,
    level: float = 0.95,
) -> CorrelationDimension:
    """Estimate the correlation dimension of the features that teacher and student see, row by row the same points.

    Features are centred and whitened. Use any encoder: only the arrays count.

    Args:
        teacher_features: `[points, teacher_features]`.
        student_features: `[points, student_features]`.
        variance_share: keep the leading principal directions that hold this share of each set's variance; 1 keeps all
            directions above rounding. Lower it where there are not enough points for all directions.
        groups: of the jackknife; every `groups`-th point is left out together.
        level: of the interval.

    Returns:
        The estimate with its interval, and the dimensions.

    Raises:
        AlignmentError: if the two sets have different numbers of points.
        DomainError: for features that are not finite or constant, a share outside (0, 1], fewer than two groups, or too
            few points for the directions kept.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> shared = rng.standard_normal((2000, 5))
        >>> first = np.hstack([shared, rng.standard_normal((2000, 20))])
        >>> second = np.hstack([shared, rng.standard_normal((2000, 10))]) @ rng.standard_normal((15, 15))
        >>> print(correlation_dimension(first, second))
        correlation dimension 5.0 [5.0, 5.0] of 25 and 15 directions (33% of the smaller set; plug-in 5.1; 2000 points)

    Source: Dong et al. 2025 (see `subspace`) define the quantity; correction and interval are derived for this package.
    """
    n_points = len(teacher_features)
    if len(student_features) != n_points:
        raise AlignmentError(
            f"teacher_features have {n_points} points and student_features {len(student_features)}; give the same "
            "points in the same order"
        )
    if not 0 < variance_share <= 1:
        raise DomainError(f"variance_share is {variance_share}; it must be above 0 and at most 1")
    first, first_effective = _whitened(teacher_features, float(variance_share), "teacher_features")
    second, second_effective = _whitened(student_features, float(variance_share), "student_features")
    d_w, d_s = first.shape[1], second.shape[1]
    smallest = n_points - -(-n_points // max(groups, 1)) - 1
    if groups < 2 or smallest <= d_w + d_s:
        raise DomainError(
            f"{n_points} points in {groups} groups are too few for {d_w} + {d_s} directions: more than {d_w + d_s + 1} "
            "points must be left when a group is out. Give more points, more groups (at least 2), or a smaller "
            "variance_share."
        )
    joint = np.hstack([first, second])
    correlations = np.linalg.svd(first.T @ second / n_points, compute_uv=False)
    plug_in = float((correlations**2).sum())
    value = _corrected(plug_in, n_points, d_w, d_s)
    left_out = _leave_group_out(joint, d_w, int(groups))
    error = float(np.sqrt((groups - 1) / groups * ((left_out - left_out.mean()) ** 2).sum()))
    reach = t_quantile(level, float(groups - 1)) * error
    return CorrelationDimension(
        value=value,
        low=value - reach,
        high=value + reach,
        standard_error=error,
        uncorrected=plug_in,
        canonical_correlations=np.minimum(correlations, 1.0),
        dimensions=(d_w, d_s),
        effective_dimensions=(first_effective, second_effective),
        n_points=n_points,
    )


def effective_dimension(eigenvalues: Float[np.ndarray, " features"], n_points: Whole) -> float:
    """Compute the participation ratio (tr S)^2 / tr S^2 of a population covariance from its sample eigenvalues.

    For Gaussian features both traces are corrected without bias: tr S^2 is inflated by (tr S)^2 / m with m = N - 1.

    Args:
        eigenvalues: of the sample covariance with divisor N - 1.
        n_points: N.

    Raises:
        DomainError: with fewer than three points.

    Examples:
        >>> round(effective_dimension(np.array([1.0, 1.0, 0.0]), 10**6), 3)
        2.0
    """
    if n_points < 3:
        raise DomainError(f"an effective dimension needs at least three points, got {n_points}")
    m = n_points - 1
    total, squares = float(eigenvalues.sum()), float((eigenvalues**2).sum())
    # E tr S^2 = tr C^2 (1 + 1/m) + (tr C)^2 / m  and  E (tr S)^2 = (tr C)^2 + 2 tr C^2 / m, solved for the right sides
    true_squares = m * m / ((m - 1) * (m + 2)) * (squares - total * total / m)
    return (total * total - 2 * true_squares / m) / true_squares


def _whitened(features: np.ndarray, variance_share: float, name: str) -> tuple[np.ndarray, float]:
    """Centre, rotate to principal directions, keep the leading ones, scale each to unit variance (divisor N)."""
    values = np.asarray(features, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DomainError(f"{name} hold nan or infinite values; remove those points or impute them first")
    if len(values) < 3:
        raise DomainError(f"{name} have {len(values)} points; at least three are needed")
    centred = values - values.mean(axis=0)
    eigenvalues, directions = np.linalg.eigh(centred.T @ centred / len(values))
    eigenvalues, directions = eigenvalues[::-1], directions[:, ::-1]
    keep = eigenvalues > _RANK_TOLERANCE * eigenvalues[0]
    if not eigenvalues[0] > 0:
        raise DomainError(f"{name} are the same at every point; there is no direction to compare")
    if variance_share < 1:
        before = np.concatenate([[0.0], np.cumsum(eigenvalues)[:-1]])
        keep &= before < variance_share * eigenvalues.sum()
    effective = effective_dimension(eigenvalues * len(values) / (len(values) - 1), len(values))
    return centred @ (directions[:, keep] / np.sqrt(eigenvalues[keep])), effective


def _corrected(trace: float, n_points: int, d_w: int, d_s: int) -> float:
    m = n_points - 1
    return (m * trace - d_w * d_s) / (m - d_w - d_s + trace)


def _leave_group_out(joint: np.ndarray, d_w: int, groups: int) -> np.ndarray:
    """Return the corrected estimate without each group, from sums of products that are subtracted."""
    d_s = joint.shape[1] - d_w
    total, total_sum = joint.T @ joint, joint.sum(axis=0)
    estimates = np.empty(groups)
    for group in range(groups):
        block = joint[group::groups]
        count = len(joint) - len(block)
        mean = (total_sum - block.sum(axis=0)) / count
        covariance = (total - block.T @ block) / count - np.outer(mean, mean)
        lower_w = linalg.cholesky(covariance[:d_w, :d_w], lower=True)
        lower_s = linalg.cholesky(covariance[d_w:, d_w:], lower=True)
        half = linalg.solve_triangular(lower_w, covariance[:d_w, d_w:], lower=True)
        correlations = linalg.solve_triangular(lower_s, half.T, lower=True)
        estimates[group] = _corrected(float((correlations**2).sum()), count, d_w, d_s)
    return estimates
