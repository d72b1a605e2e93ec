"""Posterior-mean teachers: exact splits, the bound, known Gaussian truths, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.draws import draw_predictions as draw

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.decomposition.posterior import posterior_mean
from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.generators import GENERATORS, get_generator
from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError, DomainError

IDENTITY = 1e-10
ORDERS = ["target_first", "prediction_first"]


def generator_of(name, n_classes):
    if name != "mahalanobis":
        return get_generator(name)
    return get_generator(name, matrix=np.diag(np.arange(1.0, n_classes + 1)))


def copies_of(student, n):
    return Predictions.from_logits(np.repeat(student.log_probs, n, axis=0), teacher_of=np.arange(n))


@pytest.mark.parametrize("n_teachers", [2, 5, 64])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", GENERATORS)
def test_misfit_is_distance_plus_conditional_variance(name, order, n_teachers):
    t, s = draw(n_teachers, 0), draw(3, 1)
    weights = np.random.default_rng(2).dirichlet(np.ones(n_teachers), size=3)
    pm = posterior_mean(t, s, method="discrete", order=order, generator=generator_of(name, 3), weights=weights)
    np.testing.assert_allclose(
        pm.misfit, pm.distance + pm.conditional_variance, atol=IDENTITY * max(1, pm.misfit.max())
    )
    np.testing.assert_allclose(pm.cross_term, 0, atol=IDENTITY * max(1, pm.misfit.max()))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", GENERATORS)
def test_average_residual_is_that_about_the_posterior_mean(name, order):
    g, n = generator_of(name, 3), 5
    t, s, y = draw(n, 0), draw(1, 1), draw(1, 2)
    pm = posterior_mean(t, s, method="discrete", order=order, generator=g, target=y)
    gap = risk_gap(y, teacher=t, student=copies_of(s, n), generator=g, order=order)
    scale = max(1.0, np.abs(gap.residual).max())
    np.testing.assert_allclose(pm.residual[0], gap.residual.mean(0), atol=IDENTITY * scale)
    # gap = conditional variance + risk of the posterior mean's loss to the student, sign by definition
    c = pm._duals[0]
    target = g.dual_from_log_probs(y.log_probs[0])
    own = g.dual_from_log_probs(s.log_probs[0])
    risk = [g.divergence_from_dual(*((target, f) if order == "target_first" else (f, target))) for f in (c, own)]
    np.testing.assert_allclose(gap.gap.mean(0), pm.conditional_variance[0] + risk[0] - risk[1], atol=IDENTITY * scale)
    assert np.all(np.abs(pm.residual) <= pm.residual_bound + IDENTITY)


@pytest.mark.parametrize("order", ORDERS)
def test_student_that_is_the_posterior_mean_removes_variance_and_keeps_the_bias(order):
    t, y, n = draw(7, 0), draw(1, 1), 7
    c = t.dual_mean() if order == "target_first" else t.mean()
    pm = posterior_mean(t, c, method="discrete", order=order, target=y)
    np.testing.assert_allclose(pm.distance, 0, atol=1e-14)
    np.testing.assert_allclose(pm.residual_bound, 0, atol=1e-13)
    np.testing.assert_allclose(pm.predictions.log_probs, c.log_probs, atol=1e-12)
    gap = risk_gap(y, teacher=t, student=copies_of(c, n), order=order)
    of_t, of_s = (bias_variance(y, p, order=order) for p in (t, copies_of(c, n)))
    np.testing.assert_allclose(of_t.bias, of_s.bias, atol=IDENTITY)
    np.testing.assert_allclose(gap.gap.mean(0), of_t.variance - of_s.variance, atol=IDENTITY)
    np.testing.assert_allclose(pm.conditional_variance[0], of_t.variance, atol=IDENTITY)
    other = ORDERS[1 - ORDERS.index(order)]
    assert posterior_mean(t, c, method="discrete", order=other).distance.max() > 1e-4


@pytest.mark.medium
@settings(max_examples=60, deadline=None)
@given(st.integers(2, 50), st.integers(0, 10**6), st.sampled_from(ORDERS), st.booleans())
def test_residual_never_exceeds_its_bound(n_classes, seed, order, labels):
    t, s = draw(3, seed, n_classes=n_classes), draw(2, seed + 1, n_classes=n_classes)
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, 6) if labels and order == "target_first" else draw(1, seed + 2, n_classes=n_classes)
    for name in ("negative_entropy", "squared_euclidean", "binary_entropy"):
        if labels and name == "binary_entropy":
            continue
        pm = posterior_mean(t, s, method="discrete", order=order, generator=name, target=y)
        assert np.all(np.abs(pm.residual) <= pm.residual_bound * (1 + 1e-9) + 1e-12)
        if order == "target_first":
            worst = posterior_mean(t, s, method="discrete", order=order, generator=name).residual_bound
            assert np.all(pm.residual_bound <= worst * (1 + 1e-9))
    assert posterior_mean(t, s, method="discrete", order="prediction_first").residual_bound is None


def gaussian(n_teachers, seed, *, noise, shrink=None, n_points=300, spread=0.6):
    """Teachers with logit mean + a, students that saw a + noise: E[a | student] is linear with a known slope."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(1, n_points))
    a = spread * rng.normal(size=(n_teachers, n_points))
    seen = a + noise * rng.normal(size=a.shape)
    slope = spread**2 / (spread**2 + noise**2)
    b = (slope if shrink is None else shrink) * seen
    t, s = (Predictions.from_logits(np.stack([np.zeros_like(a), centre + x], axis=-1)) for x in (a, b))
    exact = Predictions.from_logits(np.stack([np.zeros_like(a), centre + slope * seen], axis=-1))
    return t, s, exact


def mean_kl(p, q):
    return float((p.probs * (p.log_probs - q.log_probs)).sum(-1).mean())


@pytest.mark.parametrize("shrink", [None, 1.0, 0.2])
def test_regression_finds_the_gaussian_posterior_mean(shrink):
    t, s, exact = gaussian(40, 0, noise=0.8, shrink=shrink)
    pm = posterior_mean(t, s, method="regression")
    assert pm.interval("conditional_variance").mean == pytest.approx(mean_kl(exact, t), rel=0.06)
    # The mean over 32 other teachers has an error of its own, which adds to the distance.
    assert pm.interval("distance").mean == pytest.approx(mean_kl(s, exact), abs=0.04 * mean_kl(exact, t))
    # Both parts contain that error once and the misfit does not: twice in 32 of the conditional variance.
    expected = -2 / 32 * mean_kl(exact, t)
    assert pm.interval("cross_term").mean == pytest.approx(expected, abs=0.03 * mean_kl(exact, t))


def test_regression_in_prediction_first_stays_a_distribution():
    rng = np.random.default_rng(1)
    t = Predictions.from_logits(3 * rng.normal(size=(8, 60, 4)))
    s = Predictions.from_logits(0.9 * t.log_probs + 2 * rng.normal(size=t.log_probs.shape))
    pm = posterior_mean(t, s, method="regression", order="prediction_first")
    probs = pm.predictions.probs
    assert (probs > 0).all()
    np.testing.assert_allclose(probs.sum(-1), 1, atol=1e-12)
    assert np.isfinite(pm.conditional_variance).all()


@pytest.mark.parametrize("name", ["squared_euclidean", "mahalanobis", "binary_entropy"])
@pytest.mark.parametrize("order", ORDERS)
def test_regression_serves_other_generators(name, order):
    t, s, _ = gaussian(8, 2, noise=0.5, n_points=40)
    pm = posterior_mean(t, s, method="regression", order=order, generator=generator_of(name, 2))
    assert 0 < pm.interval("conditional_variance").mean < pm.interval("misfit").mean * 1.5


def test_regression_never_sees_the_teacher_it_predicts():
    t, s, _ = gaussian(10, 3, noise=0.8, n_points=50)
    moved = t.log_probs.copy()
    moved[4] = moved[4][:, ::-1]  # another teacher 4 must not move the posterior mean of its own student
    before = posterior_mean(t, s, method="regression", folds=10)
    after = posterior_mean(Predictions.from_logits(moved), s, method="regression", folds=10)
    np.testing.assert_allclose(before.predictions.log_probs[4], after.predictions.log_probs[4], atol=1e-14)
    assert not np.allclose(before.predictions.log_probs[3], after.predictions.log_probs[3])


def test_pooled_holds_for_students_that_ignore_their_teacher_and_not_for_others():
    t, _, _ = gaussian(40, 4, noise=1.0)
    own_noise = 0.3 * np.random.default_rng(5).normal(size=t.log_probs.shape)
    s = Predictions.from_logits(t.dual_mean().log_probs + own_noise)
    pm = posterior_mean(t, s, method="pooled")
    assert abs(pm.interval("cross_term").mean) < 0.05 * pm.interval("misfit").mean
    copying = posterior_mean(t, Predictions.from_logits(0.7 * t.log_probs), method="pooled")
    assert copying.interval("cross_term").high < 0
    # The interval of the conditional variance is corrected for the number of teachers, the terms are plug-in.
    corrected = bias_variance(t.mean(), t).summary().variance.mean
    assert pm.interval("conditional_variance").mean == pytest.approx(corrected)
    assert corrected > pm.conditional_variance.mean()


@pytest.mark.parametrize(
    ("method", "n_teachers", "teacher_of", "options", "why"),
    [
        ("discrete", 3, [0, 1, 2, 0], {}, "student determines the teacher"),
        ("discrete", 1, None, {}, "vacuous"),
        ("discrete", 4, None, {}, "Pass weights"),
        ("discrete", 3, None, {"weights": np.eye(4, 3)}, "vacuous for student 0|positive for some"),
        ("discrete", 3, None, {"weights": np.ones((2, 3))}, r"\(4, 3\)"),
        ("discrete", 3, None, {"weights": -np.ones((4, 3))}, "at least 0"),
        ("regression", 3, [0, 1, 2, 0], {}, "at least 4 teachers"),
        ("regression", 4, [0, 1, 2, 3], {"folds": None}, "not identified with folds=None"),
        ("regression", 4, [0, 1, 2, 3], {"folds": 2}, "not identified with folds=2"),
        ("pooled", 1, None, {}, "at least 2 teachers"),
    ],
)
def test_designs_without_an_answer_are_refused(method, n_teachers, teacher_of, options, why):
    t = draw(n_teachers, 0)
    s = draw(4, 1, teacher_of=None if teacher_of is None else np.array(teacher_of))
    with pytest.raises(DomainError, match=why):
        posterior_mean(t, s, method=method, **options)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_regression_refuses_a_student_that_determines_its_teacher(power):
    t = draw(8, 0, n_points=20)
    with pytest.raises(DomainError, match="vacuous"):
        posterior_mean(t, Predictions.from_logits(power * t.log_probs), method="regression")


def test_regression_refuses_probabilities_of_zero():
    t = Predictions.from_probs(np.tile(np.eye(3)[None, :2], (6, 1, 1)))
    with pytest.raises(DomainError, match="finite coordinates"):
        posterior_mean(t, t, method="regression")


def test_weights_may_be_lists_and_whole_numbers():
    t, s = draw(3, 0), draw(2, 1)
    expected = posterior_mean(t, s, method="discrete", weights=np.array([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]]))
    for weights in ([[2.0, 1.0, 1.0], [0.0, 1.0, 1.0]], np.array([[2, 1, 1], [0, 1, 1]])):
        found = posterior_mean(t, s, method="discrete", weights=weights)
        np.testing.assert_array_equal(found.misfit, expected.misfit)
    with pytest.raises(DomainError, match=r"\(2, 3\); got shape \(1, 3\)"):
        posterior_mean(t, s, method="discrete", weights=[[2.0, 1.0, 1.0]])


def test_unknown_names_are_refused():
    t = draw(3, 0)
    with pytest.raises(ConfigError, match="discrete"):
        posterior_mean(t, t, method="discret")
    with pytest.raises(ConfigError, match="order"):
        posterior_mean(t, t, method="pooled", order="first")
    pm = posterior_mean(t, t, method="pooled")
    with pytest.raises(ConfigError, match="distance"):
        pm.interval("distances")
    with pytest.raises(DomainError, match="target="):
        pm.interval("residual")
    with pytest.raises(DomainError, match="row"):
        _ = posterior_mean(t, draw(1, 1), method="discrete", generator="itakura_saito").predictions


@pytest.mark.parametrize("order", ORDERS)
def test_text_names_method_assumption_and_mean(order):
    text = str(posterior_mean(draw(6, 0), draw(6, 1), method="pooled", order=order))
    assert "independent of its teacher" in text
    assert ("dual (geometric)" in text) == (order == "target_first")
    assert ("primal (arithmetic)" in text) == (order == "prediction_first")
