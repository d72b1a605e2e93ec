"""From teachers' predictions to the weak labels that students are trained on."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

from outlearn.core.predictions import Predictions
from outlearn.experiment.config import WeakLabelSection
from outlearn.experiment.randomness import generator

__all__ = ["label_source", "weak_labels"]


def label_source(teachers: Predictions, source: Literal["each", "mean", "dual_mean"]) -> Predictions:
    """Return the predictions that label the students' points: each teacher's own, or one ensemble's.

    Args:
        teachers: the teachers' predictions.
        source: each, mean (arithmetic) or dual_mean (normalised geometric).
    """
    if source == "each":
        return teachers
    return teachers.mean() if source == "mean" else teachers.dual_mean()


def weak_labels(
    source: Predictions, section: WeakLabelSection, *, seed: int
) -> Float[np.ndarray, "labellings points classes"]:
    """Make the weak labels of the student split.

    soft: t. hard: one-hot argmax t (ties: the first class). temperature: t^(1/T), normalised. sampled: one class drawn
    from t.

    Args:
        source: who labels, on the student split.
        section: the configuration.
        seed: the run's seed, for sampling.

    Returns:
        One distribution per labelling and point.
    """
    if section.kind == "temperature":
        return np.exp(Predictions.from_logits(source.log_probs / section.temperature).log_probs)
    probs = np.exp(source.log_probs)
    if section.kind == "soft":
        return probs
    if section.kind == "hard":
        chosen = probs.argmax(axis=-1)
    else:
        draws = np.stack([generator(seed, "sampled labels", m).random(probs.shape[1]) for m in range(len(probs))])
        # Inverse CDF; the last class takes what rounding leaves.
        chosen = (draws[..., None] > probs.cumsum(axis=-1)[..., :-1]).sum(axis=-1)
    return np.eye(probs.shape[-1])[chosen]
