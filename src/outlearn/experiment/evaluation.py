"""Everybody's predictions on one split, gathered: what results are measured from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.errors import ConfigError
from outlearn.experiment.config import Config
from outlearn.experiment.stages import Students, point_ids

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """Everybody's predictions on one split, with what is true there.

    Attributes:
        labels: true labels, `[points]`.
        target: what divergences are measured against: the labels, or a soft target.
        teachers: every teacher.
        source: who labelled the students' data: each teacher, or one ensemble of them.
        ceilings: students of the true labels, at the end of training.
        students: loss -> checkpoint -> students, in one order of (labelling, seed) for every loss.
        seeds: which seed each of those students has.
        losses: loss -> its parameters.
        chosen: loss -> the checkpoint that counts.
        checkpoints: epochs.
    """

    labels: Int[np.ndarray, " points"]
    target: np.ndarray
    teachers: Predictions
    source: Predictions
    ceilings: Predictions
    students: Mapping[str, tuple[Predictions, ...]]
    seeds: Int[np.ndarray, " students"]
    losses: Mapping[str, Mapping[str, Any]]
    chosen: Mapping[str, int]
    checkpoints: tuple[float, ...]

    def final(self, loss: str) -> Predictions:
        """Return the students of a loss at the checkpoint that counts."""
        return self.students[loss][self.chosen[loss]]


def evaluate(
    split: str,
    *,
    task: Task,
    splits: Splits,
    config: Config,
    teachers: Mapping[str, Predictions],
    source: Mapping[str, Predictions],
    students: Students,
    ceilings: Students,
) -> Evaluation:
    """Gather the predictions on one split."""
    points = getattr(splits, split)
    ids = point_ids(task, points)
    labels = task.labels[points]
    by_loss = {
        name: tuple(
            Predictions.from_logits(logits[of_loss], point_ids=ids, teacher_of=students.labelling_of[of_loss])
            for logits in students.logits[split]
        )
        for name, of_loss in ((name, students.loss_of == k) for k, name in enumerate(students.losses))
    }
    return Evaluation(
        labels=labels,
        target=_target(task, points, config),
        teachers=teachers[split],
        source=source[split],
        ceilings=Predictions.from_logits(ceilings.logits[split][-1], point_ids=ids),
        students=by_loss,
        seeds=students.seed_of[students.loss_of == 0],
        losses=dict(zip(students.losses, students.configs, strict=True)),
        chosen=_choose(students, source["validation"], config),
        checkpoints=students.checkpoints,
    )


def _choose(students: Students, source: Predictions, config: Config) -> dict[str, int]:
    """Choose each loss's checkpoint: the last, or the one that agrees best with the weak labels of validation."""
    last = len(students.checkpoints) - 1
    if config.student.select == "last":
        return dict.fromkeys(students.losses, last)
    chosen = {}
    for k, name in enumerate(students.losses):
        of_loss = students.loss_of == k
        labels = source.probs[students.labelling_of[of_loss]]
        # Cross-entropy of the student under its labeller's distribution: what a held-out weak label can tell.
        costs = [
            -(labels * Predictions.from_logits(logits[of_loss]).log_probs).sum(axis=-1).mean()
            for logits in students.logits["validation"]
        ]
        chosen[name] = int(np.argmin(costs))
    return chosen


def _target(task: Task, points: Int[np.ndarray, " points"], config: Config) -> np.ndarray:
    """Return what divergences are measured against, as the configuration says."""
    if config.measure.target == "labels":
        probs = np.eye(task.n_classes)[task.labels[points]]
    elif task.target is None:
        raise ConfigError(
            "measure.target is soft, and the task has no soft target, only labels. Use measure.target: labels, or give "
            "the data's labels as distributions."
        )
    else:
        probs = task.target[points]
    share = config.measure.smoothing
    return (1 - share) * probs + share / task.n_classes if share else probs
