"""The shares of the classes among the points: where they come from, and students brought to them.

A student of weak labels ranks points better than it cuts them: how many it calls a class follows the prejudice of its
labels and of its loss. Offsets that give the class shares mend the cut and leave the ranking. Before that all students
are brought to one spread: losses differ in how sure their students are, which says nothing of how good they are.

Where nothing is known but labels from elsewhere, their own shares are the wrong ones: chance errors push them towards
equal shares (a class of 10% with three labels in ten exchanged has 34% of the labels). The majority of labels is right
where single ones are not, and a plain logistic regression on it takes the majority among points alike: the shares of
what it calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.class_means import class_offsets
from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.labelers.recipes import SHARE_SOURCES
from outlearn.core.many_class_offsets import MANY_CLASSES
from outlearn.core.predictions import Predictions
from outlearn.core.top_class import top_class
from outlearn.errors import ConfigError
from outlearn.selection.majority_student import called_by_majority_student

__all__ = [
    "ClassShares", "Comparable", "comparable", "given_shares", "reconciled_shares", "shares_called",
    "shares_of_labels", "shares_of_weak_labels",
]  # fmt: skip

SPREAD = 3.0  # standard deviation of the logits of a student that is made comparable
TOLERANCE = 1e-3  # of class shares
FAR = 0.15  # part of the points that shares and weak labels class differently, from which on a reader is warned


@dataclass(frozen=True, eq=False)
class ClassShares:
    """Shares of the classes and where they come from.

    Attributes:
        values: `[classes]`, above 0, summing to 1.
        source: a name in `SHARE_SOURCES`.
        counted: how many labels, or points that were called, they were counted on; infinite where they are given.
    """

    values: Float[np.ndarray, " classes"]
    source: str
    counted: float

    def warning(self, weak: Float[np.ndarray, " classes"], class_names: Sequence[str]) -> str | None:
        """Say that the weak labels' own shares are far from these, if they are."""
        apart = float(np.abs(self.values - weak).sum() / 2)  # total variation: points that must change their class
        if apart < FAR:
            return None
        k = int(np.abs(self.values - weak).argmax())
        return (
            f"The class shares {SHARE_SOURCES[self.source].label} are far from those of the weak labels: they differ "
            f"at {apart:.0%} of the points, most for {class_names[k]} ({self.values[k]:.0%} against {weak[k]:.0%}). "
            "Students are cut at the former; where these are wrong, so is the cut."
        )


def given_shares(shares: Sequence[float], n_classes: int) -> ClassShares:
    """Check shares that a user gives.

    Raises:
        ConfigError: unless there is one share above 0 for each class and they sum to 1.
    """
    values = np.asarray(shares, dtype=np.float64)
    if values.shape != (n_classes,) or not (values > 0).all() or abs(values.sum() - 1) > 1e-6:
        raise ConfigError(
            f"class_shares are {list(shares)}, which sum to {values.sum():g}; expected {n_classes} numbers above 0 "
            "that sum to 1, one for each class, in the order of the classes."
        )
    return ClassShares(values / values.sum(), "given", math.inf)


def shares_of_labels(counts: Float[np.ndarray, " classes"], source: str = "training_labels") -> ClassShares:
    """Return the shares of counted true labels, one more added to each class: a class that none has is still possible.

    Examples:
        >>> shares_of_labels(np.array([5.0, 1.0])).values
        array([0.75, 0.25])
    """
    return ClassShares((counts + 1.0) / (counts + 1.0).sum(), source, float(counts.sum()))


def shares_of_weak_labels(labelers: Predictions) -> ClassShares:
    """Return the labelers' mean probability of each class, over what they answer; a class has a point at least."""
    if labelers.answered is None:
        total, count = labelers.probs.sum(axis=(0, 1)), labelers.n_models * labelers.n_points
    else:
        total, count = labelers.probs[labelers.answered].sum(axis=0), int(labelers.answered.sum())
    return ClassShares((total + 1.0) / (count + len(total)), "weak_labels", count)


def shares_called(labelers: Predictions, features: FeatureMatrix) -> ClassShares:
    """Return the shares of the classes that a plain student of the labelers' majority calls, one point added each.

    The student: `selection.majority_student`.

    Args:
        labelers: on the student split; a point that nobody labels teaches nothing and is called too.
        features: of these points.
    """
    mean = labelers.mean()
    votes = top_class(mean.log_probs)
    answered = np.ones(votes.shape[:2]) if mean.answered is None else mean.answered.astype(np.float64)
    voted = np.flatnonzero((votes * answered[..., None]).sum(axis=(0, 1)) > 0)
    counts = np.zeros(labelers.n_classes)
    if len(voted) < 2:
        counts[voted] = labelers.n_points
    else:
        called = voted[called_by_majority_student(votes[0][:, voted], answered[0], features)]
        counts += np.bincount(called, minlength=labelers.n_classes)
    return ClassShares((counts + 1.0) / (counts + 1.0).sum(), "weak_labels", labelers.n_points)


def reconciled_shares(
    own: Float[np.ndarray, "models classes"], known: Float[np.ndarray, " classes"], counted: float, n_points: int
) -> Float[np.ndarray, "models classes"]:
    """Move students' own class shares towards the known ones, as far as sampling does not explain the difference.

    With K classes, q what the student says of n points and p counted on N labels, both of one population unless the
    student is prejudiced, m their pooled shares:

        Q = sum_k (p_k - q_k)^2 / (m_k (1/N + 1/n)),    I^2 = max(0, 1 - (K - 1) / Q),    shares = q + I^2 (p - q)

    Q is K - 1 on average where only chance sets them apart: p is then no better an estimate than q, and with many
    classes, a few labels of each, a worse one. Shares that are given (N infinite) are taken as they are.

    Args:
        own: q, of each student.
        known: p.
        counted: N.
        n_points: n.

    Examples:
        >>> q = np.array([[0.5, 0.5]])
        >>> reconciled_shares(q, np.array([0.52, 0.48]), 100, 100)
        array([[0.5, 0.5]])
        >>> reconciled_shares(q, np.array([0.9, 0.1]), 100, 100).round(2)
        array([[0.89, 0.11]])

    Source: Higgins and Thompson, Quantifying heterogeneity in a meta-analysis, 2002, for I^2.
    """
    if not np.isfinite(counted):
        return np.broadcast_to(known, own.shape)
    pooled = (counted * known + n_points * own) / (counted + n_points)
    q = (np.square(known - own) / pooled).sum(axis=-1, keepdims=True) / (1 / counted + 1 / n_points)
    unexplained = np.maximum(0.0, 1 - (own.shape[-1] - 1) / np.maximum(q, 1e-300))
    return np.asarray(own + unexplained * (known - own))


@dataclass(frozen=True, eq=False)
class Comparable:
    """What makes the logits of students comparable: a factor, then offsets.

    Attributes:
        factors: `[models]`, of the logits less their mean over classes.
        offsets: `[models, classes]`.
    """

    factors: Float[np.ndarray, " models"]
    offsets: Float[np.ndarray, "models classes"]

    def logits(self, logits: Float[np.ndarray, "models points classes"]) -> Float[np.ndarray, "models points classes"]:
        """Bring the same students' logits of any points to the common form."""
        common = logits - logits.mean(axis=-1, keepdims=True)
        common *= self.factors[:, None, None].astype(common.dtype)
        common += self.offsets[:, None, :].astype(common.dtype)
        return np.asarray(common)

    def times(self, weight: float) -> Comparable:
        """Weigh the students: what a dual mean of equal parts then makes of them is a weighted one."""
        return Comparable(weight * self.factors, weight * self.offsets)


def comparable(
    logits: Float[np.ndarray, "models points classes"], shares: Float[np.ndarray, "*models classes"] | None
) -> Comparable:
    """Find the factor and the offsets of each student from its logits on the points it learned from.

        z = 3 (log p - mean_k log p) / sd + b,    with b such that mean_i softmax(z_i) = shares

    sd is over points and classes. Without shares, b = 0; shares may be one row for all students, or one for each.

    Examples:
        >>> z = np.array([[[2.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
        >>> p = np.exp(comparable(z, np.array([0.5, 0.5])).logits(z))
        >>> (p / p.sum(-1, keepdims=True)).mean(axis=1).round(2)
        array([[0.5, 0.5]])
    """
    prior = None if shares is None else np.broadcast_to(shares, (len(logits), logits.shape[-1]))
    n_models = 1 if logits.shape[-1] >= MANY_CLASSES else len(logits)  # at once: large ones share nothing but memory
    parts = [slice(start, start + n_models) for start in range(0, len(logits), n_models)]
    found = [_comparable(logits[part], None if prior is None else prior[part]) for part in parts]
    return Comparable(
        np.concatenate([each.factors for each in found]), np.concatenate([each.offsets for each in found])
    )


def _comparable(logits: np.ndarray, prior: np.ndarray | None) -> Comparable:
    centred = logits - logits.mean(axis=-1, keepdims=True)
    spread = centred.std(axis=(1, 2), dtype=np.float64)
    factors = SPREAD / np.where(spread > 0, spread, np.inf)  # a student that says nothing stays silent
    if prior is None:
        return Comparable(factors, np.zeros((len(logits), logits.shape[-1])))
    centred *= factors[:, None, None].astype(centred.dtype)
    return Comparable(factors, class_offsets(centred, prior, tolerance=TOLERANCE))
