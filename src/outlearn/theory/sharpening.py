"""When a lower entropy helps: the slope of log loss along sharpening.

Sharpening takes s to s_a, proportional to s^a. Its log loss is convex in a, and at a = 1

    d/da CE(y, s_a) = CE(y, s) - H(s),

so that sharpening a little helps exactly if H(s) > CE(y, s): the student is less sure than it is right. Nothing else
about the student counts, and with a fixed residual "a lower entropy of the student means a larger gain" says no more.

Theory: docs/theory/entropy.md.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from outlearn.errors import ShapeError
from outlearn.theory.scalars import Number

__all__ = ["best_power", "sharpen", "sharpening_gain", "slope_by_complex_step"]

_STEP = 1e-20  # of the complex step: it has no cancellation, so that it may be this small


def sharpen(log_probs: Float[np.ndarray, "*batch classes"], power: Number) -> Float[np.ndarray, "*batch classes"]:
    """Return log-probabilities of s^power, normalised; a power above 1 sharpens, below 1 flattens.

    Examples:
        >>> np.exp(sharpen(np.log([0.8, 0.2]), 2.0)).round(4)
        array([0.9412, 0.0588])
    """
    return np.asarray(log_softmax(power * log_probs, axis=-1))


def sharpening_gain(
    log_probs: Float[np.ndarray, "*batch points classes"], labels: Integer[np.ndarray, " labels"]
) -> Float[np.ndarray, "*batch points"]:
    """Compute H(s) - CE(y, s): how fast sharpening lowers the log loss, in nats per unit of power.

    Args:
        log_probs: `[..., points, classes]`, normalised.
        labels: y, `[points]`.

    Returns:
        `[..., points]`; its average above 0 means an under-confident student.

    Raises:
        ShapeError: if there is not one label a point.

    Examples:
        >>> sharpening_gain(np.log([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1])).round(4)
        array([ 0.2773, -1.109 ])
    """
    probs = np.exp(log_probs)
    entropy = -np.where(probs > 0, probs * np.where(probs > 0, log_probs, 0.0), 0.0).sum(axis=-1)
    return np.asarray(entropy + _at_labels(log_probs, labels))


def slope_by_complex_step(
    log_probs: Float[np.ndarray, "*batch points classes"], labels: Integer[np.ndarray, " labels"]
) -> float:
    """Differentiate the mean log loss along sharpening at power 1 by a complex step: no formula, no cancellation.

    The imaginary part of f(1 + ih) / h is f'(1) up to h^2.

    Examples:
        >>> logs, y = np.log([[0.8, 0.2]]), np.array([0])
        >>> round(slope_by_complex_step(logs, y), 10) == round(-float(sharpening_gain(logs, y)[0]), 10)
        True
    """
    power = 1 + 1j * _STEP
    finite = np.isfinite(log_probs)
    normaliser = np.log(np.where(finite, np.exp(power * np.where(finite, log_probs, 0.0)), 0.0).sum(axis=-1))
    return float((normaliser - power * _at_labels(log_probs, labels)).mean().imag / _STEP)


def best_power(log_probs: Float[np.ndarray, "*batch points classes"], labels: Integer[np.ndarray, " labels"]) -> float:
    """Find the power that minimises the mean log loss of s^power: one over the best temperature, in (0.01, 100).

    Examples:
        >>> sure = np.log([[0.9, 0.1]] * 4)  # right three times of four: too sure, and 0.75 is what it should say
        >>> round(best_power(sure, np.array([0, 0, 0, 1])), 3)
        0.5
    """
    own = _at_labels(log_probs, labels)

    def loss(log_power: Number) -> float:
        power = np.exp(log_power)
        return float((logsumexp(power * log_probs, axis=-1) - power * own).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.01), np.log(100.0)), method="bounded", options={"xatol": 1e-7})
    return float(np.exp(found.x))


def _at_labels(log_probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if log_probs.ndim < 2 or log_probs.shape[-2] != len(labels):
        raise ShapeError(
            f"log_probs have shape {log_probs.shape} and there are {len(labels)} labels; give [..., points, classes] "
            "and one label a point"
        )
    return np.asarray(log_probs[..., np.arange(len(labels)), labels])
