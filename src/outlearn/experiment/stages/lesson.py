"""A lesson: which models learn what, from which points; the same for frozen features and for fine-tuning.

It is known before anything is computed: the labels come from the entries of the stages that make them, when the time
has come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from outlearn.learners.jobs import HeadJob
from outlearn.store.stage import Entries, Stage

__all__ = ["Lesson"]


@dataclass(frozen=True)
class Lesson:
    """Say what is taught.

    Attributes:
        name, version: of the stage that teaches it.
        split: whose points the models learn from.
        predict: the splits that they predict.
        jobs: one a model; losses as configured, not yet settled on their labels.
        targets: entries -> labels, `[labellings, points, classes]`.
        weights: weights of the points, `[weightings, points]`, or None.
        settings: what decides the labels, beside the inputs.
        summary: how many models of what kind there are; with `settings` it decides jobs and weights.
        inputs: what `targets` reads, and fingerprints of all else.
        checkpoints: epochs at which predictions are made, beside the end; none where there are rounds.
        rounds: of self-distillation after the first fit; predictions are made at the end of each.
    """

    name: str
    version: int
    split: str
    predict: tuple[str, ...]
    jobs: tuple[HeadJob, ...]
    targets: Callable[[Entries], Float[np.ndarray, "labellings points classes"]]
    settings: Mapping[str, Any]
    summary: Mapping[str, Any]
    inputs: Mapping[str, Stage | str]
    weights: Float[np.ndarray, "weightings points"] | None = None
    checkpoints: tuple[float, ...] = ()
    rounds: int = 0
