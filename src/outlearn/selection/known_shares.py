"""The best that is known of the class shares, and what the points say of those counted on few labels.

The share p_k among N labels that were drawn from the points' own population misses the share among n points by chance,
with variance pi_k (1 - pi_k) (1 / N + 1 / n): with 40 labels of two equal classes by 8 points of a hundred. Answers
that are cut there err by as much where classes are well apart. The points say more.

1. A teacher that is fitted with an intercept has no mean residual on its own labels, sum (t_k - y_k) = 0. The mean of
   what it says of the points is then the difference estimator of survey sampling,

       w_k = p_k + (mean of t_k over the points - mean of t_k over its labels),

   which takes from p_k what the features foresee of its error.
2. Teachers of few labels are unsure, so that w goes only a part of the way. The points themselves know more: they are
   taken for a mixture of Gaussians in the K - 1 directions of a discriminant that is cut at w, with one covariance.
   With the labels as a Dirichlet prior of the shares, expectation-maximisation that starts at the discriminant finds
   their posterior mode,

       shares = (N p + m g) / (N + m),    g_k = mean_i r_ik,    r_ik proportional to shares_k N(x_i; mu_k, S),

   m = 20 (K - 1). Where classes are well apart g is a count of the points, where they are not it follows p.
3. Points are no Gaussians, so that n of them are not worth n labels. How far the mixture's shares g are from the true
   ones, t = sum_k (g_k - pi_k)^2 / pi_k, is (K - 1) / N for N labels; about 1 / 20 was seen on development tasks
   (docs/auto.md), as of 20 labels of two classes. What is seen of it here is T = max(0, sum_k (p_k - g_k)^2 / h_k -
   (K - 1) / N), h the mean of both, on K - 1 degrees of freedom. Together, with 2 degrees of freedom for what was seen
   before (a scaled inverse chi-squared prior of t),

       t = (2 / 20 + (K - 1) T) / (2 + K - 1),    m = (K - 1) / t,    shares = (N p + m g) / (N + m):

   a mixture that is far from the labels has little say, and one that agrees in many classes much.

The splits of a run keep the classes in proportion, and there p is not off by chance: this is for labels that somebody
drew, as the labeled points of an estimator are.

Sources: Cassel, Sarndal and Wretman, Some results on generalized difference estimation, Biometrika 1976; O'Neill,
Normal discrimination with unclassified observations, JASA 1978; Smyth, Linear models and empirical Bayes methods,
2004, for the prior of a variance.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.learners.discriminant import fit_discriminants
from outlearn.selection.candidates import has_many_points
from outlearn.selection.class_shares import (
    ClassShares,
    comparable,
    shares_called,
    shares_of_labels,
    shares_of_weak_labels,
)

__all__ = ["best_known_shares", "best_source", "moved_to_points"]

# The discriminant: of the candidates those in the middle.
STEPS, WEAK_SHARE = 3, 0.5
SHRINKAGE, SHRINKAGE_WITHIN = 1.0, 0.03
WORTH = 20  # labels, of all points together, for each class beyond the first, before they are compared with labels
PRIOR_FREEDOM = 2  # degrees of freedom of that
EM_STEPS = 10  # more change nothing
LEAST_VARIANCE = 1e-3  # of that of all points, added to the mixture's


def best_source(taught: object | None, true_labels: Sized) -> str:
    """Name the best that is known of the class shares, where nobody gives them: a name in `SHARE_SOURCES`.

    Args:
        taught: what is known of the true labels that the teachers learned from; None if they were not trained here.
        true_labels: of points whose true labels are used; may be empty.
    """
    if taught is not None:
        return "training_labels"
    return "true_labels" if len(true_labels) else "weak_labels"


def best_known_shares(
    taught: Float[np.ndarray, " classes"] | Int[np.ndarray, " classes"] | None,
    true_labels: Sequence[int] | Int[np.ndarray, " points"],
    labelers: Predictions,
    features: FeatureMatrix,
    *,
    drawn: bool = False,
) -> ClassShares:
    """Return the class shares by the best that is known of them, where nobody gives them.

    Args:
        taught: how many true labels of each class the teachers learned from; None if they were not trained here.
        true_labels: of points whose true labels are used; may be empty.
        labelers: who labels the student split, where there is neither.
        features: of the student split.
        drawn: whether what was taught was drawn by chance from where the student split comes from; else its classes
            are in the proportion of that split, as the splits of a run are.
    """
    source = best_source(taught, true_labels)
    if source == "weak_labels":
        return shares_called(labelers, features)
    counts = taught if taught is not None else np.bincount(true_labels, minlength=labelers.n_classes)
    counted = shares_of_labels(np.asarray(counts, dtype=np.float64), source)
    return moved_to_points(counted, labelers, features) if drawn and taught is not None else counted


def moved_to_points(counted: ClassShares, labelers: Predictions, features: FeatureMatrix) -> ClassShares:
    """Move counted class shares towards those that the points show; see the module's text.

    Args:
        counted: shares among the labels that the labelers learned from, which were drawn as the points were.
        labelers: on the points.
        features: of the points.
    """
    p, n_labels, free = counted.values, counted.counted, labelers.n_classes - 1
    g = _shares_of_mixture(_discriminant(labelers.mean(), features), p, n_labels)
    seen = max(0.0, float((np.square(p - g) * 2 / (p + g)).sum()) - free / n_labels)
    apart = (PRIOR_FREEDOM / WORTH + free * seen) / (PRIOR_FREEDOM + free)
    worth = free / apart  # m
    values = (n_labels * p + worth * g) / (n_labels + worth)
    return replace(counted, values=values)


def _discriminant(mean: Predictions, features: FeatureMatrix) -> Float[np.ndarray, "points classes"]:
    """Return what a discriminant of the labels says of the points when it is cut at the labels' own shares."""
    own = shares_of_weak_labels(mean).values
    within = has_many_points(*features.shape)
    heads = fit_discriminants(
        features,
        mean.probs,
        steps=[STEPS],
        weak_share=WEAK_SHARE,
        shrinkage=SHRINKAGE_WITHIN if within else SHRINKAGE,
        within=within,
        shares=own,
        weights=None if mean.answered is None else mean.answered.astype(np.float64),
    )[STEPS]
    logits = heads.predict(features)
    return comparable(logits, own).logits(logits)[0]


def _shares_of_mixture(
    logits: Float[np.ndarray, "points classes"], p: Float[np.ndarray, " classes"], n_labels: float
) -> Float[np.ndarray, " classes"]:
    """Fit the mixture by expectation-maximisation, and return g, the mean of r."""
    n, n_classes = logits.shape
    worth = min(WORTH * (n_classes - 1), n)
    basis = np.linalg.qr(np.eye(n_classes) - 1 / n_classes)[0][:, : n_classes - 1]  # logits have no say along 1
    y = (logits - logits.mean(axis=0)) @ basis
    total, r = y.T @ y / n, softmax(logits, axis=1)
    ridge = LEAST_VARIANCE * (np.trace(total) / len(total) or 1.0) * np.eye(len(total))
    for _ in range(EM_STEPS):
        part = np.maximum(r.mean(axis=0), 1 / n**2)
        shares = (n_labels * p + worth * part) / (n_labels + worth)
        mu = (r.T @ y) / n / part[:, None]
        along = np.linalg.solve(total - (mu.T * part) @ mu + ridge, mu.T)  # S^-1 mu_k
        r = softmax(y @ along - (mu.T * along).sum(axis=0) / 2 + np.log(shares), axis=1)
    return np.asarray(r.mean(axis=0))
