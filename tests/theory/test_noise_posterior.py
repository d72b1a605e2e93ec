"""Exact Gaussian conditioning on what a student sees, and where it is vacuous."""

import numpy as np
import pytest

from outlearn.errors import ShapeError
from outlearn.theory import noise_posterior_mean

EXACT = 1e-8


def ridge_teacher(rng, dimension=6, examples=9, penalty=0.4, deviation=0.7):
    """Return mean, factor and one draw of a ridge teacher whose label noise alone is random."""
    inputs, beta = rng.standard_normal((examples, dimension)), rng.standard_normal(dimension)
    fit = np.linalg.solve(inputs.T @ inputs + penalty * np.eye(dimension), inputs.T)
    mean, factor = fit @ inputs @ beta, deviation * fit
    return mean, factor, mean + factor @ rng.standard_normal(examples)


@pytest.mark.parametrize("seen", [1, 3, 5])
def test_it_is_the_textbook_conditional_mean(seen):
    rng = np.random.default_rng(seen)
    mean, factor, teacher = ridge_teacher(rng)
    operator = rng.standard_normal((seen, 6))
    covariance = factor @ factor.T
    gain = covariance @ operator.T @ np.linalg.inv(operator @ covariance @ operator.T)
    expected = mean + gain @ (operator @ teacher - operator @ mean)
    np.testing.assert_allclose(noise_posterior_mean(mean, factor, operator, operator @ teacher), expected, atol=EXACT)


def test_conditioning_on_the_labels_or_on_the_student_is_the_same():
    rng = np.random.default_rng(7)
    mean, factor, teacher = ridge_teacher(rng)
    labels = rng.standard_normal((4, 6))
    student = labels.T @ np.linalg.solve(labels @ labels.T + 0.3 * np.eye(4), labels)  # rank 4, the same information
    np.testing.assert_allclose(
        noise_posterior_mean(mean, factor, labels, labels @ teacher),
        noise_posterior_mean(mean, factor, student, student @ teacher),
        atol=1e-7,
    )


@pytest.mark.parametrize(("seen", "vacuous"), [(5, False), (6, True), (9, True)])
def test_it_is_the_teacher_itself_iff_nothing_of_its_noise_is_lost(seen, vacuous):
    rng = np.random.default_rng(8)
    mean, factor, teacher = ridge_teacher(rng)
    operator = rng.standard_normal((seen, 6))
    posterior = noise_posterior_mean(mean, factor, operator, operator @ teacher)
    assert (np.linalg.norm(posterior - teacher) < EXACT) == vacuous


def test_a_teacher_of_low_rank_is_recovered_from_as_many_examples_as_its_rank():
    rng = np.random.default_rng(9)
    factor = rng.standard_normal((8, 3))
    teacher = factor @ rng.standard_normal(3)
    for seen, recovered in ((2, False), (3, True)):
        operator = rng.standard_normal((seen, 8))
        posterior = noise_posterior_mean(np.zeros(8), factor, operator, operator @ teacher)
        assert (np.linalg.norm(posterior - teacher) < EXACT) == recovered


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="do not fit"):
        noise_posterior_mean(np.zeros(3), np.eye(3), np.ones((1, 3)), np.ones(2))
