"""A binary classifier with Gaussian logits: bias and variance of its ensembles as one-dimensional integrals.

z ~ N(mean, deviation^2), f = sigmoid(z), target y in (0, 1), divergence KL(y, f). The dual ensemble of m members has a
logit N(mean, deviation^2 / m): its dual mean is sigmoid(mean) at any m, so that the bias KL(y, sigmoid(mean)) stays and
the variance E softplus(z) - softplus(mean) is cut. The primal ensemble averages sigmoid(z): its dual mean moves.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import expit, logit

from outlearn.errors import DomainError
from outlearn.theory.scalars import Number, Whole

__all__ = ["dual_ensemble_variance", "primal_pair_dual_mean"]

_NODES = 80  # Gauss-Hermite: the integrands are smooth, 1e-12 at deviations up to about 4


def _gaussian_rule() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return nodes, weights / weights.sum()


def dual_ensemble_variance(mean: Float[np.ndarray, " points"], deviation: Number, *, members: Whole = 1) -> np.ndarray:
    """Compute the dual variance E KL(sigmoid(mean), f) of a dual ensemble: E softplus(z) - softplus(mean), `[points]`.

    Args:
        mean: of the logit, `[points]`.
        deviation: standard deviation of one member's logit.
        members: m.

    Raises:
        DomainError: if there is no member or the deviation is negative.

    Examples:
        >>> [float(dual_ensemble_variance(np.zeros(1), 1.0, members=m)[0].round(4)) for m in (1, 4)]
        [0.1129, 0.0303]
    """
    if members < 1 or not deviation >= 0:
        raise DomainError(f"members must be at least 1 and deviation at least 0, got {members} and {deviation}")
    nodes, weights = _gaussian_rule()
    logits = mean[:, None] + deviation / np.sqrt(members) * nodes
    return np.asarray(np.logaddexp(0, logits) @ weights - np.logaddexp(0, mean))


def primal_pair_dual_mean(mean: Float[np.ndarray, " points"], deviation: Number) -> Float[np.ndarray, " points"]:
    """Compute the logit of the dual mean of primal ensembles of two members: E logit((f_1 + f_2) / 2), `[points]`.

    It lies nearer 0 than the mean logit: averaging probabilities makes less certain, and so moves the bias.

    Examples:
        >>> primal_pair_dual_mean(np.array([1.0, 2.0]), 1.0).round(3)
        array([0.913, 1.85 ])
    """
    nodes, weights = _gaussian_rule()
    probs = expit(mean[:, None] + deviation * nodes)
    pairs = 0.5 * (probs[:, :, None] + probs[:, None, :])
    return np.asarray(np.einsum("pij,i,j->p", logit(pairs), weights, weights))
