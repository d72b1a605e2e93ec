"""The most probable class, ties shared: a model that finds k classes equally likely gives each 1/k of its one answer.

That is the expectation over breaking ties at random. Taking the first of equals instead makes every number depend on
the order of the classes, so on their names: a model that abstains would always answer the first one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer, Real

from outlearn.core.log_space import row_max, row_sum
from outlearn.core.predictions import Predictions

__all__ = ["hard_votes", "hits", "top_class", "true_shares"]


def top_class(scores: Real[np.ndarray, "*rest classes"]) -> Float[np.ndarray, "*rest classes"]:
    """Return 1 at the largest score, and 1/k at each of k exactly equal ones.

    Examples:
        >>> top_class(np.array([[0.2, 0.8, 0.0], [0.4, 0.4, 0.2]]))
        array([[0. , 1. , 0. ],
               [0.5, 0.5, 0. ]])
    """
    top = (scores == row_max(scores)[..., None]).astype(np.float64)
    ties = row_sum(top)
    return top if ties.max() == 1 else np.asarray(top / ties[..., None])


def hits(
    scores: Real[np.ndarray, "*rest points classes"],
    labels: Integer[np.ndarray, " points"] | Float[np.ndarray, "points classes"],
) -> Float[np.ndarray, "*rest points"]:
    """Return what `top_class` gives to each point's label: 1 or 0, and 1/k where k classes with the label tie.

    Where the truth itself is a tie, give `true_shares`: each answer is then right with the share of its class.

    Examples:
        >>> hits(np.array([[0.9, 0.1], [0.5, 0.5], [0.3, 0.7]]), np.array([0, 0, 0]))
        array([1. , 0.5, 0. ])
    """
    if labels.ndim == 2:
        return np.asarray(row_sum(top_class(scores) * labels))
    top = row_max(scores)
    ties = row_sum((scores == top[..., None]).astype(np.float64))
    return np.asarray((scores[..., np.arange(len(labels)), labels] == top) / ties)


def true_shares(
    labels: Integer[np.ndarray, " points"], target: Float[np.ndarray, "points classes"] | None
) -> Integer[np.ndarray, " points"] | Float[np.ndarray, "points classes"]:
    """Return the labels; or, where a soft target finds several classes equally likely, what `top_class` makes of it.

    Examples:
        >>> true_shares(np.array([0, 1]), np.array([[0.5, 0.5], [0.2, 0.8]]))
        array([[0.5, 0.5],
               [0. , 1. ]])
        >>> true_shares(np.array([0, 1]), np.array([[0.6, 0.4], [0.2, 0.8]]))
        array([0, 1])
    """
    if target is None:
        return labels
    shares = top_class(target)
    return shares if (shares.max(axis=-1) < 1).any() else labels


def hard_votes(predictions: Predictions) -> Float[np.ndarray, "models points classes"]:
    """Return each model's hard labels as 0 and 1; who leaves a point out, or finds all classes equal, does not vote.

    One that finds some of them equally likely, and no other more, splits its vote evenly among these.

    Examples:
        >>> hard_votes(Predictions.from_probs(np.array([[0.7, 0.3], [0.5, 0.5]])))
        array([[[1., 0.],
                [0., 0.]]])
    """
    log_probs = predictions.log_probs
    speaks = row_max(log_probs) > -row_max(-log_probs)
    if predictions.answered is not None:
        speaks &= predictions.answered
    return top_class(log_probs) * speaks[..., None]
