"""One measurement: an interval, or the reason why it is withheld; written as JSON and read again as it was."""

import json
import math

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from outlearn.core.intervals import Interval
from outlearn.core.scales import POSITIVE, SHARE
from outlearn.results.measurement import Measurement, Withheld, mean_of, measured, ratio_of_means

ADAPTER = TypeAdapter(Measurement)
RNG = np.random.default_rng(0)


def again(value):
    return ADAPTER.validate_python(json.loads(json.dumps(ADAPTER.dump_python(value, mode="json"), allow_nan=False)))


@pytest.mark.parametrize(
    "value",
    [
        Interval(0.5, 0.4, 0.6, 0.05, 3, 100),
        Interval(0.5, 0.4, 0.6, 0.05, 1, 100, level=0.9, over="points"),
        Withheld("one teacher cannot be crossed with another"),
    ],
    ids=str,
)
def test_it_is_read_as_it_was_written(value):
    assert again(value) == value


def test_a_mean_without_an_interval_keeps_its_reason():
    read = again(Interval(0.5, math.nan, math.nan, math.nan, 1, 3, reason="only 3 points"))
    assert (read.mean, read.reason, read.n_points) == (0.5, "only 3 points", 3)
    assert math.isnan(read.low)
    assert math.isnan(read.high)


def test_an_infinite_mean_is_withheld():
    values = RNG.random((3, 20))
    values[1, 4] = np.inf  # the log loss of a label that has probability 0
    for value in (mean_of(values, 0.95, scale=POSITIVE), mean_of(values[1:2], 0.95, scale=POSITIVE)):
        assert isinstance(value, Withheld)
        assert "infinite" in value.reason


def test_a_mean_that_is_nan_is_withheld_with_the_reason_of_its_interval():
    nan = math.nan
    assert measured(Interval(nan, nan, nan, nan, 2, 9, reason="one class only")) == Withheld("one class only")


def test_students_of_one_teacher_are_one_cluster():
    values = RNG.random((4, 30))
    assert mean_of(values, 0.95, np.zeros(4, int), scale=SHARE).over == "points"
    assert mean_of(values, 0.95, np.array([0, 0, 1, 1]), scale=SHARE).n_models == 2


def test_the_ratio_of_means_is_the_ratio_and_without_a_whole_it_is_withheld():
    part, whole = RNG.random((3, 40)), 1 + RNG.random((3, 40))
    assert ratio_of_means(part, whole, 0.95).mean == pytest.approx(part.mean() / whole.mean())
    assert ratio_of_means(part, 0 * whole, 0.95) == Withheld("there is no such point")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (0.5, "expected a mean with low and high"),
        ({"mean": None}, "neither a mean nor a reason"),
        ({"mean": 0.5}, "the key 'low' is missing"),
        ({"mean": "0.5", "low": 0, "high": 1}, "expected a number, got '0.5'"),
        ({"mean": None, "reason": 3}, "expected a sentence as the reason"),
        (
            {"mean": 0.5, "low": 0, "high": 1, "standard_error": 0.1, "n_models": 2.5, "n_points": 3},
            "expected a count, got 2.5",
        ),
        (
            {"mean": 0.5, "low": 0, "high": 1, "standard_error": 0.1, "n_models": 2, "n_points": 3, "level": 0.95}
            | {"over": ["points"]},
            r"expected words, got \['points'\]",
        ),
        (
            {"mean": 0.5, "low": 0, "high": 1, "standard_error": 0.1, "n_models": 2, "n_points": 3, "level": 0.95}
            | {"over": "points", "scale": "shares"},
            "expected the name of a scale .*share.*, got 'shares'",
        ),
        (
            {"mean": 0.5, "low": 1, "high": 0, "standard_error": 0.1, "n_models": 2, "n_points": 3, "level": 0.95}
            | {"over": "points"},
            "an interval must go from a lower to a higher end",
        ),
    ],
)
def test_anything_else_is_refused_with_what_was_expected(content, message):
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(content)
