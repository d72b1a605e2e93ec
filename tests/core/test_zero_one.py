"""Counts give the 0-1 and squared decompositions that loops over models give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from outlearn.core.zero_one import decompose_labels, decompose_numbers
from outlearn.errors import DomainError, ShapeError


@given(
    seed=st.integers(0, 2**31),
    models=st.integers(1, 70),
    classes=st.sampled_from([2, 3, 10, 40]),
    u=st.sampled_from("iu"),
)
@settings(max_examples=30, deadline=None)
def test_counts_equal_loops_over_models(seed, models, classes, u):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, 9)
    f = rng.integers(0, classes, (models, 9)).astype(f"{u}1")
    d = decompose_labels(y, f)
    main = stats.mode(f, axis=0).mode
    np.testing.assert_array_equal(d.main, main)
    np.testing.assert_allclose(d.zero_one.loss, (f != y).mean(axis=0), atol=1e-15)
    np.testing.assert_array_equal(d.zero_one.bias, main != y)
    np.testing.assert_allclose(d.zero_one.variance, (f != main).mean(axis=0), atol=1e-15)
    squared = decompose_numbers(y, f)
    for part in ("loss", "bias", "variance"):
        np.testing.assert_allclose(getattr(d.squared, part), getattr(squared, part), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(d.squared.loss, ((f.astype(float) - y) ** 2).mean(axis=0), rtol=1e-12)


def test_more_models_than_a_byte_counts():
    f = np.ones((600, 2), dtype=int)
    f[:250, 0] = 0
    d = decompose_labels(np.array([1, 1]), f)
    np.testing.assert_allclose(d.zero_one.loss, [250 / 600, 0.0])


def test_zero_one_loss_is_bias_plus_variance_where_the_main_label_is_right_and_not_where_it_is_wrong():
    f = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 1], [1, 1, 2]])
    d = decompose_labels(np.array([1, 1, 0]), f).zero_one
    np.testing.assert_allclose(d.loss[0], d.bias[0] + d.variance[0])
    # Two classes and a wrong main label: who differs from it is right, so disagreement lowers the loss.
    np.testing.assert_allclose(d.loss[1], d.bias[1] - d.variance[1])
    # Three classes: some who differ are wrong too, so neither holds.
    assert d.bias[2] - d.variance[2] < d.loss[2] < d.bias[2] + d.variance[2]


def test_ties_go_to_the_lowest_label():
    assert decompose_labels(np.array([0]), np.array([[2], [1]])).main[0] == 1


def test_one_model_has_no_variance():
    d = decompose_labels(np.array([1, 0]), np.array([[1, 1]]))
    np.testing.assert_array_equal(d.zero_one.variance, 0.0)
    np.testing.assert_array_equal(d.zero_one.loss, d.zero_one.bias)


def test_numbers_split_into_bias_and_variance_that_keep_a_small_variance_beside_a_large_bias():
    f = 1e6 + np.array([[0.0], [1e-3]])
    parts = decompose_numbers(np.array([0.0]), f)
    np.testing.assert_allclose(parts.variance, f.var(axis=0), rtol=1e-6)
    np.testing.assert_allclose(parts.loss, (f**2).mean(axis=0))


def test_bad_input_is_refused():
    f = np.zeros((2, 3), dtype=int)
    with pytest.raises(ShapeError, match="shapes"):
        decompose_labels(np.zeros(2, dtype=int), f)
    with pytest.raises(ShapeError, match="shapes"):
        decompose_numbers(np.zeros(3), np.zeros(3))
    for n_classes in (None, 2):
        with pytest.raises(DomainError, match=r"labels\[1\] is -1"):
            decompose_labels(np.array([0, -1, 0]), f, n_classes=n_classes)
        with pytest.raises(DomainError, match=r"predicted\[1, 0\] is -7"):
            decompose_labels(np.zeros(3, dtype=int), np.array([[0, 1, 0], [-7, 0, 0]]), n_classes=n_classes)
    with pytest.raises(DomainError, match=r"0 to 1; labels\[1\] is 2"):
        decompose_labels(np.array([0, 2, 0]), f, n_classes=2)
    with pytest.raises(DomainError, match="finite"):
        decompose_numbers(np.array([0.0, np.nan, 0.0]), f)
