"""What the strong model does with true labels, at its best: the ceiling, the controls, and what weak labels are worth.

All true labels here serve to measure; no weak-label student learns from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from outlearn.results.measurement import Measurement, Number
from outlearn.results.scored import Scored
from outlearn.results.serialization import Record

__all__ = ["Ceiling", "CurvePoint", "Equivalents", "NotTrained", "NumberTuning", "TrueLabelModels", "Tuning", "Worth"]


class Tuning(Record):
    """How strong models were chosen: by cross-validation on the true labels that each learns from.

    Attributes:
        members: how many were tried.
        chosen: the name of the one that was chosen, for each model.
        accuracy: of held-out labels, for each model; nan where nothing could be held out.
    """

    members: int
    chosen: tuple[str, ...]
    accuracy: tuple[Number, ...]


class NumberTuning(Record):
    """How strong models of numbers were chosen: the same, by the mean squared error of held-out labels.

    Attributes:
        members: how many were tried.
        chosen: the name of the one that was chosen, for each model.
        risk: of held-out labels, for each model.
    """

    members: int
    chosen: tuple[str, ...]
    risk: tuple[Number, ...]


class TrueLabelModels(Scored):
    """Strong models trained on true labels.

    Attributes:
        models: how many.
        labels: how many true labels each learned from; the smallest number where they differ.
        tuning: how they were chosen; None if they are as configured.
    """

    models: int
    labels: int
    tuning: Tuning | NumberTuning | None = None


class Ceiling(TrueLabelModels):
    """Strong models trained on the true labels of the student split.

    Each is the outcome of one tuning, with folds of its own: their spread is that of the choice.

    Attributes:
        exceeded_by: who is shown to be above the ceiling, students by loss and `ensemble_NAME`, and by how much in
            accuracy (of numbers, in risk), paired by point. If there is anyone, it is no ceiling, and PGR is withheld.
    """

    exceeded_by: Mapping[str, Measurement]


class NotTrained(Record):
    """A control that a run could not have, and why."""

    reason: str


class CurvePoint(Record):
    """The strong model on `labels` true labels.

    Attributes:
        labels: how many.
        draws: sets of that many.
        accuracy: mean over draws and test points.
        smoothed: the accuracy on the curve that never falls (isotonic regression), which the students are held to.
    """

    labels: int
    draws: int
    accuracy: Measurement
    smoothed: Number


class Worth(Record):
    """How many true labels give the strong model the accuracy of some students.

    Attributes:
        labels: the number, where the smoothed curve crosses their accuracy; None beyond the ends of the curve.
        beyond: on which side then: "fewer" than the first number of the curve, or "more" than the last.
        low, high: the numbers at which the curve cannot be told apart from the students; None where the interval goes
            on beyond that end of the curve.
        reason: why there is no interval, if there is none.
    """

    labels: Number | None
    beyond: Literal["fewer", "more"] | None = None
    low: Number | None = None
    high: Number | None = None
    reason: str | None = None


class Equivalents(Record):
    """True-label equivalents: what the weak labels are worth, in true labels of the same points.

    Attributes:
        curve: from few true labels to all there are.
        worth: loss -> what its students' accuracy takes.
        teacher_labels: how many true labels each teacher was trained on; None for labelers from elsewhere.
    """

    curve: tuple[CurvePoint, ...]
    worth: Mapping[str, Worth]
    teacher_labels: int | None
