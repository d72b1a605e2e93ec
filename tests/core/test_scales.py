"""Intervals keep to what a mean can be: by a bend of the axis that contains the mean and is finite at the ends."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from outlearn.core.intervals import Interval
from outlearn.core.mean_intervals import mean_interval, two_way_interval
from outlearn.core.scales import (
    BRIER,
    CALIBRATION,
    DIFFERENCE,
    POSITIVE,
    REAL,
    SCALES,
    SHARE,
    SIGNED,
)
from outlearn.core.verdict import excludes_zero

EXACT = 1e-9  # the same formula in another form
RANGES = {
    REAL: (-math.inf, math.inf), SIGNED: (-math.inf, math.inf), POSITIVE: (0.0, math.inf), SHARE: (0.0, 1.0),
    DIFFERENCE: (-1.0, 1.0), BRIER: (0.0, 2.0), CALIBRATION: (0.0, 1.0),
}  # fmt: skip


def about(mean, half, scale, *, freedom=7.0, level=0.95, n_points=50):
    return Interval.about(
        mean, half, half / 3, freedom=freedom, n_models=4, n_points=n_points, level=level, scale=scale
    )


def test_every_scale_is_listed_under_its_name_with_its_range():
    assert set(RANGES) == set(SCALES.values())
    assert all(SCALES[scale.name] is scale for scale in RANGES)


@given(st.sampled_from(list(RANGES)), st.floats(0, 1), st.floats(0, 1e3))
def test_an_interval_is_finite_contains_its_mean_and_keeps_to_the_range(scale, place, half):
    low, high = (max(-5.0, RANGES[scale][0]), min(5.0, RANGES[scale][1]))
    mean = low + place * (high - low)
    found = about(mean, half, scale)
    assert RANGES[scale][0] <= found.low <= mean <= found.high <= RANGES[scale][1]
    assert math.isfinite(found.low)
    assert math.isfinite(found.high)


@given(st.sampled_from(list(RANGES)), st.floats(0.2, 0.8))
def test_far_from_the_ends_the_interval_is_the_plain_one(scale, mean):
    half = 1e-4 * mean
    found = about(mean, half, scale)
    np.testing.assert_allclose([found.low - mean, found.high - mean], [-half, half], rtol=2e-3)


@given(st.sampled_from(list(RANGES)), st.floats(0.05, 0.95), st.floats(1e-3, 1.0))
def test_a_higher_level_is_a_wider_interval_and_back_again_the_same(scale, mean, half):
    found = about(mean, half, scale)
    wide = found.at_level(0.99)
    assert wide.low <= found.low <= found.high <= wide.high
    back = wide.at_level(0.95)
    np.testing.assert_allclose([back.low, back.high], [found.low, found.high], rtol=1e-6, atol=1e-12)


def test_wilsons_interval_is_the_one_of_a_share():
    n, right = 40, 36
    values = np.repeat([1.0, 0.0], [right, n - right])[None]
    found = mean_interval(values, scale=SHARE)
    # Wilson 1927 with the t quantile and the sample's own variance, (n - 1) / n of which is p (1 - p) / n
    k = stats.t.ppf(0.975, n - 1) ** 2 / (n - 1)
    p = right / n
    spread = math.sqrt(k * p * (1 - p) + k * k / 4)
    ends = [(p + k / 2 + sign * spread) / (1 + k) for sign in (-1, 1)]
    np.testing.assert_allclose([found.low, found.high], ends, rtol=EXACT)


@pytest.mark.parametrize("hit", [0.0, 1.0])
def test_who_is_right_everywhere_is_not_called_certain(hit):
    found = two_way_interval(np.full((4, 60), hit), scale=SHARE)
    assert found.mean == hit
    assert 0.05 < found.high - found.low < 0.07  # q^2 / (n + q^2)
    assert (found.high if hit else found.low) == hit


def test_equals_at_all_points_seen_are_not_told_apart_nor_called_equal_at_others():
    found = two_way_interval(np.zeros((3, 40)), scale=DIFFERENCE)
    assert (found.mean, found.p_value) == (0.0, 1.0)
    assert (
        0.09 < found.high == -found.low < 0.1
    )  # q^2 / (n + q^2): as much as a share of 40 points none of which differs


@given(st.sampled_from([REAL, SIGNED, DIFFERENCE]), st.floats(-0.99, 0.99), st.floats(1e-3, 1.5))
def test_the_p_value_and_the_interval_decide_the_same(scale, mean, half):
    found = about(mean, half, scale)
    if abs(found.p_value - 0.05) > 1e-9:
        assert (found.p_value < 0.05) == excludes_zero(found)


@given(st.floats(-3, 3), st.floats(1e-3, 2))
def test_a_signed_mean_is_said_to_have_a_sign_where_the_plain_interval_has_and_reaches_further(mean, half):
    found, plain = about(mean, half, SIGNED), about(mean, half, REAL)
    assert excludes_zero(found) == excludes_zero(plain)
    assert found.low <= plain.low
    assert found.high >= plain.high


def test_the_best_of_nine_has_a_wider_interval_and_says_so():
    found = about(0.1, 0.05, DIFFERENCE)
    best = found.best_of(9)
    assert best.low < found.low < found.high < best.high
    assert best.level == found.level
    assert best.over == "models and points, for the best of 9"
    assert found.best_of(1) is found
    assert best.low == pytest.approx(found.at_level(1 - 0.05 / 9).low)


def test_an_estimate_off_its_scale_has_no_interval_and_says_why():
    found = about(-0.01, 0.1, POSITIVE)
    assert math.isnan(found.low)
    assert "outside of what it can be" in found.reason
