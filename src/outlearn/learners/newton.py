"""Bring one head near its minimum from 0, however few examples a class has: Newton's method in a trust region.

With few examples a class, the Hessian at 0 is far too flat for where its step leads: logits of a hundred, where all
predictions are certain, the Hessian is the ridge, and the next step leads back. A trust region refuses such steps. The
linear systems are solved by conjugate gradients (Steihaug), with products

    H V = X^T [w p (XV - sum_k p_k (XV)_k)] + lambda V,

or w p (1 - p) XV for a margin, so that no Hessian is held.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from outlearn.lazy_torch import Tensor, torch
from outlearn.learners.objective import Objective, probabilities

__all__ = ["newton"]

STEPS = 100


def newton(objective: Objective, *, target: float) -> Tensor:
    """Return parameters `[inputs x logits, 1]` at which |g|^2 / (2 lambda) is near the target; float64.

    The method stops earlier where rounding hides what a step gains.
    """
    curve = _Curve(objective)
    found = minimize(
        curve.value,
        np.zeros(objective.x.shape[1] * objective.n_logits),
        jac=curve.gradient,
        hessp=curve.hessian_product,
        method="trust-ncg",
        options={"gtol": float((2.0 * objective.ridge[0] * target).sqrt()), "maxiter": STEPS},
    )
    return torch.from_numpy(found.x)[:, None]


class _Curve:
    """The objective of one head as SciPy asks for it; what belongs to the last point is kept."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.n, self.k = len(objective.x), objective.n_logits
        self.weights, self.pulls = objective.weights[:, :, 0], objective.pulls[:, :, 0]
        self.at = np.empty(0)
        self.logits = self.p = self.pulls

    def value(self, at: np.ndarray) -> float:
        """Compute sum_i w_i CE(t_i, p_i) + lambda |W|^2 / 2."""
        self._move(at)
        z = self.logits
        total = torch.nn.functional.softplus(z) if self.k == 1 else torch.logsumexp(z, 1, keepdim=True)
        penalty = 0.5 * self.objective.ridge[0] * torch.from_numpy(at[: self.objective.n_penalised]).square().sum()
        return float((self.weights * total).sum() - (self.pulls * z).sum() + penalty)

    def gradient(self, at: np.ndarray) -> np.ndarray:
        """Compute X^T (w p - w t) + lambda W."""
        self._move(at)
        return self._back(self.weights * self.p - self.pulls, at)

    def hessian_product(self, at: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Compute H V."""
        self._move(at)
        moved = self._product(direction)
        inner = self.p * moved if self.k == 1 else (self.p * moved).sum(1, keepdim=True)
        return self._back(self.weights * self.p * (moved - inner), direction)

    def _move(self, at: np.ndarray) -> None:
        if not np.array_equal(at, self.at):
            self.at, self.logits = at.copy(), self._product(at)
            self.p = probabilities(self.logits[:, :, None])[:, :, 0]

    def _product(self, at: np.ndarray) -> Tensor:
        out = self.pulls.new_empty(self.n, self.k)
        self.objective.x.product(0, self.n, torch.from_numpy(at).view(-1, self.k), out)
        return out

    def _back(self, residual: Tensor, at: np.ndarray) -> np.ndarray:
        out = residual.new_zeros(len(at) // self.k, self.k)
        self.objective.x.add_back(0, self.n, residual, out)
        flat = out.view(-1)
        penalised = self.objective.n_penalised
        flat[:penalised] += self.objective.ridge[0] * torch.from_numpy(at[:penalised])
        return np.asarray(flat.numpy())
