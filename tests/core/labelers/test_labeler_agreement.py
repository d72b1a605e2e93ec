"""Bounds from agreement that hold whatever the errors are, and the vote against enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outlearn.core.labelers.labeler_agreement import (
    agreement_of,
    chance_corrected,
    least_miss_rate,
    mean_disagreement,
    pair_table,
    plurality_accuracy,
)

EXACT = 1e-9  # float64, square roots of differences near 0


def distributions(classes: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, classes, elements=st.floats(0.01, 1)).map(lambda p: p / p.sum())


@given(st.integers(2, 5).flatmap(distributions))
def test_the_share_that_misses_the_most_frequent_answer_lies_between_the_bound_and_the_disagreement(p):
    disagreement = 1 - float(p @ p)
    assert least_miss_rate(disagreement, len(p)) <= 1 - p.max() + EXACT
    assert 1 - p.max() <= disagreement + EXACT


@given(st.integers(2, 6), st.floats(0.0, 1.0))
def test_the_bound_is_reached_exactly_where_the_other_classes_share_the_rest_evenly(classes, part):
    rate = part * (classes - 1) / classes
    p = np.array([1 - rate, *[rate / (classes - 1)] * (classes - 1)])
    assert least_miss_rate(1 - float(p @ p), classes) == pytest.approx(rate, abs=1e-7)
    if classes > 2 and 0.05 < rate < 0.3:
        uneven = np.array([1 - rate, rate, *[0.0] * (classes - 2)])
        assert least_miss_rate(1 - float(uneven @ uneven), classes) < rate - 1e-4


@given(st.lists(st.floats(0.0, 0.5), min_size=2, max_size=6))
def test_the_bound_holds_for_points_that_differ(rates):
    rates = np.array(rates)
    mean = float((2 * rates * (1 - rates)).mean())
    assert least_miss_rate(mean, 2) <= rates.mean() + EXACT
    assert rates.mean() <= mean + EXACT


@given(arrays(np.int64, (3, 30), elements=st.integers(0, 2)), arrays(np.int64, 30, elements=st.integers(0, 2)))
def test_the_mean_error_is_at_least_half_the_disagreement_whatever_the_truth(labels, truth):
    error = (labels != truth).mean()
    assert mean_disagreement(pair_table(labels)).value / 2 <= error + EXACT


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("labelers", [1, 2, 3, 4])
def test_the_vote_is_right_as_often_as_enumeration_says(classes, labelers):
    rate, total = 0.37, 0.0
    for votes in itertools.product(range(classes), repeat=labelers):
        chance = math.prod(1 - rate if vote == 0 else rate / (classes - 1) for vote in votes)
        counts = np.bincount(votes, minlength=classes)
        total += chance * (counts[0] == counts.max()) / (counts == counts.max()).sum()
    assert plurality_accuracy(labelers, rate, classes) == pytest.approx(total, abs=EXACT)


def test_agreement_is_over_the_points_that_both_label():
    first, second = np.array([0, 1, -1, 1, 0]), np.array([0, 0, 0, -1, 0])
    assert agreement_of(first, second).value == pytest.approx(2 / 3)
    assert agreement_of(first, second).n_points == 3


def test_labelers_that_share_no_point_make_no_pair():
    labels = np.array([[0, 1, -1, -1], [-1, -1, 0, 1], [0, 1, 0, 1]])
    assert set(pair_table(labels)) == {(0, 2), (1, 2)}


def test_uniform_guessing_is_corrected_to_nothing():
    grid = np.array(list(itertools.product(range(3), repeat=2)))
    assert chance_corrected(agreement_of(grid[:, 0], grid[:, 1]), 3).value == pytest.approx(0, abs=EXACT)
