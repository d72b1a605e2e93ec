"""Class shares counted on few labels that somebody drew: what the points say of them is heard, a prejudice is not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import outlearn as ol
from outlearn.core.predictions import Predictions
from outlearn.selection.class_shares import shares_of_labels
from outlearn.selection.known_shares import best_known_shares, moved_to_points

SHARES = np.array([0.2, 0.3, 0.5])
CENTRES = 4.0 * np.eye(3, 8)


def drawn(rng, n, apart=1.0):
    y = rng.choice(3, n, p=SHARES)
    return (apart * CENTRES[y] + rng.normal(size=(n, 8))).astype(np.float32), y


def test_shares_of_few_labels_come_nearer_to_those_of_the_points():
    """Each of twenty draws of 40 labels; two teachers are fitted to them."""
    apart = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        (few, known), (points, y) = drawn(rng, 40), drawn(rng, 300)
        fits = [LogisticRegression().fit(few[:, columns], known) for columns in (slice(0, 4), slice(1, 8))]
        said = [fit.predict_proba(points[:, c]) for fit, c in zip(fits, (slice(0, 4), slice(1, 8)), strict=True)]
        counted = shares_of_labels(np.bincount(known, minlength=3).astype(float))
        found = moved_to_points(counted, Predictions.from_probs(np.stack(said)), points)
        assert (found.source, found.counted) == ("training_labels", 40)
        true = np.bincount(y, minlength=3) / len(y)
        apart.append([np.abs(each.values - true).sum() for each in (found, counted)])
    found_apart, counted_apart = np.mean(apart, axis=0)
    assert found_apart < 0.6 * counted_apart


def test_labelers_that_never_name_a_class_do_not_take_it_away():
    rng = np.random.default_rng(0)
    points, y = drawn(rng, 300, apart=0.3)
    blind = np.full((2, 300, 3), 0.02)
    blind[:, np.arange(300), np.where(y == 0, 2, y)] = 0.96
    counted = shares_of_labels(np.array([80.0, 120.0, 200.0]))
    found = moved_to_points(counted, Predictions.from_probs(blind), points)
    np.testing.assert_allclose(found.values, counted.values, atol=0.02)


@pytest.mark.parametrize("drawn_by_chance", [False, True])
def test_labels_in_the_points_own_proportion_are_left_alone(drawn_by_chance):
    points, y = drawn(np.random.default_rng(0), 300)
    who = Predictions.from_probs(0.9 * np.eye(3)[y][None].repeat(2, axis=0) + 0.1 / 3)
    counts = np.array([10, 11, 15])
    found = best_known_shares(counts, [], who, points, drawn=drawn_by_chance).values
    assert np.allclose(found, (counts + 1) / 39) != drawn_by_chance


def test_an_estimator_hears_its_unlabeled_points_and_counts_where_all_are_labeled():
    rng = np.random.default_rng(1)
    x, y = drawn(rng, 400)
    few = np.concatenate([np.flatnonzero(y == k)[:n] for k, n in enumerate((10, 11, 15))])
    known = np.full(len(y), -1)
    known[few] = y[few]
    found = ol.WeakToStrongClassifier(loss="auto", n_teachers=2, random_state=0).fit(x, known).choice_.facts.shares
    rest = np.bincount(y[known < 0], minlength=3) / (known < 0).sum()
    assert np.abs(found - rest).sum() < 0.5 * np.abs((np.array([10, 11, 15]) + 1) / 39 - rest).sum()
    whole = ol.WeakToStrongClassifier(loss="auto", n_teachers=2, random_state=0).fit(x, y).choice_.facts.shares
    np.testing.assert_allclose(whole, (np.bincount(y) + 1) / (len(y) + 3))
