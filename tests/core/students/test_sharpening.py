"""Sharpening helps exactly where entropy exceeds cross-entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlearn.core.predictions import Predictions
from outlearn.core.students.sharpening import sharpening


def cross_entropy(y, log_probs, power):
    sharpened = Predictions.from_logits(power * log_probs).log_probs
    return -(y * sharpened).sum(-1)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 20), st.integers(0, 10**6))
def test_slope_of_cross_entropy_along_sharpening_is_minus_the_excess(n_classes, seed):
    rng = np.random.default_rng(seed)
    p = Predictions.from_logits(rng.normal(size=(2, 5, n_classes)))
    y = rng.dirichlet(np.ones(n_classes), size=5)
    step = 1e-5
    slope = (cross_entropy(y, p.log_probs, 1 + step) - cross_entropy(y, p.log_probs, 1 - step)) / (2 * step)
    np.testing.assert_allclose(sharpening(y, p).excess, -slope, atol=1e-7)  # central difference: step^2


@pytest.mark.parametrize(("power", "direction"), [(0.3, "sharpen"), (3.0, "soften")])
def test_calibrated_predictions_made_flatter_want_sharpening_and_made_sharper_softening(power, direction):
    rng = np.random.default_rng(0)
    p = Predictions.from_logits(2 * rng.normal(size=(1, 4000, 3)))
    y = np.array([rng.choice(3, p=row) for row in p.probs[0]])
    result = sharpening(y, Predictions.from_logits(power * np.repeat(p.log_probs, 3, axis=0)))
    assert result.direction == direction
    assert direction in str(result)
    np.testing.assert_allclose(result.best_power * power, 1, atol=0.15)
    assert sharpening(y, p).direction == "undecided"


def test_best_power_has_the_least_cross_entropy():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(40, 4))
    p = Predictions.from_logits(logits + rng.normal(size=(2, 40, 4)))
    y = Predictions.from_logits(logits).probs[0]
    best = sharpening(y, p).best_power
    for m in range(2):
        at = [cross_entropy(y, p.log_probs[m], a * best[m]).mean() for a in (0.99, 1.0, 1.01)]
        assert at[1] < min(at[0], at[2])


def test_extremes_are_zero_infinity_or_no_number():
    always_right = Predictions.from_probs(np.array([[0.6, 0.4]] * 5))
    assert sharpening(np.zeros(5, dtype=int), always_right).best_power == math.inf
    assert sharpening(np.ones(5, dtype=int), always_right).best_power == 0
    zero = Predictions.from_probs(np.array([[1.0, 0.0]] * 5))
    impossible = sharpening(np.ones(5, dtype=int), zero)
    assert math.isnan(impossible.best_power[0])
    assert impossible.direction == "undecided"
    assert impossible.interval.reason == "some values are infinite"
    with_zero = Predictions.from_probs(np.array([[0.7, 0.3, 0.0]] * 5))
    assert sharpening(np.array([0, 0, 0, 1, 0]), with_zero).best_power > 1


def test_no_power_is_best_where_predictions_stay_as_they_are_at_every_power():
    uniform = np.full((6, 3), 1 / 3)
    certain = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    halves = np.array([[0.5, 0.5, 0.0]] * 6)
    y = np.array([0, 1, 2, 0, 1, 2])
    for probs, labels in ((uniform, y), (certain, y), (halves, y % 2)):
        found = sharpening(labels, Predictions.from_probs(probs))
        assert math.isnan(found.best_power[0])
        assert found.direction == "undecided"
        assert "no power is better than another" in str(found)
    one_that_is_not = uniform.copy()
    one_that_is_not[0] = [0.4, 0.3, 0.3]
    assert sharpening(y, Predictions.from_probs(one_that_is_not)).best_power > 100  # inf up to rounding


def test_models_without_a_best_power_are_left_out_of_the_median():
    sure = np.array([[0.9, 0.1]] * 4)  # right three times of four: best at power 0.5
    found = sharpening(np.array([0, 0, 0, 1]), Predictions.from_probs(np.stack([np.full((4, 2), 0.5), sure])))
    assert found.median_power == pytest.approx(0.5)
    assert "best power 0.5 (median" in str(found)
