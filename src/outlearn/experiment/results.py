"""From predictions to results.json: the comparison, the decomposition, and the path of training.

Everything is measured on the test split, with its true labels; what is chosen (the best single teacher, an epoch) is
chosen on the validation split. Differences are paired: student with its own teacher, loss with loss, on the same
points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.agreement import agreement, consensus
from outlearn.core.bias_variance import bias_variance
from outlearn.core.entropy import sharpening
from outlearn.core.metrics import METRICS, accuracy, log_loss, majority_accuracy, scorecard
from outlearn.core.pairing import labelled_by
from outlearn.core.predictions import Predictions
from outlearn.core.recovery import performance_gap_recovered
from outlearn.core.risk_gap import risk_gap
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.errors import ConfigError
from outlearn.experiment.config import Config
from outlearn.experiment.estimates import estimate, mean_of, number, ratio_of_means, score_record
from outlearn.experiment.stages import Students, point_ids
from outlearn.version import __version__

__all__ = ["Evaluation", "evaluate", "measure"]

SCHEMA = 1


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


def measure(test: Evaluation, validation: Evaluation, *, task: Task, splits: Splits, config: Config) -> dict[str, Any]:
    """Compute the content of results.json, except what only the pipeline knows (keys and times).

    Args:
        test, validation: the predictions; validation serves to choose the best teacher only.
        task, splits, config: what was run.
    """
    level = config.measure.level
    best = int(accuracy(validation.teachers, validation.labels).mean(axis=1).argmax())
    best_teacher = Predictions.from_logits(test.teachers.log_probs[best], point_ids=test.teachers.point_ids)
    ensembles = {"mean": test.teachers.mean(), "dual_mean": test.teachers.dual_mean()}
    references = {
        "best_teacher": best_teacher,
        **{f"ensemble_{name}": ensemble for name, ensemble in ensembles.items()},
        "ceiling": test.ceilings,
    }
    seen = task.labels[splits.teacher]
    majority = np.bincount(seen, minlength=task.n_classes).argmax()
    students = {loss: _student(loss, test, references, int(majority), config) for loss in test.students}
    return {
        "schema": SCHEMA,
        "outlearn": __version__,
        "task": _task_record(task, splits),
        "measure": _measure_record(config, max(record["identity_error"] for record in students.values())),
        "teacher": {
            "models": test.teachers.n_models,
            **score_record(scorecard(test.teachers, test.labels, level), each=True),
        },
        "labeller": {"source": config.weak_labels.source, **_scores(test.source, test, level)},
        "ensembles": {name: _scores(ensemble, test, level) for name, ensemble in ensembles.items()},
        "controls": {"best_teacher": {"model": best, "chosen_on": "validation", **_scores(best_teacher, test, level)}},
        "ceiling": {"models": test.ceilings.n_models, **_scores(test.ceilings, test, level)},
        "majority": {"class": task.class_names[majority], "accuracy": majority_accuracy(test.labels, seen)},
        "students": students,
        "teacher_bias_variance": _bias_variance(test.target, test.teachers, config),
    }


def _student(
    loss: str, test: Evaluation, references: Mapping[str, Predictions], majority: int, config: Config
) -> dict[str, Any]:
    """Measure the students of one loss."""
    level = config.measure.level
    student = test.final(loss)
    own = labelled_by(test.source, student)
    gap = risk_gap(
        test.target,
        teacher=test.source,
        student=student,
        generator=config.measure.generator,
        order=config.measure.order,
    )
    summary = gap.summary(level)
    recovery = performance_gap_recovered(
        test.labels, teacher=test.source, student=student, ceiling=test.ceilings, level=level
    )
    agree = agreement(test.source, student)
    wrong = 1.0 - accuracy(test.source, test.labels)[own]
    right = accuracy(student, test.labels)
    one_seed = test.seeds == 0
    of_draw = Predictions.from_logits(student.log_probs[one_seed], teacher_of=own[one_seed])
    record: dict[str, Any] = {
        "loss": test.losses[loss],
        "models": student.n_models,
        "epoch": test.checkpoints[test.chosen[loss]],
        **score_record(scorecard(student, test.labels, level), each=True),
        "pgr": {
            "value": recovery.value,
            "low": recovery.low,
            "high": recovery.high,
            "reason": recovery.reason,
            "over": recovery.gain.over,
            "gain": estimate(recovery.gain),
            "room": estimate(recovery.room),
        },
        "agreement": mean_of(agree, level, own),
        "agreement_when_teacher_wrong": ratio_of_means(agree * wrong, wrong, level, own),
        "gap": mean_of(gap.gap, level, own),
        "misfit": mean_of(gap.misfit, level, own),
        "residual": mean_of(gap.residual, level, own),
        "crossed_misfit": estimate(summary.crossed_misfit),
        "overfit_covariance": estimate(summary.overfit_covariance),
        "identity_error": gap.identity_error,
        "entropy_excess": estimate(sharpening(test.target, student, level=level).interval),
        "differences": _differences(right, loss, test, references, majority, level, own),
        "log_loss_differences": _log_loss_differences(loss, test, level, own),
        "path": [
            _path(epoch, at, test, config) for epoch, at in zip(test.checkpoints, test.students[loss], strict=True)
        ],
    }
    split = _bias_variance(test.target, of_draw, config)
    return {**record, "bias": split["bias"], "variance": split["variance"]}


def _differences(
    right: Float[np.ndarray, "students points"],
    loss: str,
    test: Evaluation,
    references: Mapping[str, Predictions],
    majority: int,
    level: float,
    own: Int[np.ndarray, " students"],
) -> dict[str, Any]:
    """Measure the student's accuracy less that of everything it is compared with, point by point."""
    others = {"teacher": accuracy(test.source, test.labels)[own]}
    # One row for all: a fixed reference, or the mean of several ceilings.
    others |= {name: accuracy(reference, test.labels).mean(axis=0) for name, reference in references.items()}
    others["majority"] = (test.labels == majority).astype(float)
    others |= {name: accuracy(test.final(name), test.labels) for name in test.students if name != loss}
    return {name: mean_of(right - other, level, own) for name, other in others.items()}


def _log_loss_differences(
    loss: str, test: Evaluation, level: float, own: Int[np.ndarray, " students"]
) -> dict[str, Any]:
    """Measure the student's log loss less that of its labeller and of the other losses' students, point by point."""
    mine = log_loss(test.final(loss), test.labels)
    others = {"teacher": log_loss(test.source, test.labels)[own]}
    others |= {name: log_loss(test.final(name), test.labels) for name in test.students if name != loss}
    return {name: mean_of(mine - other, level, own) for name, other in others.items()}


def _path(epoch: float, student: Predictions, test: Evaluation, config: Config) -> dict[str, Any]:
    """Measure one checkpoint of one loss: what can be told with labels, and what can be told without."""
    gap = risk_gap(
        test.target,
        teacher=test.source,
        student=student,
        generator=config.measure.generator,
        order=config.measure.order,
    )
    label_free = consensus(test.source, student)
    return {
        "epoch": epoch,
        **{name: number(METRICS[name](student, test.labels).mean()) for name in ("accuracy", "log_loss", "entropy")},
        "gap": number(gap.gap.mean()),
        "misfit": number(gap.misfit.mean()),
        "residual": number(gap.residual.mean()),
        "crossed_misfit": number(gap.crossed_misfit),
        "overfit_covariance": number(gap.overfit_covariance),
        "crossed_kappa": number(label_free.crossed_kappa),
        "consensus_kappa": number(label_free.consensus),
    }


def _bias_variance(target: np.ndarray, predictions: Predictions, config: Config) -> dict[str, Any]:
    """Decompose the risk, corrected for the number of models by the jackknife."""
    summary = bias_variance(
        target, predictions, generator=config.measure.generator, order=config.measure.order
    ).summary(correction="jackknife", level=config.measure.level)
    parts = {name: estimate(getattr(summary, name)) for name in ("total", "noise", "bias", "variance")}
    return {**parts, "correction": "jackknife"}


def _scores(predictions: Predictions, test: Evaluation, level: float) -> dict[str, Any]:
    return score_record(scorecard(predictions, test.labels, level), each=False)


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


def _task_record(task: Task, splits: Splits) -> dict[str, Any]:
    return {
        "name": task.name,
        "task": task.kind,
        **{f"n_{name}": size for name, size in splits.sizes().items()},
        "n_classes": task.n_classes,
        "class_names": list(task.class_names),
        "source": task.source,
        "licence": task.licence,
        "splits": str(splits),
        "notes": [*task.notes, *splits.notes],
    }


def _measure_record(config: Config, identity_error: float) -> dict[str, Any]:
    first = config.measure.order == "target_first"
    of = "KL" if config.measure.generator == "negative_entropy" else "D"
    return {
        **config.measure.model_dump(),
        "misfit": f"{of}(student || teacher)" if first else f"{of}(teacher || student)",
        "posterior_mean": "dual (geometric)" if first else "primal (arithmetic)",
        "identity_error": identity_error,
    }
