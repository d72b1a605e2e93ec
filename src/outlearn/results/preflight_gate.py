"""What of a preflight report a threshold may be set for (`--fail-below`)."""

from __future__ import annotations

from outlearn.core.intervals import Interval
from outlearn.results.gates import Figure
from outlearn.results.measurement import Withheld
from outlearn.results.preflight import Preflight
from outlearn.results.preflight_parts import Bounds
from outlearn.results.shares import one_minus

__all__ = ["PREFLIGHT_FIGURES", "USUAL_PREFLIGHT_FIGURE"]


def _accuracy(found: Preflight) -> Interval | Withheld:
    return found.truth if isinstance(found.truth, Withheld) else one_minus(found.truth.error)


def _gain(found: Preflight) -> Interval | Bounds | Withheld:
    student = found.student
    if student is None:
        return found.encoder if isinstance(found.encoder, Withheld) else Withheld("there is no student")
    return student.accuracy_gain if isinstance(student.true_gain, Withheld) else student.true_gain


def _student(found: Preflight) -> Interval | Withheld:
    student = found.student
    return Withheld("there is no student") if student is None else student.true_accuracy


PREFLIGHT_FIGURES = {
    "accuracy": Figure("a label is right", _accuracy),
    "agreement": Figure("two labels of a point agree", lambda found: one_minus(found.disagreement)),
    "gain": Figure("the student's gain in accuracy over a labeler", _gain, low=-1.0, example=0.0),
    "student": Figure("the student is right", _student),
}
"""`accuracy` and `student` need true labels, `gain` is a range without them."""
USUAL_PREFLIGHT_FIGURE = "accuracy"
