"""Everybody's predictions on one split, gathered: what results are measured from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, Shaped

from outlearn.core.gaps import over_answered
from outlearn.core.generators import get_generator
from outlearn.core.labelers.combinations import EACH
from outlearn.core.metrics import Labels
from outlearn.core.predictions import Predictions
from outlearn.core.top_class import top_class, true_shares
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.errors import ConfigError
from outlearn.experiment.config import Config
from outlearn.experiment.points import EVALUATED, point_ids
from outlearn.experiment.stages.ceilings import CEILINGS, UNTUNED
from outlearn.experiment.stages.controls import ALL_LABELS, OWN_LABELS
from outlearn.experiment.stages.students import CONTROL, Labeling, Students

__all__ = ["Evaluation", "check_target", "evaluate", "notes_on_ties"]


@dataclass(frozen=True)
class Evaluation:
    """Everybody's predictions on one split, with what is true there.

    Attributes:
        split: its name.
        ids: of its points.
        labels: true labels, `[points]`.
        truth: the same for accuracy, where a tie of the truth is 1/k of a hit.
        target: what divergences are measured against: the labels, or a soft target.
        teachers: every teacher.
        source: who labeled the students' data: each teacher, or one combination of them.
        ensembles: name of each way to combine teachers -> what the combination says.
        ceilings: the strong model on true labels, at its best.
        untuned: the same as it is configured; None where the ceilings are that.
        own_labels, all_labels: the strong model on each teacher's true labels, and on those of all; None where they
            were not trained.
        students: loss -> students, in an order of (labeling, seed). Their predictions are made when they are asked for,
            those of one loss at a time: with many classes those of all losses do not fit into memory.
        control: loss -> students of the plain mean of the teachers, at their own checkpoint that counts; empty where
            they were not trained.
        labelers: loss -> the predictions of whose labels its students learned from: the run's own, or a recipe's.
        chosen: loss -> the checkpoint that counts.
    """

    split: str
    ids: Shaped[np.ndarray, " points"]
    labels: Int[np.ndarray, " points"]
    truth: Labels
    target: np.ndarray
    teachers: Predictions
    source: Predictions
    ensembles: Mapping[str, Predictions]
    ceilings: Predictions
    untuned: Predictions | None
    own_labels: Predictions | None
    all_labels: Predictions | None
    students: Mapping[str, Students]
    control: Mapping[str, Predictions]
    labelers: Mapping[str, Predictions]
    chosen: Mapping[str, int]

    def final(self, loss: str) -> Predictions:
        """Predict by the students of a loss at the checkpoint that counts."""
        return self.at(loss, self.chosen[loss])

    def at(self, loss: str, checkpoint: int) -> Predictions:
        """Predict by the students of a loss at a checkpoint."""
        return _predicted(self.students[loss], self.split, checkpoint, self.ids)


def notes_on_ties(test: Evaluation) -> tuple[str, ...]:
    """Say how many answers and true labels of the test points are ties: accuracy counts them as 1/k of a hit."""
    said = top_class(test.teachers.log_probs).max(axis=-1) < 1
    if test.teachers.answered is not None:
        said &= test.teachers.answered
    answers = int(said.sum())
    true = int((test.truth.max(axis=-1) < 1).sum()) if test.truth.ndim == 2 else 0
    notes = []
    if answers:
        notes.append(
            f"{answers:,} of {said.size:,} answers of teachers on the test points are ties of k classes: each is 1/k "
            "of a hit where the true label is one of them."
        )
    if true:
        notes.append(
            f"{true:,} of {len(test.labels):,} true labels of the test points are ties of k classes: each of these is "
            "1/k of a hit."
        )
    return tuple(notes)


def check_target(task: Task, splits: Splits, config: Config) -> None:
    """Refuse a `measure` section that these points cannot be measured by, before anything is trained.

    Raises:
        ConfigError: for a soft target that the task does not have, and for D(prediction, target) under a divergence
            that is infinite where a target is 0.
    """
    targets = np.concatenate([_target(task, getattr(splits, name), config) for name in EVALUATED])
    if config.measure.order == "target_first" or not get_generator(config.measure.generator).dual_is_logits:
        return  # else log 0 is among the dual coordinates of the target
    zeros = int((targets == 0).any(axis=1).sum())
    if zeros:
        other = ", or measure.target: soft" if config.measure.target == "labels" and task.target is not None else ""
        raise ConfigError(
            f"measure.order is prediction_first, and {zeros:,} of {len(targets):,} targets to measure against have a "
            f"class of probability 0, where D(prediction, target) is infinite under {config.measure.generator}. Set "
            f"measure.smoothing above 0, such as 0.01, or measure.order: target_first{other}."
        )


def evaluate(
    split: str,
    *,
    labeling: Labeling,
    teachers: Mapping[str, Predictions],
    source: Mapping[str, Predictions],
    ensembles: Mapping[str, Mapping[str, Predictions]],
    students: Sequence[Students],
    true_labels: Mapping[str, Float32[np.ndarray, "models points classes"]],
) -> Evaluation:
    """Gather the predictions on one split; see `Evaluation`. Teachers, source and each ensemble are by split.

    `true_labels` holds logits of the ceilings and of the controls that there are, by the name of their stage.
    """
    task, config, points = labeling.task, labeling.config, getattr(labeling.splits, split)
    ids = point_ids(task, points)

    by_source = {**ensembles, EACH: teachers, config.weak_labels.source: source}

    def from_true_labels(name: str) -> Predictions | None:
        return Predictions.from_logits(true_labels[name], point_ids=ids) if name in true_labels else None

    def chosen(by: Students, source: Mapping[str, Predictions]) -> int:
        if config.student.select == "last":
            return len(by.checkpoints) - 1
        return _cheapest(by, source["validation"])

    return Evaluation(
        split=split,
        ids=ids,
        labels=task.labels[points],
        truth=true_shares(task.labels[points], None if task.target is None else task.target[points]),
        target=_target(task, points, config),
        teachers=teachers[split],
        source=source[split],
        ensembles={name: each[split] for name, each in ensembles.items()},
        ceilings=Predictions.from_logits(true_labels[CEILINGS], point_ids=ids),
        untuned=from_true_labels(UNTUNED),
        own_labels=from_true_labels(OWN_LABELS),
        all_labels=from_true_labels(ALL_LABELS),
        students={each.loss: each for each in students},
        control={
            each.loss: _predicted(each.control, split, chosen(each.control, ensembles[CONTROL]), ids)
            for each in students
            if each.control is not None
        },
        labelers={each.loss: by_source[each.source][split] for each in students},
        chosen={each.loss: chosen(each, by_source[each.source]) for each in students},
    )


def _predicted(by: Students, split: str, checkpoint: int, ids: np.ndarray) -> Predictions:
    return Predictions.from_logits(by.at(split, checkpoint), point_ids=ids, teacher_of=by.labeling_of)


def _cheapest(students: Students, source: Predictions) -> int:
    """Return the checkpoint that agrees best with the weak labels of validation."""
    of = students.labeling_of
    labels, heard = source.probs[of], None if source.answered is None else source.answered[of]
    # Cross-entropy of the student under its labeler's distribution: what a held-out weak label can tell.
    costs = [
        over_answered(
            -(labels * Predictions.from_logits(students.at("validation", at)).log_probs).sum(axis=-1), heard
        ).mean()
        for at in range(len(students.checkpoints))
    ]
    return int(np.argmin(costs))


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
