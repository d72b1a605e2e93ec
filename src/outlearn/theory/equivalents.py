"""Deterministic equivalents: what ridge on random features does when all sizes grow together.

With n examples, d inputs, p features and a penalty, everything follows from one number a in [0, min(1, p/d, n/d)], the
limit of tr A / d, which is the root of

    (penalty / n) a = (1 - a) (1 - a d/p) (1 - a d/n).

The left side rises and the right side falls, so that there is one. At d = 300 the equivalents are within 1% of
simulation, on either side of p = n and of p = d. Formulas: docs/theory/random-features.md, section "Large sizes".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from outlearn.errors import DomainError
from outlearn.theory.random_features import StudentMoments
from outlearn.theory.scalars import Number

__all__ = ["RidgeLaw", "ridge_equivalent"]


@dataclass(frozen=True)
class RidgeLaw:
    """Hold the limits for one size and penalty.

    Attributes:
        moments: a1 and a2 of b = A b_w, with the share of an isotropic teacher that the posterior mean keeps.
        noise: v, E |b|^2 per unit of label noise variance.
    """

    moments: StudentMoments
    noise: float

    def power(self, signal_power: Number, noise_variance: Number) -> float:
        """Return E |b|^2 of a fit to noisy labels of a signal with |beta|^2 = signal_power."""
        return float(self.moments.frobenius * signal_power + noise_variance * self.noise)

    def alignment(self, signal_power: Number) -> float:
        """Return E <b, beta> of a fit to labels of a signal with |beta|^2 = signal_power."""
        return float(self.moments.trace * signal_power)

    def risk(self, signal_power: Number, noise_variance: Number) -> float:
        """Return E |b - beta|^2 of a fit to noisy labels."""
        return float(self.moments.misfit * signal_power + noise_variance * self.noise)


def ridge_equivalent(examples: Number, dimension: Number, width: Number, *, penalty: Number) -> RidgeLaw:
    """Compute the deterministic equivalent of ridge on random features.

    Args:
        examples: n.
        dimension: d.
        width: p; infinite for the kernel limit, which is plain ridge on the inputs.
        penalty: of the sum of squares, at least 0.

    Returns:
        The limits; infinite at a peak (penalty 0 and p = n).

    Raises:
        DomainError: if a size is not positive or the penalty negative.

    Examples:
        >>> e = ridge_equivalent(45, 60, 480, penalty=5.0)
        >>> round(e.moments.trace, 4), round(e.moments.misfit, 4)
        (0.6093, 0.3233)
    """
    if not min(examples, dimension, width) > 0 or not penalty >= 0:
        raise DomainError(
            "sizes must be positive and the penalty at least 0, got "
            f"examples={examples}, dimension={dimension}, width={width}, penalty={penalty}"
        )
    n, d, p = float(examples), float(dimension), float(width)
    c1 = d / p  # 0 for infinite width
    a = _root(n, d, c1, float(penalty), top=min(1.0, p / d, n / d))
    # With nu = (1 - a)(1 - c1 a)/a and T1 = d a^2/(1 - c1 a^2), everything is written in T1 nu, finite where nu = 0.
    t1_nu = d * (1 - a) * (a * (1 - c1 * a) / (1 - c1 * a * a)) if a < 1 else 0.0
    lost = n - d * a  # r nu = n - d a: the examples that the penalty leaves unused
    denominator = t1_nu + lost
    kept = min(n, d, p) / d
    if denominator <= 1e-12 * n:
        if a >= 1:  # n = d <= p: the student is the teacher, but its noise diverges
            return RidgeLaw(StudentMoments(1.0, 1.0, 1.0), np.inf)
        return RidgeLaw(StudentMoments(a, np.inf, kept), np.inf)
    misfit = (n / d) * (d * (1 - a) - t1_nu) / denominator  # T0 nu = d (1 - a) - T1 nu
    noise = n / denominator - 1
    return RidgeLaw(StudentMoments(a, misfit - 1 + 2 * a, kept), noise)


def _root(n: float, d: float, c1: float, penalty: float, *, top: float) -> float:
    """Solve (penalty / n) a = (1 - a) (1 - c1 a) (1 - a d/n) for a in [0, top]."""
    if penalty == 0:
        return top
    precision = 4 * float(np.finfo(float).eps)  # the finest that brentq takes; relative alone, since a may be tiny
    return float(
        brentq(
            lambda a: penalty / n * a - (1 - a) * (1 - c1 * a) * (1 - d / n * a), 0.0, top, xtol=1e-300, rtol=precision
        )
    )
