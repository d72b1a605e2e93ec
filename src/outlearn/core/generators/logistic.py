"""Coordinate-wise generators of one probability and its logit: binary entropy, softplus and log cosh.

All three measure KL between Bernoulli distributions. Binary entropy takes probabilities, its conjugate softplus takes
logits (the order of the arguments flips), and log cosh is softplus of twice its argument up to a linear function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from scipy.special import expit, logit, xlog1py, xlogy

from outlearn.core.generators.bregman_generator import BregmanGenerator, ConjugateGenerator
from outlearn.core.log_space import log_mean, log_sigmoid, relative_entropy_terms, row_sum

__all__ = ["BinaryEntropy", "LogCosh", "Softplus"]


def bernoulli_kl(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Compute KL(sigmoid(x) || sigmoid(y)), summed over the last axis, from logits, which may be infinite."""
    ones = relative_entropy_terms(log_sigmoid(x), log_sigmoid(y))
    zeros = relative_entropy_terms(log_sigmoid(-x), log_sigmoid(-y))
    return row_sum(ones + zeros)


def logit_of_mean(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute logit(mean sigmoid(x)) over the first axis from both tails, so that it does not saturate."""
    with np.errstate(invalid="ignore"):
        return np.asarray(log_mean(log_sigmoid(x), weights) - log_mean(log_sigmoid(-x), weights))


@final
@dataclass(frozen=True)
class BinaryEntropy(BregmanGenerator):
    """`phi(p) = sum p log p + (1-p) log(1-p)` on [0, 1] by coordinate: KL between Bernoulli distributions, summed.

    For multi-label predictions and for one-column logistic ones. On a distribution over classes it is the sum of the
    one-against-the-rest divergences, not KL, and its dual mean need not sum to 1.

    Examples:
        >>> float(BinaryEntropy().divergence(np.array([1.0]), np.array([0.25])).round(4))
        1.3863
    """

    name: ClassVar[str] = "binary_entropy"
    label: ClassVar[str] = "Bernoulli Kullback-Leibler divergence"
    line: ClassVar[str] = "KL of one probability by coordinate, summed: several labels, or one logistic column."
    unit: ClassVar[str] = "nats"
    dual_mean_name: ClassVar[str] = "mean log-odds"
    domain: ClassVar[str] = "probabilities between 0 and 1"
    dual_domain: ClassVar[str] = "logits, not NaN (models that are certain of opposite labels have no dual mean)"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return (points >= 0) & (points <= 1)

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        return ~np.isnan(duals)

    def _potential(self, points: np.ndarray) -> np.ndarray:
        return np.asarray((xlogy(points, points) + xlog1py(1 - points, -points)).sum(axis=-1))

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray(np.logaddexp(0.0, duals).sum(axis=-1))

    def _gradient(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(logit(points))

    def _inverse_gradient(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray(expit(duals))

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return bernoulli_kl(self._gradient(a), self._gradient(b))

    def _divergence_from_dual(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return bernoulli_kl(u, v)

    def _mean_from_dual(self, duals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return logit_of_mean(duals, weights)

    def _dual_from_log_probs(self, log_probs: np.ndarray) -> np.ndarray:
        top = np.argmax(log_probs, axis=-1)[..., None]
        others = np.exp(log_probs)
        # log(1 - p): for the top class from the other classes' logarithms, since 1 - p may round to 0; else p <= 1/2.
        rest = np.log1p(-np.minimum(others, 0.5))
        masked = log_probs.copy()
        np.put_along_axis(masked, top, -np.inf, axis=-1)
        second = masked.max(axis=-1, keepdims=True)
        shift = np.where(np.isneginf(second), 0.0, second)
        np.put_along_axis(rest, top, np.log(np.exp(masked - shift).sum(axis=-1, keepdims=True)) + shift, axis=-1)
        return log_probs - rest


@final
@dataclass(frozen=True)
class Softplus(ConjugateGenerator):
    """`phi(z) = sum log(1 + exp(z))`, so `D(a, b) = sum KL(sigmoid(b) || sigmoid(a))`: the order flips.

    The conjugate of binary entropy. Dual coordinates are probabilities strictly between 0 and 1; logits beyond 37 round
    to probability 1, so use `divergence` and `dual_mean`, which work on the logits.

    Examples:
        >>> float(Softplus().divergence(np.array([1e3]), np.array([0.0])).round(4))
        499.3069
    """

    of: ClassVar[BregmanGenerator] = BinaryEntropy()
    name: ClassVar[str] = "softplus"
    label: ClassVar[str] = "Bernoulli Kullback-Leibler divergence of logits"
    line: ClassVar[str] = "KL of sigmoid b from sigmoid a, summed: points are logits, and the order flips."
    unit: ClassVar[str] = "nats"
    dual_mean_name: ClassVar[str] = "logit of the mean sigmoid"
    domain: ClassVar[str] = "finite logits"
    dual_domain: ClassVar[str] = "probabilities strictly between 0 and 1"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return np.isfinite(points)

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        return (duals > 0) & (duals < 1)


@final
@dataclass(frozen=True)
class LogCosh(BregmanGenerator):
    """`phi(x) = sum log cosh x`, so `D(a, b) = sum log cosh a - log cosh b - tanh(b)(a - b)`.

    Quadratic near 0, linear far. Since log cosh x = softplus(2x) - x - log 2, D(a, b) is softplus's at (2a, 2b).

    Examples:
        >>> float(LogCosh().divergence(np.array([1e3]), np.array([0.0])).round(4))
        999.3069
    """

    name: ClassVar[str] = "log_cosh"
    label: ClassVar[str] = "log cosh divergence"
    line: ClassVar[str] = "Softplus of 2 x up to a linear function: quadratic near 0, linear far away."
    unit: ClassVar[str] = "nats"
    dual_mean_name: ClassVar[str] = "artanh of the mean tanh"
    domain: ClassVar[str] = "finite numbers"
    dual_domain: ClassVar[str] = "numbers strictly between -1 and 1"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return np.isfinite(points)

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(duals) < 1)

    def _potential(self, points: np.ndarray) -> np.ndarray:
        size = np.abs(points)
        with np.errstate(under="ignore"):
            return np.asarray((size + np.log1p(np.exp(-2 * size)) - np.log(2)).sum(axis=-1))

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray((duals * np.arctanh(duals) + np.log1p(-(duals**2)) / 2).sum(axis=-1))

    def _gradient(self, points: np.ndarray) -> np.ndarray:
        return np.tanh(points)

    def _inverse_gradient(self, duals: np.ndarray) -> np.ndarray:
        return np.arctanh(duals)

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return bernoulli_kl(2 * b, 2 * a)

    def _dual_mean(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return logit_of_mean(2 * points, weights) / 2
