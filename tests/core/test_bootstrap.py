"""The two-way bootstrap: weight matrices equal indexing, and its spread is what the formula says."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.bootstrap import Resamples, bootstrap_means, draw_resamples, two_way_bootstrap
from outlearn.core.intervals import two_way_variance
from outlearn.errors import AlignmentError, ConfigError, DomainError

FLOAT32_REST = 2e-6  # of the replicates' spread: the product of the double-centred rest is float32


@pytest.mark.parametrize(("n_models", "n_points", "replicates"), [(1, 1, 3), (1, 50, 20), (7, 1, 5), (40, 300, 600)])
def test_weight_matrices_equal_indexing(n_models, n_points, replicates):
    rng = np.random.default_rng(0)
    values = 100 + rng.normal(size=(n_models, n_points)) + rng.normal(size=n_points)
    drawn = draw_resamples(n_models, n_points, replicates=replicates, seed=1)
    indexed = np.array([values[np.ix_(r, c)].mean() for r, c in zip(drawn.models, drawn.points, strict=True)])
    tolerance = FLOAT32_REST * max(float(indexed.std()), 1e-6)
    np.testing.assert_allclose(bootstrap_means(values, drawn), indexed, rtol=0, atol=tolerance)


def test_spread_is_the_formula_plus_twice_the_cells():
    # Owen: the pigeonhole bootstrap counts the interaction three times, v = rows + columns - cells counts it once.
    rng = np.random.default_rng(1)
    values = rng.normal(size=(12, 1)) + rng.normal(size=(1, 40)) + 2 * rng.normal(size=(12, 40))
    parts = two_way_variance(values)
    got = two_way_bootstrap(values, replicates=20000).standard_error ** 2
    expected = parts.rows + parts.columns + parts.cells
    assert got == pytest.approx(expected, rel=0.05)  # 20000 replicates: 1% of a variance, five times that


def test_without_correction_the_variance_between_models_shrinks_by_one_in_m():
    values = np.repeat(np.random.default_rng(2).normal(size=(3, 1)), 20, axis=1)
    drawn = draw_resamples(3, 20, replicates=20000)
    raw, inflated = bootstrap_means(values, drawn), bootstrap_means(values, drawn, inflate=True)
    assert raw.var() / inflated.var() == pytest.approx(2 / 3, rel=1e-5)


def test_clusters_are_resampled_whole_and_the_seed_decides():
    values = np.random.default_rng(3).normal(size=(8, 30))
    clusters = np.repeat(np.arange(4), 2)
    a, b = two_way_bootstrap(values, clusters=clusters), two_way_bootstrap(values.reshape(4, 2, 30).mean(1))
    np.testing.assert_array_equal(a.replicates, b.replicates)
    assert a.low < a.mean < a.high
    assert two_way_bootstrap(values, seed=1).low != two_way_bootstrap(values, seed=2).low


def test_bad_input_is_refused():
    values = np.zeros((3, 5))
    with pytest.raises(AlignmentError, match="draw 4 and 5"):
        bootstrap_means(values, draw_resamples(4, 5, replicates=2))
    values[1, 2] = np.inf
    with pytest.raises(DomainError, match="model 1, point 2"):
        bootstrap_means(values, draw_resamples(3, 5, replicates=2))
    with pytest.raises(DomainError, match="point_interval"):
        two_way_bootstrap(np.zeros((1, 5)))
    for level in (95.0, 0.0, 1.0):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            two_way_bootstrap(np.zeros((3, 5)), level=level)
    with pytest.raises(AlignmentError, match=r"clusters must have shape \(3,\).*got \(2,\)"):
        two_way_bootstrap(np.zeros((3, 5)), clusters=np.array([0, 1]))
    with pytest.raises(ConfigError, match="at least 1"):
        draw_resamples(3, 5, replicates=0)
    empty = Resamples(np.zeros((1, 1), dtype=int), np.zeros((1, 2), dtype=int))
    np.testing.assert_array_equal(bootstrap_means(np.array([[1.0, 3.0]]), empty), [1.0])
