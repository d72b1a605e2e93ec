"""The ceilings: students of the true labels of the student split, trained with forward cross-entropy."""

from __future__ import annotations

import numpy as np

from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.config import Config
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.randomness import child_seed
from outlearn.experiment.stage import Stage
from outlearn.experiment.stages.lesson import Lesson
from outlearn.experiment.stages.model import Model
from outlearn.learners.base import HeadJob
from outlearn.losses import get_loss

__all__ = ["ceilings_stage"]

VERSION = 3


def ceilings_stage(task: Task, splits: Splits, model: Model, config: Config) -> Stage:
    """Describe the training of the student's model on true labels, as often as `ceiling.models` says."""
    # A convex learner has no randomness: one ceiling is all there is.
    models = 1 if config.student.learner.kind == "convex" else config.ceiling.models
    return model.train(
        Lesson(
            name="ceilings",
            version=VERSION,
            split="student",
            predict=EVALUATED,
            jobs=tuple(
                HeadJob(labelling=0, loss=get_loss("forward_ce"), seed=child_seed(config.seed, "ceiling", r))
                for r in range(models)
            ),
            targets=lambda entries: np.eye(task.n_classes)[task.labels[splits.student]][None],
            settings={},
            summary={"models": models, "seed": config.seed},
            inputs={"task": task.fingerprint},
        )
    )
