"""Intervals of the simulations' means and medians."""

import numpy as np
import pytest

from outlearn.errors import DomainError
from outlearn.theory.sampling import mean_interval, median_interval


def test_estimates_have_intervals_and_refuse_too_few_draws():
    draws = np.random.default_rng(0).standard_normal(100)
    mean, median = mean_interval(draws), median_interval(draws)
    assert mean.low < mean.mean < mean.high
    assert median.low < median.median < median.high
    with pytest.raises(DomainError, match="at least 4 draws"):
        mean_interval(draws[:1])
    with pytest.raises(DomainError, match="median"):
        median_interval(draws[:4])


def test_median_intervals_cover_also_without_a_mean():
    rng = np.random.default_rng(1)
    found = [median_interval(rng.standard_cauchy(60)) for _ in range(400)]
    covered = np.mean([f.low <= 0 <= f.high for f in found])
    assert 0.93 <= covered <= 0.99
