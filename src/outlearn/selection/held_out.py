"""Tune a named loss as a careful user without true labels would: by accuracy on held-out labels of its own labelers.

One setting, length x weight decay on the candidates' grid, is chosen for each loss, by the mean over its labelers: that
is steadier than one for each. Validation points are held out: no student has learned from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import weak_label_accuracy
from outlearn.core.top_class import hard_votes
from outlearn.losses import Loss
from outlearn.selection.candidates import HeadCandidate
from outlearn.selection.train import Learned, Report, fit_candidates

__all__ = ["HeldOut", "measure_held_out"]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Students of losses at every setting, from the labels of some labelers.

    Attributes:
        candidates: the settings.
        accuracy: how often students repeat their own labeler on the validation split.
        hard: their most probable classes on the test split.
    """

    candidates: tuple[HeadCandidate, ...]
    accuracy: Float[np.ndarray, "candidates labelers"]
    hard: Integer[np.ndarray, "candidates labelers points"]

    def best(self, loss: Loss) -> int | None:
        """Return the setting of a loss with the highest held-out accuracy, the first of equals; None without any."""
        mean = self.accuracy.mean(axis=1)
        settings = [i for i, each in enumerate(self.candidates) if each.loss == loss and np.isfinite(mean[i])]
        return max(settings, key=lambda i: mean[i]) if settings else None


def measure_held_out(
    learned: Learned,
    labelers: Predictions,
    points: Mapping[str, FeatureMatrix],
    candidates: Sequence[HeadCandidate],
    seeds: Sequence[int],
    *,
    progress: Report | None = None,
) -> HeldOut:
    """Train every setting for every labeler.

    Args:
        learned: what they learn from, one row of targets for each labeler.
        labelers: what they say of the validation points.
        points: "validation" and "test".
        candidates: the settings.
        seeds: one for each labeler.
        progress: called with (parts done, all parts).
    """
    votes = hard_votes(labelers)
    models = list(enumerate(seeds))
    dtype = np.uint8 if labelers.n_classes <= 256 else np.int32
    accuracy = np.full((len(candidates), len(models)), np.nan)
    hard = np.zeros((len(candidates), len(models), points["test"].shape[0]), dtype)
    index = {candidate: i for i, candidate in enumerate(candidates)}
    for fitted in fit_candidates(learned, points, candidates, models, progress=progress):
        at = index[fitted.candidate]  # type: ignore[index]
        own = fitted.logits["validation"]
        accuracy[at] = [weak_label_accuracy(v[None], z[None]) for v, z in zip(votes, own, strict=True)]
        hard[at] = fitted.logits["test"].argmax(axis=-1)
    return HeldOut(tuple(candidates), accuracy, hard)
