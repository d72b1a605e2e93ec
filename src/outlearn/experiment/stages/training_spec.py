"""What is to be trained, and what can train it: the same for frozen features and for fine-tuning.

A specification is known before anything is computed: the labels come from the entries of the stages that make them,
when the time has come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from jaxtyping import Float

from outlearn.data.splits import Splits
from outlearn.learners.jobs import HeadJob
from outlearn.store.stage import Entries, Stage

__all__ = ["Model", "TrainingSpec"]


@dataclass(frozen=True)
class TrainingSpec:
    """Say which models learn what, from which points.

    Attributes:
        name, version: of the stage that trains them.
        split: whose points the models learn from.
        predict: the splits that they predict.
        jobs: one a model; losses as configured, not yet settled on their labels.
        targets: entries -> labels, `[labelings, points, classes]`.
        weights: weights of the points, `[weightings, points]`, or None.
        settings: what decides the labels, beside the inputs.
        summary: how many models of what kind there are; with `settings` it decides jobs and weights.
        inputs: what `targets` reads, and fingerprints of all else.
        checkpoints: epochs at which predictions are made, beside the end; none where there are rounds.
        rounds: of self-distillation after the first fit; predictions are made at the end of each.
        kept: jobs whose trained model is stored, where that is large; heads are always stored.
    """

    name: str
    version: int
    split: str
    predict: tuple[str, ...]
    jobs: tuple[HeadJob, ...]
    targets: Callable[[Entries], Float[np.ndarray, "labelings points classes"]]
    settings: Mapping[str, Any]
    summary: Mapping[str, Any]
    inputs: Mapping[str, Stage | str]
    weights: Float[np.ndarray, "weightings points"] | None = None
    checkpoints: tuple[float, ...] = ()
    rounds: int = 0
    kept: tuple[int, ...] = ()


class Model(Protocol):
    """Heads on frozen features, or a model that is fine-tuned as a whole; nobody else knows which.

    It is a dataclass, so that `dataclasses.replace` gives the same model on other `splits`.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def splits(self) -> Splits:
        """The points that a specification names."""

    def train(self, spec: TrainingSpec) -> Stage:
        """Describe the stage that trains what is specified.

        Its arrays: for each split to predict, float32 logits `[checkpoints, models, points, classes]`, and
        `checkpoints` in epochs.
        """
