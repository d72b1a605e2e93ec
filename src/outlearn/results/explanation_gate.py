"""What of an explanation a threshold may be set for (`--fail-below`): of classes, and of numbers."""

from __future__ import annotations

import math

from outlearn.core.intervals import Interval
from outlearn.results.explanation import Explanation
from outlearn.results.gates import Figure
from outlearn.results.measurement import Withheld
from outlearn.results.number_explanation import NumberExplanation

__all__ = ["EXPLANATION_FIGURES", "USUAL_EXPLANATION_FIGURE"]

Explained = Explanation | NumberExplanation


def _accuracy(found: Explained) -> Interval | Withheld:
    if isinstance(found, NumberExplanation):
        return Withheld("numbers are neither right nor wrong")
    return found.control if isinstance(found.control, Withheld) else found.control.table.students.accuracy


def _over_ensemble(found: Explained) -> Interval | Withheld:
    if isinstance(found, NumberExplanation):
        return found.control if isinstance(found.control, Withheld) else found.control.student_over
    return found.control if isinstance(found.control, Withheld) else found.control.table.least_accuracy_over


def _gap(found: Explained) -> Interval | Withheld:
    return found.against_teacher


EXPLANATION_FIGURES = {
    "gap": Figure("the teacher's risk less its student's", _gap, low=-math.inf, high=math.inf, example=0.0),
    "ensemble": Figure(
        "the student's gain over the teachers' ensemble", _over_ensemble, low=-math.inf, high=math.inf, example=0.0
    ),
    "accuracy": Figure("the student is right", _accuracy),
}
"""`ensemble` is in accuracy, over the arithmetic or the dual mean of all teachers, whichever is harder to beat; of
numbers in risk, over their mean."""
USUAL_EXPLANATION_FIGURE = "gap"
