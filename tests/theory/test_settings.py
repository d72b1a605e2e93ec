"""Settings of experiments, as a command line gives them."""

import json

import pytest

from outlearn.errors import ConfigError
from outlearn.theory import EXPERIMENTS
from outlearn.theory.experiments import RandomFeaturesSettings
from outlearn.theory.settings import settings_as_dict, settings_from_strings


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_settings_are_json(name):
    json.dumps(settings_as_dict(EXPERIMENTS[name].settings()), allow_nan=False)


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
