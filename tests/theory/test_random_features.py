"""Random-features ridge: the estimator against explicit matrices, its exact moments against simulation."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from outlearn.errors import DomainError
from outlearn.theory import fit_random_features, minimum_norm_moments, minimum_norm_noise, posterior_projection
from outlearn.theory.sampling import mean_interval

EXACT = 1e-8  # against explicit inverses
Z = 4.5
DRAWS = 600


def operator(inputs, weights, penalty):
    """Build A = G X' (X G X' + penalty)^+ X with explicit matrices; G = W'W / p, or I for infinite width."""
    gram = np.eye(inputs.shape[1]) if weights is None else weights.T @ weights / len(weights)
    kernel = inputs @ gram @ inputs.T + penalty * np.eye(len(inputs))
    return gram @ inputs.T @ np.linalg.pinv(kernel, rcond=1e-12) @ inputs


@pytest.mark.parametrize("width", [5, 12, 30, None])
@pytest.mark.parametrize("examples", [8, 20])
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_the_student_is_linear_in_its_teacher_with_the_operator_of_the_theory(width, examples, penalty):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((examples, 10))
    weights = None if width is None else rng.standard_normal((width, 10))
    teacher = rng.standard_normal(10)
    found = fit_random_features(inputs, inputs @ teacher, weights, penalty=penalty)
    np.testing.assert_allclose(found, operator(inputs, weights, penalty) @ teacher, atol=EXACT)


@pytest.mark.parametrize("width", [5, 30])
def test_the_fit_is_scikit_learns_ridge_on_the_features(width):
    rng = np.random.default_rng(1)
    inputs, weights, labels = rng.standard_normal((9, 6)), rng.standard_normal((width, 6)), rng.standard_normal(9)
    features = inputs @ weights.T / np.sqrt(width)
    theta = Ridge(alpha=0.7, fit_intercept=False, tol=1e-12).fit(features, labels).coef_
    found = fit_random_features(inputs, labels, weights, penalty=0.7)
    np.testing.assert_allclose(found, weights.T @ theta / np.sqrt(width), atol=EXACT)


@pytest.mark.parametrize("width", [5, 30])
def test_without_a_penalty_the_fit_has_minimum_norm(width):
    rng = np.random.default_rng(2)
    inputs, weights, labels = rng.standard_normal((9, 12)), rng.standard_normal((width, 12)), rng.standard_normal(9)
    features = inputs @ weights.T / np.sqrt(width)
    expected = weights.T @ (np.linalg.pinv(features) @ labels) / np.sqrt(width)
    np.testing.assert_allclose(fit_random_features(inputs, labels, weights), expected, atol=EXACT)


def test_many_problems_at_once_are_the_problems_one_by_one():
    rng = np.random.default_rng(3)
    inputs, weights, labels = (rng.standard_normal(s) for s in ((4, 7, 5), (4, 9, 5), (4, 7)))
    together = fit_random_features(inputs, labels, weights, penalty=0.1)
    alone = [fit_random_features(x, y, w, penalty=0.1) for x, y, w in zip(inputs, labels, weights, strict=True)]
    np.testing.assert_allclose(together, alone, atol=EXACT)


@pytest.mark.parametrize("width", [5, 8, 30, None])
@pytest.mark.parametrize("examples", [8, 20])
def test_the_posterior_mean_of_an_isotropic_teacher_is_its_projection_on_the_row_space(width, examples):
    rng = np.random.default_rng(4)
    inputs = rng.standard_normal((examples, 12))
    weights = None if width is None else rng.standard_normal((width, 12))
    matrix, teacher = operator(inputs, weights, 0.0), rng.standard_normal(12)
    found = posterior_projection(inputs, weights, teacher)
    np.testing.assert_allclose(found, np.linalg.pinv(matrix, rcond=1e-9) @ matrix @ teacher, atol=EXACT)
    # The reflection 2P - I changes neither the law of an isotropic teacher nor what the student learns.
    reflected = 2 * found - teacher
    np.testing.assert_allclose(matrix @ reflected, matrix @ teacher, atol=EXACT)
    assert abs(np.linalg.norm(reflected) - np.linalg.norm(teacher)) < EXACT


def test_the_student_is_the_posterior_mean_exactly_at_infinite_width_without_a_penalty():
    rng = np.random.default_rng(5)
    inputs, teacher = rng.standard_normal((6, 10)), rng.standard_normal(10)
    posterior = posterior_projection(inputs, None, teacher)
    np.testing.assert_allclose(fit_random_features(inputs, inputs @ teacher, None), posterior, atol=EXACT)
    for weights, penalty in ((None, 0.1), (rng.standard_normal((50, 10)), 0.0)):
        student = fit_random_features(inputs, inputs @ teacher, weights, penalty=penalty)
        assert np.linalg.norm(student - posterior) > 1e-3


def test_the_penalised_distance_at_infinite_width_is_known_from_the_spectrum():
    rng = np.random.default_rng(6)
    inputs, teachers = rng.standard_normal((6, 10)), rng.standard_normal((10, 10))
    matrix = operator(inputs, None, 0.8)
    projection = np.linalg.pinv(inputs) @ inputs
    eigenvalues = np.linalg.eigvalsh(inputs @ inputs.T)
    exact = ((0.8 / (eigenvalues + 0.8)) ** 2).sum() / 10  # per unit power, averaged over directions of the teacher
    assert abs(np.linalg.norm(matrix - projection) ** 2 / 10 - exact) < EXACT
    assert teachers.shape == (10, 10)


# (examples, dimension, width): on either side of width = examples and of width = dimension, and where the student is
# the teacher; at least 10 from the peak, where the draws have enough moments.
SIZES = [(15, 30, 26), (15, 30, 60), (30, 30, 41), (40, 30, 20), (24, 40, 12), (40, 25, 60)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_exact_moments_without_a_penalty(sizes):
    n, d, p = sizes
    rng = np.random.default_rng(n * p)
    inputs, weights = rng.standard_normal((DRAWS, n, d)), rng.standard_normal((DRAWS, p, d))
    teacher = np.broadcast_to(
        np.linspace(0.5, 1.5, d), (DRAWS, d)
    )  # any fixed teacher: inputs and weights are isotropic
    labels = (inputs @ teacher[..., None])[..., 0]
    student = fit_random_features(inputs, labels, weights)
    posterior = posterior_projection(inputs, weights, teacher)
    power = (teacher**2).sum(-1)
    beta = np.r_[2.0, np.zeros(d - 1)]
    exact = minimum_norm_moments(n, d, p)
    measured = {
        "trace": ((student * teacher).sum(-1), exact.trace * power),
        "frobenius": ((student**2).sum(-1), exact.frobenius * power),
        "misfit": (((student - teacher) ** 2).sum(-1), exact.misfit * power),
        "distance": (((student - posterior) ** 2).sum(-1), exact.distance * power),
        "posterior": ((posterior**2).sum(-1), exact.posterior_share * power),
        "gap": (
            ((teacher - beta) ** 2).sum(-1) - ((student - beta) ** 2).sum(-1),
            exact.gap(power, teacher @ beta),
        ),
        "residual": (
            2 * ((student - teacher) * (beta - student)).sum(-1),
            exact.residual(power, teacher @ beta),
        ),
    }
    for name, (values, predicted) in measured.items():
        difference = mean_interval(values - predicted)
        assert abs(difference.mean) <= Z * difference.standard_error + EXACT, (name, difference)


NOISE_SIZES = [(15, 30, 45), (30, 30, 12), (40, 25, 60), (40, 30, 20)]


@pytest.mark.parametrize("sizes", NOISE_SIZES, ids=str)
def test_exact_noise_without_a_penalty(sizes):
    n, d, p = sizes
    rng = np.random.default_rng(n + p)
    inputs, weights = rng.standard_normal((DRAWS, n, d)), rng.standard_normal((DRAWS, p, d))
    fitted = fit_random_features(inputs, rng.standard_normal((DRAWS, n)), weights)
    difference = mean_interval((fitted**2).sum(-1) - minimum_norm_noise(n, d, p))
    assert abs(difference.mean) <= Z * difference.standard_error


def test_misfit_is_distance_plus_conditional_variance_and_the_distance_vanishes_as_one_over_the_width():
    for width in (100, 1000, 10_000):
        moments = minimum_norm_moments(45, 60, width)
        assert moments.misfit == pytest.approx(moments.distance + 1 - moments.posterior_share, abs=EXACT)
        assert moments.distance * (width - 46) == pytest.approx(45 / 60 * 15, abs=EXACT)
    limit = minimum_norm_moments(45, 60, np.inf)
    assert limit.distance == 0
    assert limit.misfit == pytest.approx(1 - 45 / 60)


def test_moments_are_infinite_at_the_peak_and_only_there():
    for width in (44, 45, 46):
        assert np.isinf(minimum_norm_moments(45, 60, width).misfit)
    for width in (43, 47):
        assert np.isfinite(minimum_norm_moments(45, 60, width).misfit)
    assert np.isinf(minimum_norm_noise(59, 60, 200))
    assert np.isinf(minimum_norm_noise(61, 60, 200))


def test_a_student_with_enough_examples_and_width_is_its_teacher():
    moments = minimum_norm_moments(70, 60, 80)
    assert (moments.misfit, moments.distance, moments.gap(2.0, 1.0)) == (0.0, 0.0, 0.0)


def test_the_generic_residual_does_not_vanish():
    """Case S2: it tends to -2 (1 - n/d) <b_w, beta>; S0 and S1 (alignment 0) to 0, as -2 distance."""
    moments = minimum_norm_moments(45, 60, 1e9)
    assert moments.residual(3.0, 1.2) == pytest.approx(-2 * (1 - 45 / 60) * 1.2, abs=1e-6)
    finite = minimum_norm_moments(45, 60, 100)
    assert finite.residual(3.0, 0.0) == pytest.approx(-2 * finite.distance * 3.0, abs=EXACT)


def test_the_limit_student_wins_iff_its_teacher_is_worse_than_predicting_zero():
    moments = minimum_norm_moments(45, 60, np.inf)
    for power, alignment in ((3.0, 1.2), (3.0, 1.6)):
        worse_than_zero = power - 2 * alignment > 0  # |b_w - beta|^2 > |beta|^2
        assert (moments.gap(power, alignment) > 0) == worse_than_zero


def test_bad_sizes_and_penalties_are_refused():
    with pytest.raises(DomainError, match="penalty"):
        fit_random_features(np.ones((2, 2)), np.ones(2), None, penalty=-1.0)
    with pytest.raises(DomainError, match="width=0"):
        minimum_norm_moments(2, 2, 0)
    with pytest.raises(DomainError, match="examples=0"):
        minimum_norm_noise(0, 2, 1)
