"""Ranks are those of SciPy, ties, infinities and nan included, and counts of the other side are differences of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from outlearn.core.ranks import mid_ranks, others_below


@pytest.mark.parametrize("shape", [(7,), (3, 50), (2, 3, 20), (4, 1)])
def test_ranks_equal_those_of_scipy(shape):
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=shape), rng.integers(0, 5, size=shape), rng.choice([-np.inf, 0.0, np.inf], shape)):
        np.testing.assert_array_equal(mid_ranks(values), rankdata(values, axis=-1))


def test_a_row_with_nan_has_no_ranks_and_the_others_have():
    values = np.array([[0.2, np.nan, 0.1], [0.3, 0.1, 0.2]])
    np.testing.assert_array_equal(mid_ranks(values), rankdata(values, axis=-1))


@pytest.mark.parametrize("distinct", [3, 40, 10**6])
def test_points_of_the_other_side_below_are_the_rank_among_all_less_the_rank_among_ones_own(distinct):
    rng = np.random.default_rng(1)
    values, side = rng.integers(0, distinct, size=(4, 60)).astype(float), rng.random(60) < 0.3
    below = others_below(values, side)
    for own in (side, ~side):
        expected = rankdata(values, axis=-1)[:, own] - rankdata(values[:, own], axis=-1)
        np.testing.assert_array_equal(below[:, own], expected)
