"""What every part of an explanation is asked: against which target, in which divergence, at which level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outlearn.core.bias_variance import BiasVarianceSummary, bias_variance
from outlearn.core.generators import BregmanGenerator
from outlearn.core.intervals import Interval, point_interval
from outlearn.core.predictions import Predictions
from outlearn.core.targets import read_target

__all__ = ["Question"]


@dataclass(frozen=True)
class Question:
    """What every part is asked: against which target, in which divergence."""

    target: np.ndarray
    generator: BregmanGenerator
    order: str
    draws: bool
    level: float

    def decompose(self, models: Predictions) -> BiasVarianceSummary:
        """Split the risk of models into noise, bias and variance."""
        parts = bias_variance(self.target, models, generator=self.generator, order=self.order, draws=self.draws)
        return parts.summary(level=self.level)

    def risk(self, model: Predictions) -> Interval:
        """Measure the risk of one model."""
        parts = bias_variance(self.target, model, generator=self.generator, order=self.order, draws=self.draws)
        return point_interval(parts.total[None], self.level)

    def labels(self, models: Predictions) -> tuple[np.ndarray, str]:
        """Return the labels that classes are scored against, and what they are in words."""
        read = read_target(self.target, models, draws=self.draws)
        given = self.target.dtype.kind in "iu" and read.n_draws == 1
        words = "the labels" if given else "the most probable class of the target"
        return read.probs.mean(axis=0).argmax(axis=-1), words
