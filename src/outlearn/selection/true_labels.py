"""Few true labels beside many weak ones: points whose class is known, in the choice and among what is learned.

choose: candidates are ranked by

    w kappa + (1 - w) s,    w = n / (n + 100),

kappa that of a candidate's student with the true labels, none of which it has learned, and s its label-free criterion:
with few labels kappa is noise, and s, which is not, has the say.

learn: `selection.true_label_answer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array, vstack

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import kappa_matrix
from outlearn.errors import DataError
from outlearn.selection.train import Learned

__all__ = ["TrueLabels", "agreement_with", "with_true_labels"]

LEAST = 2  # true labels of a class: with one of them nothing can be held out


@dataclass(frozen=True, eq=False)
class TrueLabels:
    """Points whose true class is known, none of them in the student split.

    Attributes:
        features: of the points.
        labels: their classes.
        groups: a group's points are held out together; None if each point stands alone.
        seed: of the folds.

    Raises:
        DataError: unless two classes have two labels each.
    """

    features: FeatureMatrix
    labels: Int[np.ndarray, " points"]
    groups: Sequence[str] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.teaches(np.arange(len(self.labels))):
            raise DataError(
                f"true_labels: the {len(self.labels):,} points with a true label show fewer than {LEAST} classes "
                f"{LEAST} times, and nothing can be learned or held out. Label more points, or use true_labels: none."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def teaches(self, rows: Int[np.ndarray, " rows"]) -> bool:
        """Say whether some of the points are of two classes, with two points each."""
        return bool((np.unique(self.labels[rows], return_counts=True)[1] >= LEAST).sum() >= LEAST)

    def part(self, rows: Int[np.ndarray, " rows"]) -> TrueLabels:
        """Keep some of the points."""
        groups = None if self.groups is None else [self.groups[i] for i in rows.tolist()]
        return TrueLabels(self.features[rows], self.labels[rows], groups, self.seed)


def agreement_with(
    labels: Int[np.ndarray, " points"], hard: Int[np.ndarray, "candidates labelings points"], n_classes: int
) -> Float[np.ndarray, " candidates"]:
    """Measure kappa of each candidate's students with true labels, the mean over labelings."""
    truth = Predictions.from_probs(np.eye(n_classes)[labels][None])
    students = Predictions.from_probs(np.eye(n_classes)[hard.reshape(-1, hard.shape[-1])])
    return np.asarray(kappa_matrix(students, truth)[:, 0].reshape(hard.shape[:2]).mean(axis=1))


def with_true_labels(learned: Learned, true: TrueLabels) -> Learned:
    """Append points with true labels, the same ones to every labeling, held at these."""
    n_labelings, _, n_classes = learned.targets.shape
    one_hot = np.broadcast_to(np.eye(n_classes)[true.labels], (n_labelings, len(true), n_classes))
    weights = learned.weights
    return replace(
        learned,
        features=_stacked(learned.features, true.features),
        targets=np.concatenate([learned.targets, one_hot], axis=1),
        weights=None if weights is None else np.concatenate([weights, np.ones((n_labelings, len(true)))], axis=1),
        n_held=learned.n_held + len(true),
    )


def _stacked(first: FeatureMatrix, second: FeatureMatrix) -> FeatureMatrix:
    """Put the rows of two tables behind one another."""
    if isinstance(first, csr_array):
        return csr_array(vstack([first, second]).astype(first.dtype))
    return np.concatenate([first, np.asarray(second, first.dtype)])
