"""The weak teachers: trained here on true labels of the teacher split."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.config import TeacherSection
from outlearn.experiment.draws import draw_teachers
from outlearn.experiment.points import EVALUATED, point_ids
from outlearn.experiment.randomness import child_seed
from outlearn.experiment.stage import Stage
from outlearn.experiment.stages.lesson import Lesson
from outlearn.experiment.stages.model import Model
from outlearn.experiment.store import Entry
from outlearn.learners.base import HeadJob
from outlearn.losses import get_loss

__all__ = ["teacher_predictions", "teachers_stage"]

VERSION = 3
LABELLED = ("student", *EVALUATED)


def teachers_stage(task: Task, splits: Splits, model: Model, section: TeacherSection, *, seed: int) -> Stage:
    """Describe the training of the teachers on true labels of the teacher split, each on its own draw.

    Its arrays: `student`, `validation`, `test`, logits `[checkpoints, models, points, classes]`.
    """
    labels = task.labels[splits.teacher]
    return model.train(
        Lesson(
            name="teachers",
            version=VERSION,
            split="teacher",
            predict=LABELLED,
            jobs=tuple(
                HeadJob(labelling=0, loss=get_loss("forward_ce"), weighting=m, seed=child_seed(seed, "teacher", m))
                for m in range(section.models)
            ),
            targets=lambda entries: np.eye(task.n_classes)[labels][None],
            weights=draw_teachers(labels, models=section.models, size=section.labels, draw=section.draw, seed=seed),
            settings={},
            summary={"models": section.models, "draw": section.draw, "labels": section.labels, "seed": seed},
            inputs={"task": task.fingerprint},
        )
    )


def teacher_predictions(entry: Entry, task: Task, splits: Splits) -> Mapping[str, Predictions]:
    """Read the teachers' predictions on the student, validation and test splits."""
    return {
        name: Predictions.from_logits(entry.arrays[name][-1], point_ids=point_ids(task, getattr(splits, name)))
        for name in LABELLED
    }
