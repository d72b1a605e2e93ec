"""Teachers that are not trained here: their labels come with the points, or from tables, joined by id.

What a labeler left out is a gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from outlearn.core.number_intervals import NumberIntervals
from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.data.weak_labels import load_weak_labels
from outlearn.errors import DataError
from outlearn.experiment.config import TeacherSection
from outlearn.experiment.stages.teachers import LABELED, answered_array
from outlearn.store.stage import Stage

__all__ = ["ExternalTeachers", "external_teachers", "refuse_silent"]

VERSION = 3


@dataclass(frozen=True, eq=False)
class ExternalTeachers:
    """What labelers from elsewhere said of the student, validation and test points.

    Attributes:
        stage: the labels, stored as those of teachers that were trained here; where some are missing, with the mask of
            those that are there.
        names: one a teacher.
        answered: `[teachers, student points]`, where each says something; None if all do everywhere.
        notes: what a reader should know, in sentences.
        intervals: of numbers, in which each says that the truth of the test points lies; None if none does.
    """

    stage: Stage
    names: tuple[str, ...]
    answered: Bool[np.ndarray, "teachers student_points"] | None
    notes: tuple[str, ...]
    intervals: NumberIntervals | None = None


def external_teachers(task: Task, splits: Splits, section: TeacherSection) -> ExternalTeachers:
    """Gather the labels that came with the points, and those of the tables of `teacher.external`.

    Votes are probabilities of 0 and 1, under which a single error costs infinitely many nats. If any probability is 0,
    each label t is taken as (1 - e) t + e / K with e = `teacher.smoothing`, and the notes say so. A gap is stored as
    the uniform distribution, which the mask beside it keeps out of training and of every score.

    Raises:
        DataError: see `load_weak_labels`; also if a probability is 0 and smoothing is 0, or a labeler says nothing in
            one of the splits. Points of the test split need labels too, or the teachers cannot be compared.
    """
    sizes = [len(getattr(splits, name)) for name in LABELED]
    points = np.concatenate([getattr(splits, name) for name in LABELED])
    labels = load_weak_labels(section.external, task, points, missing=section.missing, normalise=section.normalise)
    unused: tuple[str, ...] = ()
    if len(splits.teacher):  # the file says so
        unused = (
            f"No teacher was trained, and the file puts {len(splits.teacher):,} points into the teacher split: "
            + ("they are not used." if task.labeled[splits.student].all() else "only ceilings learn from them."),
        )
    probs, answered, notes = labels.distributions, labels.answered, (*labels.notes, *unused)
    zeros = int((probs == 0).any(axis=-1).sum())
    if zeros and not section.smoothing:
        raise DataError(
            f"{zeros:,} labels of {labels.source} give a class probability 0, which costs infinitely "
            "many nats when it is wrong. Set teacher.smoothing above 0, such as 0.01."
        )
    if zeros:
        probs = (1 - section.smoothing) * probs + section.smoothing / task.n_classes
        notes += (
            f"{zeros:,} of {int(answered.sum()):,} labels give a class probability 0; all labels are mixed with "
            f"{section.smoothing:g} of the uniform distribution (teacher.smoothing), so that log loss and misfit are "
            "finite.",
        )
    probs = np.where(answered[..., None], probs, 1 / task.n_classes)
    parts = np.cumsum(sizes)[:-1]
    arrays = {
        name: Predictions.from_probs(part).log_probs[None]
        for name, part in zip(LABELED, np.split(probs, parts, axis=1), strict=True)
    }
    digest = hashlib.sha256(np.ascontiguousarray(probs).tobytes())
    # The same bytes can be other labels: of other splits, or of other numbers of teachers and classes.
    settings = {"shape": list(probs.shape), "splits": sizes}
    masks = dict(zip(LABELED, np.split(answered, parts, axis=1), strict=True))
    if not answered.all():
        refuse_silent(labels.names, masks)
        digest.update(np.packbits(answered).tobytes())
        arrays |= {answered_array(name): mask for name, mask in masks.items()}
    stage = Stage("external teachers", VERSION, settings, {"labels": digest.hexdigest()}, lambda entries, work: arrays)
    return ExternalTeachers(stage, labels.names, None if answered.all() else masks["student"], notes)


def refuse_silent(names: tuple[str, ...], masks: Mapping[str, np.ndarray]) -> None:
    """Refuse a labeler that says nothing of a whole split."""
    for split, answered in masks.items():
        silent = np.flatnonzero(~answered.any(axis=1)).tolist()
        if silent:
            raise DataError(
                f"{names[silent[0]]} has no label for any of the {answered.shape[1]:,} points of the {split} split, so "
                "that nothing can be learned from it or said of it. Leave it out, or give it labels there; or raise "
                f"data.fractions.{split} to have more points in it."
            )
