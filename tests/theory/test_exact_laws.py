"""Finite-size formulas held to what they are made of: inverse chi-squares by quadrature, and spectra; nothing is drawn.

A diagonal entry of the inverse of an n-dimensional Wishart matrix with p degrees of freedom is 1 / chi^2_{p-n+1}
(Muirhead, Aspects of multivariate statistical theory, 1982, theorem 3.2.12). An average that is off by one in its
denominator is off by 1 / (p - n - 1) of itself, which simulations of large problems do not see.
"""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from outlearn.theory.plain_ridge import compensation_threshold, spectrum_law
from outlearn.theory.projections import project_on_half_space, project_on_m_flat
from outlearn.theory.random_features import minimum_norm_moments, minimum_norm_noise
from outlearn.theory.subspace import subspace_variances

QUADRATURE = 1e-8  # of the integrals
EXACT = 1e-12


def inverse_chi_square(freedom):
    """Integrate E 1 / chi^2."""
    return integrate.quad(lambda x: stats.chi2.pdf(x, freedom) / x, 0, np.inf, epsabs=0, epsrel=1e-11, limit=500)[0]


@pytest.mark.parametrize(("n", "d", "p"), [(1, 2, 4), (1, 30, 5), (4, 9, 7), (4, 9, 60), (20, 50, 23)])
def test_the_distance_of_a_wide_student_is_an_inverse_chi_square(n, d, p):
    # outside of the span of its examples a student has W' (W X' X W')^-1 ... : (n/d) (d - n) E 1 / chi^2_{p-n+1}
    expected = n / d * (d - n) * inverse_chi_square(p - n + 1)
    assert minimum_norm_moments(n, d, p).distance == pytest.approx(expected, rel=QUADRATURE)


def test_one_example_has_a_distance_that_is_written_down_in_full():
    # b_s = W'W x y / |Wx|^2 leaves |W_perp' W x|^2 y^2 / |Wx|^4, with y^2 = |b_w|^2 |x|^2 / d on average
    d, p = 7, 5
    assert minimum_norm_moments(1, d, p).distance == pytest.approx((d - 1) / d * inverse_chi_square(p), rel=QUADRATURE)


@pytest.mark.parametrize(("n", "d", "p"), [(4, 9, 2), (9, 9, 3), (30, 40, 27)])
def test_the_misfit_of_a_narrow_student_is_an_inverse_chi_square(n, d, p):
    expected = (1 - p / d) * (1 + p * inverse_chi_square(n - p + 1))
    assert minimum_norm_moments(n, d, p).misfit == pytest.approx(expected, rel=QUADRATURE)


@pytest.mark.parametrize(("n", "d", "p"), [(3, 6, 5), (3, 6, 50), (5, 20, 8)])
def test_the_noise_of_a_wide_fit_is_a_product_of_inverse_chi_squares(n, d, p):
    expected = n * inverse_chi_square(d - n + 1) * (1 + (d - n) * inverse_chi_square(p - n + 1))
    assert minimum_norm_noise(n, d, p) == pytest.approx(expected, rel=QUADRATURE)


@pytest.mark.parametrize(("n", "d", "p"), [(9, 6, 8), (9, 20, 4), (8, 6, 6), (40, 3, 100)])
def test_the_noise_of_a_narrow_fit_is_an_inverse_chi_square(n, d, p):
    rank = min(d, p)
    assert minimum_norm_noise(n, d, p) == pytest.approx(rank * inverse_chi_square(n - rank + 1), rel=QUADRATURE)


@pytest.mark.parametrize(
    ("d_w", "d_s", "n", "n_student", "q"), [(1, 1, 3, 3, 0.3), (3, 2, 8, 5, 1.0), (30, 20, 60, 28, 2.0)]
)
def test_the_variances_of_the_subspaces_are_inverse_chi_squares(d_w, d_s, n, n_student, q):
    found = subspace_variances(
        teacher_dimension=d_w,
        student_dimension=d_s,
        correlation_dimension=q,
        teacher_examples=n,
        student_examples=n_student,
    )
    per_direction, copied = inverse_chi_square(n - d_w + 1), d_s * inverse_chi_square(n_student - d_s + 1)
    assert found.teacher == pytest.approx(d_w * per_direction, rel=QUADRATURE)
    assert found.student == pytest.approx((q + copied * (d_w - q)) * per_direction, rel=QUADRATURE)
    # E (student - teacher)^2: what is not shared, and what the student makes of it as noise
    assert found.misfit == pytest.approx((d_w - q) * (1 + copied) * per_direction, rel=QUADRATURE)
    assert found.teacher - found.student == pytest.approx(found.misfit + found.residual, rel=QUADRATURE)


@pytest.mark.parametrize(
    ("noise", "signal", "spectrum"), [(1.0, 2.0, [1.0, 3.0, 9.0]), (0.3, 1.7, [0.2, 5.0, 0.0, 8.0])]
)
def test_the_threshold_of_ridge_is_where_the_exact_risk_is_smallest_whatever_the_spectrum(noise, signal, spectrum):
    lengths, d = np.array(spectrum), len(spectrum)

    def risk(log_penalty):
        # E |b - beta|^2 = |beta|^2 / d sum (l / (L + l))^2 + noise sum L / (L + l)^2, of each eigenvalue L
        penalty = np.exp(log_penalty)
        return (
            signal / d * ((penalty / (lengths + penalty)) ** 2).sum()
            + noise * (lengths / (lengths + penalty) ** 2).sum()
        )

    best = minimize_scalar(risk, bracket=(-3.0, 0.0, 3.0), tol=1e-12).x
    assert np.exp(best) == pytest.approx(compensation_threshold(noise, d, signal), rel=1e-5)

    def against_truth(penalty):
        # E <b, b - beta>, which says whether shrinking helps: 0 at the threshold
        law = spectrum_law(lengths, d, penalty=penalty)
        return signal * (law.moments.frobenius - law.moments.trace) + noise * law.noise

    at = compensation_threshold(noise, d, signal)
    assert abs(against_truth(at)) < EXACT
    assert against_truth(0.999 * at) > 0 > against_truth(1.001 * at)


def test_a_projection_on_a_half_space_ends_on_its_boundary_and_stays_there():
    rng = np.random.default_rng(3)
    for _ in range(5):
        teacher, statistic = log_softmax(rng.standard_normal((6, 3)), axis=-1), rng.standard_normal((6, 3))
        at_least = (statistic * np.exp(teacher)).sum(-1).mean() + 0.2
        student = project_on_half_space(teacher, statistic, at_least)
        assert (statistic * np.exp(student)).sum(-1).mean() == pytest.approx(at_least, abs=1e-10)
        np.testing.assert_allclose(project_on_half_space(student, statistic, at_least - 1e-9), student, atol=1e-12)
        on_boundary = project_on_m_flat(teacher, statistic[None], np.array([at_least]))
        np.testing.assert_allclose(student, on_boundary, atol=1e-8)
