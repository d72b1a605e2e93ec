"""The slope of log loss along sharpening, and the sign that says whether a lower entropy helps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from outlearn.errors import ShapeError
from outlearn.theory import best_power, sharpen, sharpening_gain, slope_by_complex_step

SEEDS = st.integers(0, 2**32 - 1)


def students(seed, scale=1.5, points=40, classes=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=points)
    logits = scale * rng.standard_normal((2, points, classes))
    logits[:, np.arange(points), labels] += 1.0
    return log_softmax(logits, axis=-1), labels


def log_loss(logs, labels):
    return float(-logs[:, np.arange(len(labels)), labels].mean())


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_the_slope_is_cross_entropy_minus_entropy(seed):
    logs, labels = students(seed)
    predicted = -sharpening_gain(logs, labels).mean()
    assert slope_by_complex_step(logs, labels) == pytest.approx(predicted, abs=1e-12)
    h = 1e-5
    central = (log_loss(sharpen(logs, 1 + h), labels) - log_loss(sharpen(logs, 1 - h), labels)) / (2 * h)
    assert central == pytest.approx(predicted, abs=1e-8)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, scale=st.sampled_from([0.2, 1.0, 5.0]))
def test_the_best_power_sharpens_iff_the_student_is_under_confident(seed, scale):
    logs, labels = students(seed, scale)
    gain = sharpening_gain(logs, labels).mean()
    if abs(gain) > 1e-6:
        assert (best_power(logs, labels) > 1) == (gain > 0)


def test_a_calibrated_student_is_at_its_best_power():
    logs = np.log([[[0.75, 0.25]] * 4])
    labels = np.array([0, 0, 0, 1])
    assert abs(sharpening_gain(logs, labels).mean()) < 1e-12
    assert best_power(logs, labels) == pytest.approx(1.0, abs=1e-5)


def test_zero_probabilities_are_allowed_where_the_label_is_another():
    logs = np.array([[0.0, -np.inf], [np.log(0.5), np.log(0.5)]])
    labels = np.array([0, 1])
    np.testing.assert_allclose(sharpening_gain(logs, labels), [0.0, 0.0], atol=1e-15)
    assert slope_by_complex_step(logs, labels) == pytest.approx(0.0, abs=1e-12)


def test_labels_must_be_one_a_point():
    with pytest.raises(ShapeError, match="3 labels"):
        sharpening_gain(np.log(np.full((2, 2), 0.5)), np.array([0, 1, 0]))
