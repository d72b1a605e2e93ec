"""Teachers that are not trained here: their labels come from a table, joined by id."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.data.weak_labels import load_weak_labels
from outlearn.errors import DataError
from outlearn.experiment.config import TeacherSection
from outlearn.experiment.stages.teachers import LABELLED
from outlearn.store.stage import Stage

__all__ = ["ExternalTeachers", "external_teachers"]

VERSION = 2


@dataclass(frozen=True)
class ExternalTeachers:
    """What labellers from elsewhere said of the student, validation and test points.

    Attributes:
        stage: the labels, stored as those of teachers that were trained here.
        names: one a teacher.
        notes: what a reader should know, in sentences.
    """

    stage: Stage
    names: tuple[str, ...]
    notes: tuple[str, ...]


def external_teachers(task: Task, splits: Splits, section: TeacherSection) -> ExternalTeachers:
    """Read the tables of `teacher.external`.

    Votes are probabilities of 0 and 1, under which a single error costs infinitely many nats. If any probability is 0,
    each label t is taken as (1 - e) t + e / K with e = `teacher.smoothing`, and the notes say so.

    Raises:
        DataError: see `load_weak_labels`; also if a probability is 0 and smoothing is 0. Points of the test split need
        labels too, or the teachers cannot be compared.
    """
    sizes = [len(getattr(splits, name)) for name in LABELLED]
    points = np.concatenate([getattr(splits, name) for name in LABELLED])
    labels = load_weak_labels(section.external, task, points, missing=section.missing)
    unused = (
        f"No teacher was trained, so the {len(splits.teacher):,} points of the teacher split are not used; a smaller "
        "data.fractions.teacher leaves more to the students."
        if task.labelled[splits.student].all()
        else "No teacher was trained, so that only ceilings learn from the teacher split; a smaller "
        "data.fractions.teacher leaves more true labels to the test."
    )
    probs, notes = labels.probs, (*labels.notes, unused)
    zeros = int((probs == 0).any(axis=-1).sum())
    if zeros and not section.smoothing:
        raise DataError(
            f"{zeros:,} labels of {', '.join(section.external)} give a class probability 0, which costs infinitely "
            "many nats when "
            "it is wrong. Set teacher.smoothing above 0, such as 0.01."
        )
    if zeros:
        probs = (1 - section.smoothing) * probs + section.smoothing / task.n_classes
        notes += (
            f"{zeros:,} of {probs.shape[0] * probs.shape[1]:,} labels give a class probability 0; all labels are "
            "mixed with "
            f"{section.smoothing:g} of the uniform distribution (teacher.smoothing), so that log loss and misfit are "
            "finite.",
        )
    cuts = np.split(probs, np.cumsum(sizes)[:-1], axis=1)
    arrays = {name: Predictions.from_probs(part).log_probs[None] for name, part in zip(LABELLED, cuts, strict=True)}
    fingerprint = hashlib.sha256(np.ascontiguousarray(probs).tobytes()).hexdigest()
    # The same bytes can be other labels: of other splits, or of other numbers of teachers and classes.
    settings = {"shape": list(probs.shape), "splits": sizes}
    stage = Stage("external teachers", VERSION, settings, {"labels": fingerprint}, lambda entries, work: arrays)
    return ExternalTeachers(stage, labels.teacher_names, notes)
