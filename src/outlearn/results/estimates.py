"""Means with intervals as plain data, for the results of preflight and explanation."""

from __future__ import annotations

from typing import Any

from outlearn.core.intervals import Interval
from outlearn.results.measurement import number

__all__ = ["estimate", "number"]


def estimate(interval: Interval) -> dict[str, Any]:
    """Turn an interval into the record of results.json."""
    record: dict[str, Any] = {
        name: number(getattr(interval, name)) for name in ("mean", "low", "high", "standard_error")
    }
    record |= {"n_models": interval.n_models, "n_points": interval.n_points, "over": interval.over}
    if interval.reason:
        record["reason"] = interval.reason
    elif record["mean"] is None:
        record["reason"] = "the mean is not finite: some prediction has probability 0 where it must not"
    return record
