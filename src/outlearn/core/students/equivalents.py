"""True-label equivalents: how many true labels would make the strong model as accurate as its weak-label students.

With c(n) the accuracy of the strong model on n true labels, averaged over draws and made monotone by isotonic
regression, and s the mean accuracy of the students, the equivalent is the n at which d(n) = s - c(n) falls through 0,
by linear interpolation in log n. Its interval holds all n at which s and c(n) cannot be told apart: those with
|d(n)| <= q sd(n), as Fieller's interval inverts a test. d is paired by test point; its variance is that of the
students' clusters and points, and the spread of the draws adds to it, since the draws are independent of both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import isotonic_regression

from outlearn.core.intervals import check_level, t_quantile
from outlearn.core.mean_intervals import ROW_CAUTION, cluster_means, two_way_variance
from outlearn.core.scales import DIFFERENCE
from outlearn.errors import AlignmentError

__all__ = ["Equivalent", "smoothed_curve", "true_label_equivalent"]


@dataclass(frozen=True)
class Equivalent:
    """The number of true labels; None where it lies beyond the curve, on the side that `beyond` names.

    `low` and `high` are None where the interval goes on beyond that end of the curve, and nan without an interval, for
    which `reason` is given. Students shown to be better than all of the curve have its last number as `low`, those
    shown to be worse its first as `high`.
    """

    labels: float | None = None
    beyond: Literal["fewer", "more"] | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def in_words(self, fewest: int, most: int) -> str:
        """Write the number with its interval; what lies beyond the curve, from `fewest` to `most`, is named by its end.

        Examples:
            >>> Equivalent(183.4, None, 121.9, None).in_words(25, 400)
            '183 [122, more than 400]'
        """
        fewer, more = f"fewer than {fewest:,}", f"more than {most:,}"

        def number(labels: float | None, otherwise: str) -> str:
            return otherwise if labels is None else f"{round(labels):,}"

        mean = number(self.labels, fewer if self.beyond == "fewer" else more)
        if self.reason is not None or any(end is not None and math.isnan(end) for end in (self.low, self.high)):
            return f"{mean} (no interval: {self.reason})"
        return f"{mean} [{number(self.low, fewer)}, {number(self.high, more)}]"


def smoothed_curve(right: Float[np.ndarray, "sets points"], sizes: Int[np.ndarray, " sets"]) -> Float[np.ndarray, "n"]:
    """Return the accuracy at each distinct size, ascending, as the nearest curve that never falls.

    Examples:
        >>> smoothed_curve(np.array([[0.5, 0.5], [0.9, 0.9], [0.7, 0.7]]), np.array([25, 50, 100])).round(2)
        array([0.5, 0.8, 0.8])
    """
    means = [float(right[sizes == n].mean()) for n in np.unique(sizes)]
    return np.asarray(isotonic_regression(np.array(means)).x)


def true_label_equivalent(
    student_right: Float[np.ndarray, "students points"],
    curve_right: Float[np.ndarray, "sets points"],
    sizes: Int[np.ndarray, " sets"],
    *,
    clusters: Int[np.ndarray, " students"],
    level: float = 0.95,
) -> Equivalent:
    """Find the number of true labels that the students' labels are worth.

    Args:
        student_right: 1 where a student is right.
        curve_right: 1 where the strong model is right, trained on one set of true labels.
        sizes: how many labels each set has; several draws of each size, but of the largest.
        clusters: the teacher of each student.
        level: of the interval.

    Raises:
        AlignmentError: if there are not two sizes, or the points differ.

    Examples:
        >>> points = np.arange(400)
        >>> right = lambda share: (points * 0.618 % 1 < share).astype(float)
        >>> curve = np.stack([right(0.6), right(0.7), right(0.8)])
        >>> found = true_label_equivalent(right(0.7)[None], curve, np.array([25, 50, 100]), clusters=np.array([0]))
        >>> round(found.labels)
        50
    """
    check_level(level)
    known = np.unique(sizes)
    if len(known) < 2 or student_right.shape[1] != curve_right.shape[1] or len(sizes) != len(curve_right):
        raise AlignmentError(
            f"a curve needs two sizes of label sets or more and the students' points; got {len(known)} sizes, "
            f"{len(sizes)} for {len(curve_right)} sets, on {curve_right.shape[1]} points against "
            f"{student_right.shape[1]}."
        )
    students = cluster_means(student_right, clusters)
    difference = float(students.mean()) - smoothed_curve(curve_right, sizes)
    half = np.array([_half_width(students, curve_right[sizes == n], level) for n in known])
    labels, beyond = _crossing(known, difference)
    if not np.isfinite(half).all():
        return Equivalent(labels, beyond, math.nan, math.nan, "too few test points to tell a spread")
    # Each end where the students stop being shown worse, and start being shown better: monotone as the curve is.
    low, shown_more = _crossing(known, isotonic_regression(difference - half, increasing=False).x)
    high, shown_fewer = _crossing(known, isotonic_regression(difference + half, increasing=False).x)
    return Equivalent(
        labels,
        beyond,
        low=float(known[-1]) if shown_more == "more" else low,
        high=float(known[0]) if shown_fewer == "fewer" else high,
    )


def _half_width(students: np.ndarray, curve: np.ndarray, level: float) -> float:
    """Return half the width of the interval of students - curve at one size."""
    if students.shape[1] < 4:
        return math.nan
    parts = two_way_variance(students - curve.mean(axis=0))
    draws = len(curve)
    extra = float(curve.mean(axis=1).var(ddof=1)) / draws if draws > 1 else 0.0
    variance = parts.total + extra
    if variance == 0:  # no point was seen to differ
        n = students.shape[1]
        return DIFFERENCE.certain(0.0, t_quantile(level, n - 1.0), n)[1]
    # Satterthwaite 1946, freedom = v^2 / sum_k (v_k^2 / freedom_k), with the caution of intervals for few draws.
    spread = parts.total**2 / parts.degrees_of_freedom + (ROW_CAUTION * extra**2 / (draws - 1) if draws > 1 else 0.0)
    return t_quantile(level, variance**2 / spread) * math.sqrt(parts.cautious + extra)


def _crossing(sizes: np.ndarray, falling: np.ndarray) -> tuple[float | None, Literal["fewer", "more"] | None]:
    """Return where a falling curve over log sizes goes through 0, or on which side of all sizes it does."""
    below = np.flatnonzero(falling <= 0)
    if not len(below):
        return None, "more"
    k = int(below[0])
    if k == 0:
        return (float(sizes[0]), None) if falling[0] == 0 else (None, "fewer")
    share = falling[k - 1] / (falling[k - 1] - falling[k])
    return float(np.exp((1 - share) * np.log(sizes[k - 1]) + share * np.log(sizes[k]))), None
