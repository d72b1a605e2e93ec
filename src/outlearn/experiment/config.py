"""The keys of a run's configuration: their types, defaults and the rules between them. `load_config` reads one.

A validator raises ValueError, which a `ConfigError` is too.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from outlearn.core.generators import GENERATORS
from outlearn.core.generators.fitting import NUMBER_GENERATORS
from outlearn.core.labelers.combinations import COMBINATIONS, EACH, NUMBER_COMBINATIONS
from outlearn.core.labelers.recipes import FORMS, recipe_of
from outlearn.core.students.criteria import check_criterion
from outlearn.data.task_kinds import TASK_KINDS
from outlearn.encoders.registry import get_encoder
from outlearn.errors import ConfigError, suggest
from outlearn.experiment.kind_rules import Asked, kind_of, problems_of_kind
from outlearn.learners.head_learners import ConvexLearner, HeadLearner
from outlearn.learners.learner import Learner
from outlearn.learners.registry import LEARNERS, get_learner
from outlearn.learners.settings import Settings
from outlearn.selection.number_choice import NUMBER_CRITERIA

__all__ = ["Config", "TeacherSection", "WeakLabelSection"]

Share = Annotated[float, Field(gt=0, lt=1)]


def _form(name: str) -> str:
    if name not in FORMS:
        raise ValueError(f"{name!r} is no form of an answer; {suggest(name, FORMS)}")
    return name


def _source(name: str) -> str:
    known = [EACH, *COMBINATIONS, *(other for other in NUMBER_COMBINATIONS if other not in COMBINATIONS)]
    if name not in known:
        raise ValueError(f"{name!r} is no way to combine teachers; {suggest(name, known)}")
    return name


def _kind(name: str) -> str:
    if name not in TASK_KINDS:
        raise ValueError(f"{name!r} is no kind of task; {suggest(name, TASK_KINDS)}")
    return name


def _generator(name: str) -> str:
    offered = [known for known, generator in GENERATORS.items() if generator.in_runs or known in NUMBER_GENERATORS]
    if name not in offered:
        raise ValueError(f"{name!r} is not offered in a run; {suggest(name, offered)}")
    return name


# Read by the table of learners when a configuration is read, so that one that was added to it is known.
LearnerSection = Annotated[SerializeAsAny[Learner], BeforeValidator(get_learner)]


def _settle_learner(learner: Learner, info: ValidationInfo) -> Learner:
    """Settle what a learner leaves to the encoder of its section, which is read before it."""
    try:
        encoder = get_encoder(info.data["encoder"])
    except (KeyError, ConfigError):  # none, or one that `Config` refuses with its reason
        return learner
    return learner.on_features(common_scale=encoder.common_scale)


class Fractions(Settings):
    """Shares of the points that each split takes; they sum to 1."""

    # As evidence weighs them: teachers need few labels, students gain from more, and intervals need a large test split.
    teacher: Share = 0.35
    student: Share = 0.35
    validation: Share = 0.05
    test: Share = 0.25

    @model_validator(mode="after")
    def _sum_to_one(self) -> Fractions:
        total = self.teacher + self.student + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-9):
            raise ValueError(f"the four shares must sum to 1, these sum to {total:g}")
        return self


class DataSection(Settings):
    """Where the points come from: a built-in task or Hugging Face dataset by `name`, or a file or folder by `path`."""

    name: str | None = None
    path: str | None = None
    format: str | None = None
    # What a label is, where the data do not say it: regression, if labels are numbers to predict.
    task: Annotated[str, AfterValidator(_kind)] | None = None
    text_column: str | None = None
    label_column: str | None = None
    chosen_column: str | None = None
    rejected_column: str | None = None
    id_column: str | None = None
    group_column: str | None = None
    split_column: str | None = None
    # Columns of the same table that hold the labels of one labeler each: then they are the teachers.
    labelers: tuple[str, ...] = ()
    # Of a table in which each row is one annotation: who labeled, and what was said.
    annotator_column: str | None = None
    annotation_column: str | None = None
    # Of numbers: the level at which columns NAME_low and NAME_high, or NAME_sd, of a labeler NAME are meant to hold,
    # here and in tables of teacher.external. None: they are not looked at.
    interval_level: Annotated[float, Field(gt=0, lt=1)] | None = None
    subset: str | None = None
    split: str | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    # Of the points that limit keeps. None: the run's own, so that another seed draws others. A number: every seed
    # splits the same points, whose features and prompt scores are then in the store; of pairs the scores follow the
    # slots, which the run's seed draws.
    limit_seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    fractions: Fractions = Fractions()

    @field_validator("labelers", mode="before")
    @classmethod
    def _one_labeler_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_source(self) -> DataSection:
        if (self.name is None) == (self.path is None):
            raise ValueError(
                "give either name (a built-in task or a Hugging Face dataset) or path (a file), not both or neither"
            )
        if self.limit_seed is not None and self.limit is None:
            raise ValueError("limit_seed has no effect without limit, whose points it draws")
        return self


class TeacherSection(Settings):
    """The weak teachers: `models` of them, each on `labels` true labels of the teacher split, or from elsewhere."""

    models: Annotated[int, Field(ge=1, le=10_000)] = 8
    encoder: dict[str, Any] = Field(default_factory=dict)
    learner: LearnerSection = ConvexLearner()
    # disjoint: no point labels two teachers, so they are independent given the split. bootstrap: each redraws the
    # split with replacement. seeds: all see the same points and differ by their seed, which only a stochastic learner
    # feels.
    draw: Literal["disjoint", "bootstrap", "seeds"] = "disjoint"
    labels: Annotated[int, Field(ge=2)] = 200
    # at_most: where the teacher split has too few points for that, each has fewer, and if need be there are fewer. The
    # presets for data of any size say so, until labels are given.
    sizes: Literal["exact", "at_most"] = "exact"
    external: tuple[str, ...] = ()
    missing: Literal["error", "abstain"] = "error"
    normalise: bool = False
    # Votes are probabilities of 0 and 1: a teacher that is certain and wrong once has an infinite log loss.
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.01

    _settled = field_validator("learner")(_settle_learner)

    @field_validator("external", mode="before")
    @classmethod
    def _one_file_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _seeds_need_chance(self) -> TeacherSection:
        if self.draw == "seeds" and not self.learner.has_randomness:
            raise ValueError(
                f"draw: seeds gives equal teachers with learner.kind: {self.learner.kind}, which has no randomness; "
                "use adamw"
            )
        return self


class WeakLabelSection(Settings):
    """What the students are taught: the teachers' probabilities as they are, or made harder, softer, or sampled."""

    kind: Literal["soft", "hard", "temperature", "sampled"] = "soft"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    # each: student m learns from teacher m. A key of COMBINATIONS: all learn from that combination of the teachers.
    source: Annotated[str, AfterValidator(_source)] = EACH

    @model_validator(mode="after")
    def _temperature_is_used(self) -> WeakLabelSection:
        if self.kind != "temperature" and self.temperature != 1.0:
            raise ValueError(
                f"temperature {self.temperature:g} has no effect with kind: {self.kind}; use kind: temperature"
            )
        return self


class StudentSection(Settings):
    """The strong students: one for each teacher, loss and seed, all trained together."""

    encoder: dict[str, Any] = Field(default_factory=dict)
    learner: LearnerSection = HeadLearner()
    loss: tuple[str | dict[str, Any], ...] = ("forward_ce", "reverse_ce")
    seeds: Annotated[int, Field(ge=1, le=1_000)] = 3
    # Of self-distillation after the first fit, for the losses that are named; auto chooses its own number.
    rounds: Annotated[int, Field(ge=0, le=1_000)] = 0
    # What `loss: auto` chooses by. The default chose best where it was developed: docs/auto.md.
    criterion: str = "pooled_consensus"
    # What `auto` answers with: average is the most accurate where it was developed; best is one candidate; distilled is
    # one convex head that learns the average.
    answer: Annotated[str, AfterValidator(_form)] = "average"
    # Shares of the classes that `auto` brings its students to, in the order of the classes. None takes them from the
    # teachers' training labels, or else from the weak labels.
    class_shares: tuple[float, ...] | None = None
    # What `auto` makes of the true labels of the validation split. none: nothing, and the split stays held out; choose:
    # they help to rank candidates; learn: the answer learns from them too.
    true_labels: Literal["none", "choose", "learn"] = "none"
    # last: the end of training. validation: the epoch at which the students of a loss agree best with their own
    # teachers' labels on the validation split. No true label is used, and no test point.
    select: Literal["last", "validation"] = "last"
    checkpoints: tuple[Annotated[float, Field(gt=0)], ...] = (1, 3, 10)
    # What is left of them in the run folder. best: one student to use, that of auto or else of the first loss; all: one
    # of every loss. Some 100 KB each for heads; a fine-tuned model is as large as the model.
    keep: Literal["none", "best", "all"] = "best"

    _settled = field_validator("learner")(_settle_learner)

    @field_validator("loss", mode="before")
    @classmethod
    def _one_loss_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | dict) else value

    @field_validator("loss")
    @classmethod
    def _known_losses(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        from outlearn.losses import get_loss, loss_name

        if not value:
            raise ValueError("expected at least one loss")
        problems, names = [], []
        for spec in value:
            if recipe := recipe_of(spec):
                names.append(recipe.name)
                continue
            try:
                names.append(loss_name(get_loss(spec)))
            except ConfigError as error:
                problems += str(error).splitlines()
        problems += [f"{name} is listed twice" for name in sorted({n for n in names if names.count(n) > 1})]
        if problems:
            raise ValueError("\n".join(problems))
        return value

    @field_validator("criterion")
    @classmethod
    def _known_criterion(cls, value: str) -> str:
        if value not in NUMBER_CRITERIA:
            check_criterion(value)
        return value

    @model_validator(mode="after")
    def _learner_can(self) -> StudentSection:
        kind = f"learner.kind: {self.learner.kind}"
        if not self.learner.learns:
            able = " or ".join(name for name, learner in LEARNERS.items() if learner.learns)
            raise ValueError(f"{kind} is not trained, so that it can teach and is no student; use {able}")
        if self.seeds != 1 and not self.learner.has_randomness:
            raise ValueError(f"{kind} has no randomness, so seeds must be 1")
        if self.select == "validation" and not self.learner.has_epochs:
            raise ValueError(f"select: validation chooses an epoch, and {kind} has none; use adamw")
        if self.rounds and not self.learner.can_distil:
            able = " or ".join(name for name, learner in LEARNERS.items() if learner.can_distil)
            raise ValueError(f"rounds of self-distillation need a learner that trains for a time: {able}")
        return self


class CeilingSection(Settings):
    """Students trained on the true labels of the student split: what the strong model could do."""

    models: Annotated[int, Field(ge=1, le=10_000)] = 3


class MeasureSection(Settings):
    """The divergence and order of the decomposition, and the level of the intervals."""

    generator: Annotated[str, AfterValidator(_generator)] = "negative_entropy"
    order: Literal["target_first", "prediction_first"] = "target_first"
    # labels: one-hot, so that the risk is the log loss. soft: the task's own distribution, such as the share of raters.
    target: Literal["labels", "soft"] = "labels"
    # Share of the uniform distribution mixed into the target: D(prediction, target) is infinite where a target is 0.
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95


class Config(Settings):
    """A whole run."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: DataSection
    teacher: TeacherSection = TeacherSection()
    weak_labels: WeakLabelSection = WeakLabelSection()
    student: StudentSection = StudentSection()
    ceiling: CeilingSection = CeilingSection()
    measure: MeasureSection = MeasureSection()

    @field_validator("teacher", "student")
    @classmethod
    def _known_encoders(cls, section: Any) -> Any:
        if section.encoder and section.learner.reads == "texts":
            raise ValueError(
                f"encoder has no effect with learner.kind: {section.learner.kind}, which reads texts by the "
                "model that learner.model names; leave encoder out"
            )
        if section.encoder:
            get_encoder(section.encoder)
        return section

    @model_validator(mode="after")
    def _fits_the_kind_of_task(self) -> Config:
        trained = not (self.teacher.external or self.data.labelers or self.data.annotator_column)
        asked = Asked(
            kind=kind_of(self.data.model_dump()),
            learners={"student": self.student.learner} | ({"teacher": self.teacher.learner} if trained else {}),
            losses=self.student.loss,
            generator=self.measure.generator,
            source=self.weak_labels.source,
            criterion=self.student.criterion,
            weak_kind=self.weak_labels.kind,
            true_labels=self.student.true_labels,
            rounds=self.student.rounds,
        )
        if problems := tuple(problems_of_kind(asked)):
            raise ValueError("\n".join(problems))
        return self

    def to_yaml(self) -> str:
        """Write every key with its value: running this file gives this run again."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)
