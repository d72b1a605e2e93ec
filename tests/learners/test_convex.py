"""Convex heads reach the optimum: scikit-learn agrees, and the certificate is a bound."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from tests.learners.one_by_one import log_probs

from outlearn.errors import ConfigError, DataError, DomainError
from outlearn.learners import HeadJob, fit_convex
from outlearn.learners.certificate import certify
from outlearn.learners.objective import Objective
from outlearn.learners.rows import DenseRows
from outlearn.losses import get_loss

HARD, SOFT = get_loss("hard_ce"), get_loss("forward_ce")


def _problem(n_classes: int, *, n: int = 300, d: int = 8, labelings: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, d)) @ np.diag(np.geomspace(0.2, 3.0, d)) + 0.5
    logits = np.einsum("nd,ldk->lnk", features, rng.standard_normal((labelings, d, n_classes)))
    logits = logits + rng.gumbel(size=logits.shape)
    targets = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return features, targets, rng


def _objective(parameters: np.ndarray, x, t, w, C, bias) -> tuple[float, np.ndarray]:
    """Compute the objective divided by the total weight, and its gradient: an independent reference."""
    n_vectors = 1 if t.shape[1] == 2 else t.shape[1]
    weight = parameters[: x.shape[1] * n_vectors].reshape(x.shape[1], n_vectors)
    intercept = parameters[x.shape[1] * n_vectors :] if bias else np.zeros(n_vectors)
    z = x @ weight + intercept
    if n_vectors == 1:
        z = np.hstack([np.zeros_like(z), z])
    log_p = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    value = -(w[:, None] * t * log_p).sum() / w.sum() + (weight**2).sum() / (2 * C * w.sum())
    residual = w[:, None] * (np.exp(log_p) - t) / w.sum()
    residual = residual[:, 1:] if n_vectors == 1 else residual
    gradient = x.T @ residual + weight / (C * w.sum())
    return value, np.concatenate([gradient.ravel(), residual.sum(0)] if bias else [gradient.ravel()])


def _optimum(x, t, w, C, bias) -> float:
    """Minimise the reference to float64's precision."""
    n_vectors = 1 if t.shape[1] == 2 else t.shape[1]
    start = np.zeros((x.shape[1] + bias) * n_vectors)
    options = {"maxiter": 5000, "gtol": 1e-11, "ftol": 1e-16}
    return minimize(_objective, start, args=(x, t, w, C, bias), jac=True, method="L-BFGS-B", options=options).fun


def _value(fit, i: int, x, t, w, C, bias) -> float:
    weight, intercept = fit.heads.weight[i], fit.heads.bias[i]
    if t.shape[1] == 2:
        weight, intercept = weight[:, 1:] - weight[:, :1], intercept[1:] - intercept[:1]
    return _objective(np.concatenate([weight.ravel(), intercept] if bias else [weight.ravel()]), x, t, w, C, bias)[0]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("C", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_gap_is_certified_and_within_tolerance(n_classes, C, bias):
    features, targets, rng = _problem(n_classes)
    weights = rng.poisson(1.0, size=(4, len(features))).astype(float)
    jobs = [HeadJob(i % 3, (SOFT, HARD, get_loss("forward_kl"))[i % 3], (None, 0, 1, 2, 3)[i % 5]) for i in range(15)]
    fit = fit_convex(features, targets, jobs, {}, C=C, weights=weights, bias=bias, standardise=False)
    for i, job in enumerate(jobs):
        t = targets[job.labeling]
        t = np.eye(n_classes)[t.argmax(1)] if job.loss is HARD else t
        w = np.ones(len(features)) if job.weighting is None else weights[job.weighting]
        true_gap = _value(fit, i, features, t, w, C, bias) - _optimum(features, t, w, C, bias)
        assert true_gap <= fit.gaps[i] + 1e-13  # rounding of the two values
        assert fit.gaps[i] <= 1e-5


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_scikit_learn_finds_the_same_model(n_classes, bias):
    features, targets, rng = _problem(n_classes)
    labels = targets.argmax(-1)
    weights = rng.poisson(1.0, size=(3, len(features))).astype(float)
    # Without a bias nothing is subtracted: it would be a bias in disguise.
    standardised = (features - (features.mean(0) if bias else 0.0)) / features.std(0)
    jobs = [HeadJob(i, HARD, i) for i in range(3)]
    fit = fit_convex(
        features,
        targets,
        jobs,
        {"train": features},
        C=0.5,
        weights=weights,
        bias=bias,
        tolerance=1e-11,
        dtype="float64",
    )
    for i in range(3):
        reference = LogisticRegression(C=0.5, fit_intercept=bias, tol=1e-10, max_iter=5000)
        reference.fit(standardised, labels[i], sample_weight=weights[i])
        # A gap of 1e-11 and lambda of 1e-2 leave up to 5e-5 in the weights.
        np.testing.assert_allclose(
            log_probs(fit.logits["train"][0, i]), reference.predict_log_proba(standardised), atol=2e-4
        )


def test_many_heads_end_where_one_does():
    features, targets, rng = _problem(2, labelings=4)
    weights = rng.poisson(1.0, size=(40, len(features))).astype(float)
    jobs = [HeadJob(i % 4, HARD, i) for i in range(40)]
    many = fit_convex(features, targets, jobs, {"train": features}, weights=weights, tolerance=1e-9)
    for i in (0, 17, 39):
        one = fit_convex(features, targets, [jobs[i]], {"train": features}, weights=weights, tolerance=1e-9)
        np.testing.assert_allclose(one.logits["train"][0, 0], many.logits["train"][0, i], atol=2e-3)


def test_a_head_that_sees_fewer_examples_than_features_is_solved_too():
    rng = np.random.default_rng(0)
    features, targets = rng.standard_normal((400, 60)), np.eye(2)[rng.integers(0, 2, 400)][None]
    weights = np.zeros((8, 400))
    for i in range(8):
        weights[i, i * 50 : (i + 1) * 50] = 1.0
    fit = fit_convex(features, targets, [HeadJob(0, SOFT, i) for i in range(8)], {}, weights=weights)
    assert fit.gaps.max() <= 1e-5


def test_memory_chunks_and_threads_and_seeds_change_nothing_beyond_the_gap():
    features, targets, _ = _problem(3, labelings=6)
    jobs = [HeadJob(i % 6, SOFT, seed=i) for i in range(12)]
    whole = fit_convex(features, targets, jobs, {"train": features}, tolerance=1e-10)
    pieces = fit_convex(features, targets, jobs, {"train": features}, tolerance=1e-10, memory_bytes=1)
    np.testing.assert_allclose(whole.logits["train"], pieces.logits["train"], atol=1e-3)
    np.testing.assert_array_equal(whole.logits["train"][:, :6], whole.logits["train"][:, 6:])
    again = fit_convex(features, targets, jobs, {"train": features}, tolerance=1e-10)
    np.testing.assert_array_equal(whole.logits["train"], again.logits["train"])


def test_threads_and_memory_change_no_bit_of_many_float32_heads():
    features, targets, _ = _problem(3, labelings=200)
    jobs, before, found = [HeadJob(i, SOFT) for i in range(200)], torch.get_num_threads(), []
    try:
        for threads, memory in ((1, None), (2, None), (3, 2**27), (1, 2**26)):
            torch.set_num_threads(threads)
            found.append(fit_convex(features, targets, jobs, {"train": features}, memory_bytes=memory).logits["train"])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_a_tighter_tolerance_is_reached():
    features, targets, _ = _problem(2)
    gaps = [fit_convex(features, targets, [HeadJob(0, SOFT)], {}, tolerance=t).gaps[0] for t in (1e-3, 1e-6, 1e-12)]
    assert all(gap <= t for gap, t in zip(gaps, (1e-3, 1e-6, 1e-12), strict=True))


def test_the_certificate_bounds_the_gap_far_from_the_optimum_too():
    features, targets, rng = _problem(3, labelings=1)
    t, n, C = targets[0], len(features), 2.0
    x = DenseRows(torch.tensor(np.hstack([features, np.ones((n, 1))])), bias=True)
    ridge = torch.full((5,), 1 / (C * n), dtype=torch.float64)
    pulls = torch.tensor(t / n)[:, :, None].expand(-1, -1, 5).contiguous()
    objective = Objective(x, pulls, torch.full((n, 1, 5), 1 / n, dtype=torch.float64), ridge, True)
    start = torch.tensor(rng.standard_normal((9 * 3, 5)) * np.array([0.0, 0.1, 0.3, 1.0, 3.0]))
    solved, gaps = certify(objective, start)
    best = _optimum(features, t, np.ones(n), C, True)
    for head in range(5):
        value, gradient = _objective(solved[:, head].numpy(), features, t, np.ones(n), C, True)
        assert best <= value <= best + float(gaps[head])
        np.testing.assert_allclose(gradient[-3:], 0.0, atol=1e-6)  # the intercepts are solved for, from far away too


def test_losses_that_are_not_convex_are_refused_by_name():
    features, targets, _ = _problem(2)
    with pytest.raises(ConfigError, match=r"jobs\[1\] has the loss reverse_ce.*forward_ce, hard_ce, forward_kl"):
        fit_convex(features, targets, [HeadJob(0, SOFT), HeadJob(0, get_loss("reverse_ce"))], {})


def test_a_class_without_examples_has_no_intercept_and_is_an_error_unless_there_is_none():
    features, targets, _ = _problem(3)
    targets = np.eye(3)[np.minimum(targets.argmax(-1), 1)]
    with pytest.raises(DataError, match=r"jobs\[0\].*class 2"):
        fit_convex(features, targets, [HeadJob(0, HARD)], {})
    assert fit_convex(features, targets, [HeadJob(0, HARD)], {}, bias=False).gaps[0] <= 1e-5


@pytest.mark.parametrize(("name", "value"), [("C", 0), ("C", float("inf")), ("tolerance", -1.0), ("tolerance", True)])
def test_bad_parameters_are_named(name, value):
    features, targets, _ = _problem(2)
    with pytest.raises(ConfigError, match=name):
        fit_convex(features, targets, [HeadJob(0, SOFT)], {}, **{name: value})


def test_a_tolerance_below_rounding_is_an_error_that_names_the_job():
    features, targets, _ = _problem(2, n=40)
    with pytest.raises(DomainError, match=r"jobs\[0\].*gap is known to be at most"):
        fit_convex(features, targets, [HeadJob(0, SOFT)], {}, tolerance=1e-60)


def test_separable_data_with_a_weak_ridge_is_solved():
    features = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    targets = np.eye(2)[[0, 0, 1, 1]][None]
    fit = fit_convex(features, targets, [HeadJob(0, HARD)], {"train": features}, C=1e4)
    assert fit.gaps[0] <= 1e-5
    np.testing.assert_array_equal(fit.logits["train"][0, 0].argmax(-1), [0, 0, 1, 1])
