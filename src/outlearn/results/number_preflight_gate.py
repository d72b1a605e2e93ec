"""What of a preflight report on numbers a threshold may be set for (`--fail-below`): the larger the better."""

from __future__ import annotations

import math

from outlearn.core.intervals import Interval
from outlearn.results.gates import Figure
from outlearn.results.measurement import Withheld
from outlearn.results.number_preflight import NumberPreflight

__all__ = ["NUMBER_PREFLIGHT_FIGURES", "USUAL_NUMBER_FIGURE"]


def _r2(found: NumberPreflight) -> Interval | Withheld:
    return found.truth if isinstance(found.truth, Withheld) else found.truth.r2


def _no_student(found: NumberPreflight) -> Withheld:
    return found.encoder if isinstance(found.encoder, Withheld) else Withheld("there is no student that can be judged")


def _gain(found: NumberPreflight) -> Interval | Withheld:
    student = found.student
    return _no_student(found) if student is None else student.true_over_labeler


def _student(found: NumberPreflight) -> Interval | Withheld:
    student = found.student
    return _no_student(found) if student is None else student.r2


def _coverage(found: NumberPreflight) -> Interval | Withheld:
    """Return the coverage of the labeler whose intervals hold least."""
    held = [each.coverage for each in found.intervals]
    known = [each for each in held if isinstance(each, Interval)]
    if not held:
        return Withheld("no labeler gives intervals (--interval-level)")
    return min(known, key=lambda each: each.low) if len(known) == len(held) else Withheld("true numbers tell it")


NUMBER_PREFLIGHT_FIGURES = {
    "r2": Figure("R2 of a number", _r2, low=-math.inf, high=1.0, example=0.5),
    "agreement": Figure("the correlation of two labelers", lambda found: found.agreement, low=-1.0, example=0.5),
    "gain": Figure(
        "the student's gain in squared error over a labeler", _gain, low=-math.inf, high=math.inf, example=0.0
    ),
    "student": Figure("R2 of the student", _student, low=-math.inf, high=1.0, example=0.5),
    "coverage": Figure("share of true numbers in the intervals of the labeler that covers least", _coverage),
}
"""`r2`, `gain`, `student` and `coverage` need true numbers."""
USUAL_NUMBER_FIGURE = "r2"
