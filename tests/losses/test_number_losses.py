"""Losses of numbers: they are the divergences that they say, know their derivatives, and their minimisers are means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import GammaRegressor, PoissonRegressor, Ridge

from outlearn.core.generators import get_generator
from outlearn.errors import ConfigError, DomainError
from outlearn.learners.generalised import fit_generalised
from outlearn.learners.jobs import HeadJob
from outlearn.learners.registry import get_learner
from outlearn.losses import NUMBER_LOSSES, check_targets, get_loss, loss_config, loss_name

FLOAT64_SUM = 1e-9
MEANS = {
    "squared_error": lambda t: t.mean(),
    "generalized_kl": lambda t: t.mean(),
    "reverse_generalized_kl": lambda t: np.exp(np.log(t).mean()),
    "itakura_saito": lambda t: t.mean(),
    "reverse_itakura_saito": lambda t: 1 / (1 / t).mean(),
}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3)) * [1.0, 5.0, 0.2]
    return x, np.exp(0.3 * x[:, 0] + 0.5 + 0.3 * rng.normal(size=80))


@pytest.mark.parametrize("name", NUMBER_LOSSES)
def test_the_loss_is_its_divergence_and_its_derivatives_are_those_of_autograd(name):
    loss, rng = get_loss(name), np.random.default_rng(1)
    z = torch.tensor(rng.normal(size=7), requires_grad=True)
    t = torch.tensor(np.exp(rng.normal(size=7)))
    value = loss(z[:, None], t[:, None])
    s = loss.predicted(z.detach().numpy())[:, None]
    a, b = (s, t.numpy()[:, None]) if loss.reverse else (t.numpy()[:, None], s)
    np.testing.assert_allclose(value.detach(), get_generator(loss.generator).divergence(a, b), atol=FLOAT64_SUM)
    (slope,) = torch.autograd.grad(value.sum(), z, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), z)
    np.testing.assert_allclose(loss.slope(z, t).detach(), slope.detach(), atol=FLOAT64_SUM)
    np.testing.assert_allclose(loss.curvature(z, t).detach(), curvature, atol=FLOAT64_SUM)


@pytest.mark.parametrize("name", NUMBER_LOSSES)
def test_the_minimiser_is_the_mean_that_belongs_to_the_direction(name, data):
    _, t = data
    head = fit_generalised(np.zeros((80, 1)), t, get_loss(name), [1.0])
    assert get_loss(name).predicted(np.array(head.bias)) == pytest.approx(MEANS[name](t), rel=1e-5)


@pytest.mark.parametrize("standardise", [True, False])
def test_heads_are_those_of_scikit_learn(data, standardise):
    x, t = data
    z = (x - x.mean(0)) / x.std(0) if standardise else x
    for name, reference in (("generalized_kl", PoissonRegressor), ("itakura_saito", GammaRegressor)):
        # scikit-learn: mean of half deviances + alpha |w|^2 / 2; ours: sum of half deviances + penalty |w|^2
        expected = reference(alpha=2 * 4.0 / 80, tol=1e-10, max_iter=5000).fit(z, t).predict(z)
        head = fit_generalised(x, t, get_loss(name), [4.0], standardise=standardise)
        np.testing.assert_allclose(np.exp(x @ head.weight + head.bias), expected, rtol=1e-4)
    ridge = fit_generalised(x, t, get_loss("squared_error"), [4.0], standardise=standardise)
    np.testing.assert_allclose(x @ ridge.weight + ridge.bias, Ridge(alpha=4.0).fit(z, t).predict(z), rtol=1e-8)


@pytest.mark.parametrize("name", NUMBER_LOSSES)
def test_approximate_leave_one_out_is_near_the_exact_one(name, data):
    x, t = data
    loss, penalty = get_loss(name), 3.0
    found = fit_generalised(x, t, loss, [penalty]).held_out[0]
    exact = []
    z = (x - x.mean(0)) / x.std(0)  # as a whole, as the heads are
    for i in range(80):
        w = np.ones(80)
        w[i] = 0
        head = fit_generalised(z, t, loss, [penalty], weights=w)
        exact.append(float(loss.value(torch.tensor(z[i] @ head.weight + head.bias), torch.tensor(t[i]))))
    assert found == pytest.approx(np.mean(exact), rel=0.02)


def test_the_learner_leaves_features_as_they_are_for_every_loss_where_it_is_told_to(data):
    x, t = data
    learner = get_learner({"kind": "ridge", "penalty": 4.0, "standardise": False})
    loss = get_loss("generalized_kl")
    found = learner.fit(x, t[None, :, None], [HeadJob(0, loss)], {"own": x}, bias=True).logits["own"]
    head = fit_generalised(x, t, loss, [4.0], standardise=False)
    np.testing.assert_allclose(np.ravel(found), np.exp(x @ head.weight + head.bias), rtol=1e-6)


def test_the_learner_fits_hundreds_at_once_and_applies_the_link(data):
    x, t = data
    learner = get_learner({"kind": "ridge"})
    targets = np.stack([t, t[::-1]])[..., None]
    weights = np.ones((1, 80))
    weights[0, :30] = 0
    jobs = [
        HeadJob(0, get_loss("squared_error")),
        HeadJob(1, get_loss("generalized_kl"), 0),
        HeadJob(1, get_loss("squared_error"), 0),
    ]
    found = learner.fit(x, targets, jobs, {"own": x}, bias=True, weights=weights)
    assert found.logits["own"].shape == (1, 3, 80, 1)
    assert (found.logits["own"][0, 1] > 0).all()
    alone = learner.fit(x[30:], targets[1:, 30:], [HeadJob(0, get_loss("squared_error"))], {"own": x}, bias=True)
    np.testing.assert_allclose(found.logits["own"][0, 2], alone.logits["own"][0, 0], rtol=1e-6)
    with pytest.raises(ConfigError, match="use squared_error"):
        learner.fit(x, targets, [HeadJob(0, get_loss("forward_ce"))], {}, bias=True)


def test_a_number_outside_the_domain_is_named_with_what_would_take_it():
    bad = torch.tensor([[1.0], [-2.0]])
    with pytest.raises(DomainError, match=r"target\[1\] is -2. .*fit squared_euclidean"):
        check_targets(get_loss("generalized_kl"), bad)
    check_targets(get_loss("squared_error"), bad)
    zero = torch.tensor([[1.0], [0.0]])
    with pytest.raises(DomainError, match=r"takes log t, and target\[1\] is 0"):
        check_targets(get_loss("reverse_generalized_kl"), zero)
    check_targets(get_loss("generalized_kl"), zero)


def test_losses_of_numbers_are_named_as_all_others():
    assert loss_name(get_loss("itakura_saito")) == "itakura_saito"
    assert loss_config(get_loss({"kind": "squared_error"})) == {"kind": "squared_error"}
