"""Claims can fail, in each of their three ways; results are plain and frozen."""

import json
import math

import numpy as np
import pytest

from outlearn.errors import ConfigError, DomainError, ShapeError
from outlearn.theory import Claim, TheoryResult
from outlearn.theory.experiments import RandomFeaturesSettings, RidgeSettings
from outlearn.theory.sampling import mean_estimate, median_estimate
from outlearn.theory.settings import settings_as_dict, settings_from_strings


def claim(measured, predicted, statistic, tolerance, error=None):
    return Claim(
        text="a claim",
        measured=measured,
        predicted=predicted,
        statistic=statistic,
        tolerance=tolerance,
        standard_error=error,
    )


@pytest.mark.parametrize(
    ("arguments", "agrees"),
    [
        ((1.4, 1.0, "z", 4.5, 0.1), True),
        ((1.5, 1.0, "z", 4.5, 0.1), False),
        ((0.5, 1.0, "z", 4.5, 0.1), False),
        ((1.04, 1.0, "relative error", 0.05), True),
        ((1.06, 1.0, "relative error", 0.05), False),
        ((-1.0, -1.01, "relative error", 0.05), True),
        ((1e-12, 0.0, "relative error", 1e-9), True),
        ((1e-3, 0.0, "relative error", 1e-9), False),
        ((2.0, 1.0, "sign", 0.0), True),
        ((-2.0, 1.0, "sign", 0.0), False),
        ((-2.0, -1.0, "sign", 0.0), True),
        ((2.0, 1.0, "sign", 4.5, 0.1), True),
        ((0.2, 1.0, "sign", 4.5, 0.1), False),
        ((-1e-12, 1.0, "sign", -1e-9), True),
        ((math.nan, 1.0, "sign", 0.0), False),
        ((math.nan, 1.0, "z", 4.5, 0.1), False),
        ((1.0, 1.0, "z", 4.5, math.nan), False),
        ((math.inf, 1.0, "relative error", 0.05), False),
        ((1.1, 1.0, "z", 4.5, 0.0), False),
    ],
)
def test_a_claim_agrees_iff_its_score_is_within_the_tolerance(arguments, agrees):
    assert claim(*arguments).agrees is agrees


def test_a_z_claim_needs_a_standard_error_and_a_known_statistic():
    with pytest.raises(DomainError, match="standard_error"):
        claim(1.0, 1.0, "z", 4.5)


def test_results_are_json_and_one_failing_claim_fails_them():
    good, bad = claim(1.0, 1.0, "relative error", 0.1), claim(math.nan, 1.0, "relative error", 0.1)
    result = TheoryResult(
        name="x",
        claims=(good, bad),
        curves={"c": {"x": np.arange(2), "y": np.array([1.0, np.inf]), "name": np.array(["a", "b"])}},
        settings=settings_as_dict(RidgeSettings()),
        seed=3,
    )
    assert not result.agrees
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert content["curves"]["c"] == {"x": [0, 1], "y": [1.0, None], "name": ["a", "b"]}
    assert content["claims"][0]["agrees"] is True
    assert content["claims"][1]["measured"] is None
    with pytest.raises(ValueError, match="read-only"):
        result.curves["c"]["y"][0] = 5
    with pytest.raises(ShapeError, match="one length"):
        TheoryResult(name="x", claims=(), curves={"c": {"x": np.arange(2), "y": np.arange(3)}}, settings={}, seed=0)


def test_settings_come_from_strings_and_bad_ones_name_the_key():
    parsed = settings_from_strings(
        RandomFeaturesSettings, {"draws": "1e2", "noise_variance": "2", "widths": "10, 20,30"}
    )
    assert (parsed.draws, parsed.noise_variance, parsed.widths) == (100, 2.0, (10, 20, 30))
    for values, message in (
        ({"drows": "3"}, 'Did you mean "draws"'),
        ({"draws": "many"}, "draws is 'many'; expected a whole number"),
        ({"draws": "30.5"}, "whole number"),
        ({"draws": "3"}, "draws is 3; it must be at least 30"),
        ({"widths": "30,20"}, "increasing"),
        ({"student_examples": "100"}, "dimension"),
        ({"noise_variance": "-1"}, "noise_variance"),
        ({"noise_variance": "nan"}, "noise_variance"),
    ):
        with pytest.raises(ConfigError, match=message):
            settings_from_strings(RandomFeaturesSettings, values)


def test_estimates_have_intervals_and_refuse_too_few_draws():
    draws = np.random.default_rng(0).standard_normal(100)
    mean, median = mean_estimate(draws), median_estimate(draws)
    assert mean.low < mean.value < mean.high
    assert median.low < median.value < median.high
    with pytest.raises(DomainError, match="two draws"):
        mean_estimate(draws[:1])
    with pytest.raises(DomainError, match="median"):
        median_estimate(draws[:4])


def test_median_intervals_cover_also_without_a_mean():
    rng = np.random.default_rng(1)
    found = [median_estimate(rng.standard_cauchy(60)) for _ in range(400)]
    covered = np.mean([f.low <= 0 <= f.high for f in found])
    assert 0.93 <= covered <= 0.99
