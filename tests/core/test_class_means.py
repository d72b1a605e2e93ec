"""Rescaling predictions until their class means are given ones: means, ratios, and what cannot be reached."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from outlearn.core import class_means
from outlearn.core.class_means import class_offsets, match_class_means
from outlearn.errors import ShapeError

REACHED = 1e-6  # the promise of the docstring
FLOAT64 = 1e-12
REACHED_IN_OFFSETS = 0.1  # where means meet shares of some thousandths within 1e-5, in float32


def distributions(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), size=shape[:-1])


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_class_means_are_the_prior_of_each_model(n_classes):
    probs = distributions(4, 50, n_classes)
    prior = distributions(4, n_classes, seed=1)
    matched = match_class_means(probs, prior)
    np.testing.assert_allclose(matched.mean(axis=1), prior, atol=REACHED)
    np.testing.assert_allclose(matched.sum(axis=-1), 1.0, atol=FLOAT64)


def test_one_factor_a_class_is_all_that_changes():
    probs = distributions(20, 3)
    matched = match_class_means(probs, np.array([0.2, 0.3, 0.5]))
    log_odds = np.log(matched / probs)
    shift = log_odds[:, 1:] - log_odds[:, :1]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=FLOAT64)


def test_predictions_whose_means_are_the_prior_stay():
    probs = distributions(20, 3)
    np.testing.assert_allclose(match_class_means(probs, probs.mean(axis=0)), probs, atol=FLOAT64)


def test_a_class_that_no_point_can_take_keeps_mean_0_and_nothing_is_nan():
    matched = match_class_means(np.array([[0.7, 0.3, 0.0], [0.4, 0.6, 0.0]]), np.array([0.4, 0.4, 0.2]))
    assert np.isfinite(matched).all()
    np.testing.assert_array_equal(matched[:, 2], 0.0)


def test_a_prior_of_0_empties_the_class():
    matched = match_class_means(distributions(20, 3), np.array([0.5, 0.5, 0.0]))
    np.testing.assert_allclose(matched.mean(axis=0), [0.5, 0.5, 0.0], atol=REACHED)


def test_a_prior_of_another_shape_is_an_error():
    with pytest.raises(ShapeError, match="expected \\(2, 3\\)"):
        match_class_means(distributions(2, 5, 3), np.ones(3) / 3)


@pytest.mark.parametrize("power", [0.1, 1.0, 30.0])
def test_the_prior_is_reached_for_vague_and_for_nearly_certain_predictions(power):
    sharp = distributions(3, 400, 4) ** power
    prior = np.array([[0.7, 0.1, 0.1, 0.1], [0.25] * 4, [0.02, 0.08, 0.4, 0.5]])
    matched = match_class_means(sharp / sharp.sum(axis=-1, keepdims=True), prior)
    np.testing.assert_allclose(matched.mean(axis=1), prior, atol=REACHED)


@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_offsets_of_many_classes_are_those_of_the_written_out_hessian(spread, monkeypatch):
    rng = np.random.default_rng(0)
    logits = spread * rng.normal(size=(2, 600, 80)).astype(np.float32)
    prior = rng.dirichlet(np.full(80, 2.0), size=2)
    start = 0.1 * rng.normal(size=(2, 80))
    found = [class_offsets(logits, prior, tolerance=1e-5, start=first) for first in (None, start)]
    monkeypatch.setattr(class_means, "MANY_CLASSES", 81)
    expected = class_offsets(logits, prior, tolerance=1e-9)
    for offsets in found:
        np.testing.assert_allclose(offsets, expected, atol=REACHED_IN_OFFSETS)


def test_of_many_classes_one_without_a_share_or_a_point_is_not_called_and_nothing_is_nan():
    logits = np.random.default_rng(0).normal(size=(500, 70))
    logits[:, 3] = -1000.0
    prior = np.r_[0.0, np.full(69, 1 / 69)]
    offsets = class_offsets(logits, prior)
    probs = softmax(logits + offsets, axis=-1)
    assert np.isfinite(offsets).all()
    np.testing.assert_allclose(probs[:, [0, 3]], 0.0, atol=REACHED)
    np.testing.assert_allclose(np.delete(probs.mean(axis=0), [0, 3]), 1 / 68, atol=1e-5)


@pytest.mark.parametrize("start", [None, np.linspace(0.0, 50.0, 70)])
def test_of_many_classes_the_prior_is_reached_from_where_one_takes_nearly_all(start):
    logits = np.zeros((300, 70), dtype=np.float32)
    logits[:, 0] = 0.0 if start is not None else 40.0
    offsets = class_offsets(logits, np.full(70, 1 / 70), tolerance=1e-4, start=start)
    np.testing.assert_allclose(softmax(logits + offsets, axis=-1).mean(axis=0), 1 / 70, atol=1e-4)


def test_of_many_classes_points_that_are_certain_leave_offsets_finite():
    certain = np.random.default_rng(0).integers(0, 70, size=8000)
    logits = np.where(certain[:, None] == np.arange(70), 0.0, -200.0).astype(np.float32)
    assert np.isfinite(class_offsets(logits, np.full(70, 1 / 70), tolerance=1e-4)).all()


def test_what_cannot_be_reached_stays_finite():
    matched = match_class_means(np.eye(2)[np.zeros(10, dtype=int)], np.array([0.5, 0.5]))
    np.testing.assert_array_equal(matched[:, 0], 1.0)
    certain = match_class_means(np.eye(2)[np.array([0] * 9 + [1])], np.array([0.5, 0.5]))
    np.testing.assert_allclose(certain.mean(axis=0), [0.9, 0.1])
    only_unwanted = match_class_means(np.eye(2)[np.array([0, 1])], np.array([0.0, 1.0]))
    assert np.isfinite(only_unwanted).all()
    nothing = match_class_means(np.array([[0.7, 0.3, 0.0]]), np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(nothing, [[0.7, 0.3, 0.0]])
