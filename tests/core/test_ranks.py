"""Ranks are those of SciPy, ties, infinities and nan included."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from outlearn.core.ranks import mid_ranks


@pytest.mark.parametrize("shape", [(7,), (3, 50), (2, 3, 20), (4, 1)])
def test_ranks_equal_those_of_scipy(shape):
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=shape), rng.integers(0, 5, size=shape), rng.choice([-np.inf, 0.0, np.inf], shape)):
        np.testing.assert_array_equal(mid_ranks(values), rankdata(values, axis=-1))


def test_a_row_with_nan_has_no_ranks_and_the_others_have():
    values = np.array([[0.2, np.nan, 0.1], [0.3, 0.1, 0.2]])
    np.testing.assert_array_equal(mid_ranks(values), rankdata(values, axis=-1))
