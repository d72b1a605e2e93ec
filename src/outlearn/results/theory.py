"""What theory experiments found: claims that can fail, and the curves behind them; written to results.json and read.

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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, PlainValidator

from outlearn.errors import DataError, DomainError, ShapeError, StoreError
from outlearn.results.serialization import read_json, read_record
from outlearn.results.writing import foreign_folder, write_json
from outlearn.version import __version__

__all__ = ["Claim", "Curve", "TheoryResult", "check_theory_folder", "is_theory", "read_theory", "write_theory"]

SCHEMA = 2
FILE = "results.json"
FILES = (FILE, "summary.txt", "report.html")
AGAIN = "Give `outlearn theory` again with this folder as --out."

Statistic = Literal["z", "relative error", "sign"]


def _nan_for_null(value: Any) -> Any:
    return math.nan if value is None else value


def _column(value: Any) -> np.ndarray:
    if not isinstance(value, list) or len({isinstance(item, str) for item in value}) > 1:
        raise ValueError("a column is a list of numbers and nulls, or of texts")
    return np.array([_nan_for_null(item) for item in value])


# JSON has no nan: what is not finite is written as null.
Number = Annotated[float | int, BeforeValidator(_nan_for_null)]
Curve = Mapping[str, Annotated[np.ndarray, PlainValidator(_column)]]


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

    Examples:
        >>> claim = Claim(text="heads", measured=0.52, predicted=0.5, statistic="z", tolerance=4.5, standard_error=0.01)
        >>> round(claim.score, 3), claim.agrees
        (2.0, True)
    """

    text: str
    measured: Number
    predicted: Number
    statistic: Statistic
    tolerance: Number
    standard_error: Annotated[float | int | None, BeforeValidator(_nan_for_null)] = None
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
        """Say whether the score is within the tolerance; a measurement that is not finite never is."""
        score = self.score
        if math.isnan(score) or not math.isfinite(self.measured):
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
        name: of the experiment, as on the command line.
        description: what it is about, one line.
        claims: in the order in which the page tells them.
        curves: name -> columns of equal length, plain one-dimensional arrays.
        settings: the resolved settings, JSON-able.
        seed: the seed that reproduces every number.
        notes: what a reader must know beside the claims.

    Raises:
        ShapeError: if the columns of a curve differ in length.
    """

    name: str
    description: str
    claims: tuple[Claim, ...]
    curves: Mapping[str, Curve]
    settings: Mapping[str, Any]
    seed: int
    notes: tuple[str, ...] = ()

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


@dataclass(frozen=True)
class _File:
    """What is read of results.json; scores and agreement, written for people, follow from it."""

    experiments: Annotated[tuple[TheoryResult, ...], Field(min_length=1)]


def check_theory_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but earlier results of theory, before anything long runs; make nothing yet.

    Raises:
        StoreError: if it does, or is a file.
    """
    if folder.is_file():
        raise StoreError(f"{str(folder)!r} is a file; choose a folder with --out DIR.")
    present = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    others = [name for name in present if name not in FILES]
    if FILE in present and not is_theory(folder):
        others.insert(0, FILE)
    if others:
        raise foreign_folder(folder, "results of theory", others[0])


def write_theory(results: Sequence[TheoryResult], folder: Path) -> None:
    """Write `results.json`, which `read_theory` reads.

    Raises:
        StoreError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {str(folder)!r} cannot be made: {error.strerror}. Choose a writable folder with --out DIR."
        ) from None
    content = {
        "schema": SCHEMA,
        "kind": "theory",
        "outlearn": __version__,
        "agrees": all(result.agrees for result in results),
        "experiments": [_record(result) for result in results],
    }
    write_json(folder / FILE, content)


def is_theory(folder: Path) -> bool:
    """Say whether a folder holds the results of theory, of whatever schema."""
    try:
        return _is_ours(read_json(folder / FILE, again=AGAIN))
    except DataError:
        return False


def read_theory(folder: Path) -> tuple[TheoryResult, ...]:
    """Read the results of a folder that `outlearn theory` wrote.

    Raises:
        DataError: if results.json is missing, damaged, of another schema or of something else than theory; it names the
            file, the field and what to do.
    """
    file = folder / FILE
    content = read_json(file, again=AGAIN)
    if not _is_ours(content):
        raise DataError(f"{str(file)!r} holds other results than those of theory. {AGAIN}")
    return read_record(_File, content, file, schema=SCHEMA, again=AGAIN).experiments


def _is_ours(content: Any) -> bool:
    return isinstance(content, dict) and "agrees" in content  # schema 1 had no kind


def _record(result: TheoryResult) -> dict[str, Any]:
    content = {field.name: _plain(getattr(result, field.name)) for field in fields(result)}
    return {**content, "agrees": result.agrees, "claims": [_claim_record(claim) for claim in result.claims]}


def _claim_record(claim: Claim) -> dict[str, Any]:
    # A standard error that there is none of is left out: null is one that is not finite.
    given = {key: value for key, value in asdict(claim).items() if key != "standard_error" or value is not None}
    return {**_plain(given), "score": _plain(claim.score), "agrees": claim.agrees}


def _plain(value: Any) -> Any:
    """Turn arrays into lists and non-finite numbers into None, all the way down."""
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
