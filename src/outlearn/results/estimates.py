"""Means with intervals for results.json: clustered by teacher, and null with a reason where untold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.intervals import Interval, point_interval, two_way_interval
from outlearn.core.metrics import Score

__all__ = ["estimate", "mean_of", "number", "ratio_of_means", "score_record"]

Values = Float[np.ndarray, "models points"]


def number(value: float) -> float | None:
    """Return a JSON number; None stands for what is not finite."""
    return float(value) if math.isfinite(value) else None


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


def mean_of(values: Values, level: float, clusters: Int[np.ndarray, " models"] | None = None) -> dict[str, Any]:
    """Estimate a mean over models and points; over points alone where one cluster is all there is."""
    n_clusters = len(values) if clusters is None else len(np.unique(clusters))
    interval = two_way_interval(values, level, clusters=clusters) if n_clusters > 1 else point_interval(values, level)
    return estimate(interval)


def ratio_of_means(
    part: Values, whole: Values, level: float, clusters: Int[np.ndarray, " models"] | None = None
) -> dict[str, Any]:
    """Estimate mean(part) / mean(whole), linearised: a point is worth ratio + (part - ratio whole) / mean(whole)."""
    total = float(whole.mean())
    if total == 0:
        return {"mean": None, "low": None, "high": None, "standard_error": None, "reason": "there is no such point"}
    ratio = float(part.mean()) / total
    return mean_of(ratio + (part - ratio * whole) / total, level, clusters)


def score_record(scores: dict[str, Score], *, each: bool) -> dict[str, Any]:
    """Turn a scorecard into the metrics block of results.json."""
    block = {name: estimate(score.interval) for name, score in scores.items()}
    if each:
        for name, score in scores.items():
            block[name]["each"] = [number(value) for value in score.each]
    return block
