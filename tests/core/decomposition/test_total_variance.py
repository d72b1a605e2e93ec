"""Variance within groups and between them add up, in both orders; and ensembles do what the theory says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlearn.core.decomposition.bias_variance import BiasVariance, bias_variance, decompose
from outlearn.core.decomposition.total_variance import total_variance
from outlearn.core.generators import GENERATORS, get_generator
from outlearn.core.predictions import Predictions
from outlearn.errors import ShapeError

EXACT = 1e-10
NAMES = [name for name in GENERATORS if name != "mahalanobis"]

every = pytest.mark.parametrize("name", NAMES)
both = pytest.mark.parametrize("order", ["target_first", "prediction_first"])


def some(seed: int, *shape: int) -> Predictions:
    return Predictions.from_logits(1.5 * np.random.default_rng(seed).normal(size=shape))


@pytest.mark.medium
@every
@both
@given(seed=st.integers(0, 2**31), models=st.integers(3, 64), classes=st.integers(2, 50))
@settings(max_examples=8, deadline=None)
def test_total_variance_is_within_plus_between_and_that_of_the_decomposition(name, order, seed, models, classes):
    p = some(seed, models, 2, classes)
    groups = np.random.default_rng(seed).integers(0, max(2, models // 3), models)
    groups[:3] = [0, 0, 1]  # at least two groups, and one of two models
    v = total_variance(p, groups, generator=name, order=order)
    size = max(1.0, v.total.max())
    np.testing.assert_allclose(v.total, v.within + v.between, rtol=0, atol=EXACT * size)
    soft = np.full((2, classes), 1 / classes)
    np.testing.assert_allclose(v.total, bias_variance(soft, p, generator=name, order=order).variance)


@both
def test_squared_law_is_the_textbook_analysis_of_variance(order):
    p = some(0, 6, 4, 3)
    groups = np.array(["a", "b", "a", "b", "b", "a"])
    v = total_variance(p, groups, generator="squared_euclidean", order=order)
    means = np.stack([p.probs[groups == g].mean(axis=0) for g in ("a", "b")])
    np.testing.assert_allclose(v.between, means.var(axis=0).sum(axis=-1))
    np.testing.assert_allclose(
        v.within, np.mean([p.probs[groups == g].var(axis=0).sum(axis=-1) for g in ("a", "b")], axis=0)
    )


@both
def test_variance_within_is_zero_if_and_only_if_groups_agree_in_themselves(order):
    z = np.random.default_rng(1).normal(size=(3, 4, 2))
    copies = Predictions.from_logits(np.repeat(z, 2, axis=0))
    same = total_variance(copies, np.repeat(np.arange(3), 2), order=order)
    np.testing.assert_allclose(same.within, 0, atol=1e-15)
    assert same.share_between == pytest.approx(1)
    mixed = total_variance(copies, np.tile([0, 1], 3), order=order)  # each group holds one of every kind
    np.testing.assert_allclose(mixed.between, 0, atol=1e-15)
    assert mixed.within.min() > 0


def test_models_that_all_agree_have_no_share_to_tell():
    p = Predictions.from_logits(np.zeros((4, 2, 2)))
    assert np.isnan(total_variance(p, np.array([0, 0, 1, 1])).share_between)


def test_groups_that_split_nothing_are_refused():
    p = some(2, 4, 3, 2)
    for groups in (np.zeros(4, dtype=int), np.arange(4)):
        with pytest.raises(ShapeError, match="at least two groups"):
            total_variance(p, groups)
    with pytest.raises(ShapeError, match=r"\(4,\)"):
        total_variance(p, np.arange(3))


def single_mean_and_dual_mean(name: str, size: int, order: str = "target_first") -> list[BiasVariance]:
    """Decompose the risk of 8 models, of their ensembles of `size` by arithmetic mean, and of those by dual mean."""
    generator = get_generator(name)
    y, f = (generator.dual_from_log_probs(some(*shape).log_probs) for shape in ((5, 1, 6, 3), (4, 8, 6, 3)))
    blocks = f.reshape(8 // size, size, 6, 3)
    averaged = (generator.mean_from_dual(blocks, axis=1), generator.dual_mean_from_dual(blocks, axis=1))
    return [decompose(y, models, generator, order) for models in (f, *averaged)]


@every
@pytest.mark.parametrize("size", [2, 4])
def test_dual_ensembles_keep_bias_target_first_and_do_not_add_variance(name, size):
    single, _, dual_mean = single_mean_and_dual_mean(name, size)
    np.testing.assert_allclose(dual_mean.bias, single.bias, rtol=EXACT, atol=EXACT)
    assert np.all(dual_mean.variance <= single.variance)
    assert dual_mean.n_models == 8 // size


@every
@pytest.mark.parametrize("size", [2, 4])
def test_arithmetic_ensembles_keep_bias_prediction_first_and_do_not_add_variance(name, size):
    single, mean, _ = single_mean_and_dual_mean(name, size, "prediction_first")
    np.testing.assert_allclose(mean.bias, single.bias, rtol=EXACT, atol=EXACT)
    assert np.all(mean.variance <= single.variance)


def test_arithmetic_ensembles_change_bias_target_first_in_either_direction():
    """One point each way, by hand: models (.9, .1) and (.5, .5), labels 0 and 1; the mean is .7, the dual mean .75."""
    p, y = Predictions.from_probs(np.array([[[0.9, 0.1]] * 2, [[0.5, 0.5]] * 2])), np.array([0, 1])
    single, mean = bias_variance(y, p), bias_variance(y, p.mean())
    np.testing.assert_allclose(single.bias, -np.log([0.75, 0.25]))
    np.testing.assert_allclose(mean.bias, -np.log([0.7, 0.3]))
    assert mean.bias[0] > single.bias[0]
    assert mean.bias[1] < single.bias[1]


def test_both_ensembles_are_one_under_squared_error():
    _, mean, dual_mean = single_mean_and_dual_mean("squared_euclidean", 2)
    np.testing.assert_allclose(mean.total, dual_mean.total)


@pytest.mark.parametrize("name", ["negative_entropy", "squared_euclidean"])
def test_arithmetic_ensemble_is_no_worse_than_its_members_where_the_divergence_is_convex(name):
    single, mean, _ = single_mean_and_dual_mean(name, 8)
    assert np.all(mean.total <= single.total)
