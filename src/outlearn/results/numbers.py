"""What a run whose target is a number found: the same questions as of classes, with risks in place of accuracies.

Differences are of risks, the other's less the students', so that above 0 students are better, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from outlearn.core.intervals import Interval
from outlearn.results.interval_calibration import IntervalCalibration
from outlearn.results.measurement import Measurement, Number, Withheld
from outlearn.results.run import (
    BiasVariance,
    Controls,
    Labeler,
    Measures,
    PosteriorMean,
    Recovery,
    StageUse,
    Teachers,
    pgr_of,
)
from outlearn.results.scored import Scored
from outlearn.results.serialization import Record
from outlearn.results.true_labels import Ceiling, NotTrained, Worth

__all__ = [
    "NUMBERS", "SCHEMA", "NumberEquivalents", "NumberPathPoint", "NumberResults", "NumberSelection", "NumberStudent",
    "NumberTask", "PenaltyTried", "RiskPoint",
]  # fmt: skip

SCHEMA = 2
"""Of results.json of a run of numbers; raise it when a field changes."""
NUMBERS = "regression"
"""What such a run says under task: how it is told from one of classes."""


class NumberTask(Record):
    """What the run was about: the data, their numbers, and how they were split.

    Attributes:
        low, high, mean, deviation: of the true numbers of the test points.
        n_raters: how many numbers a point's target is the mean of; 1 where it is one.
        notes, caveats: as of a run of classes.
    """

    name: str
    kind: Annotated[str, Field(alias="task")] = NUMBERS
    n_teacher: int
    n_student: int
    n_validation: int
    n_test: int
    n_unlabeled: int
    low: Number
    high: Number
    mean: Number
    deviation: Number
    n_raters: int
    source: str
    licence: str
    splits: str
    notes: tuple[str, ...]
    caveats: tuple[str, ...] = ()


class NumberPathPoint(Record):
    """One recorded epoch of one loss; means without intervals, terms as of `NumberStudent`."""

    epoch: float
    mse: Number
    risk: Number
    gap: Number
    misfit: Number
    residual: Number
    crossed_misfit: Number
    overfit_covariance: Number
    concordance: Number


class NumberStudent(Scored):
    """The students of one loss.

    Attributes:
        loss: its configuration.
        source: whose numbers they learned from: "each" teacher's, or those of a combination.
        models: how many students.
        epoch: of the checkpoint that counts.
        risk: mean divergence from the true number (of raters, from their mean); under the squared error it is `mse`.
        recovery: PGR on risk and its two differences.
        concordance: of students with their own teachers, mean; Lin's.
        gap, misfit, residual: risk of the teacher less that of its student, gap = misfit + residual.
        crossed_misfit, overfit_covariance, identity_error: as of classes.
        differences: risk of everyone that students are compared with, less theirs, paired by point.
        bias, variance: of the students.
        posterior_mean: how far they are from their posterior-mean teacher.
        path: every recorded epoch; one for a learner that has none.
    """

    loss: Mapping[str, Any]
    source: str
    models: int
    epoch: float
    risk: Measurement
    recovery: Annotated[Recovery, Field(alias="pgr")]
    concordance: Number
    gap: Measurement
    misfit: Measurement
    residual: Measurement
    crossed_misfit: Measurement
    overfit_covariance: Measurement
    identity_error: Number
    differences: Mapping[str, Measurement]
    bias: Measurement
    variance: Measurement
    posterior_mean: PosteriorMean
    path: tuple[NumberPathPoint, ...]

    @property
    def pgr(self) -> Interval | Withheld:
        """Performance gap recovered on risk, or why it is withheld."""
        return pgr_of(self.recovery)


class RiskPoint(Record):
    """The strong model on `labels` true labels: its risk, and that on the curve that never rises."""

    labels: int
    draws: int
    mse: Measurement
    smoothed: Number


class NumberEquivalents(Record):
    """True-label equivalents: what the weak labels are worth, in true labels of the same points; see `Equivalents`."""

    curve: tuple[RiskPoint, ...]
    worth: Mapping[str, Worth]
    teacher_labels: int | None


class PenaltyTried(Record):
    """A penalty that `auto` tried, and what each label-free criterion says of its students on held-out points."""

    penalty: float
    crossed_misfit: Number
    concordance: Number


class NumberSelection(Record):
    """What `auto` chose without a true label.

    Attributes:
        criterion: by which.
        chosen: the penalty.
        spread_by: what the answer was moved away from its mean by: 1 / the teachers' reliability, 1 for labelers from
            elsewhere.
        source: the combination of the labelers that labeled its student, as in `weak_labels.source`.
        deviations: of labelers from elsewhere, combination -> mean distance to the labeler that was left out of it;
            empty where nothing was chosen.
        at_end: whether it is the first or the last that was tried, so that the best may lie beyond.
        tried: all of them, with both criteria.
    """

    criterion: str
    chosen: float
    spread_by: float = 1.0
    source: str = "mean"
    deviations: Mapping[str, float] = Field(default_factory=dict)
    at_end: bool
    tried: tuple[PenaltyTried, ...]


class NumberResults(Record):
    """The content of results.json of a run of numbers; fields as of `RunResults`.

    Attributes:
        baseline: always saying the mean of the numbers that teachers learn from (else ceilings).
        selection: what `auto` chose; None where it was not asked for.
        intervals: loss -> intervals about the mean of its students, from their errors on the validation points' true
            numbers, on the test points.
        given_intervals: those that labelers from elsewhere give, on the test points.
    """

    schema_version: Annotated[int, Field(alias="schema")] = SCHEMA
    outlearn: str
    config_key: str
    task: NumberTask
    measure: Measures
    teacher: Teachers
    labeler: Labeler
    ensembles: Mapping[str, Scored]
    controls: Controls
    ceiling: Ceiling
    equivalents: NumberEquivalents | NotTrained
    baseline: Scored
    students: Mapping[str, NumberStudent]
    teacher_bias_variance: BiasVariance
    selection: NumberSelection | None = None
    intervals: Mapping[str, IntervalCalibration] = {}
    given_intervals: tuple[IntervalCalibration, ...] = ()
    files: Mapping[str, str] = {}
    seconds: Mapping[str, float]
    stages: Mapping[str, StageUse]
