"""Teachers that are not trained here: their labels come from a table, joined by id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.data.weak_labels import load_weak_labels
from outlearn.errors import DataError
from outlearn.experiment.config import TeacherSection
from outlearn.experiment.stages import EVALUATED, point_ids

__all__ = ["ExternalTeachers", "external_teachers"]


@dataclass(frozen=True)
class ExternalTeachers:
    """What labellers from elsewhere said of the student, validation and test points.

    Attributes:
        predictions: split -> predictions.
        names: one a teacher.
        fingerprint: sha256 of the labels.
        notes: what a reader should know, in sentences.
    """

    predictions: Mapping[str, Predictions]
    names: tuple[str, ...]
    fingerprint: str
    notes: tuple[str, ...]


def external_teachers(task: Task, splits: Splits, section: TeacherSection) -> ExternalTeachers:
    """Read the tables of `teacher.external`.

    Votes are probabilities of 0 and 1, under which a single error costs infinitely many nats. If any probability is 0,
    each label t is taken as (1 - e) t + e / K with e = `teacher.smoothing`, and the notes say so.

    Raises:
        DataError: see `load_weak_labels`; also if a probability is 0 and smoothing is 0. Points of the test split need
        labels too, or the teachers cannot be compared.
    """
    names = ("student", *EVALUATED)
    sizes = [len(getattr(splits, name)) for name in names]
    points = np.concatenate([getattr(splits, name) for name in names])
    labels = load_weak_labels(section.external, task, points, missing=section.missing)
    unused = (
        f"No teacher was trained, so the {len(splits.teacher):,} points of the teacher split are not used; a smaller "
        "data.fractions.teacher leaves more to the students."
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
    predictions = {
        name: Predictions.from_probs(part, point_ids=point_ids(task, getattr(splits, name)))
        for name, part in zip(names, cuts, strict=True)
    }
    fingerprint = hashlib.sha256(np.ascontiguousarray(probs).tobytes()).hexdigest()
    return ExternalTeachers(predictions, labels.teacher_names, fingerprint, notes)
