"""The weak teachers: trained here on true labels of the teacher split."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float

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
from outlearn.learners.absent_classes import with_every_class
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
LABELS_A_CLASS = 2  # what is advised where there are fewer than one
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
    weights = teacher_draws(task, splits, section, seed=seed)
    one_hot = np.eye(task.n_classes)[task.labels[splits.teacher]]
    # Heads of a convex learner have an intercept for each class, and that of preferences has none.
    lacking: list[int] = []
    if section.learner.needs_every_class and task.kind != "preference":
        _check_size(section, task)
        lacking = np.flatnonzero((weights @ one_hot == 0).any(axis=1)).tolist()
    return model.train(
        TrainingSpec(
            name="teachers",
            version=VERSION,
            split="teacher",
            predict=LABELED,
            jobs=tuple(
                HeadJob(
                    labeling=1 + lacking.index(m) if m in lacking else 0,
                    loss=get_loss("forward_ce"),
                    weighting=m,
                    seed=child_seed(seed, "teacher", m),
                )
                for m in range(section.models)
            ),
            targets=lambda entries: np.concatenate([one_hot[None], with_every_class(one_hot, weights[lacking])]),
            weights=weights,
            settings={},
            summary={"models": section.models, "draw": section.draw, "labels": section.labels, "seed": seed},
            inputs={"task": task.fingerprint},
        )
    )


def training_label_counts(task: Task, splits: Splits, config: Config) -> Float[np.ndarray, " classes"]:
    """Count the classes of the true labels that all teachers learn from, each once however often it is drawn."""
    drawn = teacher_draws(task, splits, config.teacher, seed=config.seed)
    labels = task.labels[splits.teacher][drawn.any(axis=0)]
    return np.bincount(labels, minlength=task.n_classes).astype(np.float64)


def _check_size(section: TeacherSection, task: Task) -> None:
    """Refuse fewer labels than classes: a class may be too rare for every draw, but not all of them."""
    if section.labels < task.n_classes:
        raise ConfigError(
            f"teacher 0 would learn from no point of some class: teacher.labels is {section.labels:,} for "
            f"{task.n_classes} classes. Raise teacher.labels to {LABELS_A_CLASS * task.n_classes:,}, or use "
            "teacher.learner: {kind: adamw}, which does without."
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
