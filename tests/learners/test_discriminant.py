"""Discriminants of weak labels: against plain formulas, sparse against dense, pairs, gaps, shares, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from outlearn.core.class_means import class_offsets
from outlearn.errors import ConfigError
from outlearn.learners.discriminant import SPREAD, fit_discriminants

FLOAT32 = 0.04  # of logits of spread 3 that went through a solve in float32
OFFSETS = 0.5  # of offsets that meet class shares within 1e-3, where nearly all points are certain


def world(n: int = 300, d: int = 12, k: int = 3, *, seed: int = 0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    x = rng.normal(size=(n, d)) * np.linspace(0.5, 4, d) + 1.5 * rng.normal(size=(k, d))[y] + 7
    weak = softmax(1.5 * np.eye(k)[y] + rng.normal(size=(2, n, k)), axis=-1)
    return x, y, weak


def by_hand(x, weak, steps, weak_share, shares):
    """Compute one labeling's logits by the formulas of the module's text."""
    z = (x - x.mean(0)) / x.std(0)
    d = z.shape[1]
    covariance = np.cov(z.T, bias=True)
    inverse = np.linalg.inv(covariance + np.trace(covariance) / d * np.eye(d))
    q = weak
    for step in range(steps + 1):
        means = (q.T @ z) / q.sum(0)[:, None]
        logits = z @ inverse @ means.T
        logits -= logits.mean(1, keepdims=True)
        logits *= SPREAD / logits.std()
        logits = logits + class_offsets(logits, shares)
        if step < steps:
            q = (1 - weak_share) * softmax(logits, axis=1) + weak_share * weak
    return logits


@pytest.mark.parametrize("weak_share", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(300, 12), (40, 60)])
def test_discriminants_are_those_of_the_formulas_with_few_and_with_many_features(weak_share, shape):
    x, _, weak = world(*shape)
    shares = np.array([0.5, 0.3, 0.2])
    found = fit_discriminants(x, weak, steps=[0, 3], weak_share=weak_share, shares=shares)
    for steps, heads in found.items():
        for m in range(2):
            expected = by_hand(x, weak[m], steps, weak_share, shares)
            difference = heads.predict(x)[m] - expected
            difference -= difference.mean(-1, keepdims=True)
            np.testing.assert_allclose(difference.mean(0), 0, atol=OFFSETS)
            np.testing.assert_allclose(difference - difference.mean(0), 0, atol=3 * FLOAT32)


def test_without_a_ridge_step_0_of_true_labels_points_where_fishers_discriminant_does():
    x, y, _ = world(k=2)
    (heads,) = fit_discriminants(x, np.eye(2)[y][None], steps=[0], weak_share=0.0, shrinkage=1e-6).values()
    fisher = LinearDiscriminantAnalysis().fit(x, y).coef_[0]
    ours = (heads.weight[0, :, 1] - heads.weight[0, :, 0]) / heads.scale
    assert fisher @ ours / np.linalg.norm(fisher) / np.linalg.norm(ours) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shape", [(300, 12), (40, 60)])
def test_sparse_features_give_what_dense_ones_do(shape):
    x, _, weak = world(*shape)
    x = np.where(np.abs(x - 7) > 1.5, x, 0.0)
    dense = fit_discriminants(x, weak, steps=[2], weak_share=0.3)[2]
    sparse = fit_discriminants(csr_array(x), weak, steps=[2], weak_share=0.3)[2]
    np.testing.assert_allclose(sparse.predict(x), dense.predict(x), atol=FLOAT32)


def test_mean_probabilities_are_the_shares_that_were_given():
    x, _, weak = world()
    shares = np.array([0.6, 0.3, 0.1])
    (heads,) = fit_discriminants(x, weak, steps=[4], weak_share=0.3, shares=shares).values()
    np.testing.assert_allclose(softmax(heads.predict(x), axis=-1).mean(axis=1), [shares] * 2, atol=2e-3)


def test_steps_from_noisy_labels_go_towards_the_clusters():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2000)
    x = rng.normal(size=(2000, 30)) + 0.5 * (2 * y[:, None] - 1)
    noisy = np.where(rng.random(2000) < 0.42, 1 - y, y)
    found = fit_discriminants(x, np.eye(2)[noisy][None], steps=[0, 10], weak_share=0.0, shares=np.array([0.5, 0.5]))
    right = [(found[s].predict(x)[0].argmax(-1) == y).mean() for s in (0, 10)]
    assert right[1] > max(right[0], 0.98)


def test_turning_a_pair_round_turns_the_answer_round():
    x, _, weak = world(k=2)
    x = x - 7
    heads = fit_discriminants(x, weak, steps=[2], weak_share=0.3, bias=False)[2]
    np.testing.assert_allclose(heads.predict(-x), -heads.predict(x), atol=1e-4)
    turned = fit_discriminants(-x, weak[..., ::-1], steps=[2], weak_share=0.3, bias=False)[2]
    np.testing.assert_allclose(turned.predict(x), heads.predict(x), atol=FLOAT32)


def test_a_label_of_weight_0_plays_no_part():
    x, _, weak = world()
    weights = (np.arange(300) < 150).astype(float) * np.ones((2, 1))
    other = np.where(weights[..., None] > 0, weak, [1.0, 0.0, 0.0])
    first, second = (
        fit_discriminants(x, labels, steps=[3], weak_share=0.3, weights=weights)[3].predict(x)
        for labels in (weak, other)
    )
    np.testing.assert_array_equal(first, second)


def test_without_standardisation_heads_read_features_as_they_are():
    x, _, weak = world()
    heads = fit_discriminants(x, weak, steps=[1], weak_share=0.0, standardise=False)[1]
    assert (heads.mean == 0).all()
    assert (heads.scale == 1).all()
    assert np.isfinite(heads.predict(x)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"steps": []}, "steps is empty"), ({"steps": [-1]}, "steps is -1"), ({"weak_share": 1.5}, "weak_share is 1.5")],
)
def test_what_is_out_of_range_is_refused(change, message):
    x, _, weak = world()
    with pytest.raises(ConfigError, match=message):
        fit_discriminants(x, weak, **{"steps": [1], "weak_share": 0.3, **change})


def rows_of_clouds(n_classes, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, 900)
    x = rng.normal(size=(900, 5))
    x[:, 0] += 6.0 * y
    return x @ rng.normal(size=(5, 5)), y


def test_within_classes_it_is_scikit_learns_discriminant_up_to_scale_and_offsets():
    x, y = rows_of_clouds(3)
    found = fit_discriminants(x, np.eye(3)[y][None], steps=[0], weak_share=0.0, shrinkage=1e-9, within=True)[0]
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(x, y).decision_function(x)
    slopes = [z - z.mean(axis=0) for z in (found.predict(x)[0], reference - reference.mean(axis=1, keepdims=True))]
    scale = np.linalg.norm(slopes[1]) / np.linalg.norm(slopes[0])
    np.testing.assert_allclose(scale * slopes[0], slopes[1], atol=2e-3 * np.abs(slopes[1]).max())  # float32


def test_of_two_classes_the_covariance_within_them_is_the_same_discriminant():
    x, y = rows_of_clouds(2)
    either = [
        fit_discriminants(x, np.eye(2)[y][None], steps=[2], weak_share=0.3, within=within)[2].predict(x)
        for within in (False, True)
    ]
    np.testing.assert_allclose(*either, atol=1e-3)


def test_a_class_between_two_others_needs_the_covariance_within_classes():
    x, y = rows_of_clouds(3)
    noisy = np.where(np.random.default_rng(1).random(900) < 0.3, 0, y)
    right = [
        (
            fit_discriminants(x, np.eye(3)[noisy][None], steps=[3], weak_share=0.0, shrinkage=0.03, within=within)[3]
            .predict(x)
            .argmax(-1)
            == y
        ).mean()
        for within in (False, True)
    ]
    assert right[1] > right[0] + 0.02


def test_within_classes_stands_labels_of_few_points():
    x, y = rows_of_clouds(3)
    weights = np.zeros((1, 900))
    weights[0, :4] = 1
    heads = fit_discriminants(
        x, np.eye(3)[y][None], steps=[0, 5], weak_share=0.3, shrinkage=1e-6, within=True, weights=weights
    )
    assert all(np.isfinite(each.predict(x)).all() for each in heads.values())


@pytest.mark.parametrize("seed", range(4))
def test_within_classes_it_tells_classes_far_apart_that_all_features_repeat(seed):
    """The covariance within classes is what two nearly equal ones leave: in float32 half of these turned round."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 6, 1500)
    x = y[:, None] + 1e-4 * rng.normal(size=(1500, 60))
    found = fit_discriminants(x, np.eye(6)[y][None], steps=[0], weak_share=0.0, shrinkage=0.003, within=True)[0]
    assert (found.predict(x)[0].argmax(-1) == y).all()
