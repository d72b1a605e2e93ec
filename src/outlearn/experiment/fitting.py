"""Train with the learner that the configuration names: the one place that knows which learners there are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float32

from outlearn.experiment.config import ConvexLearner, HeadLearner
from outlearn.experiment.progress import Advance
from outlearn.learners.base import FitResult, HeadJob, HeadSettings
from outlearn.learners.convex import fit_convex
from outlearn.learners.heads import fit_predict

__all__ = ["fit"]


def fit(
    learner: ConvexLearner | HeadLearner,
    features: Float32[np.ndarray, "points features"],
    targets: Float[np.ndarray, "labellings points classes"],
    jobs: list[HeadJob],
    points: Mapping[str, Float32[np.ndarray, "others features"]],
    *,
    bias: bool,
    weights: Float[np.ndarray, "weightings points"] | None = None,
    checkpoints: tuple[float, ...] = (),
    advance: Advance | None = None,
) -> FitResult:
    """Train with the learner that the configuration names."""
    if isinstance(learner, ConvexLearner):
        return fit_convex(features, targets, jobs, points, C=learner.C, bias=bias, weights=weights, progress=advance)
    settings = HeadSettings(bias=bias, **learner.model_dump(exclude={"kind"}))
    return fit_predict(
        features,
        targets,
        jobs,
        points,
        settings=settings,
        weights=weights,
        progress=advance,
        checkpoints=tuple(epoch for epoch in checkpoints if epoch < learner.epochs),
    )
