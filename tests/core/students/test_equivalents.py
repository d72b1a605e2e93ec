"""True-label equivalents: where a curve over true labels crosses the accuracy of weak-label students."""

import numpy as np
import pytest

from outlearn.core.students.equivalents import smoothed_curve, true_label_equivalent
from outlearn.errors import AlignmentError

SIZES = np.array([25, 50, 100, 200])
N_POINTS = 2000


def marks(rng: np.random.Generator, share: float, rows: int = 1, spread: float = 0.0) -> np.ndarray:
    skill = share + spread * rng.standard_normal((rows, 1))
    return (rng.random((rows, N_POINTS)) < skill).astype(float)


def curve(rng: np.random.Generator, draws: int = 5, spread: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy .6, .7, .8, .9: linear in log n, so that .75 is worth 50 sqrt(2) labels."""
    rows = [marks(rng, 0.6 + 0.1 * k, draws, spread) for k in range(4)]
    return np.concatenate(rows), np.repeat(SIZES, draws)


def found(student: np.ndarray, of: tuple[np.ndarray, np.ndarray], level: float = 0.95):
    return true_label_equivalent(student, *of, clusters=np.arange(len(student)), level=level)


def test_the_curve_is_read_on_a_logarithmic_scale():
    exact = np.repeat(np.arange(4)[:, None], 10, axis=1) / 10 + 0.6  # accuracies themselves, without noise
    got = true_label_equivalent(np.full((1, 10), 0.75), exact, SIZES, clusters=np.array([0]))
    assert got.labels == pytest.approx(50 * np.sqrt(2))
    assert got.low is None or got.low < got.labels  # ten points that do not vary are no certainty
    assert got.high is None or got.high > got.labels


def test_two_models_that_are_right_at_the_same_points_are_not_known_to_be_equal():
    """No point of 36 told them apart: a tenth of all points may, so that the interval is no single number."""
    right = np.ones((1, 36))
    worse = np.concatenate([np.zeros((1, 9)), np.ones((1, 27))], axis=1)
    got = true_label_equivalent(right, np.concatenate([worse, right]), np.array([25, 50]), clusters=np.array([0]))
    assert got.labels == pytest.approx(50)
    assert got.low is not None
    assert got.low < 50
    assert got.high is None


def test_the_interval_covers_the_truth():
    """Students of .75 with teachers and draws that differ: 95% of the intervals hold 50 sqrt(2), give or take."""
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        got = found(marks(rng, 0.75, rows=8, spread=0.02), curve(rng, spread=0.02))
        inside += (got.low or 0.0) <= 50 * np.sqrt(2) <= (got.high or np.inf)
    assert inside >= 90


@pytest.mark.parametrize(
    ("share", "labels", "beyond", "low", "high"),
    [(0.97, None, "more", 200.0, None), (0.5, None, "fewer", None, 25.0)],
)
def test_beyond_the_curve_its_end_is_named(share, labels, beyond, low, high):
    rng = np.random.default_rng(0)
    got = found(marks(rng, share, rows=4), curve(rng))
    assert (got.labels, got.beyond, got.low, got.high) == (labels, beyond, low, high)


def test_a_student_near_the_end_of_the_curve_has_an_open_interval():
    rng = np.random.default_rng(1)
    got = found(marks(rng, 0.9, rows=4, spread=0.02), curve(rng, spread=0.02))
    assert got.high is None
    assert got.low is not None
    assert 100 < got.low < 200


def test_a_curve_that_falls_by_chance_is_made_monotone():
    right = np.repeat(np.array([0.5, 0.9, 0.7, 0.95])[:, None], 6, axis=1)
    np.testing.assert_allclose(smoothed_curve(right, SIZES), [0.5, 0.8, 0.8, 0.95])


def test_one_size_is_no_curve_and_few_points_give_no_interval():
    with pytest.raises(AlignmentError, match="two sizes"):
        true_label_equivalent(np.ones((1, 9)), np.ones((2, 9)), np.array([25, 25]), clusters=np.array([0]))
    few = true_label_equivalent(
        np.full((1, 3), 0.7), np.array([[0.6] * 3, [0.8] * 3]), np.array([25, 100]), clusters=np.array([0])
    )
    assert few.labels == pytest.approx(50)
    assert few.reason == "too few test points to tell a spread"
