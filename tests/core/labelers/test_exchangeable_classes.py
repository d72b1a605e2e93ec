"""Classes that are one under several names are found, and classes that labelers tell apart are not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from outlearn.core.labelers.exchangeable_classes import exchangeable_classes, kappa_within

POINTS = 500


def votes(
    rng: np.random.Generator, n_classes: int, *, error: float = 0.2, labelers: int = 3, points: int = POINTS
) -> np.ndarray:
    truth = rng.integers(0, n_classes, points)
    wrong = rng.integers(0, n_classes, (labelers, points))
    return np.where(rng.random((labelers, points)) < error, wrong, truth)


def test_kappa_of_two_labelers_with_equal_shares_is_scotts_pi_and_near_cohens():
    rng = np.random.default_rng(0)
    labels = votes(rng, 3, labelers=2)
    agreed = (labels[0] == labels[1]).mean()
    shares = np.bincount(labels.ravel(), minlength=3) / labels.size
    chance = (shares**2).sum()
    found = kappa_within(labels, (0, 1, 2))
    assert found.value == pytest.approx((agreed - chance) / (1 - chance), abs=1e-12)
    assert found.value == pytest.approx(cohen_kappa_score(*labels), abs=0.01)


def test_its_interval_covers_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 300)
        names = np.array([1, 2])[rng.integers(0, 2, (3, 300))]
        interval = kappa_within(np.where(truth, names, 0), (1, 2)).interval()
        covered += interval.low <= 0 <= interval.high
    assert 0.90 * 200 <= covered <= 0.99 * 200


@pytest.mark.parametrize("names", [2, 3, 5])
def test_several_names_of_one_class_are_found_together(names):
    rng = np.random.default_rng(1)
    two = votes(rng, 2)
    spelled = np.where(two == 1, 1 + rng.integers(0, names, two.shape), 0)
    assert [each.classes for each in exchangeable_classes(spelled, names + 1)] == [tuple(range(1, names + 1))]


def test_a_labeler_with_a_name_of_its_own_is_found():
    two = votes(np.random.default_rng(2), 2)
    two[2][two[2] == 1] = 2
    assert [each.classes for each in exchangeable_classes(two, 3)] == [(1, 2)]


def test_a_refusal_beside_answers_is_found_with_one_of_them():
    rng = np.random.default_rng(3)
    labels = votes(rng, 2, points=2000)
    labels[rng.random(labels.shape) < 0.1] = 2
    found = exchangeable_classes(labels, 3)
    assert len(found) == 1
    assert 2 in found[0].classes


@pytest.mark.parametrize(("n_classes", "error"), [(3, 0.5), (7, 0.5), (4, 0.2)])
def test_classes_that_weak_labelers_tell_apart_are_left_alone(n_classes, error):
    for seed in range(20):
        assert exchangeable_classes(votes(np.random.default_rng(seed), n_classes, error=error), n_classes) == ()


def test_labelers_that_agree_on_nothing_are_another_finding():
    labels = np.random.default_rng(4).integers(0, 3, (3, POINTS))
    assert all(len(each.classes) < 3 for each in exchangeable_classes(labels, 3))
    assert kappa_within(labels[:, :10], (0, 1)) is None
