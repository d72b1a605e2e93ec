"""Weighted averages over models in which a model of weight 0 takes no part, whatever its coordinates."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Real

from outlearn.errors import DomainError, ShapeError

__all__ = ["average", "positive_weights"]


def positive_weights(weights: Real[np.ndarray, "..."] | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of positive weights and those weights, normalised: a model of weight 0 takes no part."""
    if count == 0:
        raise ShapeError("a mean needs at least one model, got none: the axis that is averaged has length 0.")
    if weights is None:
        return np.arange(count), np.full(count, 1.0 / count)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (count,):
        raise ShapeError(f"weights must have shape ({count},), one for each model averaged, got {values.shape}.")
    if not np.all(np.isfinite(values)) or np.any(values < 0) or values.sum() <= 0:
        raise DomainError(f"weights must be finite, at least 0 and not all 0, got {values}.")
    keep = np.flatnonzero(values)
    return keep, values[keep] / values.sum()


def average(
    values: Float[np.ndarray, "models *rest"], weights: Float[np.ndarray, " models"]
) -> Float[np.ndarray, "*rest"]:
    """Average over the first axis with positive weights that sum to 1; -inf stays -inf, -inf with +inf is NaN."""
    if np.all(weights == weights[0]):
        with np.errstate(invalid="ignore"):
            return np.asarray(values.mean(axis=0))
    with np.errstate(invalid="ignore"):
        return np.asarray((weights.reshape(-1, *([1] * (values.ndim - 1))) * values).sum(axis=0))
