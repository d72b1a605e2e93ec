"""The unit of risks, and the metric that the risk of one model is, follow the generator and the target."""

import pytest

from outlearn.experiment.config import MeasureSection
from outlearn.experiment.results import describe_measures


@pytest.mark.parametrize(
    ("how", "metric"),
    [
        ({}, "log_loss"),
        ({"generator": "negative_entropy", "order": "target_first", "target": "labels"}, "log_loss"),
        ({"generator": "negative_entropy", "order": "prediction_first"}, None),
        ({"generator": "negative_entropy", "smoothing": 0.1}, None),
        ({"generator": "negative_entropy", "target": "soft"}, None),
        ({"generator": "squared_euclidean", "order": "prediction_first"}, "brier"),
    ],
)
def test_the_risk_of_one_model_is_a_metric_only_where_the_two_are_the_same_number(how, metric):
    assert describe_measures(MeasureSection(**how), 0.0).risk_metric == metric


def test_units_follow_the_generator():
    assert describe_measures(MeasureSection(), 0.0).unit == "nats"
    assert describe_measures(MeasureSection(generator="squared_euclidean"), 0.0).unit == "squared error"
