"""Estimates that carry each point's influence: errors as textbooks give them, pairing kept, no bias from controls."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from outlearn.core.labelers.influence import average, mean_estimate, weighted_average, with_controls
from outlearn.errors import DomainError, ShapeError

EXACT = 1e-12  # float64 sums of a few hundred numbers
MOMENTS = 1e-3  # by which quantiles of a Beta distribution and of its first three moments differ at 400 points
LINEAR = 0.05  # share by which the delta method may differ from the jackknife at 400 points


def shares(n: int = 400, p: float = 0.7, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(n) < p).astype(float)


def test_the_error_of_a_mean_is_that_of_scipy():
    values = shares()
    assert mean_estimate(values, ends=()).standard_error == pytest.approx(stats.sem(values), rel=EXACT)


def test_a_mean_over_marked_points_is_the_mean_of_these_points():
    values, where = shares(), np.arange(400) % 3 == 0
    found = mean_estimate(np.where(where, values, np.nan), where, ends=())
    assert found.value == values[where].mean()
    assert found.standard_error == pytest.approx(stats.sem(values[where]), rel=EXACT)
    assert found.n_points == where.sum()


def test_a_difference_is_paired_without_being_told():
    a, b = shares(seed=1), shares(seed=2)
    found = mean_estimate(a, ends=()) - mean_estimate(b, ends=())
    assert found.standard_error == pytest.approx(stats.sem(a - b), rel=EXACT)


def test_a_share_has_the_interval_of_jeffreys():
    values = np.arange(400) < 30
    found = mean_estimate(values.astype(float))
    low, high = stats.beta(30.5, 370.5).ppf([0.025, 0.975])
    # Student's t over the normal quantile widens it about its centre, the mean of the Beta distribution.
    centre, wider = found.value + found.standard_error * found.skewness / 2, stats.t(399).ppf(0.975) / 1.959964
    found = found.interval()
    assert found.low == pytest.approx(centre + wider * (low - centre), abs=MOMENTS)
    assert found.high == pytest.approx(centre + wider * (high - centre), abs=MOMENTS)


def test_a_smooth_function_has_the_error_of_the_jackknife():
    a, b, c = shares(p=0.8, seed=1), shares(p=0.7, seed=2), shares(p=0.6, seed=3)
    found = ((mean_estimate(a).log() + mean_estimate(b).log() - mean_estimate(c).log()) * 0.5).exp() / mean_estimate(a)

    def value(keep: np.ndarray) -> float:
        return math.sqrt(a[keep].mean() * b[keep].mean() / c[keep].mean()) / a[keep].mean()

    n = len(a)
    left_out = np.array([value(np.delete(np.arange(n), i)) for i in range(n)])
    jackknife = math.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum())
    assert found.value == pytest.approx(value(np.arange(n)), rel=EXACT)
    assert found.standard_error == pytest.approx(jackknife, rel=LINEAR)


@given(st.integers(5, 400))
def test_a_share_seen_no_time_may_be_as_large_as_jeffreys_says(n):
    limit = stats.beta(0.5, n + 0.5).ppf(0.975)
    found = mean_estimate(np.zeros(n)).interval(low=0.0, high=1.0)
    assert found.low == 0
    assert limit <= found.high <= 2 * limit  # Student's t widens it, most with five points


def test_a_skewed_mean_is_missed_as_often_below_as_above():
    """One point in ten has 0.8, the others 0.2: mean +- t errors lies below the truth in a tenth of samples of 50."""
    rng = np.random.default_rng(0)
    samples = np.where(rng.random((2000, 50)) < 0.1, 0.8, 0.2)
    found = [mean_estimate(sample, ends=(0.2, 0.8)).interval() for sample in samples]
    below, above = (np.mean([at(each) for each in found]) for at in (lambda i: i.high < 0.26, lambda i: i.low > 0.26))
    assert 0.01 < below < 0.04
    assert 0.01 < above < 0.04
    errors = samples.std(axis=1, ddof=1) / np.sqrt(50)
    assert np.mean(samples.mean(axis=1) + stats.t(49).ppf(0.975) * errors < 0.26) > 0.08


def test_what_is_unseen_at_one_point_counts_in_all_labelers_at_once():
    alike = [mean_estimate(np.zeros(50)), mean_estimate(np.zeros(50))]
    assert weighted_average(alike).standard_error == pytest.approx(alike[0].standard_error, rel=EXACT)
    assert ((alike[0] + alike[1]) / 2).standard_error < alike[0].standard_error


def test_intervals_are_cut_where_the_parameter_cannot_be_but_values_are_not():
    below = mean_estimate(shares(20, 0.1)) - 0.3
    assert below.value < 0
    assert below.interval(low=0.0).low == 0.0
    assert below.interval(low=0.0).mean == below.value


def test_three_points_make_no_interval():
    found = mean_estimate(np.array([0.0, 1.0, 1.0])).interval()
    assert math.isnan(found.low)
    assert "3 points" in found.reason


def test_a_control_changes_the_estimate_by_nothing_on_average_and_narrows_it_where_the_guess_is_good():
    rng = np.random.default_rng(0)
    plain, better, worse, n = [], [], [], 400
    for _ in range(300):
        truth = (rng.random(n) < 0.3).astype(float)
        few = np.arange(n) < 60
        good = np.where(rng.random(n) < 0.9, truth, 1 - truth)
        bad = (rng.random(n) < 0.5).astype(float)
        estimate = mean_estimate(truth, few)
        plain.append(estimate)
        better.append(with_controls(estimate, [mean_estimate(good) - mean_estimate(good, few)]))
        worse.append(with_controls(estimate, [mean_estimate(bad) - mean_estimate(bad, few)]))
    spread = {name: np.std([e.value for e in found]) for name, found in (("p", plain), ("b", better), ("w", worse))}
    for found in (plain, better, worse):
        values = np.array([e.value for e in found])
        assert abs(values.mean() - 0.3) < 4 * values.std() / math.sqrt(len(values))
        assert np.mean([e.standard_error for e in found]) == pytest.approx(values.std(), rel=0.15)
    assert spread["b"] < 0.75 * spread["p"]
    assert spread["w"] < 1.1 * spread["p"]


def test_a_control_without_variation_or_too_many_controls_change_nothing():
    estimate, flat = mean_estimate(shares(6)), mean_estimate(np.ones(6)) - 1.0
    assert with_controls(estimate, [flat]) is estimate
    many = [mean_estimate(shares(6, seed=s)) - 0.5 for s in range(2)]
    assert with_controls(estimate, many) is estimate


def test_with_labels_for_one_control_the_first_of_two_is_used():
    estimate, first, second = (mean_estimate(shares(15, seed=s)) for s in range(3))
    both = with_controls(estimate, [first - 0.5, second - 0.5])
    assert both.value == with_controls(estimate, [first - 0.5]).value
    assert both.n_points == 14


def test_an_average_is_the_sum_over_the_count():
    a, b = mean_estimate(shares(seed=1)), mean_estimate(shares(seed=2))
    assert average([a, b]).standard_error == pytest.approx(((a + b) / 2).standard_error, rel=EXACT)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: mean_estimate(np.zeros(3), np.zeros(3, dtype=bool)), DomainError, "none is marked"),
        (lambda: mean_estimate(np.zeros(3)).log(), DomainError, "above 0"),
        (lambda: mean_estimate(np.ones(3)) / mean_estimate(np.zeros(3)), DomainError, "divided"),
        (lambda: mean_estimate(np.ones(3)) + mean_estimate(np.zeros(4)), ShapeError, "same points"),
    ],
)
def test_what_is_not_defined_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


@pytest.mark.parametrize("n", [8, 16, 30])
def test_a_share_of_few_points_is_held_at_its_level_on_average_and_never_far_below(n):
    """Exactly, over all counts and shares: Student's t on top of the prior held 97 to 99.7%."""
    shares = np.linspace(0.05, 0.5, 46)
    held, with_t = [], []
    for of_share, coverage in ((True, held), (False, with_t)):
        ends = [
            mean_estimate(np.repeat([1.0, 0.0], [x, n - x])).interval(low=0.0, high=1.0, of_share=of_share)
            for x in range(n + 1)
        ]
        holds = np.array([[each.low <= p <= each.high for each in ends] for p in shares])
        coverage += (stats.binom.pmf(np.arange(n + 1), n, shares[:, None]) * holds).sum(axis=1).tolist()
    assert 0.94 < np.mean(held) < np.mean(with_t) - 0.005
    assert min(held) > 0.915
