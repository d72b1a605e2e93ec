"""From teachers' predictions to the weak labels that students are trained on.

Teachers can be combined first. What a combination has to estimate (weights, confusions) it estimates from the weak
labels of the student split, and then applies to every split: no true label is used, and no test point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from outlearn.core.dawid_skene import dawid_skene
from outlearn.core.predictions import Predictions
from outlearn.core.teacher_weights import teacher_weights
from outlearn.core.top_class import top_class
from outlearn.experiment.randomness import generator

if TYPE_CHECKING:  # the configuration checks names that this module's users know
    from outlearn.experiment.config import WeakLabelSection

__all__ = ["COMBINATIONS", "combined", "label_source", "weak_labels"]

COMBINATIONS: Mapping[str, Callable[[Predictions], Callable[[Predictions], Predictions]]] = {
    "mean": lambda fit_on: Predictions.mean,
    "dual_mean": lambda fit_on: Predictions.dual_mean,
    "weighted": lambda fit_on: teacher_weights(fit_on).combine,
    "dawid_skene": lambda fit_on: dawid_skene(fit_on).combine,
}
"""Ways to make one labeller of several: from the teachers on the points to estimate from, what combines them."""


def combined(teachers: Mapping[str, Predictions], name: str) -> dict[str, Predictions]:
    """Combine the teachers of each split into one labeller.

    Args:
        teachers: split -> the teachers' predictions; the split "student" is what weights are estimated on.
        name: a key of COMBINATIONS.
    """
    combine = COMBINATIONS[name](teachers["student"])
    return {split: combine(each) for split, each in teachers.items()}


def label_source(teachers: Mapping[str, Predictions], source: str) -> dict[str, Predictions]:
    """Return the predictions that label the students' points, on each split: each teacher's own, or one combination's.

    Args:
        teachers: split -> the teachers' predictions.
        source: "each", or a key of COMBINATIONS.
    """
    return dict(teachers) if source == "each" else combined(teachers, source)


def weak_labels(
    source: Predictions, section: WeakLabelSection, *, seed: int
) -> Float[np.ndarray, "labellings points classes"]:
    """Make the weak labels of the student split.

    soft: t. hard: one-hot argmax t, split evenly among tied classes. temperature: t^(1/T), normalised. sampled: one
    class drawn from t.

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
        return top_class(source.log_probs)
    draws = np.stack([generator(seed, "sampled labels", m).random(probs.shape[1]) for m in range(len(probs))])
    # Inverse CDF; the last class takes what rounding leaves.
    chosen = (draws[..., None] > probs.cumsum(axis=-1)[..., :-1]).sum(axis=-1)
    return np.eye(probs.shape[-1])[chosen]
