"""What calibration promises: shares that are matched, a prior that is divided out, labels that are fitted."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.log_space import log_normalise
from outlearn.errors import ConfigError
from outlearn.language_models.calibration import content_free, from_labels, matched_shares

EXACT = 1e-7
MATCHED = 2e-6  # what `match_class_means` promises


def scores(n_points: int = 500, n_classes: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_points, n_classes)) * 2


@pytest.mark.parametrize("shares", [None, (0.7, 0.2, 0.1)])
def test_mean_probabilities_are_the_shares_however_strong_the_model_s_preference(shares):
    biased = scores() + np.array([0.0, -25.0, 9.0])
    found = np.exp(log_normalise(biased + matched_shares(biased, shares)))
    np.testing.assert_allclose(found.mean(axis=0), shares or [1 / 3] * 3, atol=MATCHED)


def test_a_preference_for_words_does_not_matter_to_matched_shares():
    biased = scores() + np.array([3.0, -2.0, 0.0])
    np.testing.assert_allclose(
        log_normalise(biased + matched_shares(biased)), log_normalise(scores() + matched_shares(scores())), atol=1e-4
    )


@pytest.mark.parametrize("shares", [(0.5, 0.5), (1.0, 0.0, 0.0), (0.5, 0.5, 0.5)])
def test_shares_that_are_no_distribution_over_the_classes_are_refused(shares):
    with pytest.raises(ConfigError, match="expected one above 0 for each of 3 classes, of sum 1"):
        matched_shares(scores(), shares)


def test_what_is_said_of_nothing_is_divided_out():
    prior = np.log([0.9, 0.06, 0.04])
    evidence = scores()
    np.testing.assert_allclose(content_free(evidence + prior, prior[None]), log_normalise(evidence), atol=EXACT)


def test_the_mean_of_several_empty_inputs_is_that_of_probabilities():
    of_nothing = np.log([[0.8, 0.2], [0.4, 0.6]]) - 7.0
    np.testing.assert_allclose(np.exp(content_free(np.log([[0.6, 0.4]]), of_nothing)), [[0.5, 0.5]], atol=EXACT)


def test_a_scale_and_constants_are_found_from_labels():
    rng = np.random.default_rng(1)
    said = scores(4000)
    truth = np.exp(log_normalise(0.5 * said + np.array([1.0, 0.0, -1.0])))
    labels = (truth.cumsum(axis=1) < rng.random(len(truth))[:, None]).sum(axis=1)
    scale, constants = from_labels(said, labels)
    assert scale == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(constants, [1, 0, -1], atol=0.15)


def test_without_labels_nothing_is_changed():
    scale, constants = from_labels(np.empty((0, 3)), np.empty(0, dtype=int))
    assert scale == 1
    assert not constants.any()
