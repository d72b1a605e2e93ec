"""Coefficients of agreement against independent programs, and where they are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from outlearn.core.labelers.agreement_coefficients import COEFFICIENTS, agreement_coefficients

# Of four labelers, three classes and gaps, computed once with krippendorff 0.8 and irrCAC 0.4.
ROWS = (
    ".1....20000.2012.22122.02.2110..12222102",
    "2.221220.000201102.10.102..1..011.212.1.",
    "2122.220020..0..02.1202020211...12221222",
    ".12.12211002200.2.0100.0.021001110222110",
)
TABLE = np.array([[-1 if c == "." else int(c) for c in row] for row in ROWS])
FROM_ELSEWHERE = {
    "observed": 0.654166666667, "fleiss": 0.471905197439, "gwet": 0.485799469537, "krippendorff": 0.508460918614,
}  # fmt: skip


@pytest.mark.parametrize("name", FROM_ELSEWHERE)
def test_a_table_with_gaps_has_the_coefficients_of_other_programs(name):
    assert agreement_coefficients(TABLE, 3)[name].mean == pytest.approx(FROM_ELSEWHERE[name], abs=1e-9)


def test_cohens_kappa_is_scikit_learns_on_the_points_that_both_label():
    for i, j in ((0, 1), (1, 3), (2, 3)):
        both = (TABLE[[i, j]] >= 0).all(axis=0)
        expected = cohen_kappa_score(TABLE[i, both], TABLE[j, both])
        assert agreement_coefficients(TABLE[[i, j]], 3)["cohen"].mean == pytest.approx(expected, abs=1e-12)


def test_guesses_have_coefficients_near_0_equal_labels_1_and_one_class_none():
    rng = np.random.default_rng(0)
    guesses = agreement_coefficients(rng.integers(0, 3, (3, 4000)), 3)
    same = agreement_coefficients(np.tile(rng.integers(0, 3, 50), (3, 1)), 3)
    for name in COEFFICIENTS[1:]:
        assert guesses[name].low < 0 < guesses[name].high
        assert abs(guesses[name].mean) < 0.03
        assert same[name].mean == pytest.approx(1)
    alone = agreement_coefficients(np.zeros((2, 30), dtype=int), 2)
    assert np.isnan(alone["krippendorff"].mean)
    assert alone["gwet"].mean == pytest.approx(1)


def test_where_nearly_all_is_one_class_gwets_coefficient_stays_high_and_the_others_fall():
    """The paradox of kappa: 2 of 100 points differ and the rest are of one class."""
    first, second = np.zeros(100, dtype=int), np.zeros(100, dtype=int)
    first[0], second[1] = 1, 1
    found = agreement_coefficients(np.stack([first, second]), 2)
    assert found["observed"].mean == pytest.approx(0.98)
    assert found["fleiss"].mean < 0.01 < 0.97 < found["gwet"].mean


@pytest.mark.slow
def test_intervals_cover():
    """Of 100 tables of one process, the interval holds the value of a very large one in about 95."""
    rng = np.random.default_rng(1)

    def table(n: int) -> np.ndarray:
        truth = rng.integers(0, 2, n)
        return np.where(rng.random((3, n)) < 0.8, truth, 1 - truth)

    true = agreement_coefficients(table(400_000)[:, :100_000], 2)["krippendorff"].mean
    found = [agreement_coefficients(table(200), 2, seed=s)["krippendorff"] for s in range(100)]
    assert sum(each.low < true < each.high for each in found) >= 88  # 95 of 100: below 88 once in 300
