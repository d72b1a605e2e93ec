"""How many teachers on how many labels each: what the configuration says, or where it allows, what the points allow."""

from __future__ import annotations

import numpy as np

from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.config import Config

__all__ = ["with_sizes_that_fit"]

LEAST_A_CLASS = 2  # labels of a class, mean: below it fewer teachers see more each
LEAST_MODELS = 2  # between which there is a variance


def with_sizes_that_fit(config: Config, task: Task, splits: Splits) -> tuple[Config, tuple[str, ...]]:
    """Fit the number of labels, then of teachers, to what the teacher split has, if `teacher.sizes` is at_most.

    Every teacher needs a label of each class, so there are at most as many as the rarest class has points, and with
    very many classes each has more labels than `teacher.labels`.

    Returns:
        The configuration with the sizes that are used, and a sentence if they are others.
    """
    section = config.teacher
    if section.sizes == "exact" or section.draw != "disjoint":
        return config, ()
    labels = task.labels[splits.teacher]
    rarest = int(np.bincount(labels, minlength=1)[np.unique(labels)].min()) if len(labels) else 0
    most = min(section.models, rarest, len(labels) // (LEAST_A_CLASS * task.n_classes))
    models = max(most, min(LEAST_MODELS, section.models))
    size = min(max(section.labels, LEAST_A_CLASS * task.n_classes), len(labels) // models)
    if (models, size) == (section.models, section.labels) or size < 2:
        return config, ()
    classes = f", and there are {task.n_classes:,} classes" if size > section.labels else ""
    note = (
        f"{models} teachers learn from {size:,} true labels each, not {section.models} from {section.labels:,}: the "
        f"teacher split has {len(labels):,} points{classes}. Set teacher.models and teacher.labels for others."
    )
    teacher = section.model_copy(update={"models": models, "labels": size})
    return config.model_copy(update={"teacher": teacher}), (note,)
