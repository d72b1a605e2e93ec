"""The learners of heads on frozen features: to the optimum, or by minibatches; all heads in one computation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.learners.convex import fit_convex
from outlearn.learners.fitted import Predicted
from outlearn.learners.heads import fit_predict
from outlearn.learners.jobs import HeadJob, HeadSettings
from outlearn.learners.learner import Learner
from outlearn.progress import Advance

__all__ = ["ConvexLearner", "HeadLearner"]

# Logits to keep of all checkpoints together, 512 MiB; beyond, heads predict those before the end when asked to.
PATH_LOGITS = 2**27


class ConvexLearner(Learner):
    """Logistic regression to its optimum: sum of cross-entropies + |W|^2 / (2 C), as scikit-learn writes it."""

    kind: Literal["convex"] = "convex"
    C: Annotated[float, Field(gt=0)] = 1.0
    # The ridge means something only if its features share a scale. None: the encoder says whether they do. Words of
    # TF-IDF do: each text is a vector of length 1, and a word's size is its weight, which dividing by the deviation
    # over the split would undo, until words that occur once count most.
    standardise: bool | None = None

    label: ClassVar[str] = "logistic regression"
    line: ClassVar[str] = "A linear head trained to its optimum, with a certificate; losses that are cross-entropies."
    has_randomness: ClassVar[bool] = False
    needs_every_class: ClassVar[bool] = True

    def on_features(self, *, common_scale: bool) -> ConvexLearner:
        """Settle whether to standardise, if the configuration does not."""
        return self if self.standardise is not None else self.model_copy(update={"standardise": not common_scale})

    def fit(
        self,
        features: FeatureMatrix,
        targets: Float[np.ndarray, "labelings examples classes"],
        jobs: Sequence[HeadJob],
        points: Mapping[str, FeatureMatrix],
        *,
        bias: bool,
        weights: Float[np.ndarray, "weightings examples"] | None = None,
        checkpoints: Sequence[float] = (),
        progress: Advance | None = None,
    ) -> Predicted:
        """Minimise, and predict at the optimum."""
        return fit_convex(
            features,
            targets,
            jobs,
            points,
            C=self.C,
            standardise=self.standardise is not False,  # features of no encoder may have any scale
            bias=bias,
            weights=weights,
            progress=progress,
        )


class HeadLearner(Learner):
    """A linear head, or one hidden layer of `hidden` ReLU units, trained by AdamW on minibatches."""

    kind: Literal["adamw"] = "adamw"
    hidden: Annotated[int, Field(ge=1, le=65_536)] | None = None
    epochs: Annotated[float, Field(gt=0, le=1_000_000)] = 20  # bounds are beyond any use, and below any memory
    batch_size: Annotated[int, Field(ge=1)] = 128
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    # Heads that share one minibatch order share its part of the seed variance: evidence for the default is in
    # docs/heads.md.
    order_groups: Annotated[int, Field(ge=1)] = 4
    # AdamW moves every weight by about the learning rate in a step, whatever the size of its feature: without
    # standardising, small features are not learned in the epochs there are.
    standardise: bool = True

    label: ClassVar[str] = "heads by minibatches"
    line: ClassVar[str] = "Linear heads, or with one hidden layer, by AdamW; any loss, hundreds of heads at once."
    of_numbers: ClassVar[bool] = True
    has_epochs: ClassVar[bool] = True
    can_distil: ClassVar[bool] = True

    @property
    def seed_groups(self) -> int:
        """Return the number of minibatch orders."""
        return self.order_groups

    def head_settings(self, *, bias: bool) -> HeadSettings:
        """Return the settings of all heads."""
        return HeadSettings(bias=bias, **self.model_dump(exclude={"kind"}))

    def fit(
        self,
        features: FeatureMatrix,
        targets: Float[np.ndarray, "labelings examples classes"],
        jobs: Sequence[HeadJob],
        points: Mapping[str, FeatureMatrix],
        *,
        bias: bool,
        weights: Float[np.ndarray, "weightings examples"] | None = None,
        checkpoints: Sequence[float] = (),
        progress: Advance | None = None,
    ) -> Predicted:
        """Train by minibatches, and predict at the end, and at the checkpoints before it if these are few numbers."""
        epochs = tuple(epoch for epoch in checkpoints if epoch < self.epochs)
        n_logits = (len(epochs) + 1) * len(jobs) * sum(x.shape[0] for x in points.values()) * np.shape(targets)[-1]
        return fit_predict(
            features,
            targets,
            jobs,
            points,
            settings=self.head_settings(bias=bias),
            weights=weights,
            progress=progress,
            checkpoints=epochs,
            predict_path=n_logits <= PATH_LOGITS,
        )
