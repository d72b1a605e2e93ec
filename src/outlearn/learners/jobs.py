"""What a learner is asked for: jobs, one for each model, and the settings that all heads of a call share.

Learners are plural: one call trains many models on the same features. A job names the labels, the loss, the sample
weights and the seed of one of them. How heads are trained and how fast it is: docs/heads.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from outlearn.core.ranges import Range, Whole, check_fields
from outlearn.lazy_torch import torch
from outlearn.losses import Loss, check_targets, resolve
from outlearn.losses.numbers import NumberLoss

__all__ = ["HeadJob", "HeadSettings", "Positive", "settled", "through_links"]

Positive: TypeAlias = Annotated[float, Range(0.0, open_low=True)]


@dataclass(frozen=True)
class HeadJob:
    """Describe one head to train.

    Args:
        labeling: index into `targets`: whose labels it learns.
        loss: the loss, settled by `resolve` where it has a quantile.
        weighting: index into `weights`; None gives every example the weight 1.
        seed: fixes the initial weights and, modulo `order_groups`, the order of the minibatches.
    """

    labeling: int
    loss: Loss
    weighting: int | None = None
    seed: int = 0

    def __str__(self) -> str:
        """Name the job in an error message."""
        weighting = "" if self.weighting is None else f", weighting {self.weighting}"
        return f"labeling {self.labeling}, loss {self.loss}{weighting}, seed {self.seed}"


@dataclass(frozen=True)
class HeadSettings:
    """Hold what all heads of a call share: architecture, length, optimiser.

    Args:
        hidden: width of one hidden layer of rectified linear units, or None for a linear head.
        bias: whether each layer has a bias.
        epochs: passes over the examples; a fraction is allowed, rounded to whole minibatches.
        batch_size: examples in a minibatch; the last one of an epoch may be smaller.
        learning_rate: of AdamW (betas 0.9 and 0.999, epsilon 1e-8).
        weight_decay: decoupled, on every parameter as in torch.
        schedule: "cosine" lowers the learning rate to 0 over the training, "constant" keeps it.
        order_groups: number of different minibatch orders; heads share one by `seed % order_groups`.
        standardise: subtract the training features' mean (not without a bias) and divide by their standard deviation.
        dtype: "float32", or "float64" to check results.
    """

    hidden: Whole | None = None
    bias: bool = True
    epochs: Positive = 20.0
    batch_size: Whole = 128
    learning_rate: Positive = 3e-3
    weight_decay: Annotated[float, Range(0.0)] = 1e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    order_groups: Whole = 4
    standardise: bool = True
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        """Check every setting; ConfigError names one that is not allowed."""
        check_fields(self)

    def rate(self, progress: float) -> float:
        """Return the learning rate at a fraction of the training in [0, 1)."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))


def settled(
    jobs: Sequence[HeadJob],
    targets: Float[np.ndarray, "labelings points classes"],
    weights: Float[np.ndarray, "weightings points"] | None = None,
) -> list[HeadJob]:
    """Settle each job's loss on the labels that it learns from, of weight above 0: a quantile becomes a threshold.

    Raises:
        DomainError: if a loss cannot take its labels.
    """
    known: dict[tuple[Loss, int, int | None], Loss] = {}
    found = []
    for job in jobs:
        key = (job.loss, job.labeling, None if weights is None else job.weighting)
        if key not in known:
            labels = targets[job.labeling]
            if weights is not None and job.weighting is not None:
                labels = labels[weights[job.weighting] > 0]
            known[key] = resolve(job.loss, torch.from_numpy(labels))
            check_targets(known[key], torch.from_numpy(labels))
        found.append(replace(job, loss=known[key]))
    return found


def through_links(
    outputs: Iterable[Float[np.ndarray, "checkpoints models points outputs"]], jobs: Sequence[HeadJob]
) -> None:
    """Turn the outputs of models that learned numbers into numbers, in place; logits of classes stay."""
    for array in outputs:
        for i, job in enumerate(jobs):
            if isinstance(job.loss, NumberLoss) and job.loss.link != "identity":
                array[:, i] = job.loss.predicted(array[:, i])
