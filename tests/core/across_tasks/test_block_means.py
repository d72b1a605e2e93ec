"""Means over runs and win rates: their intervals against scipy, by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from outlearn.core.across_tasks.block_means import over_clusters, over_splits, ratio_over_splits, win_rate
from outlearn.errors import ConfigError, DomainError, ShapeError

EXACT = 1e-12


def test_over_clusters_is_the_t_interval_of_the_tasks_means():
    rng = np.random.default_rng(0)
    tasks = np.repeat(np.arange(6), [1, 2, 3, 1, 5, 2])
    values = rng.normal(size=len(tasks)) + tasks
    means = [values[tasks == task].mean() for task in range(6)]
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.9)
    found = over_clusters(values, tasks, 0.9)
    np.testing.assert_allclose([found.low, found.high], expected, rtol=EXACT)
    assert (found.n_models, found.n_points) == (6, 14)


def test_more_runs_on_the_same_tasks_do_not_narrow_the_interval_for_new_tasks():
    values, tasks = np.array([1.0, 2.0, 4.0, 3.0]), np.arange(4)
    once, often = over_clusters(values, tasks), over_clusters(np.tile(values, 10), np.tile(tasks, 10))
    assert (often.low, often.high) == pytest.approx((once.low, once.high), rel=EXACT)


def test_three_tasks_give_no_interval_and_say_why():
    found = over_clusters(np.array([1.0, 2.0, 3.0]), np.arange(3))
    assert found.mean == 2
    assert np.isnan(found.low)
    assert "only 3 tasks" in found.reason


def test_over_splits_of_one_task_is_the_corrected_resampled_t_test():
    values, n_test_over_n_train = np.array([0.02, 0.05, 0.03, 0.06, 0.04]), 0.5
    found = over_splits(values, np.zeros(5, int), np.arange(5), np.full(5, n_test_over_n_train))
    error = np.sqrt(values.var(ddof=1) * (1 / 5 + n_test_over_n_train))
    half = stats.t.ppf(0.975, 4) * error
    np.testing.assert_allclose([found.low, found.high], [0.04 - half, 0.04 + half], rtol=EXACT)


def test_over_splits_averages_runs_of_one_split_before_it_compares_splits():
    values, splits = np.array([1.0, 3.0, 2.0, 6.0]), np.array([0, 0, 1, 1])
    both = over_splits(values, np.zeros(4, int), splits, np.zeros(4))
    means = over_splits(np.array([2.0, 4.0]), np.zeros(2, int), np.arange(2), np.zeros(2))
    assert (both.low, both.high) == pytest.approx((means.low, means.high), rel=EXACT)


@pytest.mark.usefixtures("shapes_unchecked")
def test_over_splits_covers_the_mean_of_these_tasks_and_not_that_of_all_tasks():
    rng = np.random.default_rng(1)
    of_task = np.array([0.0, 4.0])
    tasks, splits = np.repeat([0, 1], 5), np.tile(np.arange(5), 2)
    hits = []
    for _ in range(1500):
        values = of_task[tasks] + rng.normal(size=10) * np.array([1.0, 3.0])[tasks]
        found = over_splits(values, tasks, splits, np.zeros(10))
        hits.append(found.low <= of_task.mean() <= found.high)
    assert abs(np.mean(hits) - 0.95) < 0.02  # Satterthwaite is an approximation; 3 standard errors are 0.017


def test_one_split_gives_no_interval_and_says_why():
    found = over_splits(np.array([1.0, 2.0, 3.0]), np.array([0, 0, 1]), np.array([0, 1, 0]), np.zeros(3))
    assert found.mean == 2.25
    assert np.isnan(found.low)
    assert "several seeds" in found.reason


def test_equal_differences_on_every_split_have_an_interval_of_no_width():
    found = over_splits(np.full(4, 0.5), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.ones(4))
    assert (found.low, found.high) == (0.5, 0.5)


def test_win_rate_of_independent_blocks_is_clopper_and_pearsons():
    first, second = np.array([1.0] * 7 + [0.0] * 3), np.full(10, 0.5)
    found = win_rate(first, second)
    expected = stats.binomtest(7, 10).proportion_ci(0.95, method="exact")
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], rtol=1e-9)


def test_a_tie_counts_half_and_the_two_sides_mirror_each_other():
    scores = np.array([[1.0, 1.0], [2.0, 1.0], [0.0, 3.0], [2.0, 1.0]])
    ours, theirs = win_rate(scores[:, 0], scores[:, 1]), win_rate(scores[:, 1], scores[:, 0])
    assert ours.mean == 0.625
    np.testing.assert_allclose([theirs.low, theirs.high], [1 - ours.high, 1 - ours.low], rtol=1e-9)


def test_two_tasks_say_little_however_many_runs_they_have():
    first, second, tasks = np.ones(100), np.zeros(100), np.repeat([0, 1], 50)
    assert win_rate(first, second).low > 0.96
    assert win_rate(first, second, clusters=tasks).low == pytest.approx(stats.binomtest(2, 2).proportion_ci().low)


def test_win_rate_covers_for_dependent_blocks():
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(500):
        chance = rng.beta(1, 1, size=8)  # each task's own share of wins: 0.5 on average
        won = (rng.random((8, 10)) < chance[:, None]).astype(float).ravel()
        found = win_rate(won, np.full(80, 0.5), clusters=np.repeat(np.arange(8), 10))
        hits.append(found.low <= 0.5 <= found.high)
    assert np.mean(hits) > 0.95


def test_a_score_that_is_nan_is_no_loss_for_either_side():
    scores = np.array([[1.0, 2.0], [np.nan, 1.0]])
    with pytest.raises(DomainError, match="first is nan in block 1"):
        win_rate(scores[:, 0], scores[:, 1])
    with pytest.raises(DomainError, match="second is nan in block 1"):
        win_rate(scores[:, 1], scores[:, 0])


def test_bad_input_is_named():
    with pytest.raises(DomainError, match=r"values\[1\] is not finite"):
        over_clusters(np.array([1.0, np.nan]), np.arange(2))
    with pytest.raises(ConfigError, match="level"):
        win_rate(np.ones(2), np.ones(2), level=95.0)
    with pytest.raises(ShapeError, match="shared at least 0"):
        over_splits(np.ones(2), np.arange(2), np.arange(2), np.array([-1.0, 0.0]))


def test_the_ends_of_a_ratio_are_where_its_difference_is_just_told_apart_from_0():
    rng = np.random.default_rng(3)
    whole = rng.normal(5, 1, size=6)
    part = 0.4 * whole + rng.normal(0, 0.3, size=6)
    at = (np.zeros(6, dtype=int), np.arange(6), np.full(6, 0.3))
    found = ratio_over_splits(part, whole, *at)
    assert found.mean == pytest.approx(part.mean() / whole.mean(), rel=EXACT)
    above, below = (over_splits(part - r * whole, *at) for r in (found.low, found.high))
    assert above.low == pytest.approx(0, abs=1e-9)
    assert below.high == pytest.approx(0, abs=1e-9)


def test_a_ratio_to_what_is_not_above_0_is_withheld():
    at = (np.zeros(4, dtype=int), np.arange(4), np.zeros(4))
    part = np.array([1.0, 2.0, 1.0, 2.0])
    for whole in (np.array([-1.0, 1.0, -1.0, 1.5]), np.array([-5.0, -5.1, -5.2, -5.0])):
        assert "not shown to be above 0" in ratio_over_splits(part, whole, *at).reason
    one = (np.zeros(1, dtype=int), np.zeros(1, dtype=int), np.zeros(1))
    assert "one split only" in ratio_over_splits(part[:1], part[:1], *one).reason
