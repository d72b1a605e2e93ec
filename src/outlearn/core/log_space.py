"""Formulas that stay finite and exact where the textbook ones cancel or overflow.

Every divergence of the package reduces to one term, `a log(a/b) - a + b`, written in the logarithms of a and b: never
negative, exact for nearly equal arguments, and finite at logarithms of size 1000. Zero is a logarithm of -inf.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Real

__all__ = [
    "SUM_TOLERANCE", "less", "log_mean", "log_normalise", "log_sigmoid", "log_sum", "relative_entropy_terms",
    "row_max", "row_sum",
]  # fmt: skip

SUM_TOLERANCE = 1e-6  # largest distance of a distribution's sum from 1: float32 softmax over 50 classes stays within it
# Below this log-ratio, expm1(-d) may overflow while the plain sum loses nothing: its three terms then differ in size.
FAR = -1.0
# Up to so many classes a loop over them is faster than NumPy's reduction of a short last axis, 50 times for two.
SHORT_AXIS = 16
# Up to so many, one operation a class is faster than one whose second operand is repeated along that axis.
SHORTEST_AXIS = 3


def relative_entropy_terms(
    log_a: Float[np.ndarray, "..."], log_b: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Compute `a log(a/b) - a + b` elementwise from log a and log b; the sum over a simplex is the KL divergence.

    A term with a = 0 is b (0 log 0 = 0), also where exp(log_a) underflows to 0.

    Examples:
        >>> relative_entropy_terms(np.array([0.0, -np.inf, -np.inf]), np.array([0.0, 0.0, -np.inf]))
        array([0., 1., 0.])
    """
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        ratio = log_a - log_b
        a = np.exp(log_a)
        terms = a * (ratio + np.expm1(-ratio))  # expm1: keeps the quadratic term of nearly equal arguments
        far, empty = ratio < FAR, a == 0.0
        if far.any() or empty.any():
            b = np.exp(log_b)
            terms = np.where(empty, b, np.where(far, a * ratio - a + b, terms))
    return np.asarray(terms)


def log_normalise(logits: Float[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch classes"]:
    """Subtract logsumexp over the last axis: log-probabilities, exact also where one probability is nearly 1.

    Examples:
        >>> log_normalise(np.array([50.0, 0.0]))
        array([-1.92874985e-22, -5.00000000e+01])
    """
    shifted = less(logits, row_max(logits))
    with np.errstate(under="ignore"):
        # log1p of the other classes: keeps log p = -1e-22 where log(1 + 1e-22) would give 0.
        return less(shifted, np.asarray(np.log1p(_sum_but_largest(np.exp(shifted)))))


def log_sum(logits: Float[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch"]:
    """Compute logsumexp over the last axis; -inf, a probability of 0, where every logit is.

    Examples:
        >>> log_sum(np.array([[1000.0, 1000.0], [-np.inf, -np.inf]]))
        array([1000.69314718,          -inf])
    """
    top = row_max(logits)
    far = np.where(np.isneginf(top), 0.0, top)  # exp(-inf - 0), not -inf - -inf
    with np.errstate(under="ignore"):
        return np.asarray(top + np.log1p(_sum_but_largest(np.exp(less(logits, far)))))


def less(
    values: Float[np.ndarray, "*batch classes"], subtracted: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch classes"]:
    """Subtract a number of each row, the same from all classes."""
    if values.shape[-1] > SHORTEST_AXIS:
        return values - subtracted[..., None]
    found = np.empty(values.shape)
    for k in range(values.shape[-1]):
        np.subtract(values[..., k], subtracted, out=found[..., k])
    return found


def row_sum(values: Real[np.ndarray, "*batch classes"]) -> Real[np.ndarray, "*batch"]:
    """Sum over the last axis."""
    if values.shape[-1] > SHORTEST_AXIS:
        return np.asarray(np.einsum("...k->...", values))  # a third to a half of the time of NumPy's sum
    return _reduced(np.add, values)


def row_max(values: Real[np.ndarray, "*batch classes"]) -> Real[np.ndarray, "*batch"]:
    """Take the largest of the last axis; NaN if any is."""
    return _reduced(np.maximum, values)


def _reduced(join: np.ufunc, values: np.ndarray) -> np.ndarray:
    if values.shape[-1] > SHORT_AXIS:
        return np.asarray(join.reduce(values, axis=-1))
    if values.shape[-1] == 1:
        return values[..., 0].copy()
    found = np.asarray(join(values[..., 0], values[..., 1]))
    for k in range(2, values.shape[-1]):
        join(found, values[..., k], out=found)
    return found


def _sum_but_largest(values: Float[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch"]:
    """Sum over the last axis without the (first) largest, which is never added and so costs no rounding."""
    if values.shape[-1] > SHORT_AXIS:
        np.put_along_axis(values, values.argmax(axis=-1)[..., None], 0.0, axis=-1)
        return np.asarray(values.sum(axis=-1))
    if values.shape[-1] == 1:
        return np.zeros(values.shape[:-1])
    rest, largest = (np.asarray(of_two(values[..., 0], values[..., 1])) for of_two in (np.minimum, np.maximum))
    for k in range(2, values.shape[-1]):
        np.add(rest, np.minimum(largest, values[..., k]), out=rest)
        np.maximum(largest, values[..., k], out=largest)
    return rest


def log_mean(
    log_values: Float[np.ndarray, "models *rest"], weights: Float[np.ndarray, " models"]
) -> Float[np.ndarray, "*rest"]:
    """Compute `log(sum_m w_m exp(l_m))` over the first axis, for positive weights that sum to 1.

    Examples:
        >>> log_mean(np.array([[-1000.0], [-1000.0]]), np.array([0.5, 0.5]))
        array([-1000.])
    """
    top = log_values.max(axis=0)
    top = np.where(np.isneginf(top), 0.0, top)  # where every value is zero: exp(-inf - 0), not -inf - -inf
    with np.errstate(divide="ignore", under="ignore"):
        return np.asarray(np.log(np.tensordot(weights, np.exp(log_values - top), axes=1)) + top)


def log_sigmoid(logits: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Compute `log(1 / (1 + exp(-z)))`; linear for very negative z, 0 at +inf.

    Examples:
        >>> log_sigmoid(np.array([-1000.0, 0.0, np.inf])).round(4)
        array([-1.000e+03, -6.931e-01, -0.000e+00])
    """
    with np.errstate(under="ignore"):
        return np.asarray(-np.logaddexp(0.0, -logits))
