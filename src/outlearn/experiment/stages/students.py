"""The strong students: one for each labeling, loss and seed, trained on weak labels; no true label is within reach.

Beside the students of single teachers, students of the plain mean of the teachers are trained: the control that tells
what averaging the noise away before learning does. They cost one labeling more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.labelers.combinations import EACH, combined, label_source
from outlearn.core.labelers.recipes import recipe_of
from outlearn.core.links import Link, through_link
from outlearn.core.predictions import Predictions
from outlearn.core.randomness import child_seed
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.config import Config
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.fitted_heads import fitted_heads
from outlearn.experiment.stages.teachers import number_predictions, teacher_predictions
from outlearn.experiment.stages.training_spec import Model, TrainingSpec
from outlearn.experiment.stages.weak_labels import weak_labels
from outlearn.learners.fitted import Heads
from outlearn.learners.jobs import HeadJob
from outlearn.losses import NUMBER_LOSSES, Loss, get_loss, loss_config, loss_name
from outlearn.store.stage import Entries, Stage
from outlearn.store.store import Entry

__all__ = [
    "CONTROL",
    "Labeling",
    "Students",
    "kept_jobs",
    "named_losses",
    "picked_students",
    "read_students",
    "student_seed",
    "students_of",
    "students_stage",
]

VERSION = 8
CONTROL = "mean"  # the combination of teachers whose students are the control


@dataclass(frozen=True, eq=False)
class Labeling:
    """Who labels the students' points, and how: known before the teachers are.

    Attributes:
        teachers: the stage of the teachers.
        n_teachers: how many.
        answered: `[teachers, student points]`, where each says something; None if all do everywhere.
        taught: how many true labels of each class the teachers learned from; None if they were not trained here.
        task, splits, config: of the run.
    """

    teachers: Stage
    n_teachers: int
    answered: Bool[np.ndarray, "teachers student_points"] | None
    taught: Float[np.ndarray, " classes"] | None
    task: Task
    splits: Splits
    config: Config

    @cached_property
    def fixed_losses(self) -> tuple[Loss, ...]:
        """The named losses that the labels can teach: a whole minibatch cannot leave gaps out."""
        named = named_losses(self.config)
        return tuple(loss for loss in named if self.answered is None or not loss.batch_coupled)

    @property
    def n_labelings(self) -> int:
        """The number of sets of labels: one a teacher, or one of an ensemble."""
        return self.n_teachers if self.config.weak_labels.source == EACH else 1

    @cached_property
    def models(self) -> list[tuple[int, int]]:
        """List (labeling, seed) of the students of each loss, in order."""
        return [(m, r) for m in range(self.n_labelings) for r in range(self.config.student.seeds)]

    @property
    def control_models(self) -> list[tuple[int, int]]:
        """The same for those of the control, whose labeling comes after all others; empty without a control."""
        return [(self.n_labelings, r) for r in range(self.config.student.seeds)] if self.has_control else []

    @property
    def weights(self) -> Float[np.ndarray, "labelings points"] | None:
        """Weigh the points of the student split for each labeling: 0 where nobody says anything, else 1.

        None if everybody labels every point. The control's row is the last, as in `targets`.
        """
        if self.answered is None:
            return None
        anyone = self.answered.any(axis=0, keepdims=True)
        rows = [self.answered] if self.config.weak_labels.source == EACH else [anyone]
        return np.concatenate([*rows, *([anyone] if self.has_control else [])]).astype(np.float64)

    @property
    def has_control(self) -> bool:
        """Say whether students of the mean are trained too: not where each costs as much as all the rest of a run."""
        cheap = self.config.student.learner.trains_together
        return self.config.weak_labels.source == EACH and self.n_teachers > 1 and cheap

    def targets(self, entries: Entries) -> Float[np.ndarray, "labelings points classes"]:
        """Make the weak labels of the student split, and after them those of the control, if there is one."""
        if self.task.facts.numeric:
            return self._number_targets(entries)
        teachers = teacher_predictions(entries["teachers"], self.task, self.splits)
        source = label_source(teachers, self.config.weak_labels.source)["student"]
        if self.has_control:
            mean = combined(teachers, CONTROL)["student"]
            source = Predictions(np.concatenate([source.log_probs, mean.log_probs]), source.point_ids)
        return weak_labels(source, self.config.weak_labels, seed=self.config.seed)

    def _number_targets(self, entries: Entries) -> Float[np.ndarray, "labelings points 1"]:
        teachers = number_predictions(entries["teachers"], self.task, self.splits)
        rows = [label_source(teachers, self.config.weak_labels.source)["student"]]
        rows += [combined(teachers, CONTROL)["student"]] if self.has_control else []
        return np.concatenate([weak_labels(each, self.config.weak_labels, seed=self.config.seed) for each in rows])

    @property
    def settings(self) -> dict[str, object]:
        """What decides the labels beside the teachers, for keys."""
        return {"weak_labels": self.config.weak_labels.model_dump(mode="json"), "seed": self.config.seed}


@dataclass(frozen=True, eq=False)
class Students:
    """Predictions of the students of one loss, in an order of (labeling, seed) that is the same for every loss.

    Attributes:
        loss: its name.
        config: its parameters.
        checkpoints: epochs at which predictions were made; the last is the end of training.
        logits: split -> float32 `[checkpoints, models, points, classes]`, or the last checkpoint alone; of numbers,
            `[checkpoints, models, points, 1]`, the numbers.
        features: split -> of its points, for heads to predict from; empty where logits are of every checkpoint.
        labeling_of, seed_of: for each model.
        source: whose labels they learned from, as in `weak_labels.source`.
        heads: of these models, at each checkpoint; empty where a learner fits none.
        control: the students of the plain mean of the teachers, if they were trained; their labeling is 0.
    """

    loss: str
    config: Mapping[str, object]
    checkpoints: tuple[float, ...]
    logits: Mapping[str, Float[np.ndarray, "predicted models points classes"]]
    features: Mapping[str, FeatureMatrix]
    labeling_of: Int[np.ndarray, " models"]
    seed_of: Int[np.ndarray, " models"]
    source: str
    heads: tuple[Heads, ...] = ()
    control: Students | None = None

    def at(self, split: str, checkpoint: int) -> Float[np.ndarray, "models points classes"]:
        """Return what a checkpoint predicts, counted from the first: what is kept of it, or by its heads."""
        kept = checkpoint - (len(self.checkpoints) - len(self.logits[split]))
        if kept >= 0:
            return self.logits[split][kept]
        return through_link(self.heads[checkpoint].predict(self.features[split]), self.link)

    @property
    def link(self) -> Link:
        """From outputs of heads to what is predicted; logits of classes stay as they are."""
        kind = NUMBER_LOSSES.get(self.loss)
        return "identity" if kind is None else kind.link


def students_stage(labeling: Labeling, model: Model) -> Stage:
    """Describe the training of one student for each fixed loss, labeling and seed."""
    config = labeling.config
    losses, weights = labeling.fixed_losses, labeling.weights
    return model.train(
        TrainingSpec(
            name="students",
            version=VERSION,
            split="student",
            predict=EVALUATED,
            jobs=tuple(
                HeadJob(m, losses[k], None if weights is None else m, student_seed(config, m, r))
                for models in (labeling.models, labeling.control_models)
                for k in range(len(losses))
                for m, r in models
            ),
            targets=labeling.targets,
            settings=labeling.settings,
            weights=weights,
            summary={"losses": [loss_config(loss) for loss in losses], "seeds": config.student.seeds},
            inputs={"teachers": labeling.teachers},
            checkpoints=() if config.student.rounds else config.student.checkpoints,
            rounds=config.student.rounds,
            kept=kept_jobs(labeling),
        )
    )


def kept_jobs(labeling: Labeling) -> tuple[int, ...]:
    """List the jobs whose student is kept where an ensemble would be too large: the first of the losses to keep."""
    n_losses = {"none": 0, "best": 1, "all": len(labeling.fixed_losses)}[labeling.config.student.keep]
    return tuple(k * len(labeling.models) for k in range(n_losses))


def named_losses(config: Config) -> list[Loss]:
    """Return the losses that are named, without those that are chosen."""
    return [get_loss(spec) for spec in config.student.loss if recipe_of(spec) is None]


def read_students(entry: Entry, labeling: Labeling, features: Entry | None) -> list[Students]:
    """Read the students of the fixed losses, and those of the control; `features` are what heads learned from."""
    checkpoints = tuple(float(epoch) for epoch in entry.arrays["checkpoints"])
    losses = labeling.fixed_losses
    return [
        students_of(
            loss_name(loss), loss_config(loss), checkpoints, entry, labeling, features, index=k, n_losses=len(losses)
        )
        for k, loss in enumerate(losses)
    ]


def students_of(
    loss: str,
    config: Mapping[str, object],
    checkpoints: tuple[float, ...],
    entry: Entry,
    labeling: Labeling,
    features: Entry | None,
    *,
    index: int,
    n_losses: int,
) -> Students:
    """Pick the students of one loss from a stage that trained `n_losses`: loss by loss, then the controls likewise."""
    read = None if features is None else read_features(features)
    points = {} if read is None else {name: read[getattr(labeling.splits, name)] for name in EVALUATED}

    def picked(models: list[tuple[int, int]], first: int, source: str, control: Students | None = None) -> Students:
        labeling_of, seed_of = np.array(models, dtype=np.int64).T
        theirs = slice(first, first + len(models))
        logits = {name: entry.arrays[name][:, theirs] for name in EVALUATED}
        path = (fitted_heads(entry, at) for at in range(len(checkpoints)))
        heads = tuple(each.select(theirs) for each in path if each is not None)
        return Students(loss, config, checkpoints, logits, points, labeling_of, seed_of, source, heads, control)

    models, beside = labeling.models, [(0, r) for _, r in labeling.control_models]
    control = picked(beside, n_losses * len(models) + index * len(beside), CONTROL) if beside else None
    return picked(models, index * len(models), labeling.config.weak_labels.source, control)


def student_seed(config: Config, labeling: int, seed: int) -> int:
    """Return a student's seed, the same for every loss; its residue is the group of its minibatch order.

    Neighbouring teachers and neighbouring seeds have different orders, so neither the variance over teachers nor that
    over seeds lacks the order's part.
    """
    groups = config.student.learner.seed_groups
    drawn = child_seed(config.seed, "student", labeling, seed)
    return drawn - drawn % groups + (labeling + seed) % groups


def picked_students(
    loss: str,
    config: Mapping[str, object],
    checkpoints: tuple[float, ...],
    entry: Entry,
    labeling: Labeling,
    features: Entry,
    *,
    models: list[tuple[int, int]],
    source: str,
) -> Students:
    """Read the students of a stage that trained those of one loss alone, as (labeling, seed)."""
    read = read_features(features)
    points = {name: read[getattr(labeling.splits, name)] for name in EVALUATED}
    labeling_of, seed_of = np.array(models, dtype=np.int64).T
    logits = {name: entry.arrays[name] for name in EVALUATED}
    path = (fitted_heads(entry, at) for at in range(len(checkpoints)))
    heads = tuple(each for each in path if each is not None)
    return Students(loss, config, checkpoints, logits, points, labeling_of, seed_of, source, heads)
