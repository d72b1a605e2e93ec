"""Predicted numbers: every identity of distributions holds for them, under each generator that takes them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.decomposition.posterior import posterior_mean
from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.decomposition.total_variance import total_variance
from outlearn.core.generators import GENERATORS, get_generator
from outlearn.core.generators.fitting import fitting_generators
from outlearn.core.number_metrics import NUMBER_METRICS, number_scorecard
from outlearn.core.numbers import Numbers
from outlearn.core.predictions import Predictions
from outlearn.core.scales import SIGNED
from outlearn.core.students.concordance import concordance_matrix, crossed_squared_error
from outlearn.core.students.recovery import recovery_of_scores
from outlearn.errors import AlignmentError, DomainError, ShapeError

FLOAT64_SUM = 1e-10
ORDERS = ("target_first", "prediction_first")
OF_ONE = [name for name in GENERATORS if name not in ("mahalanobis", "negative_entropy", "logsumexp")]


def _draw(name, n_models, seed, n_points=12):
    """Draw numbers in the domain of a generator."""
    z = np.random.default_rng(seed).normal(size=(n_models, n_points))
    inside = {"binary_entropy": 1 / (1 + np.exp(-z)), "itakura_saito": np.exp(z), "generalized_kl": np.exp(z)}
    return inside.get(name, z)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", OF_ONE)
def test_gap_is_misfit_plus_residual_for_numbers_and_several_draws_of_the_target(name, order):
    t, s = Numbers.from_values(_draw(name, 4, 0)), Numbers.from_values(_draw(name, 4, 1))
    gap = risk_gap(_draw(name, 3, 2), teacher=t, student=s, generator=name, order=order)
    g = get_generator(name)
    a, b = (s, t) if order == "target_first" else (t, s)
    np.testing.assert_allclose(gap.misfit, g.divergence(a.values[..., None], b.values[..., None]), atol=FLOAT64_SUM)
    assert gap.identity_error < FLOAT64_SUM


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", OF_ONE)
def test_risk_of_numbers_is_noise_plus_bias_plus_variance(name, order):
    found = bias_variance(_draw(name, 3, 2), Numbers.from_values(_draw(name, 5, 0)), generator=name, order=order)
    np.testing.assert_allclose(found.total, found.noise + found.bias + found.variance, atol=FLOAT64_SUM)
    assert (found.noise > 0).all()


def test_squared_error_is_the_default_and_is_the_textbook_decomposition():
    rng = np.random.default_rng(0)
    y, f = rng.normal(size=(3, 9)), rng.normal(size=(5, 9))
    found = bias_variance(y, Numbers.from_values(f))
    np.testing.assert_allclose(found.noise, y.var(axis=0))
    np.testing.assert_allclose(found.bias, (f.mean(axis=0) - y.mean(axis=0)) ** 2)
    np.testing.assert_allclose(found.variance, f.var(axis=0))
    split = total_variance(Numbers.from_values(f[:4]), np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(split.total, split.within + split.between)


def test_the_posterior_mean_of_independent_students_is_the_mean_teacher():
    rng = np.random.default_rng(0)
    t = Numbers.from_values(rng.normal(size=(6, 20)))
    s = Numbers.from_values(np.repeat(rng.normal(size=(1, 20)), 6, axis=0))
    found = posterior_mean(t, s, method="pooled", target=rng.normal(size=20))
    assert isinstance(found.predictions, Numbers)
    np.testing.assert_allclose(found.predictions.values[0], t.mean().values[0])
    assert (abs(found.residual) <= found.residual_bound + FLOAT64_SUM).all()


def test_a_gap_of_a_labeler_has_no_risk_and_is_in_no_mean():
    values = np.array([[1.0, np.nan, 3.0, 2.0], [2.0, 2.0, 2.0, 2.0]])
    t = Numbers.from_values(values)
    np.testing.assert_allclose(t.mean().values[0], [1.5, 2.0, 2.5, 2.0])
    np.testing.assert_allclose(t.median().values[0], [1.5, 2.0, 2.5, 2.0])
    gap = risk_gap(np.zeros(4), teacher=t, student=Numbers.from_values(np.ones((2, 4))))
    assert np.isnan(gap.gap[0, 1])
    assert np.isfinite(gap.gap[1]).all()
    mse = number_scorecard(t, np.zeros(4))["mse"]
    np.testing.assert_allclose(mse.each, [14 / 3, 4.0])


def test_metrics_are_those_of_the_reference():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 6, size=60).astype(float)  # with ties
    f = y + rng.normal(size=(2, 60)).round(1)
    p = Numbers.from_values(f)
    for row in range(2):
        expected = {
            "mse": reference.mean_squared_error(y, f[row]),
            "mae": reference.mean_absolute_error(y, f[row]),
            "r2": reference.r2_score(y, f[row]),
            "spearman": stats.spearmanr(y, f[row]).statistic,
        }
        for name, value in expected.items():
            assert NUMBER_METRICS[name](p, y)[row].mean() == pytest.approx(value, abs=FLOAT64_SUM), name


@pytest.mark.parametrize("name", ["r2", "spearman"])
def test_the_linear_form_has_the_spread_of_the_metric(name):
    """The standard error of the linear form is that of many repetitions, within their own error (4%)."""
    rng = np.random.default_rng(2)
    values, errors = [], []
    for _ in range(600):
        x = rng.normal(size=120)
        y = x + rng.normal(size=120)
        of_points = NUMBER_METRICS[name](Numbers.from_values(x), y)[0]
        values.append(of_points.mean())
        errors.append(of_points.std(ddof=1) / np.sqrt(120))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_a_constant_target_or_prediction_has_no_r2_and_no_ranking():
    card = number_scorecard(Numbers.from_values(np.ones((2, 8))), np.arange(8.0))
    assert "all predictions are equal" in str(card["spearman"].interval.reason)
    assert "the same on all" in str(number_scorecard(Numbers.from_values(np.eye(8)), np.ones(8))["r2"].interval.reason)


def test_recovery_on_risk_is_the_ratio_of_risks_and_withheld_without_a_gap():
    rng = np.random.default_rng(3)
    y = rng.normal(size=400)
    t, s, c = (y + size * rng.normal(size=(6, 400)) for size in (1.0, 0.7, 0.3))
    scores = [-np.square(f - y) for f in (t, s, c[:1])]
    found = recovery_of_scores(*scores, own=np.arange(6), answered=None, scale=SIGNED)
    means = [each.mean() for each in scores]
    assert found.value == pytest.approx((means[1] - means[0]) / (means[2] - means[0]))
    same = recovery_of_scores(scores[0], scores[1], scores[0][:1], own=np.arange(6), answered=None, scale=SIGNED)
    assert same.value is None


def test_concordance_is_one_for_equals_and_crossed_error_uses_other_teachers_alone():
    rng = np.random.default_rng(4)
    t = Numbers.from_values(rng.normal(size=(3, 30)))
    np.testing.assert_allclose(np.diag(concordance_matrix(t, t)), 1.0)
    pairs = [np.mean((t.values[a] - t.values[b]) ** 2) for a in range(3) for b in range(3) if a != b]
    assert crossed_squared_error(t, t) == pytest.approx(np.mean(pairs))
    assert crossed_squared_error(t, t) == pytest.approx(risk_gap(np.zeros(30), teacher=t, student=t).crossed_misfit)


def test_concordance_is_the_same_wherever_zero_is():
    rng = np.random.default_rng(5)
    t, s = rng.normal(size=(3, 40)), rng.normal(size=(2, 40))
    near, far = (
        concordance_matrix(Numbers.from_values(s + level), Numbers.from_values(t + level)) for level in (0.0, 1e9)
    )
    np.testing.assert_allclose(far, near, atol=1e-6)  # numbers near 1e9 have seven digits after the point


def test_a_value_outside_the_domain_is_named_with_the_generators_that_would_take_it():
    t = Numbers.from_values(np.array([[1.0, 2.0, 3.0]]))
    for value, generator, fits in ((-1.0, "generalized_kl", "squared_euclidean"), (0.0, "itakura_saito", "general")):
        target = np.array([1.0, value, 3.0])
        with pytest.raises(DomainError, match=rf"{generator} needs .*{value:g}.*fit .*{fits}"):
            risk_gap(target, teacher=t, student=t, generator=generator)
        risk_gap(target, teacher=t, student=t, generator=fitting_generators(target)[0])  # the advice works


@pytest.mark.usefixtures("shapes_unchecked")
def test_what_is_no_number_is_refused():
    with pytest.raises(DomainError, match="dtype <U"):
        Numbers.from_values(np.array(["a"]))
    with pytest.raises(DomainError, match=r"finite; \[0, 1\] is inf"):
        Numbers.from_values(np.array([1.0, np.inf]))
    with pytest.raises(ShapeError):
        Numbers.from_values(np.zeros((2, 2, 2)))
    t = Numbers.from_values(np.arange(4.0))
    with pytest.raises(DomainError, match="cannot be compared"):
        risk_gap(np.zeros(4), teacher=t, student=Predictions.from_probs(np.full((4, 2), 0.5)))
    with pytest.raises(DomainError, match=r"target\[0, 2\] is nan"):
        risk_gap(np.array([0, 1, np.nan, 2]), teacher=t, student=t)
    with pytest.raises(AlignmentError):
        number_scorecard(t, np.zeros(3))
    with pytest.raises(DomainError, match="use number_ledger"):
        risk_gap(np.zeros(4), teacher=t, student=t).ledger()


def test_the_ledger_of_numbers_says_what_each_side_predicts():
    t, s = Numbers.from_values(np.arange(4.0)), Numbers.from_values(np.arange(4.0) + 1)
    found = risk_gap(np.array([0.0, 1.0, 2.0, 3.0]), teacher=t, student=s)
    ledger = found.number_ledger()
    np.testing.assert_allclose(ledger.teacher, t.values[0])
    np.testing.assert_allclose(ledger.student, s.values[0])
    np.testing.assert_allclose(ledger.gap, ledger.misfit + ledger.residual)
    assert "0 to" in str(found.slices("target"))
