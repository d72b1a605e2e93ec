"""Two-way intervals: the variance formula, its limits, and every case where no interval may be given."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from outlearn.core.mean_intervals import (
    SKEW_CAUTION,
    cluster_means,
    point_interval,
    pseudo_values,
    two_way_interval,
    two_way_variance,
)
from outlearn.core.verdict import excludes_zero
from outlearn.errors import AlignmentError, ConfigError, DomainError

ROUNDING = 1e-12  # sums of at most 1e4 float64 terms of size one


def crossed(rng, n_models, n_points, models=1.0, points=1.0, cells=1.0):
    return (
        models * rng.normal(size=(n_models, 1))
        + points * rng.normal(size=(1, n_points))
        + cells * rng.normal(size=(n_models, n_points))
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 20), st.integers(4, 40), st.integers(0, 10**6))
def test_variance_is_rows_plus_columns_minus_cells(n_models, n_points, seed):
    values = crossed(np.random.default_rng(seed), n_models, n_points)
    row, column = values.mean(1), values.mean(0)
    rest = values - row[:, None] - column + values.mean()
    expected = (
        row.var(ddof=1) / n_models
        + column.var(ddof=1) / n_points
        - (rest**2).sum() / ((n_models - 1) * (n_points - 1)) / (n_models * n_points)
    )
    assert two_way_variance(values).total == pytest.approx(max(expected, 0), abs=ROUNDING)


def test_variance_is_unbiased_for_crossed_effects():
    rng = np.random.default_rng(3)
    n_models, n_points = 5, 12
    estimates = np.array([two_way_variance(crossed(rng, n_models, n_points, 0.5, 1.0, 2.0)).total for _ in range(4000)])
    truth = 0.25 / n_models + 1 / n_points + 4 / (n_models * n_points)
    assert abs(estimates.mean() - truth) < 4 * estimates.std() / math.sqrt(len(estimates))


def test_interval_is_students_t_over_models_when_points_do_not_matter():
    per_model = np.random.default_rng(0).normal(size=6)
    interval = two_way_interval(np.repeat(per_model[:, None], 50, axis=1), 0.9)
    # Few teachers may be skewed: 1 + C / (M - 1) times their variance.
    low, high = stats.t.interval(0.9, 5, per_model.mean(), stats.sem(per_model) * math.sqrt(1 + SKEW_CAUTION / 5))
    np.testing.assert_allclose([interval.low, interval.high], [low, high], rtol=1e-9)


def test_interval_is_students_t_over_points_when_models_are_equal():
    per_point = np.random.default_rng(0).normal(size=30)
    interval = two_way_interval(np.repeat(per_point[None], 4, axis=0))
    low, high = stats.t.interval(0.95, 29, per_point.mean(), stats.sem(per_point))
    np.testing.assert_allclose([interval.low, interval.high], [low, high], rtol=1e-9)
    alone = point_interval(per_point[None])
    np.testing.assert_allclose([alone.low, alone.high], [low, high], rtol=1e-9)
    assert alone.over == "points"
    assert interval.over == "models and points"


def test_degrees_of_freedom_are_never_below_the_smaller_side():
    rng = np.random.default_rng(1)
    for _ in range(200):
        n_models, n_points = rng.integers(2, 9), rng.integers(4, 60)
        parts = two_way_variance(crossed(rng, n_models, n_points, *rng.exponential(size=3)))
        assert parts.degrees_of_freedom >= min(n_models, n_points) - 1


def test_students_of_one_teacher_count_as_one_model():
    rng = np.random.default_rng(2)
    values = crossed(rng, 6, 40)
    teacher_of = np.array([2, 0, 2, 1, 0, 1])
    grouped = np.stack([values[teacher_of == t].mean(0) for t in range(3)])
    np.testing.assert_allclose(cluster_means(values, teacher_of), grouped, atol=ROUNDING)
    clustered, expected = two_way_interval(values, clusters=teacher_of), two_way_interval(grouped)
    assert clustered.n_models == 3
    np.testing.assert_allclose([clustered.low, clustered.high], [expected.low, expected.high], rtol=1e-12)
    # The converse: copies of a student add no information, though they would if counted as models.
    copies = np.repeat(values, 4, axis=0)
    assert two_way_interval(copies, clusters=np.repeat(np.arange(6), 4)).standard_error == pytest.approx(
        two_way_interval(values).standard_error
    )
    assert two_way_interval(copies).standard_error < 0.99 * two_way_interval(values).standard_error


def test_pairing_narrows_the_interval_of_a_difference():
    rng = np.random.default_rng(4)
    teacher = crossed(rng, 5, 60)
    student = teacher + 0.1 + 0.01 * rng.normal(size=teacher.shape)
    assert excludes_zero(two_way_interval(student - teacher))
    assert not excludes_zero(two_way_interval(student))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.arange(10.0)[None], "only one independent model"),
        (np.arange(6.0).reshape(2, 3), "only 3 points"),
        (np.full((3, 5), np.inf), "infinite"),
        (np.array([[1.0, -1.0, 1.0, -1.0], [-1.0, 1.0, -1.0, 1.0]]), "not positive"),
    ],
)
def test_no_interval_without_grounds(values, why):
    interval = two_way_interval(values)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert not excludes_zero(interval)
    assert why in interval.reason
    assert why in str(interval)


def test_an_interval_moved_to_another_mean_keeps_its_width_and_counts():
    interval = two_way_interval(crossed(np.random.default_rng(6), 5, 40))
    moved = interval.moved_to(3.0)
    np.testing.assert_allclose([moved.high - 3, 3 - moved.low], [interval.high - interval.mean] * 2, rtol=1e-9)
    assert replace(moved, mean=interval.mean, low=interval.low, high=interval.high) == interval


def test_all_students_of_one_teacher_have_no_interval():
    values = crossed(np.random.default_rng(0), 8, 30)
    assert math.isnan(two_way_interval(values, clusters=np.zeros(8, dtype=int)).low)


def test_infinities_of_both_signs_have_no_mean_and_no_warning():
    values = np.array([[np.inf, -np.inf, 0.0, 1.0], [0.0, 1.0, 2.0, 3.0]])
    assert math.isnan(two_way_interval(values).mean)
    assert point_interval(values[:1]).reason == "some values are infinite"


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_equal_values_have_an_interval_of_no_width(value):
    interval = two_way_interval(np.full((7, 31), value))
    assert interval.low == interval.high == interval.mean
    assert interval.reason is None


def test_bad_input_is_refused_with_its_place():
    values = np.zeros((2, 5))
    values[1, 3] = np.nan
    with pytest.raises(DomainError, match="model 1, point 3"):
        two_way_interval(values)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        two_way_interval(np.zeros((2, 5)), 95.0)
    for clusters in (np.array([0, 1]), np.arange(5)):
        with pytest.raises(AlignmentError, match=r"clusters must have shape \(4,\)"):
            two_way_interval(np.zeros((4, 5)), clusters=clusters)
    with pytest.raises(AlignmentError, match=r"got \(2, 2\)"):
        cluster_means(np.zeros((4, 5)), np.array([[0, 1], [0, 1]]))
    with pytest.raises(DomainError, match="at least one model"):
        two_way_interval(np.zeros((0, 5)))


@pytest.mark.parametrize("n_models", [2, 3, 10])
def test_the_jackknife_makes_the_plug_in_variance_the_unbiased_one(n_models):
    x = np.random.default_rng(0).normal(size=(n_models, 4))
    out = np.stack([np.delete(x, m, axis=0).var(axis=0) for m in range(n_models)])
    np.testing.assert_allclose(pseudo_values(x.var(axis=0), out).mean(axis=0), x.var(axis=0, ddof=1), rtol=1e-12)


def test_pseudo_values_of_a_mean_are_the_values():
    x = np.random.default_rng(1).normal(size=7)
    out = (x.sum() - x) / 6
    np.testing.assert_allclose(pseudo_values(x.mean(), out), x, rtol=1e-12)


def test_one_model_cannot_be_left_out():
    with pytest.raises(DomainError, match="at least 2 models"):
        pseudo_values(1.0, np.array([1.0]))


@pytest.mark.slow
def test_resampling_teachers_and_points_spreads_as_the_formula_says():
    """Owen, The pigeonhole bootstrap, 2007: it counts the interaction three times, the formula once."""
    rng = np.random.default_rng(1)
    values = crossed(rng, 12, 40, cells=2.0)
    parts = two_way_variance(values)
    # Resampling M models shrinks what varies between them by 1 - 1/M: undo it, for points and cells likewise.
    rows, columns = values.mean(1, keepdims=True) - values.mean(), values.mean(0) - values.mean()
    rest = values - values.mean() - rows - columns
    grown = rows * math.sqrt(12 / 11) + columns * math.sqrt(40 / 39) + rest * math.sqrt(12 / 11 * 40 / 39)
    drawn = [grown[np.ix_(rng.integers(0, 12, 12), rng.integers(0, 40, 40))].mean() for _ in range(20000)]
    # 20000 replicates: 1% of a variance, five times that
    assert np.var(drawn) == pytest.approx(parts.rows + parts.columns + parts.cells, rel=0.05)


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("effects", [(1.0, 0.1, 0.3), (0.1, 1.0, 1.0), (0.0, 1.0, 0.3), (0.5, 1.0, 1.0)])
@pytest.mark.parametrize("n_models", [3, 8])
def test_intervals_cover_the_truth_at_the_nominal_rate(effects, n_models):
    rng = np.random.default_rng(5)
    intervals = [two_way_interval(crossed(rng, n_models, 100, *effects)) for _ in range(1500)]
    covered = np.mean([i.low <= 0 <= i.high for i in intervals])
    assert 0.92 <= covered <= 0.98  # three standard errors of 1500 repetitions are 0.017
