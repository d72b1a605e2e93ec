"""What a run found: everybody's scores, what students gained and why, and what `auto` chose from.

Shares stay shares and nats stay nats. Whatever has an interval is a `Measurement`, so what is withheld says why; a bare
number was measured once and has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from outlearn.core.intervals import Interval
from outlearn.core.students import recovery
from outlearn.results.measurement import Measurement, Number, Withheld, measured
from outlearn.results.scored import Scored
from outlearn.results.selection import Selection, TunedBaseline
from outlearn.results.serialization import Record
from outlearn.results.true_labels import Ceiling, Equivalents, NotTrained, TrueLabelModels

__all__ = [
    "SCHEMA", "BestTeacher", "BiasVariance", "BlindSpots", "Ceiling", "Controls", "Equivalents", "Labeler", "Majority",
    "Measures", "NotTrained", "PathPoint", "PosteriorMean", "Recovery", "RunResults", "StageUse", "Student",
    "TaskFacts", "Teachers", "TrueLabelModels", "pgr_of",
]  # fmt: skip

SCHEMA = 3
"""Of results.json of a run; raise it when a field changes. 2 had a ceiling that was not tuned, and no true labels'
controls; 1 wrote `labeler`, and intervals without their level."""


class TaskFacts(Record):
    """What the run was about: the data and how they were split.

    `notes` say what became of the points; `caveats` what a reader should know before the numbers: gaps of
    labelers, losses that were left out, points without features.
    """

    name: str
    kind: Annotated[str, Field(alias="task")]
    n_teacher: int
    n_student: int
    n_validation: int
    n_test: int
    n_unlabeled: int
    n_classes: int
    class_names: tuple[str, ...]
    source: str
    licence: str
    splits: str
    notes: tuple[str, ...]
    caveats: tuple[str, ...] = ()

    @property
    def point(self) -> str:
        """What a point of the task is called: a pair of texts, where the task is which of two is better."""
        return "pair" if self.kind == "preference" else "point"


class Measures(Record):
    """How it was measured.

    Attributes:
        generator, order: of the divergence.
        target: "labels", or "soft" for the task's own distributions; mixed with a share `smoothing` of the uniform one.
        level: of all intervals.
        unit: of risks, gaps, misfits and residuals.
        risk_metric: the metric that the risk of a single model is, None where it is none of them.
        misfit, posterior_mean: what they are under this divergence and order, in words.
        identity_error: the largest |gap - misfit - residual| that rounding left.
    """

    generator: str
    order: str
    target: str
    smoothing: float
    level: float
    unit: str
    risk_metric: str | None
    misfit: str
    posterior_mean: str
    identity_error: Number


class Teachers(Scored):
    """The weak teachers: how many, of which teachers their spread speaks, in words, and whether labels were given.

    Where they were, differences between students and others are for new points and these very labelers.
    """

    models: int
    population: str = "new teachers"
    given: bool = False


class Labeler(Scored):
    """Who labeled the students' points: each teacher, or one combination of all."""

    source: str


class BestTeacher(Scored):
    """The teacher that is best on the validation split."""

    model: int
    chosen_on: str


class Controls(Record):
    """What a careful person would try instead.

    Attributes:
        best_teacher: the one that is best on validation.
        student_of_mean: students of the teachers' mean, by loss.
        own_labels: the strong model on each teacher's own true labels, tuned; one for each teacher.
        all_labels: the strong model on all teachers' true labels together, tuned.
    """

    best_teacher: BestTeacher
    student_of_mean: Mapping[str, Scored]
    own_labels: TrueLabelModels | NotTrained
    all_labels: TrueLabelModels | NotTrained

    def __getitem__(self, name: str) -> Scored | NotTrained:
        """Return a control that has one row, by the name of its field.

        Raises:
            KeyError: for another name.
        """
        return {"best_teacher": self.best_teacher, "own_labels": self.own_labels, "all_labels": self.all_labels}[name]


class Majority(Record):
    """The most common class of the labels that teachers learn from (else ceilings), and how often it is right."""

    name: Annotated[str, Field(alias="class")]
    accuracy: float


class Recovery(Record):
    """PGR = gain / room with Fieller's interval: `gain` is student - teacher, `room` is ceiling - teacher."""

    value: Number | None
    low: Number | None
    high: Number | None
    reason: str | None
    over: str
    gain: Measurement
    room: Measurement

    @classmethod
    def of(cls, found: recovery.Recovery) -> Recovery:
        """Write what was found."""
        return cls(
            value=found.value,
            low=found.low,
            high=found.high,
            reason=found.reason,
            over=found.gain.over,
            gain=measured(found.gain),
            room=measured(found.room),
        )


def pgr_of(found: Recovery) -> Interval | Withheld:
    """Return a recovery as a measurement, or why it is withheld."""
    gain = found.gain
    if found.value is None or found.low is None or found.high is None or isinstance(gain, Withheld):
        return Withheld(found.reason or "it was not measured")
    nan = float("nan")  # Fieller's interval has no standard error
    return Interval(
        found.value, found.low, found.high, nan, gain.n_models, gain.n_points, gain.level, found.reason, found.over
    )


class BlindSpots(Record):
    """Where students are surely wrong and their own teachers unsure; see `core.blind_spots`."""

    threshold: float
    blind_spot: Measurement
    error_where_blind: Measurement
    index: Measurement
    confident_disagreement: Measurement
    right_when_disagreeing: Measurement


class PathPoint(Record):
    """One recorded epoch of one loss; means without intervals."""

    epoch: float
    accuracy: Number
    log_loss: Number
    entropy: Number
    gap: Number
    misfit: Number
    residual: Number
    crossed_misfit: Number
    overfit_covariance: Number
    crossed_kappa: Number
    consensus_kappa: Number


class BiasVariance(Record):
    """Risk = noise + bias + variance; the last two corrected for the number of models."""

    total: Measurement
    noise: Measurement
    bias: Measurement
    variance: Measurement
    correction: str


class PosteriorMean(Record):
    """How far students are from their posterior-mean teacher, or the reason why that cannot be told."""

    method: str
    reason: str | None = None
    conditional_variance: Measurement | None = None
    distance: Measurement | None = None
    residual_bound: Measurement | None = None


class Student(Scored):
    """The students of one loss.

    Attributes:
        loss: its configuration: the kind, and every parameter.
        source: whose labels they learned from: "each" teacher's, or those of a combination; gap, misfit, residual and
            agreement are against these. Where it is not the run's own, differences from "teacher" and PGR still are
            from the run's labelers, as those of all other students.
        models: how many students.
        epoch: at which they are measured.
        recovery: PGR and its two differences.
        agreement: how often a student repeats its own teacher; and where that teacher is wrong.
        gap, misfit, residual: risk of the teacher less that of its student, gap = misfit + residual.
        crossed_misfit: the misfit against teachers that did not label for the student.
        overfit_covariance: crossed misfit - misfit.
        identity_error: largest |gap - misfit - residual| over students and points.
        entropy_excess: H(student) - CE(target, student); a sharper student would gain where it is above 0.
        differences: accuracy less that of everyone the students are compared with, paired by point.
        log_loss_differences: the same of the log loss.
        path: every recorded epoch.
        bias, variance: of the students of one seed.
        variance_between_teachers: share of the students' variance that comes with the teacher; None with one seed.
    """

    loss: Mapping[str, Any]
    source: str
    models: int
    epoch: float
    recovery: Annotated[Recovery, Field(alias="pgr")]
    agreement: Measurement
    agreement_when_teacher_wrong: Measurement
    gap: Measurement
    misfit: Measurement
    residual: Measurement
    crossed_misfit: Measurement
    overfit_covariance: Measurement
    identity_error: Number
    entropy_excess: Measurement
    differences: Mapping[str, Measurement]
    log_loss_differences: Mapping[str, Measurement]
    blind_spots: BlindSpots
    path: tuple[PathPoint, ...]
    bias: Measurement
    variance: Measurement
    variance_between_teachers: Number | None
    posterior_mean: PosteriorMean

    @property
    def pgr(self) -> Interval | Withheld:
        """Performance gap recovered: (student - teacher) / (ceiling - teacher), or why it is withheld."""
        return pgr_of(self.recovery)


class StageUse(Record):
    """A stage of the run: its key in the store, and whether the store had it before."""

    key: str
    cached: bool


class RunResults(Record):
    """The content of results.json.

    Attributes:
        schema_version: see `SCHEMA`.
        outlearn: the version that wrote it.
        config_key: names the run by its configuration and its data.
        ensembles: combination -> its scores.
        ceiling: the strong model at its best on true labels; PGR is measured by it.
        ceiling_untuned: the same as it is configured; None where the ceiling is that.
        equivalents: what the weak labels are worth in true ones.
        students: loss -> its students.
        selections: recipe, `auto` or `auto_single` -> what it chose, for those that were asked for.
        tuned_baselines: the named losses tuned without true labels; empty without `auto`.
        files: name of a file of the folder -> its hash.
        seconds: stage -> how long it took; and their `total`.
    """

    schema_version: Annotated[int, Field(alias="schema")] = SCHEMA
    outlearn: str
    config_key: str
    task: TaskFacts
    measure: Measures
    teacher: Teachers
    labeler: Labeler
    ensembles: Mapping[str, Scored]
    controls: Controls
    ceiling: Ceiling
    ceiling_untuned: TrueLabelModels | None
    equivalents: Equivalents | NotTrained
    majority: Majority
    students: Mapping[str, Student]
    teacher_bias_variance: BiasVariance
    selections: Mapping[str, Selection] = {}
    tuned_baselines: tuple[TunedBaseline, ...] = ()
    files: Mapping[str, str] = {}
    seconds: Mapping[str, float]
    stages: Mapping[str, StageUse]
