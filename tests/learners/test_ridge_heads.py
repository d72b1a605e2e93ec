"""Ridge heads are scikit-learn's, for every label vector, penalty and pattern of gaps; held-out errors are exact."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler

from outlearn.errors import DomainError, ShapeError
from outlearn.learners.ridge_heads import fit_ridge

SAME = 1e-8  # float64 normal equations at penalties of 1e-2 and more
PENALTIES = [0.01, 1.0, 50.0]
SHAPES = [(40, 7), (9, 25), (1, 3)]


def made_up(shape, heads=5, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal(shape) * rng.uniform(0.1, 3, shape[1]) + rng.standard_normal(shape[1])
    return features, rng.standard_normal((heads, shape[0])) + 2


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_head_is_scikit_learns_ridge(shape, bias):
    features, labels = made_up(shape)
    new = made_up(shape, seed=1)[0]
    heads = fit_ridge(features, labels, PENALTIES, bias=bias)
    for at, penalty in enumerate(PENALTIES):
        for head, own in enumerate(labels):
            reference = Ridge(alpha=penalty, fit_intercept=bias).fit(features, own)
            np.testing.assert_allclose(heads.weight[at, head], reference.coef_, atol=SAME)
            np.testing.assert_allclose(heads.predict(new)[at, head], reference.predict(new), atol=SAME)


def test_gaps_and_weights_are_scikit_learns_sample_weights():
    features, labels = made_up((30, 6))
    weights = np.random.default_rng(2).uniform(0.1, 2, labels.shape)
    weights[:2] = weights[0]
    weights[:, :9] *= np.random.default_rng(3).integers(0, 2, (len(labels), 9))
    labels = np.where(weights > 0, labels, np.nan)
    heads = fit_ridge(features, labels, PENALTIES, weights=weights)
    for at, penalty in enumerate(PENALTIES):
        for head, (own, w) in enumerate(zip(np.nan_to_num(labels), weights, strict=True)):
            reference = Ridge(alpha=penalty).fit(features, own, sample_weight=w)
            np.testing.assert_allclose(heads.weight[at, head], reference.coef_, atol=SAME)
            np.testing.assert_allclose(heads.bias[at, head], reference.intercept_, atol=SAME)


def test_standardised_features_are_penalised_as_a_scaler_before_the_ridge_would():
    features, labels = made_up((30, 6))
    features[:, 2] = 7.0
    heads = fit_ridge(features, labels, PENALTIES, standardise=True)
    scaler = StandardScaler().fit(features)
    for at, penalty in enumerate(PENALTIES):
        reference = Ridge(alpha=penalty).fit(scaler.transform(features), labels.T)
        np.testing.assert_allclose(
            heads.predict(features)[at].T, reference.predict(scaler.transform(features)), atol=SAME
        )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(20, 4), (8, 25)])
def test_held_out_errors_are_those_of_refits_without_each_example(shape, bias):
    features, labels = made_up(shape, heads=2)
    weights = np.random.default_rng(4).uniform(0.5, 2, shape[0])
    weights[3] = 0.0
    heads = fit_ridge(features, labels, PENALTIES, weights=np.stack([weights] * 2), bias=bias, held_out=True)
    for at, penalty in enumerate(PENALTIES):
        for head, own in enumerate(labels):
            total = 0.0
            for left in np.flatnonzero(weights):
                kept = np.arange(shape[0]) != left
                reference = Ridge(alpha=penalty, fit_intercept=bias)
                reference.fit(features[kept], own[kept], sample_weight=weights[kept])
                total += weights[left] * (own[left] - reference.predict(features[[left]])[0]) ** 2
            assert heads.held_out[at, head] == pytest.approx(total / weights.sum(), rel=1e-7)


def test_the_best_penalty_of_each_head_is_that_of_ridge_cv():
    rng = np.random.default_rng(5)
    features = rng.standard_normal((60, 20))
    labels = np.stack([features @ rng.standard_normal(20) + noise * rng.standard_normal(60) for noise in (0.1, 3, 30)])
    grid = np.geomspace(0.01, 1e3, 12)
    heads = fit_ridge(features, labels, grid, held_out=True)
    reference = RidgeCV(alphas=grid, alpha_per_target=True).fit(features, labels.T)
    np.testing.assert_array_equal(grid[heads.best()], reference.alpha_)
    chosen = heads.at(heads.best())
    np.testing.assert_allclose(chosen.predict(features)[0].T, reference.predict(features), atol=SAME)
    assert len(set(heads.best().tolist())) > 1


def test_bad_input_names_what_is_wrong():
    features, labels = made_up((10, 3), heads=2)
    with pytest.raises(ShapeError, match=r"labels\[None\]"):
        fit_ridge(features, labels[0], [1.0])
    with pytest.raises(DomainError, match=r"labels\[1\] hold nan"):
        fit_ridge(features, np.where(np.arange(2)[:, None] == 1, np.nan, labels), [1.0])
    with pytest.raises(DomainError, match="leave this head out"):
        fit_ridge(features, labels, [1.0], weights=np.zeros_like(labels))
    with pytest.raises(DomainError, match="the lowest is -1"):
        fit_ridge(features, labels, [1.0], weights=-np.ones_like(labels))
    with pytest.raises(DomainError, match="held_out=True"):
        fit_ridge(features, labels, [1.0]).best()
    with pytest.raises(DomainError, match="penalties must be"):
        fit_ridge(features, labels, [-1.0])
    with pytest.raises(ShapeError, match=r"\[points, 3\]"):
        fit_ridge(features, labels, [1.0]).predict(features[:, :2])
