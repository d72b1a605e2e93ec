"""The learner of numbers: linear heads with a ridge, to their optimum, from one factorisation where possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.errors import ConfigError
from outlearn.learners.fitted import FitResult, Heads
from outlearn.learners.generalised import fit_generalised
from outlearn.learners.jobs import HeadJob, through_links
from outlearn.learners.learner import Learner
from outlearn.learners.ridge_heads import PENALTIES, fit_ridge
from outlearn.losses.numbers import NumberLoss, SquaredError
from outlearn.progress import Advance

__all__ = ["RidgeLearner", "number_loss"]


class RidgeLearner(Learner):
    """Linear heads on numbers: sum of losses + penalty |W|^2, as scikit-learn's Ridge writes it."""

    kind: Literal["ridge"] = "ridge"
    # None: for each head the one of PENALTIES with the least error on its own labels, left out one by one.
    penalty: Annotated[float, Field(gt=0)] | None = None
    # The ridge means something only if its features share a scale. None: the encoder says whether they do.
    standardise: bool | None = None

    label: ClassVar[str] = "ridge regression"
    line: ClassVar[str] = "A linear head on numbers to its optimum, its penalty by leave-one-out on its own labels."
    has_randomness: ClassVar[bool] = False
    of_classes: ClassVar[bool] = False
    of_numbers: ClassVar[bool] = True

    def on_features(self, *, common_scale: bool) -> RidgeLearner:
        """Standardise unless told otherwise: penalties are of standardised features, whatever the encoder."""
        return self if self.standardise is not None else self.model_copy(update={"standardise": True})

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
    ) -> FitResult:
        """Minimise, and predict numbers at the optimum; jobs of one loss are fitted together.

        Raises:
            ConfigError: for a loss of classes.
        """
        numbers, losses = np.asarray(targets, dtype=np.float64)[..., 0], [number_loss(job) for job in jobs]
        weight, intercept = np.empty((len(jobs), features.shape[1])), np.empty(len(jobs))
        penalties = PENALTIES if self.penalty is None else (self.penalty,)
        done = 0
        for loss in dict.fromkeys(losses):
            members = [i for i, each in enumerate(losses) if each == loss]
            labels = numbers[[jobs[i].labeling for i in members]]
            of_examples = None if weights is None else np.stack([_weights(jobs[i], weights) for i in members])
            if isinstance(loss, SquaredError):
                heads = fit_ridge(
                    features, labels, penalties, weights=of_examples, bias=bias,
                    standardise=self.standardise is not False, held_out=len(penalties) > 1,
                )  # fmt: skip
                heads = heads.at(heads.best()) if len(penalties) > 1 else heads
                weight[members], intercept[members] = heads.weight[0], heads.bias[0]
            else:
                for row, i in enumerate(members):
                    own = None if of_examples is None else of_examples[row]
                    head = fit_generalised(
                        _dense(features), labels[row], loss, penalties, weights=own,
                        standardise=self.standardise is not False,
                    )  # fmt: skip
                    weight[i], intercept[i] = head.weight, head.bias
            done += len(members)
            if progress is not None:
                progress(done, len(jobs))
        width = features.shape[1]
        fitted = Heads(np.zeros(width), np.ones(width), weight[..., None], intercept[:, None])
        predicted = {name: fitted.predict(x) for name, x in points.items()}
        found = FitResult({name: each[None] for name, each in predicted.items()}, (1.0,), (fitted,))
        through_links(found.logits.values(), jobs)
        return found


def number_loss(job: HeadJob) -> NumberLoss:
    """Return the loss of a job.

    Raises:
        ConfigError: if it is one of classes.
    """
    if not isinstance(job.loss, NumberLoss):
        raise ConfigError(f"{job.loss.name} is a loss of classes, and ridge learns numbers; use squared_error.")
    return job.loss


def _weights(job: HeadJob, weights: np.ndarray) -> np.ndarray:
    return np.ones(weights.shape[1]) if job.weighting is None else weights[job.weighting]


def _dense(features: FeatureMatrix) -> np.ndarray:
    return np.asarray(features if isinstance(features, np.ndarray) else features.toarray(), dtype=np.float64)
