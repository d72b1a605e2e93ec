"""Rescale predictions until their class means are given ones: prior matching.

    q'_i(k) proportional to w_k q_i(k),   with w such that mean_i q'_i(k) = prior_k for every class k.

A student that learns from its own predictions drifts towards the classes it already prefers; matched means stop that.
The weights are those of the maximum-likelihood prior correction, found by fixed-point steps (iterative scaling).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.errors import ShapeError

__all__ = ["match_class_means"]

STEPS = 100
ENOUGH = 1e-6  # largest difference between a class mean and its prior


def match_class_means(
    probs: Float[np.ndarray, "*models points classes"], prior: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "*models points classes"]:
    """Scale each class by one factor, and renormalise the points, so that class means are `prior`.

    Args:
        probs: distributions.
        prior: `[*models, classes]`, the class means wanted, summing to 1; for each model.

    Returns:
        Distributions whose class means are within 1e-6 of the prior, where 100 steps reach it. A class that no point
        can take keeps the mean 0.

    Raises:
        ShapeError: if there is not one prior for each model and class.

    Example:
        >>> q = match_class_means(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0.5, 0.5]))
        >>> q.mean(axis=0).round(4), bool(q[0, 0] > q[1, 0])
        (array([0.5, 0.5]), True)

    Source: Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities,
    2002; we fix the means and solve for the factors.
    """
    if prior.shape != (*probs.shape[:-2], probs.shape[-1]):
        raise ShapeError(
            f"prior has shape {prior.shape}; expected {(*probs.shape[:-2], probs.shape[-1])}: the class means of each "
            f"model of probs {probs.shape}."
        )
    wanted = prior[..., None, :]
    factors = np.ones_like(wanted)
    scaled = probs
    for _ in range(STEPS):
        means = scaled.mean(axis=-2, keepdims=True)
        if np.abs(means - wanted).max() < ENOUGH:
            break
        factors = factors * np.divide(wanted, means, out=np.ones_like(means), where=means > 0)
        factors /= factors.max(axis=-1, keepdims=True)  # only ratios matter; this keeps them in range
        scaled = probs * factors
        scaled = scaled / scaled.sum(axis=-1, keepdims=True)
    return scaled
