"""Both means of every generator are optimal, and risk splits about them, in both orders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlearn.core.generators import GENERATORS
from outlearn.errors import DomainError, ShapeError

AFFINE_DUAL = {"squared_euclidean", "mahalanobis"}  # generators whose two means are one

every = pytest.mark.parametrize("name", GENERATORS)
many_models = given(seed=st.integers(0, 2**32 - 1), models=st.integers(1, 64), classes=st.integers(2, 50))
few = settings(max_examples=15, deadline=None)


def average(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.tensordot(weights, values, axes=1)


@every
@few
@many_models
def test_arithmetic_mean_is_the_one_best_second_argument(bregman, name, seed, models, classes):
    """E D(f, z) = E D(f, mean) + D(mean, z), so the mean is better than any other z by exactly D(mean, z)."""
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    f, z, w = bregman.draw(name, rng, models, classes), bregman.draw(name, rng, classes), rng.dirichlet(np.ones(models))
    centre = g.mean(f, w)
    to_z, to_mean = average(w, g.divergence(f, z)), average(w, g.divergence(f, centre))
    bregman.same(to_z, to_mean + g.divergence(centre, z), g.divergence(f, z))


@every
@few
@many_models
def test_dual_mean_is_the_one_best_first_argument(bregman, name, seed, models, classes):
    """E D(z, f) = E D(dual mean, f) + D(z, dual mean)."""
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    f, z, w = bregman.draw(name, rng, models, classes), bregman.draw(name, rng, classes), rng.dirichlet(np.ones(models))
    centre = g.dual_mean(f, w)
    from_z, from_mean = average(w, g.divergence(z, f)), average(w, g.divergence(centre, f))
    bregman.same(from_z, from_mean + g.divergence(z, centre), g.divergence(z, f))


@every
@few
@many_models
def test_risk_target_first_is_noise_and_bias_and_variance_about_the_dual_mean(bregman, name, seed, models, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    f, y = bregman.draw(name, rng, models, classes), bregman.draw(name, rng, 3, classes)
    risks = g.divergence(y[:, None], f)
    y_mean, f_dual = g.mean(y), g.dual_mean(f)
    noise, variance = g.divergence(y, y_mean).mean(), g.divergence(f_dual, f).mean()
    bregman.same(risks.mean(), noise + g.divergence(y_mean, f_dual) + variance, risks)


@every
@few
@many_models
def test_risk_prediction_first_is_noise_and_bias_and_variance_about_the_mean(bregman, name, seed, models, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    f, y = bregman.draw(name, rng, models, classes), bregman.draw(name, rng, 3, classes)
    risks = g.divergence(f, y[:, None])
    y_dual, f_mean = g.dual_mean(y), g.mean(f)
    noise, variance = g.divergence(y_dual, y).mean(), g.divergence(f, f_mean).mean()
    bregman.same(risks.mean(), noise + g.divergence(f_mean, y_dual) + variance, risks)


@every
@pytest.mark.parametrize("order", ["target_first", "prediction_first"])
def test_the_other_orders_mean_breaks_the_decomposition_unless_quadratic(bregman, name, order):
    g, rng = bregman.build(name, 3), np.random.default_rng(0)
    f, y = bregman.draw(name, rng, 8, 3), bregman.draw(name, rng, 3)
    if order == "target_first":
        risk, wrong = g.divergence(y, f), g.mean(f)
        parts = g.divergence(y, wrong) + g.divergence(wrong, f).mean()
    else:
        risk, wrong = g.divergence(f, y), g.dual_mean(f)
        parts = g.divergence(wrong, y) + g.divergence(f, wrong).mean()
    assert bool(np.isclose(risk.mean(), parts, rtol=1e-9)) == (name in AFFINE_DUAL)


@every
def test_both_means_are_one_if_and_only_if_the_gradient_is_affine(bregman, name):
    g = bregman.build(name, 3)
    f = bregman.draw(name, np.random.default_rng(1), 5, 3)
    assert np.allclose(g.mean(f), g.dual_mean(f), rtol=1e-9) == (name in AFFINE_DUAL)


@every
@few
@many_models
def test_variances_are_jensen_gaps(bregman, name, seed, models, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    f = bregman.draw(name, rng, models, classes)
    u = g.gradient(f)
    dual = g.conjugate(u).mean() - g.conjugate(g.dual_mean_from_dual(u))
    bregman.same(g.divergence(g.dual_mean(f), f).mean(), dual, g.conjugate(u))
    primal = g.potential(f).mean() - g.potential(g.mean(f))
    bregman.same(g.divergence(f, g.mean(f)).mean(), primal, g.potential(f))


@every
@few
@many_models
def test_means_in_dual_coordinates_are_the_same_means(bregman, name, seed, models, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    f, w = bregman.draw(name, rng, models, 2, classes), rng.dirichlet(np.ones(models))
    u = g.gradient(f)
    bregman.same(g.divergence_from_dual(g.mean_from_dual(u, w), g.gradient(g.mean(f, w))), np.zeros(2))
    bregman.same(g.divergence_from_dual(g.dual_mean_from_dual(u, w), g.gradient(g.dual_mean(f, w))), np.zeros(2))


@every
def test_mean_of_one_model_is_that_model(bregman, name):
    g = bregman.build(name, 3)
    f = bregman.draw(name, np.random.default_rng(2), 1, 4, 3)
    bregman.same(g.mean(f), f[0])
    np.testing.assert_allclose(g.divergence(g.dual_mean(f), f[0]), 0.0, atol=1e-15)


@every
def test_an_integer_weight_is_that_many_copies(bregman, name):
    g = bregman.build(name, 3)
    f = bregman.draw(name, np.random.default_rng(3), 3, 4, 3)
    weights, copies = np.array([2, 0, 1]), f[[0, 0, 2]]
    bregman.same(g.mean(f, weights), g.mean(copies))
    bregman.same(g.dual_mean(f, weights), g.dual_mean(copies))


@every
def test_models_may_lie_along_any_axis_but_the_last(bregman, name):
    g = bregman.build(name, 3)
    f = bregman.draw(name, np.random.default_rng(4), 4, 5, 3)
    for mean in (g.mean, g.dual_mean):
        bregman.same(mean(f, axis=1), mean(np.swapaxes(f, 0, 1)))
        bregman.same(mean(f, axis=-2), mean(f, axis=1))


@pytest.mark.parametrize("name", ["negative_entropy", "generalized_kl", "binary_entropy"])
def test_a_model_of_weight_zero_takes_no_part_even_where_it_is_certain(bregman, name):
    g = bregman.build(name, 2)
    f = np.array([[0.25, 0.75], [0.0, 1.0]])
    np.testing.assert_allclose(g.dual_mean(f, np.array([1.0, 0.0])), f[0], rtol=1e-15)
    assert g.dual_mean(f, np.array([1.0, 1.0]))[0] == 0.0  # with a weight it does: log 0 pulls the average to 0


@pytest.mark.parametrize("name", ["negative_entropy", "binary_entropy"])
def test_certain_models_that_disagree_have_no_dual_mean(bregman, name):
    g = bregman.build(name, 2)
    with pytest.raises(DomainError, match=r"common class|opposite labels"):
        g.dual_mean(np.eye(2))
    np.testing.assert_array_equal(g.mean(np.eye(2)), [0.5, 0.5])


@every
def test_weights_that_mean_nothing_are_refused(bregman, name):
    g = bregman.build(name, 3)
    f = bregman.draw(name, np.random.default_rng(5), 2, 3)
    for wrong in ([1.0, -0.5], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]):
        with pytest.raises(DomainError, match="weights must be finite"):
            g.mean(f, np.array(wrong))
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        g.dual_mean(f, np.ones(3))
    with pytest.raises(ShapeError, match="at least one model"):
        g.mean(f[:0])
