"""The ceilings: the strong model on the true labels of the student split, at its best: what weak labels fall short of.

On frozen features it is tuned there, by cross-validation (`selection.tuning`); the model as it is configured is kept
beside it, for it shows what tuning is worth. A model that is fine-tuned as a whole is trained as configured: tuning it
would cost more than all the rest of a run.

They learn from the points that the weak students learn from. Where some of those have no true label, as many labeled
points of the teacher split stand in, as far as there are; validation and test points never do.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Int64

from outlearn.core.randomness import child_seed, generator
from outlearn.data.draws import stratified_order
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.config import Config
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.training_spec import Model, TrainingSpec
from outlearn.experiment.stages.tuned import TunedModels
from outlearn.learners.jobs import HeadJob
from outlearn.losses import Loss
from outlearn.store.stage import Stage

__all__ = ["CEILINGS", "UNTUNED", "ceiling_notes", "ceiling_points", "configured_ceilings", "tuned_ceilings"]

VERSION = 4
CEILINGS, UNTUNED = "ceilings", "ceilings, untuned"


def tuned_ceilings(task: Task, model: FrozenModel, config: Config, *, common_scale: bool) -> TunedModels:
    """Describe the ceilings: as many tunings as `ceiling.models` says, each with folds of its own.

    All learn from the same labels, so that their spread is that of the choice.
    """
    points = ceiling_points(task, model.splits, seed=config.seed)
    return TunedModels(
        CEILINGS,
        task,
        model,
        points,
        sets=np.ones((config.ceiling.models, len(points))),
        seeds=[child_seed(config.seed, "ceiling", r) for r in range(config.ceiling.models)],
        common_scale=common_scale,
        convex_only=False,
    )


def configured_ceilings(task: Task, splits: Splits, model: Model, config: Config, *, name: str, loss: Loss) -> Stage:
    """Describe the training of the student's model as it is configured on true labels, with `loss`."""
    # Without randomness one ceiling is all there is.
    models = config.ceiling.models if config.student.learner.has_randomness else 1
    points = ceiling_points(task, splits, seed=config.seed)
    return replace(model, splits=replace(splits, student=points)).train(
        TrainingSpec(
            name=name,
            version=VERSION,
            split="student",
            predict=EVALUATED,
            jobs=tuple(
                HeadJob(labeling=0, loss=loss, seed=child_seed(config.seed, "ceiling", r)) for r in range(models)
            ),
            targets=lambda entries: task.true_targets(points)[None],
            settings={},
            summary={"models": models, "seed": config.seed},
            inputs={"task": task.fingerprint},
        )
    )


@lru_cache(maxsize=1)  # the runs of a sweep on the same points have the same
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
    of_teacher = f" and {n_teacher:,} of the teacher split" if n_teacher else ""
    return (
        f"Ceilings learn from {known + n_teacher:,} true labels, {known:,} of the student split{of_teacher}; students "
        f"from {n_student:,} points.{fewer}",
    )
