"""The weak teachers: trained here on true labels of the teacher split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.numbers import Numbers
from outlearn.core.predictions import Predictions
from outlearn.core.randomness import child_seed
from outlearn.data.draws import draw_teachers
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.errors import ConfigError
from outlearn.experiment.config import Config, TeacherSection
from outlearn.experiment.points import EVALUATED, point_ids
from outlearn.experiment.stages.training_spec import Model, TrainingSpec
from outlearn.learners.jobs import HeadJob
from outlearn.losses import get_loss
from outlearn.store.stage import Stage
from outlearn.store.store import Entry

__all__ = [
    "LABELED",
    "answered_array",
    "number_predictions",
    "teacher_draws",
    "teacher_predictions",
    "teachers_stage",
    "training_label_counts",
]

VERSION = 4
LABELED = ("student", *EVALUATED)


def teacher_draws(
    task: Task, splits: Splits, section: TeacherSection, *, seed: int
) -> Float[np.ndarray, "models teacher_points"]:
    """Return how often each teacher learns from each point of the teacher split."""
    return _drawn(task, splits, section.models, section.labels, section.draw, seed)


@lru_cache(maxsize=1)  # teachers and controls ask, and the runs of a sweep on the same points
def _drawn(
    task: Task, splits: Splits, models: int, size: int, draw: Literal["disjoint", "bootstrap", "seeds"], seed: int
) -> Float[np.ndarray, "models teacher_points"]:
    return draw_teachers(task.labels[splits.teacher], models=models, size=size, draw=draw, seed=seed)


def teachers_stage(task: Task, splits: Splits, model: Model, section: TeacherSection, *, seed: int) -> Stage:
    """Describe the training of the teachers on true labels of the teacher split, each on its own draw.

    Its arrays: `student`, `validation`, `test`, logits `[checkpoints, models, points, classes]`.
    """
    labels = task.labels[splits.teacher]
    weights = teacher_draws(task, splits, section, seed=seed)
    if section.learner.needs_every_class and task.kind != "preference":  # its heads have an intercept for each class
        _check_classes(weights, labels, task.class_names, section)
    return model.train(
        TrainingSpec(
            name="teachers",
            version=VERSION,
            split="teacher",
            predict=LABELED,
            jobs=tuple(
                HeadJob(labeling=0, loss=get_loss("forward_ce"), weighting=m, seed=child_seed(seed, "teacher", m))
                for m in range(section.models)
            ),
            targets=lambda entries: np.eye(task.n_classes)[labels][None],
            weights=weights,
            settings={},
            summary={"models": section.models, "draw": section.draw, "labels": section.labels, "seed": seed},
            inputs={"task": task.fingerprint},
        )
    )


def training_label_counts(task: Task, splits: Splits, config: Config) -> Float[np.ndarray, " classes"]:
    """Count the classes of the true labels that all teachers learn from, repeated ones as often."""
    drawn = teacher_draws(task, splits, config.teacher, seed=config.seed)
    return np.asarray(drawn.sum(axis=0) @ np.eye(task.n_classes)[task.labels[splits.teacher]])


def _check_classes(
    weights: Float[np.ndarray, "models points"],
    labels: Int[np.ndarray, " points"],
    class_names: Sequence[str],
    section: TeacherSection,
) -> None:
    """Refuse a draw that leaves a teacher without a class: its intercept would have no finite optimum."""
    counts = weights @ np.eye(len(class_names))[labels]
    model, k = (int(i) for i in np.unravel_index(counts.argmin(), counts.shape))
    if counts[model, k] == 0:
        raise ConfigError(
            f"teacher {model} would learn from no point of class {class_names[k]!r}: teacher.labels is "
            f"{section.labels:,} for {len(class_names)} classes, and the class has {int((labels == k).sum()):,} of the "
            f"{len(labels):,} points of the teacher split. Raise teacher.labels, or use teacher.learner: "
            "{kind: adamw}, which does without."
        )


def answered_array(split: str) -> str:
    """Name the array that marks which teacher says something of which point of a split; it is absent if all do."""
    return f"{split} answered"


def teacher_predictions(entry: Entry, task: Task, splits: Splits) -> Mapping[str, Predictions]:
    """Read the teachers' predictions on the student, validation and test splits."""
    return {
        name: Predictions(
            Predictions.from_logits(entry.arrays[name][-1]).log_probs,
            point_ids(task, getattr(splits, name)),
            answered=entry.arrays.get(answered_array(name)),
        )
        for name in LABELED
    }


def number_predictions(entry: Entry, task: Task, splits: Splits) -> Mapping[str, Numbers]:
    """Read the same of a task whose label is a number."""
    return {
        name: Numbers(
            np.asarray(entry.arrays[name][-1][..., 0], dtype=np.float64),
            point_ids(task, getattr(splits, name)),
            answered=entry.arrays.get(answered_array(name)),
        )
        for name in LABELED
    }
