"""Weights of teachers from their agreement alone: no true label is used.

Let teacher i know the class with probability b_i and else guess, from a distribution of its own, and let teachers be
independent given the true class. Then the correlation of their hard labels (Matthews', for any number of classes)
factorises,

    R_ij = a_i a_j  for i != j,    a_i = R(teacher i, truth),

whatever the class shares and the guesses. For two classes every teacher above chance is of that kind, so independence
is all that is assumed. From three teachers on, the entries beside the diagonal give a. With equally likely classes
and errors spread evenly over the wrong ones, the best vote weighs teacher i by

    w_i = log((1 + (K - 1) a_i) / (1 - a_i)),

its log odds of being right, times the number of wrong classes. It fails where teachers share a bias: errors made
together look like knowledge, so a group of teachers alike gets more weight than it earns. `misfit` shows a part of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.log_space import log_mean
from outlearn.core.predictions import Predictions, check_predictions, weighted_log_mean
from outlearn.core.top_class import hard_votes
from outlearn.errors import AlignmentError

__all__ = ["TeacherWeights", "teacher_weights"]

BLOCKS = 20  # of points, each left out once by the jackknife
STEPS = 1000  # of coordinate descent; some tens are usual
TOLERANCE = 1e-10  # change of every a_i at which it stops


@dataclass(frozen=True, eq=False)
class TeacherWeights:
    """How much each teacher counts in a weighted mean; `combine` makes it.

    Attributes:
        weights: at least 0, sum 1.
        quality: a_i, estimated correlation of each teacher's hard labels with the truth, before shrinking; nan for
            fewer than three teachers, of which agreement does not identify it.
        correlation: R_ij, of the hard labels of each pair of teachers, over the points where both vote; 0 where one of
            them always gives the same label.
        kept: share of the spread of the qualities that is not noise of the points; they are shrunk to their mean by it.
        misfit: root mean square of R_ij - a_i a_j: 0 for independent teachers, up to noise; always 0 for three.
        reason: why the weights are equal, where nothing tells the teachers apart.
    """

    weights: Float[np.ndarray, "teachers"]
    quality: Float[np.ndarray, "teachers"]
    correlation: Float[np.ndarray, "teachers teachers"]
    kept: float
    misfit: float
    reason: str | None = None

    def combine(self, predictions: Predictions) -> Predictions:
        """Average the probabilities of the same teachers, on any points, as one model: sum_i w_i p_i.

        For votes (probabilities of 0 and 1) its most probable class is the weighted vote.

        Raises:
            AlignmentError: for another number of teachers.
        """
        if predictions.n_models != len(self.weights):
            raise AlignmentError(
                f"the weights are of {len(self.weights)} teachers; got predictions of {predictions.n_models}. Pass the "
                "same teachers, in the same order."
            )
        used = self.weights > 0  # a teacher without weight may say 0 where all others do
        if predictions.answered is not None:
            return predictions.as_one(weighted_log_mean(predictions, self.weights))
        return predictions.as_one(log_mean(predictions.log_probs[used], self.weights[used]))


def teacher_weights(predictions: Predictions) -> TeacherWeights:
    """Weigh teachers by what their agreement with each other says of them.

    a minimises the sum over i < j of (R_ij - a_i a_j)^2 within 0 <= a_i <= 1 - K / ((K - 1) n), since n points cannot
    show a teacher to be right more often than 1 - 1/n; then each a_i is shrunk to their mean by the share of their
    spread that a jackknife over points takes for noise, and weighed by w_i = log((1 + (K - 1) a_i) / (1 - a_i)). A
    teacher that shows nothing above chance (a_i = 0) has weight 0.

    Args:
        predictions: of all teachers on the same points, `[teachers, points, classes]`, whose labels need not be known;
            the points that students learn from, never the test points. Only each one's most probable class is used.

    Returns:
        The weights `[teachers]`; equal ones, with the reason, for fewer than three teachers or without agreement beyond
        chance. Nothing is raised: whatever teachers say, there is a weighted mean of it.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.integers(0, 2, 2000)
        >>> right = rng.random((4, 2000)) < np.array([[0.9], [0.7], [0.7], [0.7]])
        >>> votes = np.eye(2)[np.where(right, truth, 1 - truth)]
        >>> found = teacher_weights(Predictions.from_probs(votes))
        >>> found.quality.round(2), found.weights.round(2)    # 2 x accuracy - 1; log odds 2.2, 0.85, 0.85, 0.85
        (array([0.75, 0.41, 0.44, 0.41]), array([0.41, 0.19, 0.21, 0.19]))

    Source: Parisi et al., Ranking and combining multiple predictors without labeled data, 2014, for the rank-one
    matrix of two classes; knowing or guessing as in Hovy et al., Learning whom to trust with MACE, 2013; Gorodkin,
    Comparing two K-category assignments by a K-category correlation coefficient, 2004, for R. The correlation in place
    of the covariance, which leaves no unknown scale, and more than two classes are derived here.
    """
    check_predictions(predictions=predictions)
    n_teachers, n_points, n_classes = predictions.log_probs.shape
    equal = np.full(n_teachers, 1 / n_teachers)
    counts = _block_counts(hard_votes(predictions))
    correlation = _correlation(counts)
    if n_teachers < 3:
        unknown, reason = np.full(n_teachers, np.nan), "fewer than three teachers: agreement cannot rank them"
        return TeacherWeights(equal, unknown, correlation, 1.0, 0.0, reason)
    largest = 1 - n_classes / ((n_classes - 1) * max(n_points, 2))  # a of a teacher that errs at one point
    quality = _rank_one(correlation, largest)
    beside = ~np.eye(n_teachers, dtype=bool)
    misfit = float(np.sqrt(np.square(correlation - np.outer(quality, quality))[beside].mean()))
    kept = _share_kept(quality, counts, largest)
    shrunk = quality.mean() + kept * (quality - quality.mean())
    settled = np.where(quality > 0, shrunk, 0.0)  # a teacher that shows nothing does not borrow from the others
    votes = np.log1p((n_classes - 1) * settled) - np.log1p(-settled)  # w_i = log((1 + (K - 1) a_i) / (1 - a_i))
    if votes.sum() <= 0:
        reason = "the teachers do not agree beyond chance: nothing tells them apart"
        return TeacherWeights(equal, quality, correlation, kept, misfit, reason)
    return TeacherWeights(votes / votes.sum(), quality, correlation, kept, misfit)


@dataclass(frozen=True, eq=False)
class _Counts:
    """Counts of each pair of teachers, in blocks of points.

    `both`, `equal`: points where both vote, and alike, `[blocks, teachers, teachers]`. `labels`: the first one's votes
    where the second votes too, `[blocks, teachers, teachers, classes]`.
    """

    both: np.ndarray
    equal: np.ndarray
    labels: np.ndarray

    def without(self, block: int) -> _Counts:
        rest = np.arange(len(self.both)) != block
        return _Counts(self.both[rest], self.equal[rest], self.labels[rest])


def _block_counts(votes: np.ndarray) -> _Counts:
    # Every 20th point, so that a block is not a stretch of points that belong together.
    blocks = [votes[:, b::BLOCKS] for b in range(min(BLOCKS, votes.shape[1]))]
    speaks = [block.sum(axis=-1) for block in blocks]
    return _Counts(
        both=np.stack([s @ s.T for s in speaks]),
        equal=np.stack([np.einsum("ixk,jxk->ij", b, b, optimize=True) for b in blocks]),
        labels=np.stack([np.einsum("ixk,jx->ijk", b, s, optimize=True) for b, s in zip(blocks, speaks, strict=True)]),
    )


def _correlation(counts: _Counts) -> np.ndarray:
    n = np.maximum(counts.both.sum(axis=0), 1.0)
    shares = counts.labels.sum(axis=0) / n[..., None]
    # Gorodkin 2004: R_ij = sum_k Cov(1[h_i = k], 1[h_j = k]) / sqrt(V_i V_j), V_i = sum_k Var(1[h_i = k])
    covariance = counts.equal.sum(axis=0) / n - np.einsum("ijk,jik->ij", shares, shares)
    spread = np.sqrt(np.clip(1 - np.square(shares).sum(axis=-1), 0.0, None))
    scale = spread * spread.T
    undefined = (scale <= 1e-12) | (counts.both.sum(axis=0) == 0)  # always the same label, or never both
    return np.where(undefined, 0.0, covariance / np.where(undefined, 1.0, scale))


def _rank_one(correlation: np.ndarray, largest: float) -> np.ndarray:
    """Fit R_ij = a_i a_j beside the diagonal by coordinate descent: each step is the exact minimum in one a_i."""
    n = len(correlation)
    beside = correlation * ~np.eye(n, dtype=bool)
    # Start from the leading eigenvector, with the sign that has most teachers above chance.
    values, vectors = np.linalg.eigh(beside)
    leading = vectors[:, -1] * np.sign(vectors[:, -1].sum())
    a = np.clip(np.sqrt(max(values[-1], 0.0)) * leading, 0.0, largest)
    for _ in range(STEPS):
        before = a.copy()
        for i in range(n):
            # d/d a_i sum_j (R_ij - a_i a_j)^2 = 0 over j != i: a_i = sum_j R_ij a_j / sum_j a_j^2
            weight = a @ a - a[i] ** 2
            a[i] = np.clip(beside[i] @ a / weight, 0.0, largest) if weight > 0 else 0.0
        if np.abs(a - before).max() < TOLERANCE:
            break
    return a


def _share_kept(quality: np.ndarray, counts: _Counts, largest: float) -> float:
    """Return the share of the qualities' spread about their mean that is not noise, between 0 and 1."""
    n_blocks = len(counts.both)
    spread = np.square(quality - quality.mean()).mean()
    if n_blocks < 2 or spread == 0:
        return 0.0
    left = np.stack([_rank_one(_correlation(counts.without(b)), largest) for b in range(n_blocks)])
    left -= left.mean(axis=1, keepdims=True)
    # Tukey's jackknife variance of each deviation: (B - 1)/B times the sum of squares over the B left-out estimates
    noise = (n_blocks - 1) / n_blocks * np.square(left - left.mean(axis=0)).sum(axis=0).mean()
    return float(max(0.0, 1 - noise / spread))
