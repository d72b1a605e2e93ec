"""Agreement of numeric models without any label: Lin's concordance, by pairs of models and over teachers.

    concordance(a, b) = 2 cov(a, b) / (var a + var b + (mean a - mean b)^2),

1 where two models say the same numbers; a difference of scale or level costs, which correlation would not see. The
misfit of students against the teachers that did not label them says more, and is what `auto` chooses by: where teachers
err independently of each other given the point, E D(student, other teacher) is the student's own risk plus a constant.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.core.numbers import Numbers
from outlearn.core.point_models import check_same_points, labeled_by

__all__ = ["concordance_matrix", "crossed_squared_error", "own_concordance"]


def concordance_matrix(first: Numbers, second: Numbers) -> Float[np.ndarray, "first second"]:
    """Measure Lin's concordance of every model of `first` with every model of `second`, where both say something.

    Two models that say the same constant are in perfect concordance, 1; where nothing varies otherwise it is 0; nan for
    a pair that shares no point.

    Examples:
        >>> a, b = (Numbers.from_values(np.array(v)) for v in ([0.0, 1.0, 2.0], [1.0, 2.0, 3.0]))
        >>> concordance_matrix(a, b).round(4)
        array([[0.5714]])

    Source: Lin, A concordance correlation coefficient to evaluate reproducibility, Biometrics 1989.
    """
    check_same_points(first, second, ("first", "second"))
    ours, theirs = (each.heard.astype(np.float64) for each in (first, second))
    # Variances below are differences of squares: far from 0, such as years or prices, they would be rounding alone.
    level = float((second.values * theirs).sum() / max(theirs.sum(), 1.0))
    x, y = first.values - level, second.values - level
    n = ours @ theirs.T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = (x * ours) @ theirs.T / n, ours @ (y * theirs).T / n
        var_x = (x**2 * ours) @ theirs.T / n - mean_x**2
        var_y = ours @ (y**2 * theirs).T / n - mean_y**2
        covariance = (x * ours) @ (y * theirs).T / n - mean_x * mean_y
        spread = var_x + var_y + (mean_x - mean_y) ** 2
        found = np.where(spread > 0, 2 * covariance / spread, 1.0)
    return np.asarray(np.where(n > 0, found, np.nan))


def own_concordance(teacher: Numbers, student: Numbers) -> Float[np.ndarray, " students"]:
    """Measure the concordance of each student with the teacher that labeled it."""
    return np.asarray(concordance_matrix(student, teacher)[np.arange(student.n_models), labeled_by(teacher, student)])


def crossed_squared_error(teacher: Numbers, student: Numbers) -> float:
    """Average (student - other teacher)^2 over students, the teachers that did not label them, and what these answer.

    With teachers that err independently of each other given the point, and on average not at all, it is the students'
    risk plus the teachers': of two kinds of students the one with less is better. What teachers share it cannot see.

    Returns:
        The mean; nan where there is no other teacher.

    Examples:
        >>> t = Numbers.from_values(np.array([[0.0, 2.0], [2.0, 4.0]]))
        >>> crossed_squared_error(t, Numbers.from_values(np.array([[1.0, 3.0], [1.0, 3.0]])))
        1.0
    """
    own, heard = labeled_by(teacher, student), teacher.heard
    totals, counts = 0.0, 0.0
    for row, m in enumerate(own.tolist()):
        others = heard.copy()
        others[m] = False
        totals += float((np.square(teacher.values - student.values[row]) * others).sum())
        counts += float(others.sum())
    return totals / counts if counts else float("nan")
