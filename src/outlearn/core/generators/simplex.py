"""Generators on the simplex and its logits: negative entropy, whose divergence is KL, and its conjugate, logsumexp.

The dual coordinates of a distribution are its logits, known up to a constant. KL and both means are computed from
normalised log-probabilities; log(softmax) is never formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from scipy.special import xlogy

from outlearn.core.generators.averages import average
from outlearn.core.generators.bregman_generator import BregmanGenerator, ConjugateGenerator
from outlearn.core.log_space import (
    SUM_TOLERANCE,
    log_mean,
    log_normalise,
    log_sum,
    relative_entropy_terms,
    row_max,
    row_sum,
)

__all__ = ["LogSumExp", "NegativeEntropy"]


def _on_simplex(points: np.ndarray) -> np.ndarray:
    """Tell which rows sum to 1; signs are checked apart, since they differ on the boundary."""
    return np.asarray(np.abs(row_sum(points) - 1) <= SUM_TOLERANCE)


@final
@dataclass(frozen=True)
class NegativeEntropy(BregmanGenerator):
    """`phi(p) = sum p log p` on the simplex, so `D(a, b) = KL(a || b)`; the dual mean is the normalised geometric mean.

    Zero probabilities are allowed: 0 log 0 = 0, and D(a, b) = +inf where b is 0 and a is not. Dual coordinates are
    logits; `gradient` returns log p, whose logsumexp is 0.

    Examples:
        >>> kl = NegativeEntropy()
        >>> kl.dual_mean(np.array([[0.9, 0.1], [0.5, 0.5]])).round(4)
        array([0.75, 0.25])
        >>> kl.divergence(np.array([0.5, 0.5]), np.array([0.9, 0.1])).round(4)
        np.float64(0.5108)
    """

    name: ClassVar[str] = "negative_entropy"
    label: ClassVar[str] = "Kullback-Leibler divergence"
    line: ClassVar[str] = "KL(a, b) of distributions over classes; with one-hot labels the log loss."
    unit: ClassVar[str] = "nats"
    divergence_symbol: ClassVar[str] = "KL"
    notation: ClassVar[str] = "KL({a} || {b})"
    dual_mean_name: ClassVar[str] = "geometric"
    dual_is_logits: ClassVar[bool] = True
    in_runs: ClassVar[bool] = True
    risk_metric: ClassVar[str | None] = "log_loss"
    domain: ClassVar[str] = "probabilities, at least 0 and summing to 1 within 1e-6 over the last axis"
    dual_domain: ClassVar[str] = "logits, finite or -inf, at least one of a row finite (models without a common class?)"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(_on_simplex(points) & (row_max(-points) <= 0))

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        top = row_max(duals)  # NaN and +inf reach the maximum; a row of -inf has -inf
        return np.asarray(np.isfinite(top))

    def _potential(self, points: np.ndarray) -> np.ndarray:
        return row_sum(xlogy(points, points))

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        return log_sum(duals)

    def _gradient(self, points: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.log(points)

    def _inverse_gradient(self, duals: np.ndarray) -> np.ndarray:
        with np.errstate(under="ignore"):
            return np.exp(log_normalise(duals))

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return row_sum(relative_entropy_terms(self._gradient(a), self._gradient(b)))

    def _divergence_from_dual(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self._divergence_of_gradients(log_normalise(u), log_normalise(v))

    def _divergence_of_gradients(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return row_sum(relative_entropy_terms(u, v))

    def _dual_mean(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        logs = average(self._gradient(points), weights)
        self._refuse(self._inside_dual(logs), logs, "the average of log-probabilities", self.dual_domain)
        return self._inverse_gradient(logs)

    def _mean_from_dual(self, duals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return log_mean(log_normalise(duals), weights)

    def _dual_from_log_probs(self, log_probs: np.ndarray) -> np.ndarray:
        return log_probs


@final
@dataclass(frozen=True)
class LogSumExp(ConjugateGenerator):
    """`phi(z) = logsumexp(z)` on logits, so `D(a, b) = KL(softmax b || softmax a)`: the order flips.

    Not strictly convex along (1, ..., 1): logits that differ by a constant are the same point, and means are fixed up
    to one. `inverse_gradient` and `dual_mean` return the representative whose logsumexp is 0.

    Examples:
        >>> float(LogSumExp().divergence(np.array([1e3, 0.0]), np.array([0.0, 0.0])).round(4))
        499.3069
    """

    of: ClassVar[BregmanGenerator] = NegativeEntropy()
    name: ClassVar[str] = "logsumexp"
    label: ClassVar[str] = "Kullback-Leibler divergence of logits"
    line: ClassVar[str] = "KL of softmax b from softmax a: points are logits, and the order flips."
    unit: ClassVar[str] = "nats"
    dual_mean_name: ClassVar[str] = "log of the mean softmax"
    domain: ClassVar[str] = "finite logits"
    dual_domain: ClassVar[str] = "positive probabilities, summing to 1 within 1e-6 over the last axis"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return np.isfinite(points)

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray(_on_simplex(duals) & (row_max(-duals) < 0))
