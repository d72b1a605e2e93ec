"""The strong students: one for each labelling, loss and seed, trained on weak labels; no true label is within reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.config import Config
from outlearn.experiment.labelling import label_source, weak_labels
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.randomness import child_seed
from outlearn.experiment.stage import Entries, Stage
from outlearn.experiment.stages.lesson import Lesson
from outlearn.experiment.stages.model import Model
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.experiment.store import Entry
from outlearn.learners.base import HeadJob
from outlearn.losses import get_loss, loss_config, loss_name

__all__ = ["Labelling", "Students", "read_students", "student_seed", "students_stage"]

VERSION = 4


@dataclass(frozen=True)
class Labelling:
    """Who labels the students' points, and how: known before the teachers are.

    Attributes:
        teachers: the stage of the teachers.
        n_teachers: how many.
        task, splits, config: of the run.
    """

    teachers: Stage
    n_teachers: int
    task: Task
    splits: Splits
    config: Config

    @property
    def n_labellings(self) -> int:
        """The number of sets of labels: one a teacher, or one of an ensemble."""
        return self.n_teachers if self.config.weak_labels.source == "each" else 1

    def targets(self, entries: Entries) -> Float[np.ndarray, "labellings points classes"]:
        """Make the weak labels of the student split."""
        source = self.source(teacher_predictions(entries["teachers"], self.task, self.splits))
        return weak_labels(source["student"], self.config.weak_labels, seed=self.config.seed)

    def source(self, teachers: Mapping[str, Predictions]) -> dict[str, Predictions]:
        """Return who labels, on each split: every teacher for itself, or one combination of them."""
        return label_source(teachers, self.config.weak_labels.source)

    @property
    def settings(self) -> dict[str, object]:
        """What decides the labels beside the teachers, for keys."""
        return {"weak_labels": self.config.weak_labels.model_dump(mode="json"), "seed": self.config.seed}


@dataclass(frozen=True)
class Students:
    """Predictions of students of some losses: one in an order of (labelling, seed) that is the same for every loss.

    Attributes:
        logits: split -> float32 `[checkpoints, models, points, classes]`.
        checkpoints: epochs at which they were made; the last is the end of training.
        labelling_of, loss_of, seed_of: for each model.
        losses: names, indexed by `loss_of`.
        configs: the losses' parameters.
    """

    logits: Mapping[str, Float[np.ndarray, "checkpoints models points classes"]]
    checkpoints: tuple[float, ...]
    labelling_of: Int[np.ndarray, " models"]
    loss_of: Int[np.ndarray, " models"]
    seed_of: Int[np.ndarray, " models"]
    losses: tuple[str, ...]
    configs: tuple[Mapping[str, object], ...]


def students_stage(labelling: Labelling, model: Model) -> Stage:
    """Describe the training of one student for each fixed loss, labelling and seed."""
    config = labelling.config
    losses = [get_loss(spec) for spec in config.student.loss]
    return model.train(
        Lesson(
            name="students",
            version=VERSION,
            split="student",
            predict=EVALUATED,
            jobs=tuple(
                HeadJob(labelling=m, loss=losses[k], seed=student_seed(config, m, r))
                for k, m, r in _index(len(losses), labelling, config)
            ),
            targets=labelling.targets,
            settings=labelling.settings,
            summary={"losses": [loss_config(loss) for loss in losses], "seeds": config.student.seeds},
            inputs={"teachers": labelling.teachers},
            checkpoints=config.student.checkpoints,
        )
    )


def read_students(entry: Entry, labelling: Labelling) -> Students:
    """Read the students of the fixed losses."""
    losses = [get_loss(spec) for spec in labelling.config.student.loss]
    loss_of, labelling_of, seed_of = np.array(_index(len(losses), labelling, labelling.config), dtype=np.int64).T
    return Students(
        logits={name: entry.arrays[name] for name in EVALUATED},
        checkpoints=tuple(float(epoch) for epoch in entry.arrays["checkpoints"]),
        labelling_of=labelling_of,
        loss_of=loss_of,
        seed_of=seed_of,
        losses=tuple(map(loss_name, losses)),
        configs=tuple(map(loss_config, losses)),
    )


def _index(n_losses: int, labelling: Labelling, config: Config) -> list[tuple[int, int, int]]:
    """List (loss, labelling, seed) of each student, in order."""
    seeds, labellings = range(config.student.seeds), range(labelling.n_labellings)
    return [(k, m, r) for k in range(n_losses) for m in labellings for r in seeds]


def student_seed(config: Config, labelling: int, seed: int) -> int:
    """Return a student's seed, the same for every loss; its residue is the group of its minibatch order.

    Neighbouring teachers and neighbouring seeds have different orders, so neither the variance over teachers nor that
    over seeds lacks the order's part.
    """
    groups = config.student.learner.order_groups if config.student.learner.kind == "adamw" else 1
    drawn = child_seed(config.seed, "student", labelling, seed)
    return drawn - drawn % groups + (labelling + seed) % groups
