"""Somebody's scores by metric: what teachers, ensembles, ceilings and students have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ModelWrapValidatorHandler, SerializerFunctionWrapHandler, model_serializer, model_validator

from outlearn.core.intervals import Interval
from outlearn.results.measurement import Measurement, Number, Withheld
from outlearn.results.serialization import Record

__all__ = ["Scored"]


class Scored(Record):
    """Somebody's scores on the test points, by metric.

    In JSON the metrics stand beside the other fields, and the models' own values are `each` of their metric.

    Attributes:
        scores: metric -> mean over models and points.
        each: metric -> every model's own value; empty where models were not told apart.
    """

    scores: Mapping[str, Measurement]
    each: Mapping[str, tuple[Number, ...]] = Field(default_factory=dict)

    @property
    def accuracy(self) -> Interval | Withheld:
        """Share of points that are right."""
        return self.scores["accuracy"]

    @property
    def log_loss(self) -> Interval | Withheld:
        """Mean of -log p(label), in nats."""
        return self.scores["log_loss"]

    @property
    def mse(self) -> Interval | Withheld:
        """Mean squared error, of numbers."""
        return self.scores["mse"]

    @model_validator(mode="wrap")
    @classmethod
    def _gather(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Read the metrics, which are all the keys that are no fields."""
        if not isinstance(data, Mapping) or "scores" in data:
            return handler(data)
        known = {name for key, field in cls.model_fields.items() for name in (key, field.alias)}
        metrics = {key: value for key, value in data.items() if key not in known}
        each = {key: value["each"] for key, value in metrics.items() if isinstance(value, Mapping) and "each" in value}
        rest = {key: value for key, value in data.items() if key in known}
        return handler({**rest, "scores": metrics, "each": each})

    @model_validator(mode="after")
    def _check_metrics(self) -> Self:
        if "mse" not in self.scores:  # numbers have this one, classes the other two
            for metric in ("accuracy", "log_loss"):
                if metric not in self.scores:
                    raise ValueError(f"the metric {metric} is missing")
        taken = {name for key, field in type(self).model_fields.items() for name in (key, field.alias)}
        for metric in self.scores:
            if metric in taken:  # JSON has one place for both
                raise ValueError(f"a metric cannot be called {metric!r}: another result of students has that name")
        return self

    @model_serializer(mode="wrap")
    def _spread(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write the metrics beside the other fields."""
        record = handler(self)
        scores, each = record.pop("scores"), record.pop("each")
        spread = {name: {**score, **({"each": each[name]} if name in each else {})} for name, score in scores.items()}
        return {**record, **spread}
