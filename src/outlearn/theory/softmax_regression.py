"""Softmax regression in NumPy, for the experiments that want real classifiers: to its optimum, or step by step.

The package's training is torch's (`outlearn.learners`); the theory may not import it, and needs only linear heads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from outlearn.theory.scalars import Number, Whole

__all__ = ["descend", "fit_softmax", "predict_softmax"]


def predict_softmax(
    features: Float[np.ndarray, "points features"], weights: Float[np.ndarray, "*models features_and_bias classes"]
) -> Float[np.ndarray, "*models points classes"]:
    """Return log-probabilities of linear heads; the last row of the weights is the bias."""
    return np.asarray(log_softmax(features @ weights[..., :-1, :] + weights[..., -1:, :], axis=-1))


def fit_softmax(
    features: Float[np.ndarray, "points features"], targets: Float[np.ndarray, "points classes"], *, penalty: Number
) -> Float[np.ndarray, "features_and_bias classes"]:
    """Fit a head by cross-entropy to (soft) labels: minimise mean CE + penalty/2 |W|^2, the bias without a penalty.

    The penalty is above 0, so that the optimum exists.

    Examples:
        >>> w = fit_softmax(np.array([[-1.0], [1.0]]), np.eye(2), penalty=0.1)
        >>> np.exp(predict_softmax(np.array([[1.0]]), w)).round(2)
        array([[0.11, 0.89]])
    """
    count, classes = targets.shape
    width = features.shape[1] + 1

    with_bias = np.hstack([features, np.ones((count, 1))])
    penalties = np.full((width, 1), float(penalty))
    penalties[-1] = 0.0

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(width, classes)
        logs = log_softmax(with_bias @ weights, axis=1)
        gradient = with_bias.T @ ((np.exp(logs) - targets) / count) + penalties * weights
        value = -(targets * logs).sum() / count + 0.5 * (penalties * weights**2).sum()
        return float(value), gradient.ravel()

    found = minimize(
        loss, np.zeros(width * classes), jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": 1e-6}
    )
    return np.asarray(found.x).reshape(width, classes)


def descend(
    features: Float[np.ndarray, "points features"],
    teachers: Float[np.ndarray, "models points classes"],
    *,
    reverse: bool,
    rate: Number,
    steps: Whole,
) -> Iterator[Float[np.ndarray, "models features_and_bias classes"]]:
    """Train one head a teacher by gradient descent with momentum, and yield the weights after each step.

    The soft labels are log-probabilities, positive everywhere; the next step overwrites the weights. `reverse` takes
    reverse cross-entropy -sum s log t, with gradient -J(s) log t, instead of forward, with gradient s - t.
    """
    targets = np.exp(teachers)
    weights = np.zeros((len(teachers), features.shape[1] + 1, teachers.shape[-1]))
    velocity = np.zeros_like(weights)
    for _ in range(steps):
        probs = softmax(features @ weights[:, :-1] + weights[:, -1:], axis=-1)
        if reverse:
            error = probs * ((probs * teachers).sum(-1, keepdims=True) - teachers)
        else:
            error = probs - targets
        velocity *= 0.9
        velocity[:, :-1] -= rate / len(features) * (features.T @ error)
        velocity[:, -1] -= rate * error.mean(axis=1)
        weights += velocity
        yield weights
