"""Dawid-Skene: EM climbs, finds known confusions, is Bayes' rule given them; and where it fails."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from outlearn.core.labelers.dawid_skene import dawid_skene
from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError, ConfigError


def votes(labels, n_classes):
    return Predictions.from_probs(np.eye(n_classes)[np.asarray(labels)])


def simulated(confusion, shares, n_points, seed):
    rng = np.random.default_rng(seed)
    truth = rng.choice(len(shares), n_points, p=shares)
    u = rng.random((len(confusion), n_points))
    labels = np.stack([(u[i][:, None] > c.cumsum(axis=1)[truth][:, :-1]).sum(axis=1) for i, c in enumerate(confusion)])
    return truth, labels


CONFUSION = np.array(
    [
        [[0.90, 0.05, 0.05], [0.20, 0.70, 0.10], [0.10, 0.10, 0.80]],
        [[0.60, 0.30, 0.10], [0.05, 0.90, 0.05], [0.30, 0.10, 0.60]],
        [[0.80, 0.10, 0.10], [0.10, 0.80, 0.10], [0.30, 0.00, 0.70]],
        [[0.70, 0.20, 0.10], [0.25, 0.50, 0.25], [0.05, 0.05, 0.90]],
        [[0.50, 0.25, 0.25], [0.25, 0.50, 0.25], [0.25, 0.25, 0.50]],
    ]
)
SHARES = np.array([0.5, 0.3, 0.2])


def test_it_finds_the_confusions_and_shares_of_independent_labelers():
    _, labels = simulated(CONFUSION, SHARES, 20000, seed=0)
    found = dawid_skene(votes(labels, 3))
    assert found.converged
    # Standard errors are about sqrt(.25 / (20000 * .2)) = .008, more where classes are confused.
    np.testing.assert_allclose(np.exp(found.log_confusion), CONFUSION, atol=0.04)
    np.testing.assert_allclose(np.exp(found.log_shares), SHARES, atol=0.02)


def test_combining_is_bayes_rule_given_the_confusions():
    _, labels = simulated(CONFUSION, SHARES, 500, seed=1)
    found = dawid_skene(votes(labels, 3))
    pi, c = np.exp(found.log_shares), np.exp(found.log_confusion)
    patterns = np.array(list(itertools.product(range(3), repeat=5))).T
    joint = np.array([[pi[k] * np.prod(c[range(5), k, said]) for k in range(3)] for said in patterns.T])
    np.testing.assert_allclose(
        found.combine(votes(patterns, 3)).probs[0], joint / joint.sum(axis=1, keepdims=True), atol=1e-12
    )


@pytest.mark.parametrize("smoothing", [0.0, 1.0, 5.0])
def test_every_round_raises_the_penalised_likelihood(smoothing):
    for seed in range(5):
        _, labels = simulated(CONFUSION, SHARES, 60, seed)
        objective = dawid_skene(votes(labels, 3), smoothing=smoothing).objective
        assert np.diff(objective).min() > -1e-12


def test_a_round_is_expectation_and_maximisation_written_as_loops():
    _, labels = simulated(CONFUSION, SHARES, 40, seed=2)
    found = dawid_skene(votes(labels, 3))
    belief = found.combine(votes(labels, 3)).probs[0]
    again = np.full((5, 3, 3), 1 / 3)
    for i, k, x in itertools.product(range(5), range(3), range(40)):
        again[i, k, labels[i, x]] += belief[x, k]
    again /= again.sum(axis=-1, keepdims=True)
    # At the end a further round changes nothing but what the stopping rule leaves.
    np.testing.assert_allclose(again, np.exp(found.log_confusion), atol=1e-3)
    np.testing.assert_allclose(belief.mean(axis=0), np.exp(found.log_shares), atol=1e-3)


def test_it_beats_the_vote_where_labelers_err_by_class_and_strength():
    truth, labels = simulated(CONFUSION, SHARES, 5000, seed=3)
    teachers = votes(labels, 3)
    vote = (teachers.mean().log_probs[0].argmax(axis=-1) == truth).mean()
    found = (dawid_skene(teachers).combine(teachers).log_probs[0].argmax(axis=-1) == truth).mean()
    assert found > vote + 0.01


def test_labelers_that_err_together_are_taken_for_one_that_knows():
    # Four of seven repeat one opinion of accuracy .6; three independent ones are right in .8 of the cases.
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 3000)
    copied = np.where(rng.random(3000) < 0.6, truth, 1 - truth)
    own = np.where(rng.random((3, 3000)) < 0.8, truth, 1 - truth)
    teachers = votes(np.concatenate([np.tile(copied, (4, 1)), own]), 2)
    combined = dawid_skene(teachers).combine(teachers).probs[0]
    np.testing.assert_array_equal(combined.argmax(axis=-1), copied)
    assert (combined.max(axis=-1) > 0.99).all()  # sure, and wrong in .4 of the cases


def test_a_class_that_nobody_names_stays_possible_only_with_smoothing():
    labels = np.random.default_rng(0).integers(0, 2, (3, 30))
    assert np.isneginf(dawid_skene(votes(labels, 3), smoothing=0.0).combine(votes(labels, 3)).log_probs[..., 2]).all()
    with_smoothing = dawid_skene(votes(labels, 3))
    assert np.isfinite(with_smoothing.log_confusion).all()


def test_one_or_two_labelers_are_repeated_and_it_says_what_is_untold():
    labels = np.random.default_rng(0).integers(0, 2, (1, 50))
    alone = dawid_skene(votes(labels, 2))
    assert "three" in alone.reason
    np.testing.assert_array_equal(alone.combine(votes(labels, 2)).log_probs[0].argmax(axis=-1), labels[0])
    assert dawid_skene(votes(simulated(CONFUSION, SHARES, 50, 0)[1], 3)).reason is None


def test_it_refuses_other_labelers_and_negative_smoothing():
    found = dawid_skene(votes(np.zeros((3, 5), int), 2))
    with pytest.raises(AlignmentError, match="3 labelers and 2 classes; got predictions of 2 and 2"):
        found.combine(votes(np.zeros((2, 5), int), 2))
    with pytest.raises(ConfigError, match="smoothing is -1"):
        dawid_skene(votes(np.zeros((3, 5), int), 2), smoothing=-1.0)


def test_points_that_nobody_labels_have_the_class_shares_and_teach_nothing():
    _, labels = simulated(CONFUSION, SHARES, 400, seed=0)
    probs = np.eye(3)[labels]
    longer = np.concatenate([probs, np.full((5, 100, 3), 1 / 3)], axis=1)
    found = dawid_skene(Predictions.from_probs(longer))
    np.testing.assert_allclose(found.combine(Predictions.from_probs(longer)).log_probs[0, -1], found.log_shares)
    # Same likelihood of the labels, so the same confusions up to what the stopping rule leaves.
    np.testing.assert_allclose(
        np.exp(found.log_confusion), np.exp(dawid_skene(Predictions.from_probs(probs)).log_confusion), atol=1e-3
    )
