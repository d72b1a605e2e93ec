"""Weights from agreement: exact under independence, optimal for even errors, and where they fail."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from outlearn.core.labelers.teacher_weights import teacher_weights
from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError

FIT = 1e-7  # coordinate descent stops at steps of 1e-10


def votes(labels, n_classes):
    return Predictions.from_probs(np.eye(n_classes)[np.asarray(labels)])


def independent_population(answers, class_counts):
    """Enumerate a population in which teachers are exactly independent given the truth.

    answers: for each teacher and true class, the equally likely answers (a list of labels).
    """
    truth, labels = [], []
    for k, count in enumerate(class_counts):
        for _ in range(count):
            for combination in itertools.product(*(teacher[k] for teacher in answers)):
                truth.append(k)
                labels.append(combination)
    return np.array(truth), np.array(labels).T


def test_two_classes_any_errors_any_shares_the_correlations_are_rank_one_and_tell_the_truths():
    # Four teachers with unequal errors on both classes, true shares 1:3.
    answers = [
        ([0, 0, 0, 1], [1, 1, 1, 0]),
        ([0, 0, 1], [1, 1, 1, 1]),
        ([0, 1], [1, 1, 1, 0]),
        ([0, 0, 0], [1, 0, 0]),
    ]
    truth, labels = independent_population(
        [tuple(np.resize(a, 12).tolist()[: len(a)] for a in teacher) for teacher in answers], (1, 3)
    )
    # Answers of one teacher may differ in number between classes, so weigh the classes equally by repetition.
    of_zero, of_one = (truth == 0).sum(), (truth == 1).sum()
    repeats = np.where(truth == 0, of_one, 3 * of_zero) // np.gcd(of_one, 3 * of_zero)
    truth, labels = truth.repeat(repeats), labels.repeat(repeats, axis=1)
    expected = np.array([matthews_corrcoef(truth, teacher) for teacher in labels])
    found = teacher_weights(votes(labels, 2))
    np.testing.assert_allclose(found.quality, expected, atol=FIT)
    assert found.misfit < FIT


def test_several_classes_knowing_or_guessing_the_correlations_are_rank_one_and_tell_the_truths():
    # Teacher i knows in b of 6 cases; else it guesses among its own answers.
    guesses = [(3, [0, 0, 1]), (4, [2, 1]), (2, [0, 1, 2, 2]), (5, [1])]
    answers = [tuple([k] * know + guess for k in range(3)) for know, guess in guesses]
    truth, labels = independent_population(answers, (1, 2, 1))
    expected = [matthews_corrcoef(truth, teacher) for teacher in labels]
    found = teacher_weights(votes(labels, 3))
    np.testing.assert_allclose(found.quality, expected, atol=FIT)
    assert found.misfit < FIT


def test_three_classes_with_other_errors_are_not_rank_one():
    # Pairs of teachers that confuse different pairs of classes: correct on 2, and 0/1 (or 1/2) are one class to them.
    blur01 = ([0, 1], [0, 1], [2, 2])
    blur12 = ([0, 0], [1, 2], [1, 2])
    _, labels = independent_population([blur01, blur01, blur12, blur12], (1, 1, 1))
    assert teacher_weights(votes(labels, 3)).misfit > 0.05


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_weighted_vote_is_the_bayes_decision_for_even_errors(n_classes):
    # log-odds weights of accuracies, checked against the posterior of every pattern of votes.
    accuracy = np.array([0.9, 0.75, 0.6, 0.55])
    a = (n_classes * accuracy - 1) / (n_classes - 1)
    weights = np.log((1 + (n_classes - 1) * a) / (1 - a))
    np.testing.assert_allclose(weights, np.log(accuracy * (n_classes - 1) / (1 - accuracy)), atol=1e-12)
    for pattern in itertools.product(range(n_classes), repeat=4):
        said = np.eye(n_classes)[list(pattern)]
        likely = np.where(said > 0, accuracy[:, None], (1 - accuracy[:, None]) / (n_classes - 1)).prod(axis=0)
        assert np.isclose(likely[(weights @ said).argmax()], likely.max(), rtol=1e-12)


def test_correlation_equals_scikit_learn():
    labels = np.random.default_rng(0).integers(0, 4, (5, 90))
    labels[1:, ::2] = labels[0, ::2]
    expected = [[matthews_corrcoef(a, b) for a in labels] for b in labels]
    np.testing.assert_allclose(teacher_weights(votes(labels, 4)).correlation, expected, atol=1e-12)


def simulated(accuracy, n_points, seed, n_classes=2):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_points)
    right = rng.random((len(accuracy), n_points)) < np.asarray(accuracy)[:, None]
    wrong = (truth + rng.integers(1, n_classes, right.shape)) % n_classes
    return truth, np.where(right, truth, wrong)


def test_teachers_of_unequal_strength_are_better_weighted_than_averaged():
    truth, labels = simulated([0.92, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6], 4000, seed=1)
    teachers = votes(labels, 2)
    right = {
        name: (model.log_probs[0].argmax(axis=-1) == truth).mean()
        for name, model in {"mean": teachers.mean(), "weighted": teacher_weights(teachers).combine(teachers)}.items()
    }
    assert right["weighted"] > right["mean"] + 0.05


@pytest.mark.medium
def test_spread_that_is_noise_is_shrunk_and_spread_that_is_not_is_kept():
    alike = [teacher_weights(votes(simulated([0.7] * 8, 300, seed)[1], 2)).kept for seed in range(20)]
    unlike = [teacher_weights(votes(simulated(np.linspace(0.55, 0.9, 8), 3000, seed)[1], 2)).kept for seed in range(5)]
    assert np.mean(alike) < 0.4
    assert min(unlike) > 0.95


def test_a_group_that_errs_together_gets_more_weight_than_it_earns():
    # Equal accuracy, but three of six repeat one opinion: independence fails, and so do the weights.
    _, labels = simulated([0.7] * 4, 4000, seed=3)
    labels = np.concatenate([labels[:3], np.repeat(labels[3:], 3, axis=0)])
    found = teacher_weights(votes(labels, 2))
    assert found.weights[3:].sum() > 0.6
    independent = teacher_weights(votes(simulated([0.7] * 6, 4000, seed=3)[1], 2))
    assert found.misfit > 3 * independent.misfit  # it shows, though not by its size


def test_a_teacher_below_chance_or_silent_has_no_weight():
    _, labels = simulated([0.8, 0.8, 0.8, 0.2], 2000, seed=0)
    found = teacher_weights(votes(np.concatenate([labels, np.zeros((1, 2000), int)]), 2))
    np.testing.assert_array_equal(found.weights[3:], 0)
    np.testing.assert_allclose(found.quality[:3], 0.6, atol=0.08)


def test_fewer_than_three_teachers_weigh_the_same_and_say_why():
    for n in (1, 2):
        found = teacher_weights(votes(simulated([0.9, 0.6][:n], 100, seed=0)[1], 2))
        np.testing.assert_array_equal(found.weights, np.full(n, 1 / n))
        assert "three" in found.reason
        assert np.isnan(found.quality).all()


def test_teachers_that_only_guess_weigh_the_same_and_say_why():
    opposite = np.array([[0, 1] * 50, [1, 0] * 50, [0, 0, 1, 1] * 25])
    found = teacher_weights(votes(opposite, 2))
    np.testing.assert_allclose(found.weights, 1 / 3)
    assert "beyond chance" in found.reason


def test_equal_teachers_have_finite_equal_weights():
    labels = np.tile(np.random.default_rng(0).integers(0, 3, 50), (4, 1))
    np.testing.assert_allclose(teacher_weights(votes(labels, 3)).weights, 0.25)


def test_the_order_of_teachers_and_the_names_of_classes_do_not_matter():
    _, labels = simulated([0.9, 0.5, 0.7, 0.6], 600, seed=2, n_classes=3)
    found = teacher_weights(votes(labels, 3)).weights
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(teacher_weights(votes(labels[order], 3)).weights, found[order], atol=FIT)
    np.testing.assert_allclose(teacher_weights(votes((labels + 1) % 3, 3)).weights, found, atol=FIT)


def test_combining_needs_the_same_teachers():
    found = teacher_weights(votes(simulated([0.9, 0.6, 0.6], 100, seed=0)[1], 2))
    with pytest.raises(AlignmentError, match="of 3 teachers; got predictions of 2"):
        found.combine(votes(np.zeros((2, 5), int), 2))


def test_equal_weights_give_the_arithmetic_mean():
    teachers = Predictions.from_logits(np.random.default_rng(0).normal(size=(2, 30, 3)))
    np.testing.assert_allclose(
        teacher_weights(teachers).combine(teachers).log_probs, teachers.mean().log_probs, atol=1e-12
    )


def test_teachers_that_do_not_vote_everywhere_are_weighed_where_they_do():
    # What one says of the points that it leaves out changes nothing; exact where the rest is a copy of the whole.
    _, labels = simulated([0.9, 0.7, 0.6, 0.6], 500, seed=0)
    probs = np.eye(2)[np.concatenate([labels, labels], axis=1)]
    silent = probs.copy()
    silent[0, 500:] = 0.5
    full, partial = (teacher_weights(Predictions.from_probs(p)).correlation for p in (probs, silent))
    np.testing.assert_allclose(partial, full, atol=1e-12)
    never = probs.copy()
    never[0] = 0.5
    assert teacher_weights(Predictions.from_probs(never)).weights[0] == 0
