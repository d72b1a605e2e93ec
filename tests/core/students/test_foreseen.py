"""The gain of the next true labels: exact where errors are a power of their number, and as sure as it says."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.intervals import Interval, Withheld
from outlearn.core.students.foreseen import PARTS, foreseen_gain, most_foreseen
from outlearn.errors import ConfigError

N = 100_000  # points: a share of them is exact to 1e-5


def right(error: float, n: int = N) -> np.ndarray:
    return (np.arange(n) >= round(error * n)).astype(float)


@pytest.mark.parametrize("power", [0.1, 0.5])
@pytest.mark.parametrize(("n_labels", "n_next"), [(80, 100), (100, 60), (80, 240)])
def test_it_is_exact_where_errors_fall_as_a_power_of_the_number_of_labels(power, n_labels, n_next):
    def error(n: float) -> float:
        return 0.9 * n**-power

    n_learned = 80
    quarters = np.stack([right(error(n_learned / 4))] * PARTS)
    found = foreseen_gain(quarters, right(error(n_learned)), n_learned=n_learned, n_labels=n_labels, n_next=n_next)
    assert found.mean == pytest.approx(error(n_labels) - error(n_labels + n_next), abs=1e-4)


def test_its_interval_is_that_of_the_delta_method():
    """Against the spread of the gain over fresh draws of points and of quarters."""
    rng = np.random.default_rng(0)
    n, hard = 400, 0.5

    def drawn() -> tuple[np.ndarray, np.ndarray]:
        difficulty = rng.random(n)  # points that are hard for one answer are hard for all
        level = 0.24 + 0.03 * rng.standard_normal(PARTS)
        whole = difficulty + hard * rng.random(n) > 2 * 0.15
        return (difficulty + hard * rng.random((PARTS, n)) > 2 * level[:, None]).astype(float), whole.astype(float)

    sets = [drawn() for _ in range(400)]
    found = [foreseen_gain(*each, n_learned=100, n_labels=100, n_next=150) for each in sets]
    means = np.array([each.mean for each in found])
    luck = [
        np.var(q.mean(axis=1), ddof=1) * ((1 - w.mean()) / (1 - q.mean())) ** 2 * (100 / 4) * (1 / 100 + 1 / 250)
        for q, w in sets
    ]
    delta = np.sqrt([each.standard_error**2 - more for each, more in zip(found, luck, strict=True)])
    assert np.median(delta) == pytest.approx(means.std(), rel=0.2)
    assert np.mean([each.low <= means.mean() <= each.high for each in found]) > 0.97  # luck of the draw comes on top


def test_it_is_no_gain_where_all_labels_do_no_better_than_a_quarter():
    rng = np.random.default_rng(1)
    quarters, whole = (rng.random((PARTS, 500)) > 0.2).astype(float), (rng.random(500) > 0.2).astype(float)
    found = foreseen_gain(quarters, whole, n_learned=60, n_labels=60, n_next=100)
    assert isinstance(found, Interval)
    assert found.low < 0 < found.high


def test_it_is_carried_no_farther_than_it_was_measured_and_says_where_nothing_can_be_told():
    quarters = np.stack([right(0.2, 50)] * PARTS)
    assert most_foreseen(80, 60) == 160
    assert isinstance(foreseen_gain(quarters, right(0.1, 50), n_learned=60, n_labels=80, n_next=160), Interval)
    far = foreseen_gain(quarters, right(0.1, 50), n_learned=60, n_labels=80, n_next=161)
    assert isinstance(far, Withheld)
    assert "80 true labels tell of at most 160 more, and 161 are meant" in far.reason
    none = foreseen_gain(quarters, right(0.0, 50), n_learned=60, n_labels=60, n_next=10)
    assert isinstance(none, Withheld)
    assert "no point is answered wrong" in none.reason
    with pytest.raises(ConfigError, match="3 students of parts"):
        foreseen_gain(quarters[:3], right(0.1, 50), n_learned=60, n_labels=60, n_next=10)
