"""The ceilings: students of true labels, trained with forward cross-entropy: what the strong model could do.

They learn from the points that the weak students learn from. Where some of those have no true label, as many labeled
points of the teacher split stand in, as far as there are; validation and test points never do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Int64

from outlearn.core.randomness import child_seed, generator
from outlearn.data.draws import stratified_order
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.config import Config
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.stages.training_spec import Model, TrainingSpec
from outlearn.learners.jobs import HeadJob
from outlearn.losses import get_loss
from outlearn.store.stage import Stage

__all__ = ["ceiling_notes", "ceiling_points", "ceilings_stage"]

VERSION = 4


def ceilings_stage(task: Task, splits: Splits, model: Model, config: Config) -> Stage:
    """Describe the training of the student's model on true labels, as often as `ceiling.models` says."""
    # Without randomness one ceiling is all there is.
    models = config.ceiling.models if config.student.learner.has_randomness else 1
    points = ceiling_points(task, splits, seed=config.seed)
    return replace(model, splits=replace(splits, student=points)).train(
        TrainingSpec(
            name="ceilings",
            version=VERSION,
            split="student",
            predict=EVALUATED,
            jobs=tuple(
                HeadJob(labeling=0, loss=get_loss("forward_ce"), seed=child_seed(config.seed, "ceiling", r))
                for r in range(models)
            ),
            targets=lambda entries: np.eye(task.n_classes)[task.labels[points]][None],
            settings={},
            summary={"models": models, "seed": config.seed},
            inputs={"task": task.fingerprint},
        )
    )


def ceiling_points(task: Task, splits: Splits, *, seed: int) -> Int64[np.ndarray, " ceiling_points"]:
    """List the points that ceilings learn from, ascending: all of them have a label."""
    known = splits.student[task.labeled[splits.student]]
    missing = len(splits.student) - len(known)
    order = stratified_order(task.labels[splits.teacher], generator(seed, "ceiling points"))
    return np.sort(np.concatenate([known, splits.teacher[order[:missing]]]))


def ceiling_notes(task: Task, splits: Splits) -> tuple[str, ...]:
    """Say what the ceilings learn from, if that is not the student split as it is."""
    n_student, known = len(splits.student), int(task.labeled[splits.student].sum())
    if known == n_student:
        return ()
    n_teacher = min(n_student - known, len(splits.teacher))
    fewer = (
        " With as many, a ceiling would do better as a rule, and PGR would be smaller."
        if known + n_teacher < n_student
        else ""
    )
    return (
        f"Ceilings learn from {known + n_teacher:,} true labels, {known:,} of the student split and {n_teacher:,} of "
        f"the teacher split; students from {n_student:,} points.{fewer}",
    )
