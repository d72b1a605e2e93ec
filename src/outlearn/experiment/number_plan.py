"""What a configuration of a task of numbers comes to: its points, and the graph of its stages; nothing is trained.

The counterpart of `plan` for labels that are numbers. The stages of features, training, splits and draws are the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from outlearn.core.labelers.recipes import recipe_of
from outlearn.core.number_intervals import NumberIntervals
from outlearn.core.randomness import child_seed
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.errors import ConfigError
from outlearn.experiment.config import Config
from outlearn.experiment.plan import SplitTask, model_of
from outlearn.experiment.stages.ceilings import CEILINGS, ceiling_points, configured_ceilings
from outlearn.experiment.stages.controls import (
    ALL_LABELS,
    LABEL_CURVE,
    OWN_LABELS,
    curve_sets,
    finetuned_controls,
    teachers_labels,
)
from outlearn.experiment.stages.finetuned import FinetunedModel
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.number_auto import AUTO, NumberAuto
from outlearn.experiment.stages.number_teachers import external_numbers, number_teachers
from outlearn.experiment.stages.number_tuning import TunedNumberModels
from outlearn.experiment.stages.students import Labeling, students_stage
from outlearn.experiment.stages.training_spec import Model
from outlearn.experiment.teacher_sizes import with_sizes_that_fit
from outlearn.learners.head_randomness import steps_per_epoch
from outlearn.learners.learner import Learner
from outlearn.losses.numbers import loss_of_generator
from outlearn.store.stage import Stage
from outlearn.store.store import stage_key

__all__ = ["NumberPlan", "make_number_plan"]


# Learning rate x steps that a linear head takes to learn numbers in their own units: AdamW moves a weight by about the
# rate a step. At rates of 0.001 to 0.01, 1 to 1.6 was the best on two tasks of few features; more copies the teacher
# (docs/regression.md). Below this share of it, it is said.
LEARNED, SHORT = 1.2, 0.5


@dataclass(frozen=True)
class NumberPlan:
    """Hold what a run of numbers needs before it trains anything; fields as of `Plan`.

    Attributes:
        auto: how the students of `auto` are chosen, if it is asked for.
        tuned: the strong model on true labels, by stage; empty where it is fine-tuned as a whole.
        given_intervals: in which labelers from elsewhere say that the truth of the test points lies, or None.
    """

    config: Config
    task: Task
    splits: Splits
    labeling: Labeling
    auto: NumberAuto | None
    teacher_names: tuple[str, ...]
    notes: tuple[str, ...]
    stages: Mapping[str, Stage]
    tuned: Mapping[str, TunedNumberModels]
    given_intervals: NumberIntervals | None = None

    @property
    def key(self) -> str:
        """Name the run by its configuration and its data."""
        return stage_key("run", 1, self.config.model_dump(mode="json"), {"task": self.task.fingerprint})

    @property
    def n_students(self) -> int:
        """Count the students that the run ends with: one a loss and set of labels, and the one that auto chooses."""
        return len(self.labeling.fixed_losses) * len(self.labeling.models) + (self.auto is not None)


def make_number_plan(config: Config, points: SplitTask) -> NumberPlan:
    """Lay out the stages of a run of numbers.

    Raises:
        OutlearnError: for data or a configuration of which no run can come.
    """
    task, splits = points.task, points.splits
    if config.measure.target == "soft" and task.ratings is None:
        raise ConfigError(
            "measure.target is soft, and the task has one number a point, not those of several raters. Use "
            "measure.target: labels, or give each point the list of its raters' numbers."
        )
    stages: dict[str, Stage] = {}
    trained = not (config.teacher.external or task.weak_labels is not None)
    notes: tuple[str, ...] = ()
    intervals = None
    if trained:
        config, notes = with_sizes_that_fit(config, task, splits)
        weak = model_of("teacher", config.teacher.encoder, config.teacher.learner, task, splits, stages)
        teachers = stages["teachers"] = number_teachers(task, splits, weak, config)
        notes = (*notes, *_short("teacher", config.teacher.learner, len(splits.teacher)))
        names, answered = tuple(f"teacher {m}" for m in range(config.teacher.models)), None
    else:
        external = external_numbers(task, splits, config.teacher, interval_level=config.data.interval_level)
        teachers = stages["external teachers"] = external.stage
        names, notes, answered, intervals = external.names, external.notes, external.answered, external.intervals
    labeling = Labeling(teachers, len(names), answered, None, task, splits, config)
    model = model_of("student", config.student.encoder, config.student.learner, task, splits, stages)
    if labeling.fixed_losses:
        stages["students"] = students_stage(labeling, model)
        notes = (*notes, *_short("student", config.student.learner, len(splits.student)))
    auto = None
    if any(map(recipe_of, config.student.loss)):
        if isinstance(model, FrozenModel) and len(names) > 1:
            auto = NumberAuto(labeling, model)
            stages[AUTO] = auto.stage
        elif labeling.fixed_losses:
            notes = (*notes, f"auto was left out: {_no_auto(model)}.")
        else:
            raise ConfigError(f"auto cannot choose: {_no_auto(model)}. Name a loss.")
    tuned = {}
    if isinstance(model, FrozenModel):
        tuned = _tuned(task, splits, model, config, trained=trained)
        stages |= {name: each.stage for name, each in tuned.items()}
    else:
        loss = loss_of_generator(config.measure.generator)
        stages[CEILINGS] = configured_ceilings(task, splits, model, config, name=CEILINGS, loss=loss)
        if trained and isinstance(model, FinetunedModel):
            stages |= finetuned_controls(task, model, config, loss=loss)
    return NumberPlan(config, task, splits, labeling, auto, names, notes, stages, tuned, intervals)


def _short(who: str, learner: Learner, n_examples: int) -> tuple[str, ...]:
    """Say that linear heads by minibatches end near their random start, and which length would do."""
    settings = learner.head_settings(bias=True)
    if settings is None or settings.hidden is not None:
        return ()
    per_epoch = steps_per_epoch(n_examples, settings.batch_size)
    steps, wanted = round(settings.epochs * per_epoch), LEARNED / settings.learning_rate
    if steps >= SHORT * wanted:
        return ()
    return (
        f"{who.capitalize()}s make {steps:,} steps, and a linear head at learning rate "
        f"{settings.learning_rate:g} needs some {wanted:,.0f} to leave its random start. Set {who}.learner.epochs to "
        f"{math.ceil(wanted / per_epoch):,}.",
    )


def _no_auto(model: Model) -> str:
    if isinstance(model, FrozenModel):
        return "it chooses by what other teachers say, and there is one teacher"
    return "it chooses among ridge heads on frozen features, and the student is fine-tuned as a whole"


def _tuned(
    task: Task, splits: Splits, model: FrozenModel, config: Config, *, trained: bool
) -> dict[str, TunedNumberModels]:
    """Lay out what learns from true numbers: ceilings, controls, and the curve over their number."""
    seed, loss = config.seed, loss_of_generator(config.measure.generator)
    points = ceiling_points(task, splits, seed=seed)
    found = {
        CEILINGS: TunedNumberModels(
            CEILINGS,
            task,
            model,
            points,
            np.ones((config.ceiling.models, len(points))),
            [child_seed(seed, "ceiling", r) for r in range(config.ceiling.models)],
            loss,
        )
    }
    if trained:
        for name, sets in teachers_labels(task, splits, config.teacher, seed=seed).items():
            seeds = [child_seed(seed, name, m) for m in range(len(sets))]
            found[name] = TunedNumberModels(name, task, model, splits.teacher, sets, seeds, loss)
    curve = curve_sets(task.labels[points], n_classes=1, seed=seed)
    if len(curve):
        seeds = [child_seed(seed, "label curve", k) for k in range(len(curve))]
        of_curve = TunedNumberModels(LABEL_CURVE, task, model, points, curve, seeds, loss)
        found[LABEL_CURVE] = replace(of_curve, predict=("test",), ridge_only=True)  # dozens of sets
    return {name: found[name] for name in (CEILINGS, OWN_LABELS, ALL_LABELS, LABEL_CURVE) if name in found}
