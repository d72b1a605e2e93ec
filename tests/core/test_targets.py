"""A target is read as what it says it is; what could be two things is refused, and so is an infinite risk."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.predictions import Predictions
from outlearn.core.targets import read_target
from outlearn.errors import AlignmentError, ConfigError, DomainError, ShapeError


@pytest.fixture
def predictions() -> Predictions:
    return Predictions.from_logits(np.random.default_rng(0).normal(size=(4, 3, 2)))


def test_labels_are_one_hot_rows_of_one_draw(predictions):
    target = read_target(np.array([1, 0, 1]), predictions)
    np.testing.assert_array_equal(target.probs, [[[0, 1], [1, 0], [0, 1]]])
    assert target.n_draws == 1


def test_a_distribution_is_the_target_itself(predictions):
    share = np.array([[0.3, 0.7], [1.0, 0.0], [0.5, 0.5]])
    target = read_target(share, predictions)
    np.testing.assert_allclose(target.probs[0], share, rtol=1e-15)
    assert np.all(bias_variance(share, predictions).noise == 0)


def test_draws_of_labels_and_of_distributions_are_kept_apart(predictions):
    labels = np.array([[1, 0, 1], [0, 0, 1]])
    assert read_target(labels, predictions, draws=True).n_draws == 2
    rows = np.eye(2)[labels]
    np.testing.assert_array_equal(
        read_target(rows, predictions).probs, read_target(labels, predictions, draws=True).probs
    )
    assert read_target(rows.astype(int), predictions).n_draws == 2  # three axes can only be draws


def test_noise_of_label_draws_is_the_entropy_of_their_shares(predictions):
    labels = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 0], [1, 0, 1]])
    noise = bias_variance(labels, predictions, draws=True).noise
    # By hand: shares 3/4, 0, 3/4.
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    np.testing.assert_allclose(noise, [entropy, 0.0, entropy], rtol=1e-14)


def test_two_dimensional_integers_need_draws_said(predictions):
    for ambiguous in (np.array([[1, 0, 1], [0, 0, 1]]), np.array([[1, 0], [0, 1], [0, 1]])):
        with pytest.raises(ShapeError, match=r"ambiguous.*draws=True"):
            read_target(ambiguous, predictions)


@pytest.mark.parametrize(
    ("target", "draws"),
    [
        (np.array([0, 1]), False),  # other points
        (np.array([[0, 1]]), True),
        (np.array([0, 1, 1]), True),  # said to be draws, and is not
        (np.array([[0.5, 0.5]] * 3), True),
        (np.array([0.0, 1.0, 1.0]), False),  # labels must be integers
        (np.full((3, 3), 1 / 3), False),  # other classes
        (np.full((2, 2, 2), 0.5), False),
        (np.zeros((0, 3, 2)), False),
    ],
)
def test_shapes_that_do_not_fit_are_refused(predictions, target, draws):
    with pytest.raises(ShapeError, match="shape"):
        read_target(target, predictions, draws=draws)


def test_values_that_are_no_targets_are_refused_by_place(predictions):
    with pytest.raises(DomainError, match=r"classes 0 to 1 .* target\[2\] is 2"):
        read_target(np.array([0, 1, 2]), predictions)
    with pytest.raises(DomainError, match=r"target\[1, 0\] is -1"):
        read_target(np.array([[0, 1, 1], [-1, 0, 0]]), predictions, draws=True)
    with pytest.raises(DomainError, match=r"target is not a distribution: .* row \[0, 1\] sums to 0.9"):
        read_target(np.array([[0.5, 0.5], [0.5, 0.4], [0.5, 0.5]]), predictions)
    with pytest.raises(DomainError, match="dtype bool"):
        read_target(np.array([True, False, True]), predictions)


def test_predictions_of_one_model_are_a_target_in_log_space(predictions):
    certain = Predictions.from_logits(np.array([[1000.0, 0.0]] * 3))
    bv = bias_variance(certain, predictions, order="prediction_first")  # log 0 never formed: about 1000 p
    assert np.isfinite(bv.total).all()
    with pytest.raises(ShapeError, match="4"):
        read_target(predictions, predictions)
    assert read_target(predictions, predictions, draws=True).n_draws == 4
    elsewhere = Predictions.from_logits(np.zeros((3, 2)), point_ids=np.array([4, 5, 6]))
    with pytest.raises(AlignmentError, match="select"):
        read_target(elsewhere, predictions)


@pytest.mark.parametrize("generator", ["negative_entropy", "generalized_kl", "binary_entropy"])
def test_labels_with_prediction_first_are_refused_because_the_risk_is_infinite(predictions, generator):
    with pytest.raises(DomainError, match=r"infinite under .*order='target_first'.*soft target"):
        bias_variance(np.array([0, 1, 1]), predictions, generator=generator, order="prediction_first")


def test_labels_with_prediction_first_are_measured_where_the_risk_is_finite(predictions):
    bv = bias_variance(np.array([0, 1, 1]), predictions, generator="squared_euclidean", order="prediction_first")
    one_hot = np.eye(2)[[0, 1, 1]]
    np.testing.assert_allclose(bv.total, ((predictions.probs - one_hot) ** 2).sum(axis=-1).mean(axis=0))
    certain = Predictions.from_probs(np.eye(2)[[[0, 1, 1]]])  # all models zero where the target is: 0 log 0/0 = 0
    np.testing.assert_array_equal(bias_variance(np.array([0, 1, 1]), certain, order="prediction_first").total, 0.0)


def test_an_order_that_is_none_says_what_both_mean(predictions):
    with pytest.raises(ConfigError, match=r"D\(target, prediction\).*D\(prediction, target\)"):
        bias_variance(np.array([0, 1, 1]), predictions, order="forward")
