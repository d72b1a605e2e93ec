"""Linear heads with a link, to their optimum: the losses of numbers that no factorisation solves.

For each head and penalty, the intercept not penalised and the features standardised unless told otherwise,

    minimise  sum_i w_i l(z_i, t_i) + penalty |theta|^2,        z_i = x_i.theta + b,

by Newton's method with halved steps. Forward losses and the reverse Itakura-Saito divergence are convex in z; where the
reverse generalised KL is not, its curvature is taken at its minimum, so that every step goes down.

Which penalty is best is asked of the labels that are there, by approximate leave-one-out: with the leverage
h_i = x_i' H^-1 x_i of the optimum's Hessian H, z without example i is z_i + h_i w_i l'_i / (1 - h_i w_i l''_i), exact
for the squared error.

Source: Rad and Maleki, A scalable estimate of the out-of-sample prediction error via approximate leave-one-out
cross-validation, JRSS B 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.errors import DomainError
from outlearn.lazy_torch import Tensor, torch
from outlearn.losses.numbers import NumberLoss

__all__ = ["GeneralisedHead", "fit_generalised"]

STEPS = 100
HALVINGS = 30
TOLERANCE = 1e-9  # of the decrease that a Newton step promises, per unit of weight: below, it is at the optimum
LEAST_CURVATURE = 1e-6


@dataclass(frozen=True, eq=False)
class GeneralisedHead:
    """Hold one head on the features as they were given: `weight` `[features]`, `bias`, and how it was chosen.

    Attributes:
        penalty: of the head.
        held_out: mean loss on examples left out one by one, approximately, at each penalty, in the order given.
    """

    weight: Float[np.ndarray, " features"]
    bias: float
    penalty: float
    held_out: Float[np.ndarray, " penalties"]


def fit_generalised(
    features: Float[np.ndarray, "examples features"],
    labels: Float[np.ndarray, " examples"],
    loss: NumberLoss,
    penalties: Sequence[float],
    *,
    weights: Float[np.ndarray, " examples"] | None = None,
    standardise: bool = True,
) -> GeneralisedHead:
    """Fit one head at each penalty, the largest first, and keep the one with the lowest held-out loss.

    Args:
        features: `[examples, features]`, dense.
        labels: numbers in the domain of the loss.
        loss: with its link.
        penalties: of |theta|^2, above 0.
        weights: of the examples, at least 0; None for 1. Where it is 0 a label is not read.
        standardise: divide each feature by its standard deviation first, so that the penalty acts on what results.

    Raises:
        DomainError: if the optimum is not reached.

    Examples:
        >>> from outlearn.losses.numbers import GeneralizedKL
        >>> x = np.array([[0.0], [1.0], [2.0]])
        >>> head = fit_generalised(x, np.array([1.0, 2.0, 4.0]), GeneralizedKL(), [1e-9])
        >>> np.exp(head.weight).round(3)
        array([2.])
    """
    given = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
    rows = np.flatnonzero(given)
    raw = np.asarray(features, dtype=np.float64)[rows]
    mean, scale = raw.mean(axis=0), raw.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0) if standardise else np.ones_like(mean)
    x = torch.from_numpy(np.concatenate([(raw - mean) / scale, np.ones((len(rows), 1))], axis=1))
    problem = _Problem(
        x, torch.from_numpy(np.asarray(labels, dtype=np.float64)[rows]), torch.from_numpy(given[rows]), loss
    )
    theta = problem.start()
    found, errors = np.empty((len(penalties), x.shape[1])), np.empty(len(penalties))
    order = np.argsort(-np.asarray(penalties), kind="stable")  # the largest first: each optimum starts the next
    for k in order.tolist():
        theta = problem.minimise(theta, penalties[k])
        found[k], errors[k] = theta.numpy(), problem.held_out(theta, penalties[k])
    best = int(order[errors[order].argmin()])
    weight = found[best]
    return GeneralisedHead(
        weight[:-1] / scale, float(weight[-1] - (weight[:-1] / scale) @ mean), penalties[best], errors
    )


@dataclass(frozen=True, eq=False)
class _Problem:
    """Hold the examples of one head: standardised features with a last column of ones, labels, weights."""

    x: Tensor
    t: Tensor
    w: Tensor
    loss: NumberLoss

    def start(self) -> Tensor:
        """Begin at the intercept alone, whose best is the link of the mean, or near it."""
        theta = self.x.new_zeros(self.x.shape[1])
        mean = float((self.w @ self.t) / self.w.sum())
        theta[-1] = mean if self.loss.link == "identity" else float(np.log(max(mean, 1e-12)))
        return theta

    def minimise(self, theta: Tensor, penalty: float) -> Tensor:
        """Take Newton steps until one promises nothing."""
        ridge = self._ridge(penalty)
        for _ in range(STEPS):
            z = self.x @ theta
            gradient = self.x.T @ (self.w * self.loss.slope(z, self.t)) + 2 * ridge * theta
            step = torch.linalg.solve(self._hessian(z, ridge), gradient)
            promised = float(gradient @ step)
            if promised <= TOLERANCE * float(self.w.sum()):
                return theta
            theta = self._halved(theta, step, promised, ridge)
        raise DomainError(
            f"a head by {self.loss.name} did not reach its optimum in {STEPS} steps at penalty {penalty:g}. Give a "
            "larger learner.penalty."
        )

    def _halved(self, theta: Tensor, step: Tensor, promised: float, ridge: Tensor) -> Tensor:
        now = self._objective(theta, ridge)
        for k in range(HALVINGS):
            tried = theta - 0.5**k * step
            if self._objective(tried, ridge) <= now - 1e-4 * 0.5**k * promised:
                return tried
        return theta - 0.5**HALVINGS * step

    def _objective(self, theta: Tensor, ridge: Tensor) -> float:
        return float(self.w @ self.loss.value(self.x @ theta, self.t) + ridge @ theta.square())

    def _curvature(self, z: Tensor) -> Tensor:
        found = self.loss.curvature(z, self.t)
        at_minimum = self.loss.curvature(self.t.clamp_min(1e-12).log(), self.t) if self.loss.reverse else found
        return torch.where(found > LEAST_CURVATURE, found, at_minimum.clamp_min(LEAST_CURVATURE))

    def _hessian(self, z: Tensor, ridge: Tensor) -> Tensor:
        return self.x.T @ ((self.w * self._curvature(z))[:, None] * self.x) + 2 * torch.diag(ridge)

    def held_out(self, theta: Tensor, penalty: float) -> float:
        """Average the loss of examples left out one by one, approximately."""
        z = self.x @ theta
        solved = torch.linalg.solve(self._hessian(z, self._ridge(penalty)), self.x.T)
        leverage = (self.x.T * solved).sum(dim=0)
        left = (1 - leverage * self.w * self._curvature(z)).clamp_min(1e-6)
        moved = z + leverage * self.w * self.loss.slope(z, self.t) / left
        found = float(self.w @ self.loss.value(moved, self.t) / self.w.sum())
        return found if np.isfinite(found) else np.inf

    def _ridge(self, penalty: float) -> Tensor:
        ridge = self.x.new_full((self.x.shape[1],), penalty)
        ridge[-1] = 0.0
        return ridge
