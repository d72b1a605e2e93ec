"""Rescale predictions until their class means are given ones: prior matching.

    q'_i(k) proportional to w_k q_i(k),   with w such that mean_i q'_i(k) = prior_k for every class k.

A student that learns from its own predictions drifts towards the classes it already prefers; matched means stop that.
The weights are those of the maximum-likelihood prior correction: w = exp(u) minimises the convex

    mean_i log sum_k e^{u_k} q_i(k) - sum_k prior_k u_k,

whose gradient is the difference of the means. Newton's steps find the minimum; where one would go up, a step of
iterative scaling, which never does, takes its place.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.core.many_class_offsets import MANY_CLASSES, MAX_HALVINGS, MAX_STEP, MAX_STEPS, many_class_offsets
from outlearn.errors import ShapeError

__all__ = ["class_offsets", "match_class_means"]

LOG_FACTOR_FLOOR = -200.0  # relative to the largest: no class vanishes to 0, where its log would be infinite
TOLERANCE = 1e-6  # largest difference between a class mean and its prior


def match_class_means(
    probs: Float[np.ndarray, "*models points classes"], prior: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "*models points classes"]:
    """Scale each class by one factor, and renormalise the points, so that class means are `prior`.

    Args:
        probs: distributions.
        prior: `[*models, classes]`, the class means wanted, summing to 1; for each model.

    Returns:
        Distributions whose class means are within 1e-6 of the prior, where 100 steps reach it. A class that no point
        can take keeps the mean 0, the rest is shared as the others' priors.

    Raises:
        ShapeError: if there is not one prior for each model and class.

    Examples:
        >>> q = match_class_means(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0.5, 0.5]))
        >>> q.mean(axis=0).round(4), bool(q[0, 0] > q[1, 0])
        (array([0.5, 0.5]), True)

    Source: Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities,
    2002; we fix the means and solve for the factors.
    """
    _check_prior(probs, prior)
    scaled, _ = _solve(probs, prior, TOLERANCE, None)
    return np.ascontiguousarray(np.moveaxis(scaled, 0, -1))


def class_offsets(
    logits: Float[np.ndarray, "*models points classes"],
    prior: Float[np.ndarray, "..."],
    *,
    tolerance: float = TOLERANCE,
    start: Float[np.ndarray, "*models classes"] | None = None,
) -> Float[np.ndarray, "*models classes"]:
    """Return what to add to the logits of each class so that class means are `prior`; they serve for other points too.

    Args:
        logits: of the points that are to have these means.
        prior: as for `match_class_means`.
        tolerance: largest difference between a class mean and its prior.
        start: offsets of logits that are almost these; one step of Newton's is taken from there in any case.

    Returns:
        Offsets whose sum is 0, in nats: u with mean_i softmax(logits_i + u) = prior. A class of prior 0 gets one that
        no other class can be outvoted by.

    Examples:
        >>> z = np.log([[0.9, 0.1], [0.6, 0.4]])
        >>> p = np.exp(z + class_offsets(z, np.array([0.5, 0.5])))
        >>> (p / p.sum(axis=1, keepdims=True)).mean(axis=0).round(4)
        array([0.5, 0.5])
    """
    _check_prior(logits, prior)
    if logits.shape[-1] >= MANY_CLASSES:
        shift = np.empty(prior.shape)
        for model in np.ndindex(prior.shape[:-1]):
            own = None if start is None else start[model]
            shift[model] = many_class_offsets(logits[model], prior[model], tolerance=tolerance, start=own)
    else:
        probs = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probs /= probs.sum(axis=-1, keepdims=True)
        _, factors = _solve(probs, prior, tolerance, start)
        shift = np.moveaxis(factors, 0, -1)
    offsets = np.where(prior > 0, shift, LOG_FACTOR_FLOOR)
    return np.asarray(offsets - offsets.mean(axis=-1, keepdims=True))


def _check_prior(scores: np.ndarray, prior: np.ndarray) -> None:
    if prior.shape != (*scores.shape[:-2], scores.shape[-1]):
        raise ShapeError(
            f"prior has shape {prior.shape}; expected {(*scores.shape[:-2], scores.shape[-1])}: the class means of "
            f"each model of {scores.shape}."
        )


def _solve(
    probs: np.ndarray, prior: np.ndarray, tolerance: float, start: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scaled predictions `[classes, *models, points]` and the log factors `[classes, *models]`."""
    # Classes first: sums over a short last axis are slow.
    q = np.ascontiguousarray(np.moveaxis(probs, -1, 0))
    wanted = np.moveaxis(prior, -1, 0)
    q = _without(q, wanted <= 0)
    possible = q.any(axis=-1)
    within_reach = (wanted * possible).sum(axis=0)
    wanted = np.where(
        within_reach > 0, wanted * possible / np.where(within_reach > 0, within_reach, 1.0), q.mean(axis=-1)
    )
    shift = np.zeros(wanted.shape) if start is None else np.ascontiguousarray(np.moveaxis(start, -1, 0))
    scaled, cost = _scaled(q, shift, wanted)
    for taken in range(MAX_STEPS):
        means = scaled.mean(axis=-1)
        # The error squares with each step: from a start within the tolerance one step takes it well below.
        if np.abs(means - wanted).max() < tolerance and (taken > 0 or start is None):
            break
        step = np.clip(_newton_step(scaled, means, wanted), -MAX_STEP, MAX_STEP)
        tried, tried_cost = _scaled(q, shift + step, wanted)
        for _ in range(MAX_HALVINGS):
            if np.all(tried_cost <= cost):
                break
            step = np.where(tried_cost <= cost, step, step / 2)
            tried, tried_cost = _scaled(q, shift + step, wanted)
        if not np.all(tried_cost <= cost):
            # iterative scaling: w_k <- w_k prior_k / mean_i q'_i(k)
            ratio = np.divide(wanted, means, out=np.ones_like(means), where=possible & (wanted > 0) & (means > 0))
            step = np.where(tried_cost <= cost, step, np.log(ratio))
            tried, tried_cost = _scaled(q, shift + step, wanted)
        shift = np.maximum(shift + step - (shift + step).max(axis=0), LOG_FACTOR_FLOOR)
        scaled, cost = tried, tried_cost
    return scaled, shift


def _without(q: np.ndarray, unwanted: np.ndarray) -> np.ndarray:
    """Take the classes whose prior is 0 from the points that can be of another class; `[classes, *models, points]`."""
    if not unwanted.any():
        return q
    left = np.where(unwanted[..., None], 0.0, q)
    total = left.sum(axis=0)
    return np.where(total > 0, left / np.where(total > 0, total, 1.0), q)


def _scaled(q: np.ndarray, shift: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scaled predictions and the convex cost of each model; neither changes with a constant in `shift`."""
    shift = np.maximum(shift - shift.max(axis=0), LOG_FACTOR_FLOOR)
    scaled = q * np.exp(shift)[..., None]  # q'_i(k) = w_k q_i(k) / sum_l w_l q_i(l), w = exp(shift)
    total = scaled.sum(axis=0)
    scaled /= total
    return scaled, np.asarray(np.log(total).mean(axis=-1) - (wanted * shift).sum(axis=0))


def _newton_step(scaled: np.ndarray, means: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Solve Hessian x step = wanted - means, for each model."""
    by_model = np.moveaxis(scaled, 0, -2)  # [*models, classes, points]
    products = by_model @ np.swapaxes(by_model, -1, -2) / scaled.shape[-1]
    # Hessian of the cost in u = log w: mean_i (diag q'_i - q'_i q'_i^T)
    spread = np.moveaxis(means, 0, -1)[..., None] * np.eye(len(scaled)) - products
    # A constant changes nothing: the matrix of ones takes that direction, the small diagonal what is flat beside it.
    hessian = spread + 1.0 / len(scaled) + 1e-9 * np.eye(len(scaled))
    step = np.linalg.solve(hessian, np.moveaxis(wanted - means, 0, -1)[..., None])[..., 0]
    return np.moveaxis(step, -1, 0)
