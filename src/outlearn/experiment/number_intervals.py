"""Intervals that the students of a run of numbers make from true numbers of the validation split, which none saw."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from outlearn.core.number_intervals import NumberIntervals, conformal_quantile
from outlearn.core.numbers import Numbers
from outlearn.results.interval_calibration import IntervalCalibration
from outlearn.results.measured_intervals import interval_calibration

__all__ = ["STATED", "conformal_check", "held_out_errors"]

STATED = 0.9  # the usual level of an interval about one number; any other can be asked of the kept student


def held_out_errors(student: Numbers, truth: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """Return |true number - mean of the students|, which is what a kept student says."""
    return np.asarray(np.abs(truth - student.mean().values[0]))


def conformal_check(
    errors: Float[np.ndarray, " points"],
    test: Numbers,
    truth: Float[np.ndarray, " points"],
    *,
    of: str,
    level: float,
) -> IntervalCalibration | None:
    """Check the intervals of `STATED` that held-out errors make, on the test points; None if there are too few."""
    half = conformal_quantile(errors, STATED)
    if math.isinf(half):
        return None
    number = test.mean().values
    return interval_calibration(truth, NumberIntervals(number - half, number + half, STATED), of=of, level=level)
