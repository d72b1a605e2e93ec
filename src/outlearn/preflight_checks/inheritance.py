"""What students of a table inherit from its labelers; the mathematics is in `core.labelers.inherited_bias`."""

from __future__ import annotations

import numpy as np

from outlearn.core.labelers.inherited_bias import inherited_bias, squared_variance
from outlearn.core.top_class import top_class
from outlearn.data.label_table import LabelTable
from outlearn.preflight_checks.check_labels import MIN_TRUE_LABELS, n_true_labels
from outlearn.preflight_checks.students import CrossFit
from outlearn.results.measurement import Withheld
from outlearn.results.preflight_inheritance import InheritanceReport

__all__ = ["inheritance"]


def inheritance(
    table: LabelTable, single: CrossFit, pooled: CrossFit | None, *, level: float
) -> InheritanceReport | Withheld:
    """Report what the students of all labelers inherit, or of one labeler where there are no others.

    A labeler is compared with a student that it did not teach where there are three or more.
    """
    students: np.ndarray
    if pooled is not None:
        name, students = "student of all labelers", pooled.probs[1.0]
    elif len(table.names) == 2:
        name, students = "student of the other labeler", single.probs[1.0][::-1]
    else:
        name, students = "student of one labeler", single.probs[1.0]
    answers = top_class(students)
    labels, alone = table.distributions, Withheld("no point has labels of two labelers")
    spread = squared_variance(labels)
    variance = alone if spread is None else spread.interval(level, low=0.0)
    truth, n_true = table.true_labels, n_true_labels(table)
    if truth is None or n_true < MIN_TRUE_LABELS:
        unknown = Withheld(f"{n_true} true labels of labeled points; {MIN_TRUE_LABELS} are needed")
        return InheritanceReport(name, unknown, variance, unknown, unknown, unknown, unknown)
    found = inherited_bias(labels, answers, truth, table.true_strata)
    error, repeated = found.error.interval(level, low=0.0), found.repeated.interval(level)
    student_error = found.student_error.interval(level, low=0.0)
    if spread is None:
        return InheritanceReport(name, error, alone, repeated, alone, alone, student_error)
    bias = found.error - spread
    share = Withheld("the labels are not shown to have a bias")
    return InheritanceReport(
        student=name,
        error=error,
        variance=variance,
        repeated=repeated,
        not_repeated=(bias - found.repeated).interval(level),
        repeated_share=(found.repeated / bias).interval(level) if bias.interval(level).low > 0 else share,
        student_error=student_error,
    )
