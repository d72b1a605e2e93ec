"""A guess of the truth without true labels: how far labels that agree are doubted, and what it does as a control."""

import numpy as np
import pytest

import outlearn as ol
from outlearn.core.labelers.crossed_gain import Judged, true_gain
from outlearn.core.labelers.guessed_truth import DOUBT, guessed_truth

EXACT = 1e-12  # sums of a few numbers


@pytest.mark.parametrize(
    ("missed", "doubt"), [(0.2, 0.04), (0.1, 0.01), (0.0, 0.0025), (0.5, DOUBT), (None, DOUBT)], ids=str
)
def test_labels_that_all_agree_are_doubted_as_much_as_two_labelers_miss_at_once(missed, doubt):
    found = guessed_truth(np.eye(4)[[2, 0]], None, missed=missed)
    np.testing.assert_allclose(found[0], doubt / 4 + (1 - doubt) * np.eye(4)[2], atol=EXACT)


def test_where_nobody_said_anything_nothing_is_guessed_and_elsewhere_it_is_a_distribution():
    rng = np.random.default_rng(0)
    given = rng.dirichlet(np.ones(3), 50)
    given[7] = np.nan
    found = guessed_truth(given, rng.dirichlet(np.ones(3), 50), missed=0.2)
    assert np.isnan(found[7]).all()
    np.testing.assert_allclose(np.delete(found, 7, axis=0).sum(axis=1), 1.0, atol=EXACT)
    assert (np.delete(found, 7, axis=0) > 0).all()


def table(seed: int, n: int = 900) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three labelers that miss a truth which a line through the features tells."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 4)).astype(np.float32)
    truth = (features[:, 0] + 0.3 * features[:, 1] > 0).astype(int)
    return np.where(rng.random((3, n)) < 0.25, 1 - truth, truth), features, truth


def test_students_narrow_the_error_of_a_label_and_the_interval_still_holds_it():
    narrower, held = [], []
    for seed in range(12):
        labels, features, truth = table(seed)
        known = np.where(np.arange(len(truth)) < 150, truth, -1)
        alone, seen = (ol.preflight(labels, features=f, true_labels=known, seed=seed) for f in (None, features))
        narrower.append(np.diff([seen.truth.error.low, seen.truth.error.high])[0]
                        / np.diff([alone.truth.error.low, alone.truth.error.high])[0])  # fmt: skip
        held.append(seen.truth.error.low <= (labels != truth).mean() <= seen.truth.error.high)
        corrected = seen.rates.rates[0].corrected
        assert corrected.mean == pytest.approx(seen.truth.error.mean, abs=1e-6)  # the same number wherever it stands
    assert np.mean(narrower) < 0.97
    assert sum(held) >= 10


def test_a_guess_that_is_the_truth_leaves_only_what_all_points_tell_and_one_of_nothing_leaves_it_alone():
    labels, _, truth = table(0)
    known = np.where(np.arange(len(truth)) < 100, truth, -1)
    judged = Judged((1,), (np.eye(2)[labels[2]],), (np.eye(2)[labels[0]],))
    plain = true_gain(judged, labels, known)
    sure, flat = (true_gain(judged, labels, known, None, guess) for guess in (np.eye(2)[truth], np.full((900, 2), 0.5)))
    whole = (labels[2] == truth).mean() - (labels[0] == truth).mean()
    # Not all of it: the weight allows for what the table differs by from new points.
    assert abs(sure.value - whole) < abs(plain.value - whole) / 5
    assert sure.standard_error < plain.standard_error / 2
    assert flat.value == pytest.approx(plain.value, abs=1e-9)
