"""Sparse features train and predict as the same features spread out do, and take no more memory than they hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, random_array

from outlearn.core.predictions import Predictions
from outlearn.errors import DomainError, ShapeError
from outlearn.learners import HeadJob, HeadSettings, fit_convex, fit_predict
from outlearn.learners.rows import DenseRows, SparseRows, moments, standardised
from outlearn.losses import get_loss

FLOAT32_SUM = 1e-4  # logits of float32 products summed in another order
SOFT = get_loss("forward_ce")


def problem(n: int, d: int, k: int, *, density: float = 0.1) -> tuple[csr_array, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(k)
    x = csr_array(random_array((n, d), density=density, rng=rng, format="csr", dtype=np.float32))
    logits = x @ rng.normal(size=(d, k)) + rng.normal(size=k)
    return x, Predictions.from_logits(logits[None]).probs, rng


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("n", "d"), [(300, 20), (60, 200)], ids=["many examples", "fewer than features"])
@pytest.mark.parametrize("k", [2, 5])
def test_convex_heads_on_sparse_features_are_those_on_dense_ones(standardise, bias, n, d, k):
    x, targets, rng = problem(n, d, k)
    options = {"C": 3.0, "bias": bias, "standardise": standardise, "tolerance": 1e-8}
    weights = rng.poisson(1.0, (3, n)).astype(float)
    jobs = [HeadJob(0, SOFT), *(HeadJob(0, SOFT, i) for i in range(3))]
    sparse = fit_convex(x, targets, jobs, {"test": x[:50]}, weights=weights, **options)
    dense = fit_convex(x.toarray(), targets, jobs, {"test": x[:50].toarray()}, weights=weights, **options)
    np.testing.assert_allclose(sparse.logits["test"], dense.logits["test"], atol=2e-3)
    np.testing.assert_allclose(sparse.heads.predict(x[:50]), sparse.logits["test"][0], atol=FLOAT32_SUM)
    assert sparse.gaps.max() <= 1e-8


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("hidden", [None, 3])
def test_minibatch_heads_on_sparse_features_are_those_on_dense_ones(standardise, hidden):
    x, targets, _ = problem(200, 30, 3)
    settings = HeadSettings(epochs=5, standardise=standardise, hidden=hidden, dtype="float64")
    jobs = [HeadJob(0, SOFT, seed=seed) for seed in range(3)]
    sparse = fit_predict(x, targets, jobs, {"test": x}, settings=settings)
    dense = fit_predict(x.toarray(), targets, jobs, {"test": x.toarray()}, settings=settings)
    np.testing.assert_allclose(sparse.logits["test"], dense.logits["test"], atol=FLOAT32_SUM)
    np.testing.assert_allclose(sparse.heads.predict(x), sparse.logits["test"][-1], atol=FLOAT32_SUM)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_sparse_rows_do_what_dense_rows_do(centred, bias):
    x, _, rng = problem(40, 12, 2, density=0.3)
    mean, scale = moments(x)
    np.testing.assert_allclose((mean, scale), moments(x.toarray()), rtol=1e-6)
    mean = mean if centred else np.zeros_like(mean)
    sparse = standardised(x, mean, scale, bias=bias, dtype=torch.float64)
    dense = standardised(x.toarray(), mean, scale, bias=bias, dtype=torch.float64)
    assert isinstance(sparse, SparseRows)
    assert isinstance(dense, DenseRows)
    width = 12 + bias
    rows, weight = torch.tensor([3, 0, 3]), torch.tensor(rng.normal(size=(width, 4)))
    residual, curvature = torch.tensor(rng.normal(size=(20, 4))), torch.tensor(rng.random(20))

    def all_of(kind):
        taken, out, back, squares = torch.empty(3, width), torch.empty(20, 4), torch.ones(width, 4), torch.ones(width)
        taken, out, back, squares = (each.double() for each in (taken, out, back, squares))
        kind.take(rows, taken)
        kind.product(10, 30, weight, out)
        kind.add_back(10, 30, residual, back)
        kind.add_squares(10, 30, curvature, squares)
        kept = kind.select(torch.arange(0, 40, 2)).exact()
        return kind.block(5, 9), taken, out, back, squares, kept.block(0, 20), torch.from_numpy(kept.gram())

    for ours, theirs in zip(all_of(sparse), all_of(dense), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_features_too_wide_for_a_hessian_are_solved_and_certified():
    n, d = 3000, 5000
    x, targets, _ = problem(n, d, 3, density=0.002)
    fit = fit_convex(x, targets, [HeadJob(0, SOFT)], {}, standardise=False, tolerance=1e-6)
    assert fit.gaps[0] <= 1e-6


@pytest.mark.parametrize("k", [77, 150])
def test_many_classes_of_few_examples_are_certified(k):
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.arange(k), rng.integers(0, k, k)])
    x = csr_array(random_array((2 * k, 800), density=0.01, rng=rng, format="csr", dtype=np.float32))
    for standardise in (False, True):
        fit = fit_convex(x, np.eye(k)[labels][None], [HeadJob(0, SOFT)], {}, standardise=standardise)
        assert fit.gaps[0] <= 1e-5


def test_what_is_wrong_with_sparse_features_is_named_as_for_dense_ones():
    x, targets, _ = problem(20, 5, 2)
    bad = x.copy()
    bad.data[0] = np.nan
    with pytest.raises(DomainError, match="features have 1 values that are not finite"):
        fit_convex(bad, targets, [HeadJob(0, SOFT)], {})
    with pytest.raises(ShapeError, match="points\\['test'\\] have 4 features, the training features 5"):
        fit_predict(x, targets, [HeadJob(0, SOFT)], {"test": x[:, :4]})


def test_points_to_predict_are_never_spread_out(monkeypatch):
    rng = np.random.default_rng(0)
    wide = csr_array(random_array((60, 2**18), density=1e-4, rng=rng, dtype=np.float32).tocsr())
    labels = np.eye(2)[np.arange(60) % 2]
    monkeypatch.setattr(SparseRows, "block", lambda *_: pytest.fail("rows of 2^18 columns were spread out"))
    fit = fit_convex(wide, labels[None], [HeadJob(0, get_loss("forward_ce"))], {"all": wide})
    assert (fit.logits["all"][0, 0].argmax(-1) == labels.argmax(-1)).all()
