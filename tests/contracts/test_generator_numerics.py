"""Divergences at the edge of float64: near-equal points, logits of size 1000, zeros; against 1000-digit arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from outlearn.core.generators import GENERATORS
from outlearn.errors import DomainError

DIGITS = 1000  # enough for exp(-1000) to be told from 0 beside 1
RELATIVE = (
    1e-9  # a relative difference of 1e-5 is squared in the divergence, so 1e-16 / 1e-5 and some is what float64 has
)
SMALL_STEP = 1e-5

every = pytest.mark.parametrize("name", GENERATORS)


def logsumexp(z: list) -> object:
    return mpmath.log(mpmath.fsum(mpmath.exp(x) for x in z))


# phi and its gradient for one row of mpmath numbers, as theory.md writes them.
REFERENCES: dict[str, tuple[Callable, Callable]] = {
    "squared_euclidean": (lambda x: mpmath.fsum(v * v for v in x), lambda x: [2 * v for v in x]),
    "negative_entropy": (lambda x: mpmath.fsum(v * mpmath.log(v) for v in x), lambda x: [mpmath.log(v) + 1 for v in x]),
    "binary_entropy": (
        lambda x: mpmath.fsum(v * mpmath.log(v) + (1 - v) * mpmath.log(1 - v) for v in x),
        lambda x: [mpmath.log(v / (1 - v)) for v in x],
    ),
    "itakura_saito": (lambda x: -mpmath.fsum(mpmath.log(v) for v in x), lambda x: [-1 / v for v in x]),
    "generalized_kl": (lambda x: mpmath.fsum(v * mpmath.log(v) - v for v in x), lambda x: [mpmath.log(v) for v in x]),
    "exponential": (lambda x: mpmath.fsum(mpmath.exp(v) for v in x), lambda x: [mpmath.exp(v) for v in x]),
    "log_cosh": (lambda x: mpmath.fsum(mpmath.log(mpmath.cosh(v)) for v in x), lambda x: [mpmath.tanh(v) for v in x]),
    "softplus": (
        lambda x: mpmath.fsum(mpmath.log(1 + mpmath.exp(v)) for v in x),
        lambda x: [1 / (1 + mpmath.exp(-v)) for v in x],
    ),
    "logsumexp": (logsumexp, lambda x: [mpmath.exp(v - logsumexp(x)) for v in x]),
}


def exact(name: str, a: list, b: list) -> float:
    """Compute D(a, b) by its definition with DIGITS digits."""
    phi, gradient = REFERENCES[name]
    return float(phi(a) - phi(b) - mpmath.fsum(g * (x - y) for g, x, y in zip(gradient(b), a, b, strict=True)))


def numbers(values: np.ndarray) -> list:
    return [mpmath.mpf(float(v)) for v in values]


@pytest.mark.parametrize("name", REFERENCES)
def test_divergence_of_nearly_equal_points_keeps_its_digits(bregman, name):
    g, rng = bregman.build(name, 3), np.random.default_rng(0)
    a = bregman.draw(name, rng, 3)
    b = a + SMALL_STEP * np.abs(a).min() * np.array([1.0, -1.0, 0.0])
    with mpmath.workdps(DIGITS):
        expected = exact(name, numbers(a), numbers(b))
    np.testing.assert_allclose(g.divergence(a, b), expected, rtol=RELATIVE)


@pytest.mark.parametrize("name", ["squared_euclidean", "log_cosh", "softplus", "logsumexp"])
@pytest.mark.parametrize("size", [30.0, 1000.0])
def test_divergence_at_large_coordinates_is_finite_and_right(bregman, name, size):
    g = bregman.build(name, 3)
    a, b = np.array([size, -size, 0.5]), np.array([-size, 0.3, size])
    with mpmath.workdps(DIGITS):
        expected = [exact(name, numbers(x), numbers(y)) for x, y in ((a, b), (b, a))]
    np.testing.assert_allclose([g.divergence(a, b), g.divergence(b, a)], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["negative_entropy", "binary_entropy"])
@pytest.mark.parametrize("size", [30.0, 1000.0])
def test_divergence_from_large_logits_is_finite_and_right(bregman, name, size):
    g = bregman.build(name, 3)
    u, v = np.array([size, -size, 0.5]), np.array([-size, 0.3, size])
    with mpmath.workdps(DIGITS):
        rows = []
        for z in (numbers(u), numbers(v)):
            if name == "negative_entropy":
                rows.append([mpmath.exp(x - logsumexp(z)) for x in z])
            else:
                rows.append([1 / (1 + mpmath.exp(-x)) for x in z])
        expected = [exact(name, *rows), exact(name, *rows[::-1])]
    np.testing.assert_allclose([g.divergence_from_dual(u, v), g.divergence_from_dual(v, u)], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["log_cosh", "softplus", "logsumexp"])
def test_dual_mean_of_large_logits_does_not_saturate(bregman, name):
    g = bregman.build(name, 2)
    z = np.array([[1000.0, -1000.0], [1000.0, -1000.0]])
    np.testing.assert_allclose(np.diff(g.dual_mean(z)), np.diff(z[0]))
    mixed = np.array([[1000.0, 0.0], [-1000.0, 0.0]])  # half certain each way: as likely as not
    np.testing.assert_allclose(g.dual_mean(mixed)[0], g.dual_mean(mixed)[1], atol=1.0)


def test_binary_entropy_reads_certain_log_probs_without_rounding_to_one(bregman):
    """A softmax of logits 1000 apart is 1 in float64, but its log-odds are 1000."""
    g = bregman.build("binary_entropy", 2)
    np.testing.assert_allclose(g.dual_from_log_probs(np.array([[0.0, -1000.0]])), [[1000.0, -1000.0]])
    certain = g.dual_from_log_probs(np.array([[0.0, -np.inf]]))
    np.testing.assert_array_equal(certain, [[np.inf, -np.inf]])


@pytest.mark.parametrize("name", ["negative_entropy", "generalized_kl", "binary_entropy"])
def test_zero_log_zero_is_zero_and_a_missing_class_costs_infinity(bregman, name):
    g = bregman.build(name, 3)
    a, b, empty = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.75, 0.0]), np.array([1.0, 0.0, 0.0])
    assert np.isfinite(g.divergence(a, b))
    assert np.isfinite(g.potential(a))
    assert g.divergence(a, a) == 0.0
    assert g.divergence(empty, empty) == 0.0
    assert np.isinf(g.divergence(a, empty))
    # By hand: D(empty, a) is log 2 under negative entropy, 1 log 2 - 1 + 1 too unnormalised, twice log 2 by Bernoulli.
    assert np.isclose(g.divergence(empty, a), np.log(2) * (2 if name == "binary_entropy" else 1))


@pytest.mark.parametrize("name", ["negative_entropy", "generalized_kl"])
def test_a_class_that_is_zero_everywhere_changes_nothing(bregman, name):
    rng = np.random.default_rng(1)
    f = bregman.draw("negative_entropy", rng, 4, 3)
    padded = np.concatenate([f, np.zeros((4, 1))], axis=1)
    small, large = bregman.build(name, 3), bregman.build(name, 4)
    bregman.same(large.divergence(padded[:2], padded[2:]), small.divergence(f[:2], f[2:]))
    bregman.same(large.dual_mean(padded)[:3], small.dual_mean(f))
    assert large.dual_mean(padded)[3] == 0.0


@pytest.mark.parametrize("name", ["itakura_saito"])
def test_a_probability_of_zero_is_refused_where_the_divergence_has_none(bregman, name):
    with pytest.raises(DomainError, match=r"probability of 0 has no .*target\[0, 1\] is 0.0"):
        bregman.build(name, 2).dual_from_log_probs(np.array([[0.0, -np.inf]]), argument="target")


def test_exponential_refuses_what_overflows_and_takes_what_underflows(bregman):
    g = bregman.build("exponential", 1)
    with pytest.raises(DomainError, match="709"):
        g.divergence(np.array([1000.0]), np.array([0.0]))
    # By hand: exp(-1000) is 0 in float64, so D(-1000, 0) = 0 - 1 + 1000 and D(0, -1000) = 1.
    np.testing.assert_allclose(g.divergence(np.array([-1000.0]), np.array([0.0])), 999.0)
    np.testing.assert_allclose(g.divergence(np.array([0.0]), np.array([-1000.0])), 1.0)


@pytest.mark.parametrize("name", ["softplus", "log_cosh", "exponential", "logsumexp"])
def test_dual_coordinates_that_were_rounded_to_the_boundary_are_refused(bregman, name):
    g = bregman.build(name, 2)
    edge = {"softplus": [1.0, 0.5], "log_cosh": [1.0, 0.5], "exponential": [0.0, 1.0], "logsumexp": [1.0, 0.0]}[name]
    with pytest.raises(DomainError, match=f"{name} needs"):
        g.inverse_gradient(np.array(edge))


@every
def test_single_precision_and_integers_are_measured_in_double(bregman, name):
    g = bregman.build(name, 2)
    single = bregman.draw(name, np.random.default_rng(2), 3, 2).astype(np.float32)
    if name == "negative_entropy":
        single = np.float32([[0.25, 0.75], [0.5, 0.5], [0.125, 0.875]])
    assert g.divergence(single, single[:1]).dtype == np.float64
    np.testing.assert_array_equal(g.divergence(single, single[:1]), g.divergence(single.astype(float), single[:1]))
