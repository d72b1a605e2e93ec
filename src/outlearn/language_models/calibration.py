"""Turn what a model says after a prompt into probabilities of classes that can be used.

A model prefers some words whatever the text is. Every remedy adds a constant b_k to each class's log-probability and
normalises; they differ in where the constants come from, and true labels give a scale besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Float64, Int
from scipy.optimize import minimize

from outlearn.core.class_means import match_class_means
from outlearn.core.log_space import log_mean, log_normalise
from outlearn.errors import ConfigError

__all__ = ["CONTENT_FREE", "Calibration", "content_free", "from_labels", "matched_shares"]

Calibration: TypeAlias = Literal["none", "content_free", "shares", "labels"]
CONTENT_FREE = ("N/A", "[MASK]", "-")


def content_free(
    log_probs: Float[np.ndarray, "points classes"], of_nothing: Float[np.ndarray, "inputs classes"]
) -> Float64[np.ndarray, "points classes"]:
    """Divide by what the model says where there is no text: b_k = -log mean_i P(word k | empty input i).

    Args:
        log_probs: of the class words after each point's prompt, in nats.
        of_nothing: the same after prompts without content.

    Source: Zhao, Wallace, Feng, Klein, Singh, Calibrate Before Use, ICML 2021, their W = diag(p)^-1. They normalise
        over the class words before they average; so do we.
    """
    prior = log_mean(log_normalise(of_nothing), np.full(len(of_nothing), 1 / len(of_nothing)))
    return log_normalise(log_probs - prior)


def matched_shares(
    log_probs: Float[np.ndarray, "points classes"], shares: Sequence[float] | None = None
) -> Float64[np.ndarray, " classes"]:
    """Return the constants b with which the mean probability of each class is its share; see `match_class_means`.

    Args:
        log_probs: of the class words after the prompts of points without labels, in nats.
        shares: of the classes, positive; None for equal ones.

    Raises:
        ConfigError: if shares are not as many as the classes, not positive or do not sum to 1.
    """
    n_classes = log_probs.shape[1]
    wanted = np.full(n_classes, 1 / n_classes) if shares is None else np.asarray(shares, dtype=np.float64)
    if wanted.shape != (n_classes,) or (wanted <= 0).any() or abs(wanted.sum() - 1) > 1e-6:
        raise ConfigError(
            f"the shares are {list(wanted)}; expected one above 0 for each of {n_classes} classes, of sum 1."
        )
    # A word that is 50 nats behind everywhere is no class of probability 0: most of the way first.
    first = -log_probs.mean(axis=0)
    log_q = log_normalise(log_probs + first)
    # One factor a class is the same at every point, but for what normalises the point: read it where q is most even.
    even = log_q.min(axis=1).argmax()
    scaled = match_class_means(np.exp(log_q), wanted)[even]
    constants = first + np.log(scaled) - log_q[even]
    return np.asarray(constants - constants.mean())


def from_labels(
    log_probs: Float[np.ndarray, "points classes"], labels: Int[np.ndarray, " points"], *, ridge: float = 1.0
) -> tuple[float, Float64[np.ndarray, " classes"]]:
    """Fit a scale a and constants b to few true labels: log p_k = a l_k + b_k - log sum_j exp(a l_j + b_j).

    Minimises the sum of cross-entropies + ridge ((a - 1)^2 + |b - mean b|^2) / 2: without labels nothing is changed.

    Source: Platt scaling (1999) for several classes, with the log-probabilities of class words as scores.
    """
    n_classes = log_probs.shape[1]
    # Constants that any point adds to all classes cancel; without them the scale is well conditioned.
    centred = log_probs - log_probs.mean(axis=1, keepdims=True)
    truth = np.eye(n_classes)[labels]

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = theta[0], theta[1:]
        found = log_normalise(a * centred + b)
        error = np.exp(found) - truth
        spread = b - b.mean()
        value = -(truth * found).sum() + ridge * ((a - 1) ** 2 + (spread**2).sum()) / 2
        return value, np.concatenate([[(error * centred).sum() + ridge * (a - 1)], error.sum(0) + ridge * spread])

    best = minimize(objective, np.concatenate([[1.0], np.zeros(n_classes)]), jac=True, method="L-BFGS-B").x
    return float(best[0]), best[1:] - best[1:].mean()
