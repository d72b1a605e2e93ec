"""What a configuration comes to: its points, and the graph of the stages that have to be there; nothing is trained.

A run computes a plan's stages and measures them; a sweep looks at the plans of all its runs first, and a worker on
another machine rebuilds the plan from the configuration to find the stage that it was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outlearn.core.labelers.recipes import recipe_of
from outlearn.data.load import load_task
from outlearn.data.splits import Splits, make_splits
from outlearn.data.task import Task
from outlearn.encoders.registry import get_encoder
from outlearn.errors import ConfigError
from outlearn.experiment.config import Config
from outlearn.experiment.evaluation import check_target
from outlearn.experiment.stages.auto import AutoStudents
from outlearn.experiment.stages.ceilings import CEILINGS, UNTUNED, configured_ceilings, tuned_ceilings
from outlearn.experiment.stages.controls import LABEL_CURVE, finetuned_controls, label_curve, tuned_controls
from outlearn.experiment.stages.external import external_teachers
from outlearn.experiment.stages.features import features_stage
from outlearn.experiment.stages.finetuned import FinetunedModel
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.prompted import prompted_teachers
from outlearn.experiment.stages.students import Labeling, named_losses, students_stage
from outlearn.experiment.stages.taught import taught_stage
from outlearn.experiment.stages.teachers import teachers_stage, training_label_counts
from outlearn.experiment.stages.training_spec import Model
from outlearn.experiment.stages.tuned import TunedModels
from outlearn.experiment.stages.tuned_baselines import TUNED_BASELINES, TunedBaselines
from outlearn.experiment.teacher_sizes import with_sizes_that_fit
from outlearn.learners.finetuning.learner import FinetuneLearner
from outlearn.learners.learner import Learner
from outlearn.learners.prompting import PromptLearner
from outlearn.losses import get_loss, loss_name
from outlearn.store.stage import Stage
from outlearn.store.store import canonical_json, stage_key

__all__ = ["Plan", "SplitTask", "make_plan", "model_of", "points_key", "read_points", "read_task", "task_key"]


@dataclass(frozen=True)
class SplitTask:
    """Hold the points of a run and their splits; runs with one `points_key` have the same.

    Attributes:
        task: the points.
        splits: who sees which.
    """

    task: Task
    splits: Splits


@dataclass(frozen=True)
class Plan:
    """Hold what a run needs before it trains anything.

    Attributes:
        config: the configuration.
        task, splits: the points.
        labeling: who labels the students' points.
        chosen: recipe -> how its students are chosen without labels, for those that are asked for.
        teacher_names: one a teacher.
        notes: what a reader should know of the teachers, or of what was left out, in sentences.
        stages: name -> stage, in the order of the run; the inputs of each come before it.
        tuned: those of the stages that tune the strong model on true labels.
        tuned_baselines: how the named losses are tuned without them, for `auto` to be compared with; None without it.
    """

    config: Config
    task: Task
    splits: Splits
    labeling: Labeling
    chosen: Mapping[str, AutoStudents]
    teacher_names: tuple[str, ...]
    notes: tuple[str, ...]
    stages: Mapping[str, Stage]
    tuned: Mapping[str, TunedModels]
    tuned_baselines: TunedBaselines | None

    @property
    def key(self) -> str:
        """Name the run by its configuration and its data."""
        return stage_key("run", 1, self.config.model_dump(mode="json"), {"task": self.task.fingerprint})

    @property
    def n_students(self) -> int:
        """Count the students that the run ends with: one a loss and set of labels, and those that are chosen."""
        chosen = sum(len(each.models) for each in self.chosen.values())
        return len(self.labeling.fixed_losses) * len(self.labeling.models) + chosen

    @property
    def labelers_given(self) -> bool:
        """Say whether the labels came from elsewhere, beside the points or in tables of their own."""
        return bool(self.config.teacher.external) or self.task.weak_labels is not None


def points_key(config: Config) -> str:
    """Write all that `read_points` goes by: as long as no file changes, one key has one result."""
    external = bool(config.teacher.external)
    return canonical_json({"data": config.data.model_dump(mode="json"), "seed": config.seed, "external": external})


def task_key(config: Config) -> str:
    """Write all that `read_task` goes by; without the seed where it draws no points, slots of pairs or answers."""
    data = config.data
    drawn = data.path is not None or data.format is not None or (data.limit is not None and data.limit_seed is None)
    read = data.model_dump(mode="json", exclude={"fractions"})
    return canonical_json({"data": read, "seed": config.seed if drawn else None})


def read_task(config: Config) -> Task:
    """Read the data.

    Raises:
        OutlearnError: for data that cannot be used.
    """
    return load_task(**config.data.model_dump(exclude={"fractions"}), seed=config.seed)


def read_points(config: Config, task: Task | None = None) -> SplitTask:
    """Read the data, unless the task of this `task_key` is given, and split them.

    Raises:
        OutlearnError: for data that cannot be used.
    """
    task = task or read_task(config)
    from_elsewhere = bool(config.teacher.external) or task.weak_labels is not None
    fractions = config.data.fractions.model_dump()
    return SplitTask(task, make_splits(task, **fractions, seed=config.seed, teachers_learn=not from_elsewhere))


def make_plan(config: Config, points: SplitTask | None = None) -> Plan:
    """Lay out the stages of a run on its points, which `read_points` gives unless they are given.

    Raises:
        OutlearnError: for data or a configuration of which no run can come.
    """
    points = points or read_points(config)
    task, splits = points.task, points.splits
    if task.facts.numeric:
        raise ConfigError(
            f"the label of {task.name} is a number, and this is of classes. Set data.task: regression, and use "
            "outlearn run or outlearn sweep."
        )
    check_target(task, splits, config)
    sizes: tuple[str, ...] = ()
    if not (config.teacher.external or task.weak_labels is not None):
        config, sizes = with_sizes_that_fit(config, task, splits)
    stages: dict[str, Stage] = {}
    taught = None
    if config.teacher.external or task.weak_labels is not None:
        external = external_teachers(task, splits, config.teacher)
        stages["external teachers"] = teachers = external.stage
        names, notes, answered = external.names, external.notes, external.answered
    elif isinstance(learner := config.teacher.learner, PromptLearner):
        prompted = prompted_teachers(task, splits, learner, config.teacher, seed=config.seed)
        stages["prompted teachers"] = teachers = prompted.stage
        names, notes, answered = prompted.names, prompted.notes, None
    else:
        model = model_of("teacher", config.teacher.encoder, config.teacher.learner, task, splits, stages)
        stages["teachers"] = teachers = teachers_stage(task, splits, model, config.teacher, seed=config.seed)
        names, notes = tuple(f"teacher {m}" for m in range(config.teacher.models)), sizes
        answered, taught = None, training_label_counts(task, splits, config)
    labeling = Labeling(teachers, len(names), answered, taught, task, splits, config)
    model = model_of("student", config.student.encoder, config.student.learner, task, splits, stages)
    left_out = _left_out(labeling)
    chosen, reasons = _chosen(labeling, model)
    if labeling.fixed_losses:
        stages["students"] = students_stage(labeling, model)
    for each in chosen.values():
        stages |= each.stages
        if (teaching := taught_stage(each)) is not None:
            stages[teaching.name] = teaching
    auto = next((each for each in chosen.values() if each.recipe.combines), None)
    baselines = None
    if auto is not None and isinstance(model, FrozenModel) and labeling.fixed_losses:
        baselines = TunedBaselines(auto.source, labeling, model)
        stages[TUNED_BASELINES] = baselines.stage
    tuned = _true_labels(task, splits, model, config, stages)
    notes = (*notes, *left_out, *reasons)
    return Plan(config, task, splits, labeling, chosen, names, notes, stages, tuned, baselines)


def _true_labels(
    task: Task, splits: Splits, model: Model, config: Config, stages: dict[str, Stage]
) -> dict[str, TunedModels]:
    """Lay out what learns from true labels: ceilings, and where the strong model can be tuned, the controls."""
    trained = "teachers" in stages  # here, so that what they learned from is known
    of_truth = get_loss("forward_ce")
    if not isinstance(model, FrozenModel):
        stages[CEILINGS] = configured_ceilings(task, splits, model, config, name=CEILINGS, loss=of_truth)
        if trained and isinstance(model, FinetunedModel):
            stages |= finetuned_controls(task, model, config, loss=of_truth)
        return {}
    common_scale = get_encoder(config.student.encoder).common_scale
    tuned = {CEILINGS: tuned_ceilings(task, model, config, common_scale=common_scale)}
    if trained:
        tuned |= tuned_controls(task, model, config.teacher, seed=config.seed, common_scale=common_scale)
    curve = label_curve(task, splits, model, config, common_scale=common_scale)
    if curve is not None:
        tuned[LABEL_CURVE] = curve
    stages |= {name: each.stage for name, each in tuned.items()}
    stages[UNTUNED] = configured_ceilings(task, splits, model, config, name=UNTUNED, loss=of_truth)
    return tuned


def _left_out(labeling: Labeling) -> tuple[str, ...]:
    """Say which named losses the labels cannot teach; that is an error where no other loss is named."""
    taught = labeling.fixed_losses
    names = [loss_name(loss) for loss in named_losses(labeling.config) if loss not in taught]
    reasons = tuple(
        f"{name} was left out: it looks at a whole minibatch, and cannot leave out the points that a labeler does not "
        f"label ({', '.join(labeling.config.teacher.external or labeling.config.data.labelers)})."
        for name in names
    )
    if names and not taught and not any(map(recipe_of, labeling.config.student.loss)):
        raise ConfigError(f"{reasons[0]} Name another in student.loss, such as reverse_ce, or fill the gaps.")
    return reasons


def _chosen(labeling: Labeling, model: Model) -> tuple[dict[str, AutoStudents], tuple[str, ...]]:
    """Lay out the recipes that are asked for; one that cannot be is left out with a reason, unless nothing is left."""
    found: dict[str, AutoStudents] = {}
    reasons = []
    for recipe in filter(None, map(recipe_of, labeling.config.student.loss)):
        try:
            found[recipe.name] = AutoStudents(recipe, labeling, model)
        except ConfigError as refused:
            if not labeling.fixed_losses:
                raise
            reasons.append(f"{recipe.name} was left out. {refused}")
    return found, tuple(reasons)


def model_of(
    who: str, encoder: Mapping[str, Any], learner: Learner, task: Task, splits: Splits, stages: dict[str, Stage]
) -> Model:
    """Lay out what trains teachers or students; the stages that it needs are added to `stages`."""
    if isinstance(learner, FinetuneLearner):
        return FinetunedModel(task, splits, learner)
    if not encoder:
        raise ConfigError(f"{who}.encoder is missing; give a mapping with its kind, such as {{kind: tfidf}}")
    features = features_stage(task, get_encoder(encoder), getattr(splits, who))
    stages[f"{who} features"] = features
    return FrozenModel(features, learner, splits, bias=task.kind != "preference")
