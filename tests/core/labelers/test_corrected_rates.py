"""Rates corrected by few true labels: against the formulas of their papers, by hand, and by what intervals hold."""

import numpy as np
import pytest

from outlearn.core.labelers.corrected_rates import difference_between_segments, prediction_powered, rogan_gladen

EXACT = 1e-9
MANY = 4.0


def world(n=4000, few=150, share=0.3, errors=(0.1, 0.2), seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < share).astype(float)
    said = np.where(rng.random(n) < np.where(truth == 1, errors[1], errors[0]), 1 - truth, truth)
    known = np.full(n, np.nan)
    at = rng.permutation(n)[:few]
    known[at] = truth[at]
    return truth, said, known


def test_prediction_powered_is_the_formula_of_ppi_plus_plus_on_the_points_without_truth():
    """theta = mean_few(y) - w (mean_few(f) - mean_rest(f)), w = cov(y, f) / ((1 + n / N) var(f))."""
    _, said, known = world()
    few = ~np.isnan(known)
    found = prediction_powered(known, said, np.full(len(said), True))
    y, f, rest = known[few], said[few], said[~few]
    spread = (len(y) * rest.var() + len(rest) * f.var()) / len(said)  # they pool it in another way
    weight = np.cov(y, f, ddof=0)[0, 1] / ((1 + len(y) / len(rest)) * spread)
    by_hand = y.mean() - weight * (f.mean() - rest.mean())
    assert found.value == pytest.approx(by_hand, abs=1e-6)
    error = np.sqrt(np.var(y - weight * f, ddof=1) / len(y) + weight**2 * rest.var() / len(rest))
    assert found.standard_error == pytest.approx(error, rel=0.03)


def test_labels_that_say_nothing_change_nothing():
    truth, _, known = world()
    alone = known[~np.isnan(known)]
    for said in (np.full(len(truth), 0.5), np.full(len(truth), np.nan)):
        found = prediction_powered(known, said, np.full(len(truth), True), ends=())
        assert found.value == pytest.approx(alone.mean(), abs=EXACT)
        assert found.standard_error == pytest.approx(alone.std(ddof=1) / np.sqrt(len(alone)), rel=1e-6)


def test_rogan_and_gladen_by_hand_with_the_uncertainty_of_all_three_shares():
    """Sensitivity 180/200, specificity 240/300, said of 2,000 points 900: (0.45 - 0.2) / (0.9 - 0.2)."""
    true = np.array([1.0] * 200 + [0.0] * 300 + [np.nan] * 1500)
    said = np.array([1.0] * 180 + [0.0] * 20 + [1.0] * 60 + [0.0] * 240 + [1.0] * 660 + [0.0] * 840)
    found = rogan_gladen(true, said, np.full(2000, True))
    share = 0.25 / 0.7
    assert found.value == pytest.approx(share, abs=EXACT)
    # Were the three shares of different points: var q + share^2 var b + (1 - share)^2 var a, over (b - a)^2.
    apart = 0.45 * 0.55 / 2000 + share**2 * 0.9 * 0.1 / 200 + (1 - share) ** 2 * 0.2 * 0.8 / 300
    # They share points. The covariances of q with b and a take 2 (share 0.09 + (1 - share) 0.16) / 2,000 off.
    together = apart - 2 * (share * 0.09 + (1 - share) * 0.16) / 2000
    # Half a point more at either end of each share: (1 - mean)^2 + mean^2 over its points squared.
    unseen = (0.45**2 + 0.55**2) / 2000**2 + share**2 * (0.9**2 + 0.1**2) / 200**2
    unseen += (1 - share) ** 2 * (0.2**2 + 0.8**2) / 300**2
    small = np.sqrt(found.n_points / (found.n_points - 1))
    assert found.standard_error == pytest.approx(small * np.sqrt(together + unseen / 2) / 0.7, rel=1e-6)
    assert 200 < found.n_points < 2000  # Satterthwaite's degrees of freedom: between the scarcest and the most


def test_rogan_and_gladen_holds_where_true_labels_were_drawn_by_their_truth_and_ppi_does_not():
    rng = np.random.default_rng(0)
    truth, said, _ = world(n=20_000)
    at = np.concatenate([rng.permutation(np.flatnonzero(truth == k))[:400] for k in (0, 1)])
    known = np.full(len(truth), np.nan)
    known[at] = truth[at]
    everywhere = np.full(len(truth), True)
    by_classes, powered = rogan_gladen(known, said, everywhere), prediction_powered(known, said, everywhere)
    assert abs(by_classes.value - truth.mean()) < MANY * by_classes.standard_error
    assert abs(powered.value - truth.mean()) > MANY * powered.standard_error


def test_rogan_and_gladen_is_refused_where_labels_do_not_tell_the_two_apart():
    true = np.array([1.0, 1, 1, 0, 0, 0, np.nan])
    assert rogan_gladen(true, np.array([1.0, 0, 1, 1, 0, 1, 1]), np.full(7, True)) is None
    assert rogan_gladen(np.array([1.0, 1, np.nan]), np.array([1.0, 0, 1]), np.full(3, True)) is None


def test_segments_differ_by_chance_one_time_in_twenty_and_always_where_they_do():
    rng = np.random.default_rng(0)
    rejected = 0
    segments = np.repeat([0, 1, 2], [20, 60, 120])
    for seed in range(100):
        alike = (rng.random(200) < 0.1).astype(float)
        rejected += difference_between_segments(alike, segments, seed=seed) < 0.05
    assert rejected <= 12  # of 100 at 5%: more once in 400
    apart = (rng.random(200) < np.where(segments == 0, 0.5, 0.05)).astype(float)
    assert difference_between_segments(apart, segments, seed=0) < 0.01
    assert difference_between_segments(np.zeros(200), segments, seed=0) == 1.0
