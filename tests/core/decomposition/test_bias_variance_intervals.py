"""The jackknife takes out what a finite number of models puts in, in linear time, and the summary says what it did."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlearn.core.decomposition.bias_variance import bias_variance, decompose, variance_pseudo_values
from outlearn.core.generators import GENERATORS, get_generator
from outlearn.core.orders import dual_centre, spread_about
from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError

ORDERS = ["target_first", "prediction_first"]
both = pytest.mark.parametrize("order", ORDERS)
PARTS = ("total", "noise", "bias", "variance")


def logits(seed: int, *shape: int) -> np.ndarray:
    return 1.5 * np.random.default_rng(seed).normal(size=shape)


def plug_in(duals: np.ndarray, generator, order: str) -> np.ndarray:
    centre = dual_centre(duals, generator, order, of="predictions")
    return spread_about(centre, duals, generator, order, of="predictions").mean(axis=0)


@pytest.mark.medium
@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "mahalanobis"])
@both
@given(seed=st.integers(0, 2**31), n_units=st.integers(2, 8), size=st.integers(1, 3))
@settings(max_examples=8, deadline=None)
def test_pseudo_values_are_those_of_leaving_each_unit_out_by_hand(name, order, seed, n_units, size):
    g = get_generator(name)
    duals = g.dual_from_log_probs(Predictions.from_logits(logits(seed, n_units * size, 3, 4)).log_probs)
    units = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_units), size))
    full = plug_in(duals, g, order)
    by_hand = [n_units * full - (n_units - 1) * plug_in(duals[units != u], g, order) for u in range(n_units)]
    np.testing.assert_allclose(variance_pseudo_values(duals, units, g, order), by_hand, rtol=1e-9, atol=1e-11)


def teacher_by_teacher(duals: np.ndarray, units: np.ndarray, generator, order: str) -> np.ndarray:
    """Compute the plug-in variance that weighs teachers alike, by repeating models to a common multiple."""
    counts = np.unique(units, return_counts=True)[1]
    common = np.lcm.reduce(counts)
    return plug_in(
        np.repeat(duals, common // counts[np.searchsorted(np.unique(units), units)], axis=0), generator, order
    )


@pytest.mark.parametrize("name", ["negative_entropy", "squared_euclidean", "itakura_saito"])
@both
def test_a_teacher_of_many_students_weighs_no_more_than_one_of_few(name, order):
    """Repeating a teacher's students to a common number changes nothing: sizes 1, 2 and 4 against 4, 4 and 4."""
    z, y = logits(20, 7, 6, 3), np.full((6, 3), 1 / 3)
    units, copies = np.array([2, 0, 1, 1, 2, 2, 2]), np.array([1, 4, 2, 2, 1, 1, 1])
    uneven = bias_variance(y, Predictions.from_logits(z, teacher_of=units), generator=name, order=order)
    repeated = Predictions.from_logits(np.repeat(z, copies, axis=0), teacher_of=np.repeat(units, copies))
    even = bias_variance(y, repeated, generator=name, order=order)
    for part in PARTS:
        np.testing.assert_allclose(getattr(uneven, part), getattr(even, part), rtol=1e-9, atol=1e-12)
        for correction in ("jackknife", "none"):
            a, b = (getattr(bv.summary(correction=correction), part) for bv in (uneven, even))
            np.testing.assert_allclose([a.mean, a.low, a.high], [b.mean, b.low, b.high], rtol=1e-7, atol=1e-12)
    for correction in ("jackknife", "none"):
        s = uneven.summary(correction=correction)
        assert math.isclose(s.total.mean, s.noise.mean + s.bias.mean + s.variance.mean, rel_tol=1e-9)
    plain = uneven.summary(correction="none")
    for part in PARTS:
        np.testing.assert_allclose(getattr(plain, part).mean, getattr(uneven, part).mean(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("sizes", [(4, 4, 4), (1, 2, 3, 10), (1, 1, 10)], ids=str)
def test_bias_and_variance_are_right_with_unequal_numbers_of_students(sizes):
    """Teachers N(0, 0.1^2) in two coordinates, all students alike; target at 0.05: variance 0.02, bias 0.005."""
    rng = np.random.default_rng(21)
    effects = 0.1 * rng.normal(size=(len(sizes), 20_000, 2))
    g, clusters = get_generator("squared_euclidean"), np.repeat(np.arange(len(sizes)), sizes)
    duals, target = g.gradient(effects[clusters]), g.gradient(np.full((1, 20_000, 2), 0.05))
    s = decompose(target, duals, g, "target_first", clusters=clusters).summary()
    np.testing.assert_allclose(s.variance.mean, 0.02, rtol=0.03)
    np.testing.assert_allclose(s.bias.mean, 0.005, rtol=0.06)


@both
def test_the_plug_in_bias_of_unequal_teachers_is_never_negative(order):
    """The bias is a divergence; weighing students in one place and teachers in another, it came out below 0."""
    units = np.repeat([0, 1, 2], [1, 1, 11])
    z = logits(22, 3, 30, 2)[units] * 3 + 0.1 * logits(23, 13, 30, 2)
    target = Predictions.from_logits(z).dual_mean() if order == "target_first" else Predictions.from_logits(z).mean()
    bv = bias_variance(target, Predictions.from_logits(z, teacher_of=units), order=order)
    assert bv.summary(correction="none").bias.mean >= 0
    np.testing.assert_allclose(bv.summary(correction="none").bias.mean, bv.bias.mean(), rtol=1e-9)


@both
def test_pseudo_values_at_zero_probabilities_weigh_teachers_alike(order):
    """The class that only the unit left out lacks, where the average itself is taken."""
    probs = np.array([[[0.5, 0.25, 0.25]], [[0.3, 0.3, 0.4]], [[0.2, 0.7, 0.1]], [[0.1, 0.9, 0.0]], [[0.6, 0.4, 0.0]]])
    g, duals, units = (
        get_generator("negative_entropy"),
        Predictions.from_probs(probs).log_probs,
        np.array([0, 1, 1, 2, 2]),
    )
    full = teacher_by_teacher(duals, units, g, order)
    by_hand = [3 * full - 2 * teacher_by_teacher(duals[units != u], units[units != u], g, order) for u in range(3)]
    np.testing.assert_allclose(variance_pseudo_values(duals, units, g, order), by_hand, rtol=1e-12)


@both
def test_pseudo_values_at_zero_probabilities_are_those_by_hand(order):
    probs = np.array([[[0.5, 0.25, 0.25]], [[0.5, 0.5, 0.0]], [[0.2, 0.8, 0.0]], [[1.0, 0.0, 0.0]]])
    g, duals = get_generator("negative_entropy"), Predictions.from_probs(probs).log_probs
    full = plug_in(duals, g, order)
    by_hand = [4 * full - 3 * plug_in(np.delete(duals, m, axis=0), g, order) for m in range(4)]
    np.testing.assert_allclose(variance_pseudo_values(duals, np.arange(4), g, order), by_hand, rtol=1e-12)


@both
def test_corrected_squared_variance_is_the_unbiased_sample_variance(order):
    p = Predictions.from_logits(logits(0, 6, 40, 3))
    target = Predictions.from_logits(logits(1, 1, 40, 3))
    summary = bias_variance(target, p, generator="squared_euclidean", order=order).summary()
    np.testing.assert_allclose(summary.variance.mean, p.probs.var(axis=0, ddof=1).sum(axis=-1).mean())


@both
@pytest.mark.parametrize("correction", ["jackknife", "none"])
def test_parts_of_the_summary_add_up(order, correction):
    p = Predictions.from_logits(logits(2, 5, 30, 3))
    draws = Predictions.from_logits(logits(3, 4, 30, 3)).probs
    s = bias_variance(draws, p, order=order).summary(correction=correction)
    assert math.isclose(s.total.mean, s.noise.mean + s.bias.mean + s.variance.mean, rel_tol=1e-12)
    for part in PARTS:
        interval = getattr(s, part)
        assert interval.low < interval.mean < interval.high


@both
def test_no_correction_gives_the_plug_in_means(order):
    p, draws = Predictions.from_logits(logits(4, 5, 30, 3)), Predictions.from_logits(logits(5, 4, 30, 3)).probs
    bv = bias_variance(draws, p, order=order)
    s = bv.summary(correction="none")
    for part in PARTS:
        assert math.isclose(getattr(s, part).mean, float(getattr(bv, part).mean()), rel_tol=1e-12)


def true_dual_variance(scale: float) -> float:
    """Compute the dual variance of KL when the log-odds are N(0, scale^2): the dual mean is (1/2, 1/2)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    # KL((1/2, 1/2) || softmax(z, 0)) = log(2 cosh(z / 2)) - log 2
    return float(weights @ (np.logaddexp(scale * nodes / 2, -scale * nodes / 2) - np.log(2)) / weights.sum())


def test_plug_in_variance_is_too_small_by_one_part_in_m_and_the_jackknife_mends_it():
    """Known truth: Gaussian log-odds; the mean over 20,000 points is compared, so luck is about 0.3%."""
    scale, models, truth = 1.5, 4, true_dual_variance(1.5)
    z = np.zeros((models, 20_000, 2))
    z[..., 0] = scale * np.random.default_rng(6).normal(size=z.shape[:2])
    bv = bias_variance(np.full((20_000, 2), 0.5), Predictions.from_logits(z))
    corrected = bv.summary()
    plug = bv.variance.mean()
    assert abs(plug / truth - (1 - 1 / models)) < 0.03
    assert abs(corrected.variance.mean / truth - 1) < 0.03
    # The true bias is 0: the target is the dual mean. The plug-in bias is what the variance lacks.
    assert bv.bias.mean() > 0.2 * truth
    assert abs(corrected.bias.mean) < 0.03 * truth


def test_a_negative_corrected_bias_is_reported_and_not_clipped():
    z = logits(7, 4, 200, 2)
    target = Predictions.from_logits(z).dual_mean()  # the plug-in bias is exactly 0
    bias = bias_variance(target, Predictions.from_logits(z)).summary().bias
    assert bias.mean < 0
    assert bias.high < 0


def test_noise_of_several_raters_is_corrected_too():
    """Ratings of a fair coin by three raters: the true noise is the squared error's, 1/2; plug-in 2/3 of it."""
    labels = np.random.default_rng(8).integers(0, 2, size=(3, 4000))
    p = Predictions.from_logits(logits(9, 4, 4000, 2))
    bv = bias_variance(labels, p, generator="squared_euclidean", draws=True)
    np.testing.assert_allclose(bv.noise.mean(), 1 / 3, atol=0.01)
    np.testing.assert_allclose(bv.summary().noise.mean, 1 / 2, atol=0.015)


def test_one_model_has_no_variance_to_report_and_says_why():
    s = bias_variance(np.zeros(9, dtype=int), Predictions.from_logits(logits(10, 1, 9, 2))).summary()
    for part in (s.bias, s.variance):
        assert math.isnan(part.mean)
        assert "at least two" in part.reason
    assert math.isfinite(s.total.mean)
    assert "at least two" in str(s)


def test_students_of_one_teacher_are_left_out_together():
    """Four copies of each teacher's student carry no more information than one: same means, same intervals."""
    z, y = logits(11, 5, 20, 3), np.random.default_rng(12).integers(0, 3, 20)
    once = bias_variance(y, Predictions.from_logits(z, teacher_of=np.arange(5))).summary()
    copies = Predictions.from_logits(np.repeat(z, 4, axis=0), teacher_of=np.repeat(np.arange(5), 4))
    clustered = bias_variance(y, copies).summary()
    assert (clustered.n_models, clustered.n_units) == (20, 5)
    for part in PARTS:
        np.testing.assert_allclose(getattr(clustered, part).mean, getattr(once, part).mean, rtol=1e-9)
        np.testing.assert_allclose(getattr(clustered, part).low, getattr(once, part).low, rtol=1e-9)
    ignored = Predictions.from_logits(np.repeat(z, 4, axis=0))
    assert bias_variance(y, ignored).summary().variance.mean < 0.9 * once.variance.mean


def test_infinite_risk_is_said_and_the_variance_kept():
    probs = np.full((3, 5, 2), 0.5)
    probs[0, 2] = [1.0, 0.0]
    s = bias_variance(np.ones(5, dtype=int), Predictions.from_probs(probs)).summary()
    assert math.isinf(s.total.mean)
    assert math.isinf(s.bias.mean)
    assert math.isfinite(s.variance.mean)
    assert "infinite" in str(s)


@both
def test_text_names_generator_order_direction_and_mean(order):
    p = Predictions.from_logits(logits(13, 3, 8, 2))
    text = str(bias_variance(np.full((8, 2), 0.5), p, order=order).summary())
    assert order in text
    assert "negative_entropy" in text
    assert ("D(target, prediction), dual mean" in text) == (order == "target_first")
    assert ("D(prediction, target), arithmetic mean" in text) == (order == "prediction_first")


def test_an_unknown_correction_is_refused():
    bv = bias_variance(np.zeros(4, dtype=int), Predictions.from_logits(logits(14, 3, 4, 2)))
    with pytest.raises(ConfigError, match='Did you mean "jackknife"'):
        bv.summary(correction="jacknife")
    with pytest.raises(ConfigError, match="level"):
        bv.summary(level=95.0)


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
@both
def test_intervals_cover_the_true_parts_at_their_level(order):
    """500 repetitions of 8 models x 60 points; truth from 200,000 models. 95% intervals: 92 to 98%."""
    rng = np.random.default_rng(15)
    kinds = np.array([[-1.0, 1.2], [0.3, 0.8], [1.5, 1.5], [0.0, 0.4]])  # mean and spread of the log-odds
    share = np.array([0.7, 0.4, 0.6, 0.5])  # of target 1
    draws = kinds[:, :1] + kinds[:, 1:] * rng.normal(size=(4, 200_000))
    many = Predictions.from_logits(np.stack([draws.T, np.zeros_like(draws.T)], axis=-1))
    target = np.stack([share, 1 - share], axis=-1)
    kl, y, f = get_generator("negative_entropy"), np.log(target), many.log_probs
    if order == "target_first":
        centre = kl.dual_mean_from_dual(f)
        total, bias = kl.divergence_from_dual(y, f).mean(), kl.divergence_from_dual(y, centre).mean()
    else:
        centre = kl.mean_from_dual(f)
        total, bias = kl.divergence_from_dual(f, y).mean(), kl.divergence_from_dual(centre, y).mean()
    truth = {"total": total, "bias": bias, "variance": total - bias}
    hits = dict.fromkeys(truth, 0)
    for _ in range(500):
        kind = rng.integers(0, 4, 60)
        z = np.zeros((8, 60, 2))
        z[..., 0] = kinds[kind, 0] + kinds[kind, 1] * rng.normal(size=(8, 60))
        s = bias_variance(target[kind], Predictions.from_logits(z), order=order).summary()
        for part, value in truth.items():
            hits[part] += getattr(s, part).low <= value <= getattr(s, part).high
    coverage = {part: count / 500 for part, count in hits.items()}
    assert all(0.92 <= rate <= 0.98 for rate in coverage.values()), coverage
