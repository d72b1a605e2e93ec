"""Coordinate-wise generators of positive numbers and of rates: Itakura-Saito, generalised KL and the exponential.

Each divergence is `a log(a/b) - a + b` in other letters, summed over the last axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from scipy.special import xlogy

from outlearn.core.generators.bregman_generator import BregmanGenerator, ConjugateGenerator
from outlearn.core.log_space import log_mean, relative_entropy_terms, row_sum

__all__ = ["Exponential", "GeneralizedKL", "ItakuraSaito"]

LARGEST_EXPONENT = 709.0  # exp overflows float64 above 709.78


@final
@dataclass(frozen=True)
class ItakuraSaito(BregmanGenerator):
    """`phi(x) = -sum log x` for x > 0, so `D(a, b) = sum a/b - log(a/b) - 1`; the dual mean is harmonic.

    Not convex in its second argument: an ensemble by arithmetic mean can be worse than its members.

    Examples:
        >>> ItakuraSaito().dual_mean(np.array([[1.0], [3.0]]))
        array([1.5])
    """

    name: ClassVar[str] = "itakura_saito"
    label: ClassVar[str] = "Itakura-Saito divergence"
    line: ClassVar[str] = "a/b - log(a/b) - 1, summed: KL of exponential distributions, invariant to scale."
    unit: ClassVar[str] = "nats"
    dual_mean_name: ClassVar[str] = "harmonic"
    domain: ClassVar[str] = "finite numbers above 0 (a probability of 0 has no Itakura-Saito divergence)"
    dual_domain: ClassVar[str] = "finite numbers below 0"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return (points > 0) & (points < np.inf)

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        return (duals < 0) & (duals > -np.inf)

    def _potential(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(-np.log(points).sum(axis=-1))

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray((-1 - np.log(-duals)).sum(axis=-1))

    def _gradient(self, points: np.ndarray) -> np.ndarray:
        return -1 / points

    def _inverse_gradient(self, duals: np.ndarray) -> np.ndarray:
        return -1 / duals

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self._from_log_ratio(np.log(a) - np.log(b))

    def _divergence_from_dual(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self._from_log_ratio(np.log(-v) - np.log(-u))

    @staticmethod
    def _from_log_ratio(ratio: np.ndarray) -> np.ndarray:
        return row_sum(relative_entropy_terms(np.zeros_like(ratio), ratio))

    def _dual_from_log_probs(self, log_probs: np.ndarray) -> np.ndarray:
        return -np.exp(-log_probs)


@final
@dataclass(frozen=True)
class GeneralizedKL(BregmanGenerator):
    """`phi(x) = sum x log x - x` for x >= 0, so `D(a, b) = sum a log(a/b) - a + b`, the Poisson deviance by half.

    Equal to KL where both sum to 1, but its dual mean is the geometric mean without normalisation.

    Examples:
        >>> GeneralizedKL().dual_mean(np.array([[0.9, 0.1], [0.4, 0.6]])).round(4)
        array([0.6   , 0.2449])
    """

    name: ClassVar[str] = "generalized_kl"
    label: ClassVar[str] = "generalised Kullback-Leibler divergence"
    line: ClassVar[str] = "a log(a/b) - a + b, summed: KL of Poisson distributions with means a and b."
    unit: ClassVar[str] = "nats"
    dual_mean_name: ClassVar[str] = "geometric, not normalised"
    domain: ClassVar[str] = "finite numbers, at least 0"
    dual_domain: ClassVar[str] = "logarithms, finite or -inf"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return (points >= 0) & (points < np.inf)

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray(duals < np.inf)

    def _potential(self, points: np.ndarray) -> np.ndarray:
        return np.asarray((xlogy(points, points) - points).sum(axis=-1))

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.exp(duals).sum(axis=-1))

    def _gradient(self, points: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.log(points)

    def _inverse_gradient(self, duals: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", under="ignore"):
            return np.exp(duals)

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self._divergence_from_dual(self._gradient(a), self._gradient(b))

    def _divergence_from_dual(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return row_sum(relative_entropy_terms(u, v))

    def _mean_from_dual(self, duals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return log_mean(duals, weights)

    def _dual_from_log_probs(self, log_probs: np.ndarray) -> np.ndarray:
        return log_probs


@final
@dataclass(frozen=True)
class Exponential(ConjugateGenerator):
    """`phi(x) = sum exp(x)`, so `D(a, b) = sum exp(a) - exp(b) - exp(b)(a - b)`; the dual mean is log-mean-exp.

    Examples:
        >>> float(Exponential().divergence(np.array([1.0]), np.array([0.0])).round(4))
        0.7183
    """

    of: ClassVar[BregmanGenerator] = GeneralizedKL()
    name: ClassVar[str] = "exponential"
    label: ClassVar[str] = "exponential divergence"
    line: ClassVar[str] = "exp(a) - exp(b) - exp(b) (a - b), summed: generalised KL of exp b from exp a."
    unit: ClassVar[str] = "nats"
    dual_mean_name: ClassVar[str] = "log-mean-exp"
    domain: ClassVar[str] = "finite numbers up to 709, above which exp overflows"
    dual_domain: ClassVar[str] = "finite numbers above 0"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return (points <= LARGEST_EXPONENT) & (points > -np.inf)

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        return (duals > 0) & (duals < np.inf)

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray((duals * np.log(duals) - duals).sum(axis=-1))
