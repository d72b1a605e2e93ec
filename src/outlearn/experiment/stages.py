"""The stages of a run that cost time: features, teachers, students, ceilings. Each is one entry of the store.

A stage is given what it may use and no more: the student stage never sees a true label. Its key holds its own part of
the configuration and the keys of what it reads, so a change of the student's loss leaves the teachers as they are.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int

from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import SPLIT_NAMES, Task
from outlearn.encoders.base import Encoder
from outlearn.experiment.config import Config, TeacherSection
from outlearn.experiment.draws import draw_teachers
from outlearn.experiment.fitting import fit
from outlearn.experiment.progress import Progress
from outlearn.experiment.randomness import child_seed
from outlearn.experiment.store import Entry, Store, canonical_json
from outlearn.learners.base import HeadJob
from outlearn.losses import Loss, check_targets, get_loss, loss_config, loss_name, resolve

__all__ = ["Features", "Students", "fit_ceilings", "fit_students", "fit_teachers", "make_features", "point_ids"]

FEATURES_VERSION = 1
TEACHERS_VERSION = CEILINGS_VERSION = 2
STUDENTS_VERSION = 3
# The parts of a task that predictions are made for.
EVALUATED = ("validation", "test")


@dataclass(frozen=True)
class Features:
    """One encoder's features of every point of the task.

    Attributes:
        matrix: float32 `[points, features]`, rows as in the task.
        key: the store's key.
    """

    matrix: Float32[np.ndarray, "points features"]
    key: str
    entry: Entry


@dataclass(frozen=True)
class Students:
    """Predictions of all students, or of all ceilings.

    Attributes:
        logits: split -> float32 `[checkpoints, models, points, classes]`.
        checkpoints: epochs at which they were made; the last is the end of training.
        labelling_of, loss_of, seed_of: for each model.
        losses: names, indexed by `loss_of`.
        configs: the losses' parameters.
    """

    logits: Mapping[str, Float32[np.ndarray, "checkpoints models points classes"]]
    checkpoints: tuple[float, ...]
    labelling_of: Int[np.ndarray, " models"]
    loss_of: Int[np.ndarray, " models"]
    seed_of: Int[np.ndarray, " models"]
    losses: tuple[str, ...]
    configs: tuple[Mapping[str, object], ...]
    entry: Entry


def splits_fingerprint(splits: Splits) -> str:
    """Name the splits by their content."""
    return hashlib.sha256(canonical_json([getattr(splits, name).tolist() for name in SPLIT_NAMES]).encode()).hexdigest()


def point_ids(task: Task, points: Int[np.ndarray, " points"]) -> np.ndarray:
    """Return the ids of these points."""
    return np.array([task.ids[i] for i in points.tolist()])


def make_features(
    task: Task, encoder: Encoder, fit_on: Int[np.ndarray, " fit_points"], *, store: Store, progress: Progress
) -> Features:
    """Encode every point; an encoder that learns does so from `fit_on` alone.

    Args:
        task: the points.
        encoder: how.
        fit_on: the points an encoder may learn from: one training split.
    """

    def compute() -> dict[str, np.ndarray]:
        with progress.bar(f"features: {encoder.kind}") as advance:
            return {"features": encoder.encode(task, np.arange(task.n_points), fit_on, progress=advance)}

    entry = store.get_or_compute(
        "features",
        version=FEATURES_VERSION,
        settings={"kind": encoder.kind, "fit_on": fit_on.tolist() if encoder.fits else None},
        inputs={"encoder": encoder.fingerprint, "task": task.fingerprint},
        compute=compute,
    )
    return Features(entry.arrays["features"], entry.key, entry)


def fit_teachers(
    task: Task,
    splits: Splits,
    features: Features,
    section: TeacherSection,
    *,
    seed: int,
    store: Store,
    progress: Progress,
) -> tuple[Mapping[str, Predictions], Entry]:
    """Train the teachers on true labels of the teacher split.

    Returns:
        Their predictions on the student, validation and test splits, and the store's entry.
    """
    labels = task.labels[splits.teacher]

    def compute() -> dict[str, np.ndarray]:
        counts = draw_teachers(labels, models=section.models, size=section.labels, draw=section.draw, seed=seed)
        jobs = [
            HeadJob(labelling=0, loss=get_loss("forward_ce"), weighting=m, seed=child_seed(seed, "teacher", m))
            for m in range(section.models)
        ]
        with progress.bar(f"teachers: {section.models} on {section.labels} labels each") as advance:
            fitted = fit(
                section.learner,
                features.matrix[splits.teacher],
                np.eye(task.n_classes)[labels][None],
                jobs,
                {name: features.matrix[getattr(splits, name)] for name in ("student", *EVALUATED)},
                weights=counts,
                bias=task.kind != "preference",
                advance=advance,
            )
        return {name: Predictions.from_logits(logits[-1]).log_probs for name, logits in fitted.logits.items()}

    entry = store.get_or_compute(
        "teachers",
        version=TEACHERS_VERSION,
        settings={
            **section.model_dump(mode="json", exclude={"encoder", "external", "missing", "smoothing"}),
            "seed": seed,
        },
        inputs={"features": features.key, "task": task.fingerprint, "splits": splits_fingerprint(splits)},
        compute=compute,
    )
    predictions = {
        name: Predictions.from_logits(array, point_ids=point_ids(task, getattr(splits, name)))
        for name, array in entry.arrays.items()
    }
    return predictions, entry


def fit_students(
    targets: Float[np.ndarray, "labellings points classes"],
    labels_key: str,
    features: Features,
    splits: Splits,
    config: Config,
    *,
    bias: bool,
    store: Store,
    progress: Progress,
) -> Students:
    """Train one student for each labelling, loss and seed: all in one batched computation.

    Args:
        targets: the weak labels of the student split.
        labels_key: names how they were made, for the key.
        bias: False for preferences, where a head without bias on a difference of features is Bradley-Terry.
    """
    section = config.student
    losses = [get_loss(spec) for spec in section.loss]
    n_labellings = len(targets)
    labellings = [torch.from_numpy(labels) for labels in targets]
    resolved: list[Loss] = []
    for loss, labels in itertools.product(losses, labellings):
        resolved.append(resolve(loss, labels))
        check_targets(resolved[-1], labels)
    index = [(k, m, r) for k in range(len(losses)) for m in range(n_labellings) for r in range(section.seeds)]
    jobs = [
        HeadJob(labelling=m, loss=resolved[k * n_labellings + m], seed=_student_seed(config, m, r)) for k, m, r in index
    ]

    def compute() -> dict[str, np.ndarray]:
        with progress.bar(
            f"students: {len(jobs)} ({len(losses)} losses × {n_labellings} labellings × {section.seeds} seeds)"
        ) as advance:
            fitted = fit(
                section.learner,
                features.matrix[splits.student],
                targets,
                jobs,
                {name: features.matrix[getattr(splits, name)] for name in EVALUATED},
                bias=bias,
                checkpoints=section.checkpoints,
                advance=advance,
            )
        return {**fitted.logits, "checkpoints": np.array(fitted.checkpoints)}

    entry = store.get_or_compute(
        "students",
        version=STUDENTS_VERSION,
        settings={
            "learner": section.learner.model_dump(mode="json"),
            "losses": [loss_config(loss) for loss in resolved],
            "seeds": section.seeds,
            "checkpoints": section.checkpoints,
            "bias": bias,
            "seed": config.seed,
        },
        inputs={"features": features.key, "weak labels": labels_key, "splits": splits_fingerprint(splits)},
        compute=compute,
    )
    loss_of, labelling_of, seed_of = np.array(index, dtype=np.int64).T
    return _students(entry, labelling_of, loss_of, seed_of, losses)


def _student_seed(config: Config, labelling: int, seed: int) -> int:
    """Return a student's seed, the same for every loss; its residue is the group of its minibatch order.

    Neighbouring teachers and neighbouring seeds have different orders, so neither the variance over teachers nor that
    over seeds lacks the order's part.
    """
    groups = config.student.learner.order_groups if config.student.learner.kind == "adamw" else 1
    drawn = child_seed(config.seed, "student", labelling, seed)
    return drawn - drawn % groups + (labelling + seed) % groups


def fit_ceilings(
    task: Task, features: Features, splits: Splits, config: Config, *, store: Store, progress: Progress
) -> Students:
    """Train the student model on the true labels of the student split, with forward cross-entropy."""
    models = config.ceiling.models if config.student.learner.kind == "adamw" else 1
    jobs = [
        HeadJob(labelling=0, loss=get_loss("forward_ce"), seed=child_seed(config.seed, "ceiling", r))
        for r in range(models)
    ]

    def compute() -> dict[str, np.ndarray]:
        with progress.bar(f"ceilings: {models} on true labels") as advance:
            fitted = fit(
                config.student.learner,
                features.matrix[splits.student],
                np.eye(task.n_classes)[task.labels[splits.student]][None],
                jobs,
                {name: features.matrix[getattr(splits, name)] for name in EVALUATED},
                bias=task.kind != "preference",
                advance=advance,
            )
        return {**fitted.logits, "checkpoints": np.array(fitted.checkpoints)}

    entry = store.get_or_compute(
        "ceilings",
        version=CEILINGS_VERSION,
        settings={"learner": config.student.learner.model_dump(mode="json"), "models": models, "seed": config.seed},
        inputs={"features": features.key, "task": task.fingerprint, "splits": splits_fingerprint(splits)},
        compute=compute,
    )
    zeros = np.zeros(models, dtype=np.int64)
    return _students(entry, zeros, zeros, np.arange(models), [get_loss("forward_ce")])


def _students(
    entry: Entry,
    labelling_of: Int[np.ndarray, " models"],
    loss_of: Int[np.ndarray, " models"],
    seed_of: Int[np.ndarray, " models"],
    losses: Sequence[Loss],
) -> Students:
    logits = {name: entry.arrays[name] for name in EVALUATED}
    checkpoints = tuple(float(epoch) for epoch in entry.arrays["checkpoints"])
    names, configs = tuple(map(loss_name, losses)), tuple(map(loss_config, losses))
    return Students(logits, checkpoints, labelling_of, loss_of, seed_of, names, configs, entry)
