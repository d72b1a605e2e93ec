"""The estimator of the correlation dimension: unbiased, covered, invariant, and refused where it cannot work."""

import numpy as np
import pytest

from outlearn.errors import AlignmentError, DomainError
from outlearn.theory import correlation_dimension, effective_dimension, subspace_variances

SAMPLES = 120


def features(rng, points, first, second, correlations):
    a, b = rng.standard_normal((points, first)), rng.standard_normal((points, second))
    k = len(correlations)
    b[:, :k] = correlations * a[:, :k] + np.sqrt(1 - correlations**2) * b[:, :k]
    return a, b


CASES = {
    "nothing shared": np.zeros(10),
    "all shared a little": np.full(10, 0.5),
    "all shared a lot": np.full(10, 0.95),
    "spread": np.linspace(0, 1, 10),
    "half shared": np.r_[np.ones(5), np.zeros(5)],
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("points", [60, 300])
def test_it_is_unbiased_where_the_plug_in_value_is_not(name, points):
    rng = np.random.default_rng(0)
    correlations = CASES[name]
    truth = float((correlations**2).sum())
    found = [correlation_dimension(*features(rng, points, 16, 10, correlations)) for _ in range(SAMPLES)]
    values = np.array([f.value for f in found])
    error = values.std(ddof=1) / np.sqrt(SAMPLES)
    assert abs(values.mean() - truth) < 4.5 * error + 0.01 * 10  # 1% of the dimensions: what O(1/N) leaves
    plug_in = np.mean([f.uncorrected for f in found])
    if truth < 8:
        assert plug_in - truth > 3 * abs(values.mean() - truth)


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(1)
    correlations = CASES["all shared a little"]
    found = [correlation_dimension(*features(rng, 200, 16, 10, correlations)) for _ in range(200)]
    covered = np.mean([f.low <= 2.5 <= f.high for f in found])
    assert 0.90 <= covered <= 1.0


def test_it_does_not_change_under_invertible_maps_and_shifts():
    rng = np.random.default_rng(2)
    a, b = features(rng, 200, 6, 4, np.array([0.9, 0.5]))
    before = correlation_dimension(a, b)
    after = correlation_dimension(a @ rng.standard_normal((6, 6)) + 5, 100 * b @ rng.standard_normal((4, 4)))
    assert after.value == pytest.approx(before.value, abs=1e-7)
    assert (after.low, after.high) == pytest.approx((before.low, before.high), abs=1e-6)
    swapped = correlation_dimension(b, a)
    assert swapped.value == pytest.approx(before.value, abs=1e-7)


def test_of_the_same_features_it_is_their_dimension():
    a = np.random.default_rng(3).standard_normal((100, 7))
    found = correlation_dimension(a, a[:, ::-1])
    assert found.value == pytest.approx(7, abs=1e-6)
    assert found.dimensions == (7, 7)


def test_directions_that_are_copies_or_constant_do_not_count():
    a, b = features(np.random.default_rng(4), 150, 6, 4, np.array([0.9]))
    padded = np.hstack([a, a[:, :2], np.ones((150, 1))])
    assert correlation_dimension(padded, b).dimensions == (6, 4)
    assert correlation_dimension(padded, b).value == pytest.approx(correlation_dimension(a, b).value, abs=1e-6)


def test_a_share_of_the_variance_keeps_the_leading_directions():
    rng = np.random.default_rng(5)
    a = rng.standard_normal((400, 8)) * np.r_[10.0, 10.0, np.full(6, 0.1)]
    found = correlation_dimension(a, a, variance_share=0.95)
    assert found.dimensions == (2, 2)


def test_effective_dimension_counts_equal_directions_and_corrects_for_few_points():
    rng = np.random.default_rng(6)
    values = []
    for _ in range(300):
        x = rng.standard_normal((30, 20))
        values.append(effective_dimension(np.linalg.eigvalsh(np.cov(x.T)), 30))
    assert np.mean(values) == pytest.approx(20, rel=0.05)  # without the correction: 12
    assert effective_dimension(np.array([4.0, 4.0, 4.0]), 10**7) == pytest.approx(3, rel=1e-5)


def test_the_variance_ratio_is_that_of_the_exact_formula():
    a, b = features(np.random.default_rng(7), 300, 12, 8, np.full(8, 0.7))
    found = correlation_dimension(a, b)
    exact = subspace_variances(
        teacher_dimension=12,
        student_dimension=8,
        correlation_dimension=found.value,
        teacher_examples=40,
        student_examples=50,
    )
    assert found.variance_ratio(50) == pytest.approx(exact.student / exact.teacher, abs=1e-10)
    with pytest.raises(DomainError, match="10 student examples"):
        found.variance_ratio(9)


def test_bad_input_is_refused():
    a, b = features(np.random.default_rng(8), 40, 6, 4, np.array([0.5]))
    with pytest.raises(AlignmentError, match="40 points and student_features 39"):
        correlation_dimension(a, b[:-1])
    with pytest.raises(DomainError, match="too few"):
        correlation_dimension(np.hstack([a] * 1)[:11], b[:11])
    with pytest.raises(DomainError, match="variance_share"):
        correlation_dimension(a, b, variance_share=0.0)
    with pytest.raises(DomainError, match="nan"):
        correlation_dimension(np.where(a > 2, np.nan, a), b)
    with pytest.raises(DomainError, match="same at every point"):
        correlation_dimension(np.ones((40, 3)), b)
    with pytest.raises(DomainError, match="groups"):
        correlation_dimension(a, b, groups=1)
