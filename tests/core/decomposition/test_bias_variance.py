"""Risk is noise plus bias plus variance at every point, in both orders, for every generator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.generators import GENERATORS, BregmanGenerator, get_generator
from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError, DomainError, ShapeError

EXACT = 1e-10  # every identity, in float64, relative to the largest term
ORDERS = ["target_first", "prediction_first"]

every = pytest.mark.parametrize("name", GENERATORS)
both = pytest.mark.parametrize("order", ORDERS)


def build(name: str, classes: int) -> BregmanGenerator:
    if name != "mahalanobis":
        return get_generator(name)
    root = np.tri(classes) + np.eye(classes)
    return get_generator(name, matrix=root @ root.T / classes)


def logits(seed: int, *shape: int) -> np.ndarray:
    return 1.5 * np.random.default_rng(seed).normal(size=shape)


def soft(seed: int, *shape: int) -> np.ndarray:
    return Predictions.from_logits(logits(seed, *shape)).probs.reshape(shape)


@every
@both
@given(
    seed=st.integers(0, 2**31),
    models=st.integers(1, 64),
    points=st.integers(1, 3),
    classes=st.integers(2, 50),
    draws=st.integers(1, 4),
)
@pytest.mark.medium
@settings(max_examples=10, deadline=None)
def test_total_is_noise_plus_bias_plus_variance(name, order, seed, models, points, classes, draws):
    g, p = build(name, classes), Predictions.from_logits(logits(seed, models, points, classes))
    bv = bias_variance(soft(seed + 1, draws, points, classes), p, generator=g, order=order)
    assert bv.total.shape == (points,)
    size = max(1.0, bv.total.max())
    np.testing.assert_allclose(bv.total, bv.noise + bv.bias + bv.variance, rtol=0, atol=EXACT * size)
    assert min(bv.noise.min(), bv.bias.min(), bv.variance.min()) >= 0


@every
@both
def test_parts_are_what_their_definitions_say(name, order):
    """An independent spelling in primal points, by loops."""
    g, p, target = build(name, 3), Predictions.from_logits(logits(0, 5, 4, 3)), soft(1, 2, 4, 3)
    bv = bias_variance(target, p, generator=g, order=order)
    for i in range(4):
        y, f = target[:, i], p.probs[:, i]
        if order == "target_first":
            y_centre, f_centre = y.mean(axis=0), g.dual_mean(f)
            total = np.mean([[g.divergence(a, b) for b in f] for a in y])
            noise = np.mean([g.divergence(a, y_centre) for a in y])
            bias, variance = g.divergence(y_centre, f_centre), np.mean([g.divergence(f_centre, b) for b in f])
        else:
            y_centre, f_centre = g.dual_mean(y), f.mean(axis=0)
            total = np.mean([[g.divergence(b, a) for b in f] for a in y])
            noise = np.mean([g.divergence(y_centre, a) for a in y])
            bias, variance = g.divergence(f_centre, y_centre), np.mean([g.divergence(b, f_centre) for b in f])
        measured = [bv.total[i], bv.noise[i], bv.bias[i], bv.variance[i]]
        np.testing.assert_allclose(measured, [total, noise, bias, variance], rtol=1e-9, atol=1e-13)


def test_log_loss_of_labels_is_the_total_under_negative_entropy():
    p, y = Predictions.from_logits(logits(2, 6, 50, 4)), np.random.default_rng(3).integers(0, 4, 50)
    bv = bias_variance(y, p)
    np.testing.assert_allclose(bv.total, -p.log_probs[:, np.arange(50), y].mean(axis=0))
    np.testing.assert_allclose(bv.bias, -p.dual_mean().log_probs[0, np.arange(50), y])
    np.testing.assert_array_equal(bv.noise, 0.0)


def test_dual_variance_of_kl_is_minus_the_log_of_the_geometric_mass():
    """E KL(f* || f) = -log sum_k prod_m p_m(k)^(1/M), in closed form."""
    p = Predictions.from_logits(logits(4, 6, 5, 4))
    mass = np.prod(p.probs, axis=0) ** (1 / 6)
    variance = bias_variance(np.zeros(5, dtype=int), p).variance
    np.testing.assert_allclose(variance, -np.log(mass.sum(axis=-1)), rtol=1e-12)


def test_primal_variance_of_kl_is_the_mutual_information():
    p, target = Predictions.from_logits(logits(5, 6, 5, 4)), soft(6, 5, 4)
    information = entropy(p.probs.mean(axis=0), axis=-1) - entropy(p.probs, axis=-1).mean(axis=0)
    variance = bias_variance(target, p, order="prediction_first").variance
    np.testing.assert_allclose(variance, information, rtol=1e-12)


def test_squared_decomposition_is_numpys_variance_and_squared_bias():
    p, target = Predictions.from_logits(logits(7, 9, 5, 3)), soft(8, 5, 3)
    for order in ORDERS:
        bv = bias_variance(target, p, generator="squared_euclidean", order=order)
        np.testing.assert_allclose(bv.variance, p.probs.var(axis=0).sum(axis=-1))
        np.testing.assert_allclose(bv.bias, ((p.probs.mean(axis=0) - target) ** 2).sum(axis=-1))


@every
@both
def test_variance_is_zero_if_and_only_if_the_models_agree(name, order):
    g, z = build(name, 3), logits(9, 1, 4, 3)
    one = bias_variance(soft(10, 4, 3), Predictions.from_logits(z), generator=g, order=order)
    np.testing.assert_allclose(one.variance, 0.0, atol=1e-15)
    copies = bias_variance(soft(10, 4, 3), Predictions.from_logits(np.repeat(z, 3, axis=0)), generator=g, order=order)
    np.testing.assert_allclose(copies.variance, 0.0, atol=1e-15)
    np.testing.assert_allclose(copies.bias, copies.total, rtol=1e-12)
    moved = np.repeat(z, 3, axis=0)
    moved[0, :, 0] += 0.1
    varying = bias_variance(soft(10, 4, 3), Predictions.from_logits(moved), generator=g, order=order)
    assert np.all(varying.variance > 1e-8)


@every
@both
def test_bias_is_zero_if_and_only_if_the_means_of_target_and_models_agree(name, order):
    g, p = build(name, 3), Predictions.from_logits(logits(11, 5, 4, 3))
    duals = g.dual_from_log_probs(p.log_probs)
    mean = g.dual_mean_from_dual(duals) if order == "target_first" else g.mean_from_dual(duals)
    centre = g.inverse_gradient(mean)
    if name == "logsumexp":
        centre = (
            centre + (1 - centre.sum(axis=-1, keepdims=True)) / 3
        )  # logits up to a constant: put them on the simplex
    on_simplex = np.allclose(centre.sum(axis=-1), 1, atol=1e-6) and centre.min() > 0
    # A dual mean of distributions is one itself only for these; elsewhere no target has bias 0 in this order.
    closed = {"squared_euclidean", "mahalanobis", "negative_entropy", "logsumexp"}
    assert on_simplex == (order == "prediction_first" or name in closed)
    if on_simplex:
        np.testing.assert_allclose(bias_variance(centre, p, generator=g, order=order).bias, 0.0, atol=1e-12)
    assert np.all(bias_variance(soft(12, 4, 3), p, generator=g, order=order).bias > 1e-6)


@both
def test_logits_of_a_thousand_give_finite_parts_that_add_up(order):
    p = Predictions.from_logits(1000 * logits(13, 4, 6, 3))
    target = Predictions.from_logits(1000 * logits(14, 1, 6, 3))
    bv = bias_variance(target, p, order=order)
    assert np.isfinite(bv.total).all()
    np.testing.assert_allclose(bv.total, bv.noise + bv.bias + bv.variance, rtol=1e-12)


def test_a_label_that_one_model_excludes_costs_infinite_bias_and_finite_variance():
    p = Predictions.from_probs(np.array([[[1.0, 0.0]], [[0.5, 0.5]]]))
    bv = bias_variance(np.array([1]), p)
    assert np.isinf(bv.total[0])
    assert np.isinf(bv.bias[0])
    # By hand: the dual mean is (1, 0), so the variance is (log 1 + log 2) / 2.
    np.testing.assert_allclose(bv.variance, np.log(2) / 2)


def test_models_without_a_common_class_have_no_dual_mean_but_an_arithmetic_one():
    p = Predictions.from_probs(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]))
    with pytest.raises(DomainError, match="common class"):
        bias_variance(np.array([0]), p)
    bv = bias_variance(np.array([[0.5, 0.5]]), p, order="prediction_first")
    np.testing.assert_allclose([bv.total[0], bv.bias[0], bv.variance[0]], [np.log(2), 0.0, np.log(2)], atol=1e-15)


def test_zero_probabilities_are_refused_where_the_generator_has_no_value_there():
    p = Predictions.from_logits(logits(15, 2, 2, 2))
    with pytest.raises(DomainError, match=r"itakura_saito .* target\[0, 0, 1\]"):
        bias_variance(np.array([0, 1]), p, generator="itakura_saito")
    zero = Predictions.from_probs(np.array([[0.0, 1.0]]))
    with pytest.raises(DomainError, match=r"itakura_saito .* predictions\[0, 0, 0\]"):
        bias_variance(np.array([[0.5, 0.5]]), zero, generator="itakura_saito")


def test_wrong_arguments_are_refused():
    p = Predictions.from_logits(logits(16, 2, 3, 2))
    with pytest.raises(ConfigError, match="Did you mean"):
        bias_variance(np.zeros(3, dtype=int), p, generator="negative_entropi")
    with pytest.raises(ShapeError, match="shape"):
        bias_variance(np.zeros(4, dtype=int), p)


def test_result_is_frozen_and_names_what_it_measured():
    p = Predictions.from_logits(logits(17, 2, 3, 2))
    bv = bias_variance(np.zeros(3, dtype=int), p)
    with pytest.raises(AttributeError):
        bv.order = "prediction_first"
    assert (bv.n_models, bv.n_draws, bv.n_points, bv.order, bv.generator.name) == (
        2,
        1,
        3,
        "target_first",
        "negative_entropy",
    )
