"""Weak teachers of numbers: trained here on true numbers, or labelers from elsewhere, whose gaps stay gaps."""

from __future__ import annotations

import hashlib

import numpy as np

from outlearn.core.number_intervals import NumberIntervals
from outlearn.core.randomness import child_seed
from outlearn.data.draws import draw_teachers
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.data.weak_numbers import load_weak_numbers
from outlearn.experiment.config import Config, TeacherSection
from outlearn.experiment.stages.external import ExternalTeachers, refuse_silent
from outlearn.experiment.stages.teachers import LABELED, answered_array
from outlearn.experiment.stages.training_spec import Model, TrainingSpec
from outlearn.learners.jobs import HeadJob
from outlearn.losses.numbers import loss_of_generator
from outlearn.store.stage import Stage

__all__ = ["external_numbers", "number_teachers"]

VERSION = 1


def number_teachers(task: Task, splits: Splits, model: Model, config: Config) -> Stage:
    """Describe the training of the teachers, each on its own draw of true numbers.

    Its arrays: `student`, `validation`, `test`, numbers `[1, models, points, 1]`.
    """
    section, loss = config.teacher, loss_of_generator(config.measure.generator)
    strata = task.labels[splits.teacher]
    weights = draw_teachers(strata, models=section.models, size=section.labels, draw=section.draw, seed=config.seed)
    return model.train(
        TrainingSpec(
            name="teachers",
            version=VERSION,
            split="teacher",
            predict=LABELED,
            jobs=tuple(
                HeadJob(labeling=0, loss=loss, weighting=m, seed=child_seed(config.seed, "teacher", m))
                for m in range(section.models)
            ),
            targets=lambda entries: task.true_targets(splits.teacher)[None],
            weights=weights,
            settings={"loss": loss.name},
            summary={"models": section.models, "draw": section.draw, "labels": section.labels, "seed": config.seed},
            inputs={"task": task.fingerprint},
        )
    )


def external_numbers(
    task: Task, splits: Splits, section: TeacherSection, *, interval_level: float | None = None
) -> ExternalTeachers:
    """Gather the numbers that came with the points, and those of the tables of `teacher.external`.

    Raises:
        DataError: see `load_weak_numbers`; also if a labeler says nothing in one of the splits.
    """
    sizes = [len(getattr(splits, name)) for name in LABELED]
    points = np.concatenate([getattr(splits, name) for name in LABELED])
    table = load_weak_numbers(section.external, task, points, missing=section.missing, interval_level=interval_level)
    answered, values = table.answered, np.nan_to_num(table.values)
    parts = np.cumsum(sizes)[:-1]
    arrays = {name: part[None, ..., None] for name, part in zip(LABELED, np.split(values, parts, axis=1), strict=True)}
    masks = dict(zip(LABELED, np.split(answered, parts, axis=1), strict=True))
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes() + np.packbits(answered).tobytes())
    if not answered.all():
        refuse_silent(table.names, masks)
        arrays |= {answered_array(name): mask for name, mask in masks.items()}
    settings = {"shape": list(values.shape), "splits": sizes, "numbers": True}
    stage = Stage("external teachers", VERSION, settings, {"labels": digest.hexdigest()}, lambda entries, work: arrays)
    tested, said = slice(len(points) - len(splits.test), None), table.intervals
    return ExternalTeachers(
        stage,
        table.names,
        None if answered.all() else masks["student"],
        table.notes,
        None if said is None else NumberIntervals(said.low[:, tested], said.high[:, tested], said.level),
    )
