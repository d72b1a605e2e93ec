"""Spellings and refusals that became classes are not advised to be trained on; three labels are no error."""

from __future__ import annotations

import numpy as np
import pytest

import outlearn as ol

RNG = np.random.default_rng(0)
POINTS = 600
TRUTH = RNG.integers(0, 2, POINTS)
FEATURES = RNG.normal(size=(POINTS, 6)) + TRUTH[:, None]
VOTES = np.where(RNG.random((3, POINTS)) < 0.2, 1 - TRUTH, TRUTH)
NAMES = ("neg", "pos", "posit", "postive", "positive sentiment", "is positive", "unknown")
SPELLED = np.where(VOTES == 1, 1 + RNG.integers(0, 5, VOTES.shape), 0)


def test_seven_classes_of_which_five_are_one_are_not_advised_to_be_trained_on():
    labels = np.where(RNG.random(VOTES.shape) < 0.05, 6, SPELLED)
    report = ol.preflight(labels, features=FEATURES, class_names=NAMES)
    assert report.verdict.key == "classes not told apart"
    assert "Train" not in str(report.verdict)
    assert all(repr(name) in " ".join(report.verdict.advice) for name in NAMES[1:6])


def test_written_in_one_way_as_advised_they_are_advised_to_be_trained_on():
    report = ol.preflight(VOTES, features=FEATURES, class_names=NAMES[:2])
    assert report.verdict.key in ("gain", "gain unless shared bias")


def test_true_labels_decide_and_a_class_that_is_never_true_is_named():
    labels = np.where(RNG.random(VOTES.shape) < 0.1, 2, VOTES)
    report = ol.preflight(labels, features=FEATURES, true_labels=TRUTH, class_names=("no", "yes", "I cannot say"))
    assert report.verdict.key == "gain"
    assert any("'I cannot say' is the true label of none of 600 points" in line for line in report.warnings)


@pytest.mark.parametrize("labeled", [(10, 301, 405), (3, 4, 5)])
def test_a_labeler_of_three_labels_among_full_ones_is_left_out_of_what_is_judged(labeled):
    labels = np.vstack([VOTES, np.full(POINTS, -1)])
    labels[3, labeled] = (0, 1, 0)
    report = ol.preflight(labels, features=FEATURES, names=("a", "b", "c", "few"))
    assert report.verdict.key in ("gain", "gain unless shared bias")
    assert any(line.startswith("few: fewer than 20 labels") for line in report.warnings)
