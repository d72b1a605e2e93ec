"""Ranks with ties shared, by NumPy alone: importing scipy.stats takes longer than most of what is measured here."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Real

__all__ = ["mid_ranks"]


def mid_ranks(values: Real[np.ndarray, "*rest points"]) -> Float[np.ndarray, "*rest points"]:
    """Rank from 1 along the last axis; equal values share the mean of their ranks, and a row with a nan is all nan.

    Examples:
        >>> mid_ranks(np.array([0.5, 0.1, 0.5]))
        array([2.5, 1. , 2.5])
    """
    ranks = np.empty(values.shape)
    for row in np.ndindex(values.shape[:-1]):
        order = np.argsort(values[row])
        ordered = values[row][order]
        first = np.ones(len(order), dtype=bool)  # of a run of equal values
        first[1:] = ordered[1:] != ordered[:-1]
        ends = np.append(np.flatnonzero(first), len(order))
        ranks[row][order] = ((ends[:-1] + ends[1:] + 1) / 2)[np.cumsum(first) - 1]
    return np.where(np.isnan(values).any(axis=-1, keepdims=True), np.nan, ranks)
