"""The weak labels that students are trained on, from the predictions of whoever labels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.core.numbers import AnyPredictions, Numbers
from outlearn.core.predictions import Predictions
from outlearn.core.randomness import generator
from outlearn.core.top_class import top_class
from outlearn.experiment.config import WeakLabelSection

__all__ = ["weak_labels"]


def weak_labels(
    source: AnyPredictions, section: WeakLabelSection, *, seed: int
) -> Float[np.ndarray, "labelings points classes"]:
    """Make the weak labels of the student split.

    soft: t. hard: one-hot argmax t, split evenly among tied classes. temperature: t^(1/T), normalised. sampled: one
    class drawn from t, the distribution of whoever labels, with the run's seed. Numbers are taught as they are.
    """
    if isinstance(source, Numbers):
        return source.coordinates()
    if section.kind == "temperature":
        return np.exp(Predictions.from_logits(source.log_probs / section.temperature).log_probs)
    probs = np.exp(source.log_probs)
    if section.kind == "soft":
        return probs
    if section.kind == "hard":
        return top_class(source.log_probs)
    draws = np.stack([generator(seed, "sampled labels", m).random(probs.shape[1]) for m in range(len(probs))])
    # Inverse CDF; the last class takes what rounding leaves.
    chosen = (draws[..., None] > probs.cumsum(axis=-1)[..., :-1]).sum(axis=-1)
    return np.eye(probs.shape[-1])[chosen]
