"""Ranks with ties shared, and counts of what lies below, by NumPy alone.

Importing scipy.stats takes longer than most of what is measured here.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Real

__all__ = ["mid_ranks", "others_below"]


def mid_ranks(values: Real[np.ndarray, "*rest points"]) -> Float[np.ndarray, "*rest points"]:
    """Rank from 1 along the last axis; equal values share the mean of their ranks, and a row with a nan is all nan.

    Examples:
        >>> mid_ranks(np.array([0.5, 0.1, 0.5]))
        array([2.5, 1. , 2.5])
    """
    ranks = np.empty(values.shape)
    for row in np.ndindex(values.shape[:-1]):
        order, ends = _in_order(values[row])
        if len(ends) == len(order) + 1:
            ranks[row][order] = np.arange(1.0, len(order) + 1)
        else:
            ranks[row][order] = np.repeat((ends[:-1] + ends[1:] + 1) / 2, np.diff(ends))
    return np.where(np.isnan(values).any(axis=-1, keepdims=True), np.nan, ranks)


def others_below(
    values: Float[np.ndarray, "rows points"], side: Bool[np.ndarray, " points"]
) -> Float[np.ndarray, "rows points"]:
    """Count, for each point of a row, the points of the other side that have a smaller value; equal ones one half.

    It is the rank among all less the rank within the own side, by one sort.

    Examples:
        >>> others_below(np.array([[0.5, 0.1, 0.5, 0.7]]), np.array([True, False, False, True]))
        array([[1.5, 0. , 0.5, 2. ]])
    """
    found = np.empty(values.shape)
    for row, below in zip(values, found, strict=True):
        order, ends = _in_order(row)
        ours = side[order]
        of_side = np.concatenate([[0], np.cumsum(ours)])[ends]  # of `side`, below each run of equal values
        sizes = np.diff(ends)
        of_both = np.stack([ends - of_side, of_side])
        halves = np.repeat((of_both[:, :-1] + of_both[:, 1:]) / 2, sizes, axis=1)
        below[order] = np.where(ours, halves[0], halves[1])
    return found


def _in_order(values: Real[np.ndarray, " points"]) -> tuple[np.ndarray, np.ndarray]:
    """Sort; return the order, and where runs of equal values begin, with the number of points at the end."""
    order = np.argsort(values)
    ordered = values[order]
    first = np.ones(len(order) + 1, dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:-1])
    return order, np.flatnonzero(first)
