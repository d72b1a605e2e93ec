"""Intervals of numbers: what they hold, what they cost, and what would mend them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss

import outlearn as ol
from outlearn.core.number_intervals import NumberIntervals, conformal_quantile, interval_score
from outlearn.errors import ConfigError, DomainError, ShapeError

FLOAT64_SUM = 1e-10


def _honest(n=3000, seed=0, level=0.9, times=1.0, shift=0.0):
    """Draw truths whose spread differs by point, and intervals that know it, `times` too wide."""
    rng = np.random.default_rng(seed)
    middle, spread = rng.normal(size=n), np.exp(rng.normal(size=n))
    true = middle + spread * rng.normal(size=n)
    return true, NumberIntervals.from_deviations(middle + shift, times * spread, level=level)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_intervals_that_know_the_distribution_hold_as_many_as_they_promise(level):
    true, intervals = _honest(level=level)
    found = ol.interval_calibration(true, intervals)
    assert found.holds
    assert found.factor.low < 1 < found.factor.high
    assert found.knows.low > 0
    assert all(each.coverage.low < level < each.coverage.high for each in found.segments)


def test_overconfident_intervals_are_called_narrow_and_their_factor_mends_them():
    true, intervals = _honest(times=0.5)
    found = ol.interval_calibration(true, intervals, of="the judge")
    assert not found.holds
    assert "too narrow" in found.sentences[0]
    assert found.factor.low < 2 < found.factor.high
    half = found.factor.mean * intervals.width / 2
    assert found.mended.mean < found.score.mean
    assert found.knows.low > 0  # though as given they score worse than one width
    wider = NumberIntervals.from_bounds(intervals.centre - half, intervals.centre + half, level=0.9)
    assert ol.interval_calibration(true, wider).coverage.mean == pytest.approx(0.9, abs=1e-3)


def test_too_wide_and_one_sided_intervals_are_named():
    true, intervals = _honest(times=3.0)
    assert "too wide" in ol.interval_calibration(true, intervals).sentences[0]
    shifted = ol.interval_calibration(*_honest(shift=1.0))
    assert any("middles lie too high" in sentence for sentence in shifted.sentences)


def test_the_interval_score_is_the_sum_of_both_pinball_losses_and_least_at_the_quantiles():
    rng = np.random.default_rng(0)
    y, level = rng.normal(size=200), 0.8
    low, high = np.full(200, -0.7), np.full(200, 1.1)
    score = interval_score(NumberIntervals.from_bounds(low, high, level=level), y[None]).mean()
    a = 1 - level
    losses = mean_pinball_loss(y, low, alpha=a / 2) + mean_pinball_loss(y, high, alpha=1 - a / 2)
    assert score == pytest.approx(2 / a * losses, abs=FLOAT64_SUM)  # Gneiting and Raftery 2007, section 6.2
    many = rng.normal(size=200_000)[None]
    ends = norm.ppf(a / 2), norm.ppf(1 - a / 2)

    def at(low, high):
        whole = np.full(many.shape, 1.0)
        return interval_score(NumberIntervals.from_bounds(low * whole, high * whole, level=level), many).mean()

    for moved in (0.2, -0.2):
        assert at(*ends) < at(ends[0] + moved, ends[1])
        assert at(*ends) < at(ends[0], ends[1] + moved)


def test_of_one_width_nothing_is_known_by_the_width():
    rng = np.random.default_rng(0)
    true = rng.normal(size=400)
    found = ol.interval_calibration(true, NumberIntervals.from_deviations(np.zeros(400), np.ones(400)))
    assert found.segments == ()
    assert found.knows.mean == 0


def test_raters_are_draws_and_their_mean_is_held_more_often():
    rng = np.random.default_rng(0)
    answer = rng.normal(size=800)
    raters = answer + rng.normal(size=(10, 800))
    found = ol.interval_calibration(raters, NumberIntervals.from_deviations(answer, np.ones(800)))
    assert found.n_draws == 10
    assert found.holds
    assert found.of_mean.mean > 0.99
    alone = ol.interval_calibration(raters.mean(axis=0), NumberIntervals.from_deviations(answer, np.ones(800)))
    assert alone.coverage.mean == found.of_mean.mean


def test_gaps_and_unknown_truth_are_left_out():
    true, intervals = _honest(n=300)
    low, high = intervals.low.copy(), intervals.high.copy()
    low[0, :50] = high[0, :50] = np.nan
    true[-50:] = np.nan
    found = ol.interval_calibration(true, NumberIntervals.from_bounds(low, high, level=0.9))
    same = ol.interval_calibration(true[50:-50], intervals.at(np.arange(50, 250)))
    assert found.n_points == 200
    assert found == same


def test_a_rater_who_left_points_out_misses_none_of_them():
    rng = np.random.default_rng(0)
    answer = rng.normal(size=900)
    raters = answer + rng.normal(size=(3, 900))
    left_out = np.arange(900) % 3 == np.arange(3)[:, None]  # one of the three, at every point
    intervals = NumberIntervals.from_deviations(answer, np.ones(900))
    found = ol.interval_calibration(np.where(left_out, np.nan, raters), intervals)
    assert (found.n_points, found.n_draws) == (900, 3)
    inside = (intervals.low <= raters) & (raters <= intervals.high)
    assert found.coverage.mean == pytest.approx(inside[~left_out].mean(), abs=FLOAT64_SUM)
    assert found.holds


def test_scores_that_are_nan_are_not_counted():
    scores = np.arange(1.0, 20.0)
    assert conformal_quantile(np.append(scores, [np.nan] * 20), 0.9) == conformal_quantile(scores, 0.9)


def test_few_points_say_nothing():
    true, intervals = _honest(n=12)
    found = ol.interval_calibration(true, intervals)
    assert found.holds is None
    assert "12 points" in str(found)


def test_the_interval_of_the_factor_holds_the_true_factor_as_often_as_it_says():
    held = [ol.interval_calibration(*_honest(n=120, seed=seed, times=0.5)).factor for seed in range(200)]
    share = np.mean([each.low <= 2 <= each.high for each in held])
    assert share > 0.9  # of 95%; 200 tables are within 3 points of it


@pytest.mark.parametrize(("n", "level"), [(19, 0.9), (50, 0.8), (200, 0.95)])
def test_conformal_quantiles_hold_a_new_score_at_their_level(n, level):
    scores = np.random.default_rng(0).exponential(size=(4000, n + 1))
    held = [row[-1] <= conformal_quantile(row[:-1], level) for row in scores]
    # Between level and level + 1 / (n + 1), for scores without ties; three standard errors of 4,000 draws.
    assert level - 0.02 < np.mean(held) < level + 1 / (n + 1) + 0.02


def test_too_few_scores_for_a_level_are_infinite():
    assert np.isinf(conformal_quantile(np.arange(18.0), 0.95))
    assert conformal_quantile(np.arange(19.0), 0.95) == 18


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        ([0.0, 3.0], [1.0, 2.0], "lower end above"),
        ([0.0, np.nan], [1.0, 2.0], "one end"),
        ([0.0, 1.0], [1.0, np.inf], "infinite"),
    ],
)
def test_an_interval_that_is_none_is_named(low, high, words):
    with pytest.raises(DomainError, match=words):
        NumberIntervals.from_bounds(np.array(low), np.array(high), level=0.9)


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ConfigError):
        NumberIntervals.from_bounds(np.zeros(3), np.ones(3), level=90.0)
    with pytest.raises(ShapeError):
        NumberIntervals.from_bounds(np.zeros(3), np.ones(4), level=0.9)
    with pytest.raises(DomainError):
        NumberIntervals.from_deviations(np.zeros(3), -np.ones(3))
    with pytest.raises(ShapeError):
        ol.interval_calibration(np.zeros(4), NumberIntervals.from_bounds(np.zeros(3), np.ones(3), level=0.9))
