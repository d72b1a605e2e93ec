"""Plain ridge: averages from a spectrum, their limit, and the penalty below which a student repairs its teacher."""

import numpy as np
import pytest

from outlearn.errors import DomainError
from outlearn.theory import RidgePath, compensation_threshold, marchenko_pastur_law, spectrum_law
from outlearn.theory.sampling import mean_interval

EXACT = 1e-8
Z = 4.5


@pytest.mark.parametrize("shape", [(9, 5), (5, 9)])
def test_a_spectrum_says_the_traces_of_explicit_matrices(shape):
    inputs = np.random.default_rng(0).standard_normal(shape)
    d, penalty = shape[1], 0.8
    gram = inputs.T @ inputs
    inverse = np.linalg.inv(gram + penalty * np.eye(d))
    operator = gram @ inverse
    law = spectrum_law(np.linalg.eigvalsh(gram), d, penalty=penalty)
    assert law.moments.trace == pytest.approx(np.trace(operator) / d, abs=EXACT)
    assert law.moments.frobenius == pytest.approx(np.trace(operator @ operator) / d, abs=EXACT)
    assert law.noise == pytest.approx(np.trace(inverse @ gram @ inverse), abs=EXACT)
    smaller = spectrum_law(RidgePath(inputs).eigenvalues(), d, penalty=penalty)  # zeros may be left out
    assert smaller.moments.trace == pytest.approx(law.moments.trace, abs=EXACT)


def test_the_gap_given_the_spectra_is_its_average_over_eigenvectors_and_noise():
    rng = np.random.default_rng(1)
    d, noise, draws, beta = 8, 0.6, 800, np.r_[1.5, np.zeros(7)]
    values, expected = np.empty(draws), np.empty(draws)
    for i in range(draws):
        x, z = rng.standard_normal((12, d)), rng.standard_normal((14, d))
        teacher = np.linalg.solve(x.T @ x + 2 * np.eye(d), x.T @ (x @ beta + np.sqrt(noise) * rng.standard_normal(12)))
        student = np.linalg.solve(z.T @ z + 3 * np.eye(d), z.T @ z @ teacher)
        values[i] = np.sum((teacher - beta) ** 2) - np.sum((student - beta) ** 2)
        law = spectrum_law(np.linalg.eigvalsh(x.T @ x), d, penalty=2.0)
        moments = spectrum_law(np.linalg.eigvalsh(z.T @ z), d, penalty=3.0).moments
        expected[i] = moments.gap(law.power(beta @ beta, noise), law.alignment(beta @ beta))
    difference = mean_interval(values - expected)
    assert abs(difference.mean) <= Z * difference.standard_error


@pytest.mark.parametrize(("noise", "d", "signal"), [(1.0, 5, 0), (1.0, 5, -1.0), (-1.0, 5, 1.0), (1.0, 0, 1.0)])
def test_no_threshold_without_a_signal(noise, d, signal):
    with pytest.raises(DomainError, match="signal_power"):
        compensation_threshold(noise, d, signal)


@pytest.mark.parametrize("factor", [0.2, 0.8, 1.0, 1.25, 5.0])
def test_a_slight_penalty_helps_iff_the_teachers_is_below_the_threshold(factor):
    """Exact at finite size, for any spectrum: the first-order gap has the sign of threshold - penalty."""
    rng = np.random.default_rng(2)
    d, signal, noise = 7, 2.5, 1.3
    threshold = compensation_threshold(noise, d, signal)
    assert threshold == pytest.approx(noise * d / signal)
    spectrum = np.linalg.eigvalsh(np.cov(rng.standard_normal((d, 20))) * 20)
    law = spectrum_law(spectrum, d, penalty=factor * threshold)
    slope = law.power(signal, noise) - law.alignment(signal)  # E <b_w, b_w - beta>
    student = spectrum_law(np.linspace(3, 30, d), d, penalty=1e-7).moments
    gap = student.gap(law.power(signal, noise), law.alignment(signal))
    if factor == 1.0:
        assert abs(slope) < EXACT
        assert abs(gap) < 1e-12
    else:
        assert (slope > 0) == (factor < 1)
        assert (gap > 0) == (factor < 1)


def test_the_threshold_is_the_optimal_penalty():
    spectrum = np.random.default_rng(3).uniform(1, 40, 9)
    threshold = compensation_threshold(1.3, 9, 2.5)
    risk = [spectrum_law(spectrum, 9, penalty=threshold * f).risk(2.5, 1.3) for f in (0.999, 1.0, 1.001)]
    assert risk[1] < risk[0]
    assert risk[1] < risk[2]


@pytest.mark.parametrize(("n", "d"), [(900, 600), (400, 600)])
@pytest.mark.parametrize("penalty", [20.0, 600.0])
def test_the_limit_is_that_of_large_spectra(n, d, penalty):
    inputs = np.random.default_rng(4).standard_normal((n, d))
    law = spectrum_law(RidgePath(inputs).eigenvalues(), d, penalty=penalty)
    limit = marchenko_pastur_law(n, d, penalty=penalty)
    assert law.moments.trace == pytest.approx(limit.moments.trace, rel=0.01)
    assert law.moments.frobenius == pytest.approx(limit.moments.frobenius, rel=0.02)
    assert law.noise == pytest.approx(limit.noise, rel=0.02)


def test_the_stieltjes_transform_of_the_theory_and_its_derivative():
    """m and m' as written in the theory, by differences of the closed form."""
    n, d, penalty = 90.0, 50.0, 12.0
    g = d / n

    def m(bar):
        return (-(1 - g + bar) + np.sqrt((1 - g + bar) ** 2 + 4 * g * bar)) / (2 * g * bar)

    bar, h = penalty / n, 1e-5
    slope = -(m(bar + h) - m(bar - h)) / (2 * h)
    law = marchenko_pastur_law(n, d, penalty=penalty)
    assert law.moments.trace == pytest.approx(1 - bar * m(bar), abs=EXACT)
    assert law.moments.frobenius == pytest.approx(1 - 2 * bar * m(bar) + bar**2 * slope, abs=1e-7)
    assert law.noise == pytest.approx(g * (m(bar) - bar * slope), abs=1e-7)


def test_bad_penalties_and_spectra_are_refused():
    with pytest.raises(DomainError, match="above 0"):
        marchenko_pastur_law(10, 5, penalty=0.0)
    with pytest.raises(DomainError, match="at least 0"):
        spectrum_law(np.ones(2), 2, penalty=-1.0)
    with pytest.raises(DomainError, match="eigenvalues"):
        spectrum_law(np.array([-1.0, 2.0]), 2, penalty=1.0)
