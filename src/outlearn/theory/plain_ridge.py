"""Ridge on the inputs themselves: exact averages from a spectrum, their limit, and when a student repairs its teacher.

Isotropic inputs, S = X'X, A = S (S + penalty)^-1. Given the eigenvalues L of S, the eigenvectors are uniform, so that
a1 = tr A / d, a2 = tr A^2 / d and v = tr (S + penalty)^-1 S (S + penalty)^-1 say all about the average fit.

A student that is fitted to its teacher's predictions with a small penalty gains if and only if E <b_w, b_w - beta> > 0,
and that is the case if and only if the teacher's penalty is below noise variance * d / |beta|^2, the optimal penalty:
the student compensates an under-regularised teacher. Exact at any size. The student's A is invertible here, so that
given its design the posterior-mean teacher is the teacher itself: the gain comes from the residual, not the misfit.

Theory: docs/theory/ridge.md.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.errors import DomainError
from outlearn.theory.equivalents import RidgeLaw
from outlearn.theory.random_features import StudentMoments
from outlearn.theory.scalars import Number, Whole

__all__ = ["compensation_threshold", "marchenko_pastur_law", "spectrum_law"]


def spectrum_law(eigenvalues: Float[np.ndarray, " rank"], dimension: Whole, *, penalty: Number) -> RidgeLaw:
    """Average ridge over the eigenvectors of its design and over label noise, given the eigenvalues.

    Args:
        eigenvalues: of X'X or XX', `[rank]`; those that are missing up to `dimension` count as 0.
        dimension: d.
        penalty: of the sum of squares, above 0, or 0 for minimum norm.

    Returns:
        a1 = sum L/(L + penalty) / d, a2 = sum (L/(L + penalty))^2 / d and v = sum L/(L + penalty)^2.

    Raises:
        DomainError: if the penalty or an eigenvalue is negative beyond rounding.

    Examples:
        >>> law = spectrum_law(np.array([1.0, 3.0]), 2, penalty=1.0)
        >>> law.moments.trace, law.moments.frobenius, law.noise
        (0.625, 0.40625, 0.4375)
    """
    if not penalty >= 0:
        raise DomainError(f"penalty is {penalty}; it must be at least 0")
    rounding = 1e-10 * max(float(np.max(eigenvalues, initial=0.0)), 1e-300)
    if np.min(eigenvalues, initial=0.0) < -rounding:
        raise DomainError(f"eigenvalues of X'X are at least 0, got {eigenvalues.min()}")
    positive = eigenvalues[eigenvalues > rounding]
    kept = positive / (positive + penalty)
    rank_share = positive.size / dimension
    moments = StudentMoments(float(kept.sum() / dimension), float((kept**2).sum() / dimension), float(rank_share))
    return RidgeLaw(moments, float((kept**2 / positive).sum()))


def marchenko_pastur_law(examples: Number, dimension: Number, *, penalty: Number) -> RidgeLaw:
    """Compute the limit of `spectrum_law` as examples and dimension grow together.

    With g = d/n and l = penalty/n, m solves g l m^2 + (1 - g + l) m = 1, and m' = -dm/dl is
    (g m^2 + m) / (2 g l m + 1 - g + l):
    a1 = 1 - l m, a2 = 1 - 2 l m + l^2 m', v = g (m - l m').

    Args:
        examples, dimension: n and d.
        penalty: of the sum of squares, above 0; for 0 use `minimum_norm_moments`, which is exact.

    Raises:
        DomainError: if the penalty is not above 0.

    Examples:
        >>> law = marchenko_pastur_law(100, 50, penalty=10.0)
        >>> round(law.moments.trace, 4), round(law.noise, 4)
        (0.8517, 0.569)
    """
    if not penalty > 0:
        raise DomainError(f"penalty is {penalty}; it must be above 0 (for 0 see minimum_norm_moments)")
    g, l_bar = dimension / examples, penalty / examples
    b = 1 - g + l_bar
    root = np.sqrt(b * b + 4 * g * l_bar)
    m = 2 / (b + root) if b > 0 else (root - b) / (2 * g * l_bar)  # the form without cancellation
    m_prime = (g * m * m + m) / (2 * g * l_bar * m + b)
    moments = StudentMoments(
        float(1 - l_bar * m), float(1 - 2 * l_bar * m + l_bar**2 * m_prime), float(min(1.0, examples / dimension))
    )
    return RidgeLaw(moments, float(g * (m - l_bar * m_prime)))


def compensation_threshold(noise_variance: Number, dimension: Whole, signal_power: Number) -> float:
    """Compute the teacher's penalty below which a slightly penalised student gains: noise variance * d / |beta|^2.

    Args:
        noise_variance: of the labels, at least 0.
        dimension: d, at least 1.
        signal_power: |beta|^2, above 0: without a signal there is no such penalty.

    Raises:
        DomainError: for numbers outside these ranges.

    Examples:
        >>> compensation_threshold(noise_variance=1.0, dimension=50, signal_power=2.0)
        25.0
    """
    if not (noise_variance >= 0 and dimension >= 1 and signal_power > 0):
        raise DomainError(
            f"noise_variance is {noise_variance}, dimension {dimension} and signal_power {signal_power}; they must be "
            "at least 0, at least 1 and above 0 (without a signal a teacher has no best penalty)"
        )
    return float(noise_variance * dimension / signal_power)
