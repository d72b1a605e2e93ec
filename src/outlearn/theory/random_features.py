"""Ridge regression on random linear features: the exact estimator, its exact moments, and its posterior mean.

Model. x ~ N(0, I_d), y = x.beta + N(0, noise variance). Features phi(x) = W x / sqrt(p) with W (p x d) standard normal.
Ridge minimises sum_i (y_i - phi_i.theta)^2 + penalty |theta|^2 (a sum, not a mean), and penalty 0 means minimum norm.
Everything is written in the coefficient b = W' theta / sqrt(p), so that f(x) = x.b, E_x (f - g)^2 = |b_f - b_g|^2, and
the risk without label noise is |b - beta|^2.

A student of width p that is fitted to the labels X b_w of a teacher b_w is linear in it: b_s = A b_w. Since X and W are
rotation invariant, averages over them depend on a fixed b_w only through |b_w|^2 and <b_w, beta>.

Theory: docs/theory/random-features.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from outlearn.errors import DomainError
from outlearn.theory.scalars import Number, Whole

__all__ = [
    "StudentMoments",
    "fit_random_features",
    "minimum_norm_moments",
    "minimum_norm_noise",
    "posterior_projection",
]


def fit_random_features(
    inputs: Float[np.ndarray, "*draws examples dimension"],
    labels: Float[np.ndarray, "*draws examples"],
    weights: Float[np.ndarray, "*draws width dimension"] | None,
    *,
    penalty: Number = 0.0,
) -> Float[np.ndarray, "*draws dimension"]:
    """Fit ridge on random features and return the coefficient b of f(x) = x.b.

    Args:
        inputs: X, `[..., examples, dimension]`; leading axes are independent problems, solved together.
        labels: `[..., examples]`.
        weights: W, `[..., width, dimension]`; None is the limit of infinite width, whose kernel is XX'.
        penalty: of the sum of squares; 0 gives the minimum-norm solution.

    Returns:
        b, `[..., dimension]`.

    Raises:
        DomainError: if the penalty is negative.

    Examples:
        >>> x, w = np.array([[3.0, 4.0]]), np.eye(2)
        >>> fit_random_features(x, np.array([5.0]), w).round(3)  # the shortest theta that fits one example
        array([0.6, 0.8])
    """
    if not penalty >= 0:
        raise DomainError(f"penalty is {penalty}; it must be at least 0")
    examples, dimension = inputs.shape[-2:]
    if weights is None:
        features, back, width = inputs, None, dimension
    else:
        width = weights.shape[-2]
        back = weights / np.sqrt(width)
        features = inputs @ _transpose(back)
    if penalty == 0 and dimension < min(examples, width):
        # The features have rank d: any width can express every b, and the examples determine it.
        return _solve(_transpose(inputs) @ inputs, _apply(_transpose(inputs), labels))
    if examples <= width:  # dual: theta = F'(FF' + penalty)^-1 y
        gram = features @ _transpose(features) + penalty * np.eye(examples)
        theta = _apply(_transpose(features), _solve(gram, labels))
    else:  # primal: theta = (F'F + penalty)^-1 F'y
        gram = _transpose(features) @ features + penalty * np.eye(width)
        theta = _solve(gram, _apply(_transpose(features), labels))
    return theta if back is None else _apply(_transpose(back), theta)


def _transpose(stack: np.ndarray) -> np.ndarray:
    return np.swapaxes(stack, -1, -2)


def _apply(stack: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.asarray((stack @ vectors[..., None])[..., 0])


def _solve(stack: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.solve(stack, vectors[..., None])[..., 0])


def posterior_projection(
    inputs: Float[np.ndarray, "*draws examples dimension"],
    weights: Float[np.ndarray, "*draws width dimension"] | None,
    teacher: Float[np.ndarray, "*draws dimension"],
) -> Float[np.ndarray, "*draws dimension"]:
    """Project the teacher on what the student can tell of it: E[b_w | b_s, X, W] = A^+ A b_w for an isotropic teacher.

    If the law of b_w is rotation invariant, then reflecting b_w in the row space of A changes neither the law nor b_s,
    so that the part outside averages to 0. The row space is that of X where examples <= width, and that of W X'X else.

    Args:
        inputs: X, `[..., examples, dimension]`, of the student.
        weights: W, `[..., width, dimension]`, of the student; None for infinite width.
        teacher: b_w, `[..., dimension]`.

    Returns:
        The posterior mean c, `[..., dimension]`.

    Examples:
        >>> posterior_projection(np.array([[2.0, 0.0]]), None, np.array([3.0, 4.0]))
        array([3., 0.])
    """
    examples, dimension = inputs.shape[-2:]
    width = np.inf if weights is None else weights.shape[-2]
    if min(examples, width) >= dimension:
        return teacher.copy()
    rows = inputs if weights is None or examples <= width else weights @ (_transpose(inputs) @ inputs)
    orthonormal = np.linalg.qr(_transpose(rows))[0]
    return _apply(orthonormal, _apply(_transpose(orthonormal), teacher))


@dataclass(frozen=True)
class StudentMoments:
    """Hold the averages of A that decide everything, over the student's examples and weights.

    Attributes:
        trace: a1 = E tr A / d.
        frobenius: a2 = E |A|_F^2 / d.
        posterior_share: rank A / d, the share of an isotropic teacher that its posterior mean keeps.
    """

    trace: float
    frobenius: float
    posterior_share: float

    @property
    def misfit(self) -> float:
        """E |b_s - b_w|^2 per |b_w|^2."""
        return 1 - 2 * self.trace + self.frobenius

    @property
    def distance(self) -> float:
        """E |b_s - c|^2 per |b_w|^2, c the posterior mean of an isotropic teacher: the misfit that could be removed."""
        return self.misfit - (1 - self.posterior_share)

    def gap(self, teacher_power: Number | np.ndarray, teacher_alignment: Number | np.ndarray) -> Any:
        """Return E (teacher risk - student risk), from |b_w|^2 and <b_w, beta> (numbers or arrays)."""
        return (1 - self.frobenius) * teacher_power - 2 * (1 - self.trace) * teacher_alignment

    def residual(self, teacher_power: Number | np.ndarray, teacher_alignment: Number | np.ndarray) -> Any:
        """Return the part of the gap that is not misfit, from |b_w|^2 and <b_w, beta>."""
        return self.gap(teacher_power, teacher_alignment) - self.misfit * teacher_power


def _sizes(examples: Whole, dimension: Whole, width: Number) -> tuple[int, int, float]:
    if min(examples, dimension, width) < 1:
        raise DomainError(f"sizes must be at least 1, got examples={examples}, dimension={dimension}, width={width}")
    return int(examples), int(dimension), float(width)


def minimum_norm_moments(examples: Whole, dimension: Whole, width: Number) -> StudentMoments:
    """Compute the exact moments of the student without a penalty, at any finite size.

    With n examples and p features, p >= n + 2 and n <= d:

        E |b_s - c|^2   = |b_w|^2 (n/d) (d - n) / (p - n - 1),      c = P_X b_w,
        E |b_s - b_w|^2 = |b_w|^2 (1 - n/d) (p - 1) / (p - n - 1);

    with p <= n - 2 and p <= d, E |b_s - b_w|^2 = |b_w|^2 (1 - p/d) (n - 1) / (n - p - 1). They diverge at p = n (the
    peak of double descent): infinite where |p - n| < 2. With d <= n and d <= p the student is the teacher.

    Args:
        examples: n.
        dimension: d.
        width: p, possibly infinite.

    Returns:
        The moments; infinite where the average is.

    Raises:
        DomainError: if a size is below 1.

    Examples:
        >>> m = minimum_norm_moments(examples=45, dimension=60, width=90)
        >>> round(m.misfit, 4), round(m.distance, 4), round(1 - m.posterior_share, 4)
        (0.5057, 0.2557, 0.25)

    Source: inverse Wishart moments; derived for this package, see docs/theory/random-features.md.
    """
    n, d, p = _sizes(examples, dimension, width)
    if d <= n and d <= p:
        return StudentMoments(1.0, 1.0, 1.0)
    kept = min(n, p) / d
    if abs(p - n) < 2:
        return StudentMoments(kept, np.inf, kept)
    if n < p:
        # E |b_s - c|^2 / |b_w|^2 = (n/d) (d - n) / (p - n - 1)
        distance = kept * ((d - n) / (p - n - 1) if np.isfinite(p) else 0.0)
    else:
        # misfit - (1 - p/d), with misfit = (1 - p/d) (n - 1) / (n - p - 1)
        distance = (1 - kept) * p / (n - p - 1)
    return StudentMoments(kept, kept + distance, kept)  # a2 = misfit - 1 + 2 a1 and misfit = 1 - a1 + distance


def minimum_norm_noise(examples: Whole, dimension: Whole, width: Number) -> float:
    """Compute E |b|^2 per unit of label noise variance, for a fit without a penalty (the teacher's v = E tr H'H).

        p >= n + 2, d >= n + 2:   n (d + p - 2n - 1) / ((d - n - 1) (p - n - 1)),
        p <= n - 2, p <= d:       p / (n - p - 1),
        d <= n - 2, d <= p:       d / (n - d - 1).

    Args, Raises: as for `minimum_norm_moments`.

    Examples:
        >>> minimum_norm_noise(examples=90, dimension=60, width=80)
        2.0689655172413794
    """
    n, d, p = _sizes(examples, dimension, width)
    rank = min(d, p)
    if n > rank:
        return rank / (n - rank - 1) if n >= rank + 2 else np.inf
    if min(d, p) < n + 2:
        return np.inf
    return n / (d - n - 1) * (1 + (d - n) / (p - n - 1) if np.isfinite(p) else 1.0)
