"""One measured number: its mean with an interval, or the reason why it is withheld; and how both are written as JSON.

JSON has no nan: an end of an interval that cannot be given is null, and `reason` says why. A mean that is not finite
is withheld.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int
from pydantic import PlainSerializer, PlainValidator

from outlearn.core.intervals import Interval, Withheld
from outlearn.core.mean_intervals import mean_interval, ratio_interval
from outlearn.core.metrics import Score
from outlearn.core.scales import REAL, Scale

__all__ = [
    "Measurement", "Number", "Withheld", "each_model", "mean_of", "means", "measured", "number", "ratio_of_means",
]  # fmt: skip

Values = Float[np.ndarray, "models points"]

NOT_FINITE = "the mean is not finite: some prediction has probability 0 where it must not"


def measured(interval: Interval) -> Interval | Withheld:
    """Return the interval, or `Withheld` where its mean is not finite.

    Examples:
        >>> nan = float("nan")
        >>> measured(Interval(nan, nan, nan, nan, 2, 9, reason="no point has a label"))
        Withheld(reason='no point has a label')
    """
    return interval if math.isfinite(interval.mean) else Withheld(interval.reason or NOT_FINITE)


def mean_of(
    values: Values, level: float, clusters: Int[np.ndarray, " models"] | None = None, *, scale: Scale
) -> Interval | Withheld:
    """Estimate a mean over models and points; see `core.intervals.mean_interval`."""
    return measured(mean_interval(values, level, clusters=clusters, scale=scale))


def ratio_of_means(
    part: Values, whole: Values, level: float, clusters: Int[np.ndarray, " models"] | None = None
) -> Interval | Withheld:
    """Estimate mean(part) / mean(whole); see `core.intervals.ratio_interval`."""
    return measured(ratio_interval(part, whole, level, clusters=clusters))


def means(card: Mapping[str, Score]) -> dict[str, Interval | Withheld]:
    """Return the mean of each metric of a scorecard."""
    return {name: measured(score.interval) for name, score in card.items()}


def each_model(card: Mapping[str, Score]) -> dict[str, tuple[float, ...]]:
    """Return every model's own value of each metric of a scorecard."""
    return {name: tuple(score.each.tolist()) for name, score in card.items()}


def number(value: float) -> float | None:
    """Return a JSON number; None stands for what is not finite."""
    return float(value) if math.isfinite(value) else None


def _write(value: Interval | Withheld) -> dict[str, Any]:
    if isinstance(value, Withheld):
        return {"mean": None, "low": None, "high": None, "reason": value.reason}
    record: dict[str, Any] = {name: number(getattr(value, name)) for name in ("mean", "low", "high", "standard_error")}
    record |= {"n_models": value.n_models, "n_points": value.n_points, "level": value.level, "over": value.over}
    record |= {"half": number(value.half), "freedom": number(value.freedom), "scale": value.scale}
    return record | ({"reason": value.reason} if value.reason else {})


def _read(value: Any) -> Interval | Withheld:
    if isinstance(value, Interval | Withheld):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a mean with low and high, or a reason; got {value!r:.60}")
    reason = value.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise ValueError(f"expected a sentence as the reason, got {reason!r:.60}")
    if value.get("mean") is None:
        if not reason:
            raise ValueError("there is neither a mean nor a reason")
        return Withheld(reason)
    try:
        mean, low, high, error = (_float(value[name]) for name in ("mean", "low", "high", "standard_error"))
        n_models, n_points, level = _count(value["n_models"]), _count(value["n_points"]), _float(value["level"])
        half, freedom = _float(value.get("half")), _float(value.get("freedom"))  # not known of an interval by its ends
        over, scale = _words(value["over"]), _words(value.get("scale", REAL.name))
        return Interval(mean, low, high, error, n_models, n_points, level, reason, over, half, freedom, scale)
    except KeyError as missing:
        raise ValueError(f"the key {missing} is missing") from None


def _float(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, got {value!r:.60}")
    return float(value)


def _words(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected words, got {value!r:.60}")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected a count, got {value!r:.60}")
    return value


Measurement = Annotated[Interval | Withheld, PlainValidator(_read), PlainSerializer(_write)]
"""A field of a record: an `Interval`, or `Withheld`."""

Number = Annotated[float, PlainValidator(_float), PlainSerializer(number)]
"""A field of a record: a number without an interval; nan is null in JSON."""
