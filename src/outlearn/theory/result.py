"""What a theory experiment hands back: claims that can fail, and the curves behind them.

A `Claim` is one sentence with the number that was measured and the number that the theory predicts. It agrees if its
score is within its tolerance:

- `"z"`: |measured - predicted| / standard_error, at most `tolerance`;
- `"relative error"`: |measured - predicted| / |predicted|, at most `tolerance`; where the prediction is 0,
  `measured` is itself a relative error;
- `"sign"`: the measured number, counted positive on the predicted side of zero and in units of its standard error
  where it has one, is at least `tolerance`. A tolerance just below zero lets an inequality hold with equality.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from outlearn.errors import DomainError, ShapeError
from outlearn.theory.scalars import Real

__all__ = ["SCHEMA", "Claim", "Curve", "TheoryResult"]

SCHEMA = 1

Statistic = Literal["z", "relative error", "sign"]
Curve = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """State one falsifiable sentence of the theory with both of its numbers.

    Args:
        text: the sentence, as a reader should believe it.
        measured: what the simulation or the data gave.
        predicted: what the formula gives; for `"sign"` only its sign counts.
        statistic: how the two are compared, see the module's docstring.
        tolerance: the score that is still agreement.
        standard_error: of `measured - predicted`; needed by `"z"`.
        count: independent draws, points or cases behind `measured`.

    Raises:
        DomainError: if `"z"` comes without a standard error, or the statistic is unknown.

    Example:
        >>> claim = Claim(text="heads", measured=0.52, predicted=0.5, statistic="z", tolerance=4.5, standard_error=0.01)
        >>> round(claim.score, 3), claim.agrees
        (2.0, True)
    """

    text: str
    measured: Real
    predicted: Real
    statistic: Statistic
    tolerance: Real
    standard_error: Real | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        if self.statistic not in ("z", "relative error", "sign"):
            raise DomainError(f"statistic is {self.statistic!r}; it must be 'z', 'relative error' or 'sign'")
        if self.statistic == "z" and self.standard_error is None:
            raise DomainError(f"the claim {self.text!r} is compared by z but has no standard_error; give one")

    @property
    def score(self) -> float:
        """Compare measured with predicted: the z-score, the relative error, or the signed distance from zero."""
        difference = float(self.measured) - float(self.predicted)
        if self.statistic == "z":
            return _ratio(difference, float(self.standard_error or 0.0))
        if self.statistic == "relative error":
            return abs(_ratio(difference, abs(float(self.predicted)) or 1.0))
        towards = math.copysign(1.0, self.predicted) * float(self.measured)
        return towards if self.standard_error is None else _ratio(towards, float(self.standard_error))

    @property
    def agrees(self) -> bool:
        """Say whether the score is within the tolerance; a score that is not a number never is."""
        score = self.score
        if math.isnan(score):
            return False
        return bool(score >= self.tolerance if self.statistic == "sign" else abs(score) <= self.tolerance)


def _ratio(numerator: float, denominator: float) -> float:
    """Divide, with 0/0 = 0 (no difference, no error) and x/0 infinite."""
    if denominator != 0.0:
        return float(numerator / denominator)
    return 0.0 if numerator == 0.0 else math.copysign(math.inf, numerator)


@dataclass(frozen=True, kw_only=True)
class TheoryResult:
    """Hold the outcome of one theory experiment.

    Args:
        name: the experiment's name in `EXPERIMENTS`.
        claims: in the order in which the page tells them.
        curves: name -> columns of equal length, plain one-dimensional arrays.
        settings: the resolved settings, JSON-able.
        seed: the seed that reproduces every number.

    Raises:
        ShapeError: if the columns of a curve differ in length.
    """

    name: str
    claims: tuple[Claim, ...]
    curves: Mapping[str, Curve]
    settings: Mapping[str, Any]
    seed: int
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        frozen: dict[str, Curve] = {}
        for name, columns in self.curves.items():
            arrays = {key: np.asarray(column) for key, column in columns.items()}
            lengths = {key: array.shape for key, array in arrays.items()}
            if len(set(lengths.values())) > 1 or any(array.ndim != 1 for array in arrays.values()):
                raise ShapeError(
                    f"the columns of curve {name!r} must be vectors of one length; their shapes are {lengths}"
                )
            for array in arrays.values():
                array.setflags(write=False)
            frozen[name] = MappingProxyType(arrays)
        object.__setattr__(self, "curves", MappingProxyType(frozen))
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    @property
    def agrees(self) -> bool:
        """Say whether every claim agrees."""
        return all(claim.agrees for claim in self.claims)

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, numbers and text; numbers that JSON cannot hold become None."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "seed": self.seed,
            "agrees": self.agrees,
            "settings": _plain(dict(self.settings)),
            "claims": [
                {**_plain(asdict(claim)), "score": _plain(claim.score), "agrees": claim.agrees} for claim in self.claims
            ],
            "curves": {
                name: {key: _plain(column) for key, column in columns.items()} for name, columns in self.curves.items()
            },
            "notes": list(self.notes),
        }


def _plain(value: Any) -> Any:
    """Turn arrays into lists and non-finite numbers into None, all the way down."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
