"""Random features against their formulas, and against the kernels that they have at infinite width."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from outlearn.core.random_features import RandomFeatureMap

FLOAT64_SUM = 1e-12
WIDE = 40_000
FIVE_ERRORS = 5 / np.sqrt(WIDE)  # products of two units have a variance of about 1


def _inputs(n=6, d=5, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def test_units_are_the_formula():
    x, rng = _inputs(), np.random.default_rng(1)
    weights, bias = rng.standard_normal((5, 7)), rng.standard_normal(7)
    relu = RandomFeatureMap(weights, bias, "relu")(x)
    np.testing.assert_allclose(relu, np.maximum(0, x @ weights + bias) / np.sqrt(7), atol=FLOAT64_SUM)
    cos = RandomFeatureMap(weights, bias, "cos")(x)
    np.testing.assert_allclose(cos, np.sqrt(2 / 7) * np.cos(x @ weights + bias), atol=FLOAT64_SUM)


def test_the_kernel_of_relu_is_that_of_cho_and_saul():
    x = _inputs()
    phi = RandomFeatureMap.draw(5, WIDE, np.random.default_rng(2))(x)
    # The bias is one more input, which is 1: w.x / sqrt(d) + b = w.(x / sqrt(d), 1).
    u = np.column_stack([x / np.sqrt(5), np.ones(len(x))])
    size = np.linalg.norm(u, axis=1)
    angle = np.arccos(np.clip(u @ u.T / np.outer(size, size), -1, 1))
    kernel = np.outer(size, size) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    np.testing.assert_allclose(phi @ phi.T, kernel, atol=FIVE_ERRORS * kernel.max() * 2)


def test_the_kernel_of_cos_is_gaussian():
    x = _inputs()
    phi = RandomFeatureMap.draw(5, WIDE, np.random.default_rng(3), "cos")(x)
    squares = np.square(x[:, None] - x).sum(axis=-1)
    np.testing.assert_allclose(phi @ phi.T, np.exp(-squares / (2 * 5)), atol=FIVE_ERRORS)


@pytest.mark.parametrize("activation", ["relu", "cos"])
def test_standardising_inside_is_standardising_before(activation):
    raw = 3.0 * _inputs(20) + 2.0
    mean, scale = raw.mean(axis=0), raw.std(axis=0)
    units = RandomFeatureMap.draw(5, 9, np.random.default_rng(4), activation)
    inside, before = units.on_raw_inputs(mean, scale), units((raw - mean) / scale)
    np.testing.assert_allclose(inside(raw), before, atol=FLOAT64_SUM)
    np.testing.assert_allclose(inside(csr_array(raw)), before, atol=FLOAT64_SUM)
