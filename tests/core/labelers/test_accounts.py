"""An interval that holds by every account: at its level where accounts agree, and at the ends where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from outlearn.core.labelers.accounts import interval_of_accounts
from outlearn.core.labelers.influence import mean_estimate

ANY = {"low": -np.inf, "high": np.inf}
MANY = 20_000


@pytest.fixture
def estimate():
    values = np.tile([1.0, -1.0], MANY)  # no skewness, and as good as known a spread
    return mean_estimate(values, ends=())


def test_one_account_has_its_own_interval(estimate):
    own, of_one = estimate.interval(0.9), interval_of_accounts(estimate, [estimate], 0.9, **ANY)
    assert (of_one.low, of_one.high) == pytest.approx((own.low, own.high), rel=1e-6)
    assert of_one.level == 0.9


@pytest.mark.parametrize("distance", [0.3, 1.0, 3.0, 30.0])
def test_the_truth_is_held_at_the_level_if_the_furthest_account_is_right(estimate, distance):
    s = estimate.standard_error
    found = interval_of_accounts(estimate, [estimate + distance * s], 0.95, **ANY)
    below, above = -found.low / s, found.high / s  # of a truth at the first account
    assert norm.cdf(above) - norm.cdf(-below) == pytest.approx(0.95, abs=1e-3)
    assert found.mean == estimate.value
    assert 1.64 < below < 1.97


def test_too_few_points_have_no_interval():
    few = mean_estimate(np.array([1.0, 0.0, 1.0]))
    found = interval_of_accounts(few, [few + 0.1], 0.95, **ANY)
    assert "only 3 points" in found.reason
    assert found.level == 0.95
