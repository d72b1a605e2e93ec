"""Intervals of a student of numbers by split conformal prediction: from its errors on points that it never saw.

With e_1 .. e_n the absolute errors on held-out points of known truth, the number +- the ceil((n + 1) level)-th smallest
of them holds the truth of a new point with a chance of `level` or more, whatever the distribution and however bad the
student, if new points are like the held-out ones. The chance is over points on average: an interval is as wide where
the student knows as where it does not. Errors on weak numbers would make intervals that hold weak numbers, and these
may be biased: without true numbers there is no interval.

Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Lei et al., Distribution-free
predictive inference for regression, 2018.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from outlearn.core.intervals import check_level
from outlearn.core.number_intervals import conformal_quantile
from outlearn.errors import ConfigError
from outlearn.results.interval_calibration import IntervalCalibration
from outlearn.results.serialization import Record

__all__ = ["MOST_ERRORS", "HeldOut", "half_width", "kept_errors"]

MOST_ERRORS = 2000  # kept of a student: its record stays small, and coverage is within 1.3 points of a level of 90%


class HeldOut(Record):
    """How far a student was from true numbers of points that nothing was fitted to.

    Attributes:
        errors: |true number - what it says|, ascending; a random sample where there are many.
        n_points: held-out points.
        n_raters: whose mean a true number is, and so what an interval is of; 1 where it is one number.
        checked: intervals that these errors make, on the test points of its run.
    """

    errors: tuple[float, ...]
    n_points: int
    n_raters: int
    checked: IntervalCalibration


def kept_errors(errors: Float[np.ndarray, " points"], *, seed: int) -> tuple[float, ...]:
    """Sort errors, of a random sample where there are more than are kept."""
    if len(errors) > MOST_ERRORS:
        errors = np.random.default_rng(seed).choice(errors, MOST_ERRORS, replace=False)
    return tuple(np.sort(errors).tolist())


def half_width(held_out: HeldOut | None, level: float) -> float:
    """Return half the width of intervals at this level.

    Raises:
        ConfigError: if the student was kept without true numbers to calibrate by, or with too few for this level.
    """
    check_level(level)
    if held_out is None:
        raise ConfigError(
            "this student gives no intervals: it was kept without its errors on held-out true numbers. Errors on weak "
            "numbers would tell how far it is from those, not from the truth. Run again with this version of outlearn."
        )
    found, n = conformal_quantile(np.array(held_out.errors), level), len(held_out.errors)
    if math.isinf(found):
        needed = math.ceil(level / (1 - level) - 1e-9)
        allowed = math.floor(1000 * n / (n + 1)) / 1000
        raise ConfigError(
            f"an interval at level {level:g} needs {needed:,} held-out true numbers, and this student has {n:,}. Ask "
            f"for {allowed:g} at most, or give the validation split of its run more points."
        )
    return found
