"""Deterministic equivalents against simulation, against exact formulas, and against each other."""

import numpy as np
import pytest

from outlearn.errors import DomainError
from outlearn.theory import (
    marchenko_pastur_law,
    minimum_norm_moments,
    minimum_norm_noise,
    ridge_equivalent,
)

WITHIN = 0.05  # at the sizes of the theory, d = 300
# examples / d, width / d, penalty / d: either side of p = n and of p = d, and n > d
SHAPES = [(0.75, 2.0, 0.02), (0.75, 0.4, 0.02), (0.75, 0.9, 0.01), (1.5, 0.7, 0.03), (1.5, 1.3, 0.2), (0.5, 4.0, 0.1)]


def simulate(n, d, p, penalty, draws, seed=0):
    """Return a1, a2, misfit (per unit power) and noise, averaged over draws of explicit operators A and H."""
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        inputs, weights = rng.standard_normal((n, d)), rng.standard_normal((p, d))
        kernel_side = weights.T @ (weights @ inputs.T) / p  # G X'
        fit = np.linalg.solve(inputs @ kernel_side + penalty * np.eye(n), kernel_side.T).T  # H
        student = fit @ inputs  # A
        misfit = np.sum((np.eye(d) - student) ** 2) / d
        values.append((np.trace(student) / d, np.sum(student**2) / d, misfit, np.sum(fit**2)))
    return np.mean(values, axis=0)


def predicted(n, d, p, penalty):
    law = ridge_equivalent(n, d, p, penalty=penalty)
    return np.array([law.moments.trace, law.moments.frobenius, law.moments.misfit, law.noise])


def errors(shape, d, draws):
    n, p, penalty = round(shape[0] * d), round(shape[1] * d), shape[2] * d
    return np.abs(simulate(n, d, p, penalty, draws) / predicted(n, d, p, penalty) - 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_within_five_percent_at_d_300(shape):
    assert errors(shape, 300, draws=6).max() < WITHIN


@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_within_five_percent_at_d_100(shape):
    assert errors(shape, 100, draws=30).max() < WITHIN


def test_better_as_sizes_grow():
    """Average over shapes and moments: the error falls with d."""
    small = np.mean([errors(shape, 12, draws=400) for shape in SHAPES])
    large = np.mean([errors(shape, 72, draws=30) for shape in SHAPES])
    assert large < 0.6 * small


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_root_solves_its_equation(shape):
    n, d, p, penalty = 1000 * shape[0], 1000.0, 1000 * shape[1], 1000 * shape[2]
    a = ridge_equivalent(n, d, p, penalty=penalty).moments.trace
    assert 0 < a < min(1, p / d, n / d)
    assert penalty / n * a == pytest.approx((1 - a) * (1 - d / p * a) * (1 - d / n * a), abs=1e-12)


@pytest.mark.parametrize("sizes", [(450, 600, 900), (450, 600, 200), (900, 600, 300), (700, 600, 900)], ids=str)
def test_without_a_penalty_it_is_the_limit_of_the_exact_finite_moments(sizes):
    n, d, p = (1000 * size for size in sizes)
    law, exact = ridge_equivalent(n, d, p, penalty=0.0), minimum_norm_moments(n, d, p)
    assert law.moments.trace == pytest.approx(exact.trace, rel=1e-4)
    assert law.moments.misfit == pytest.approx(exact.misfit, rel=1e-4, abs=1e-9)
    assert law.moments.distance == pytest.approx(exact.distance, rel=1e-4, abs=1e-9)
    assert law.noise == pytest.approx(minimum_norm_noise(n, d, p), rel=1e-4)


@pytest.mark.parametrize("sizes", [(450, 600, 900), (450, 600, 200), (900, 600, 300), (700, 600, 900)], ids=str)
def test_a_vanishing_penalty_is_no_penalty(sizes):
    tiny, none = ridge_equivalent(*sizes, penalty=1e-9), ridge_equivalent(*sizes, penalty=0.0)
    assert tiny.moments.misfit == pytest.approx(none.moments.misfit, abs=1e-6)
    assert tiny.noise == pytest.approx(none.noise, rel=1e-6)


@pytest.mark.parametrize(("n", "d"), [(75, 50), (50, 75)])
def test_infinite_width_is_plain_ridge_by_the_marchenko_pastur_law(n, d):
    for penalty in (0.01, 3.0, 200.0):
        here, there = ridge_equivalent(n, d, np.inf, penalty=penalty), marchenko_pastur_law(n, d, penalty=penalty)
        assert here.moments.trace == pytest.approx(there.moments.trace, abs=1e-10)
        assert here.moments.frobenius == pytest.approx(there.moments.frobenius, abs=1e-9)
        assert here.noise == pytest.approx(there.noise, rel=1e-8)


def test_it_is_infinite_at_the_peak():
    assert np.isinf(ridge_equivalent(45, 60, 45, penalty=0.0).moments.misfit)
    assert np.isfinite(ridge_equivalent(45, 60, 45, penalty=1e-3).moments.misfit)
    assert np.isinf(ridge_equivalent(60, 60, 80, penalty=0.0).noise)


def test_the_student_of_the_worked_example_overtakes_its_teacher_as_it_grows():
    """d = 60: a penalised teacher of risk about 1.56, students of width 30 to 480; measured 2.64, 1.97, 1.54, 1.32."""
    teacher = ridge_equivalent(90, 60, 80, penalty=0.5)
    risk, power, alignment = teacher.risk(1.44, 1.0), teacher.power(1.44, 1.0), teacher.alignment(1.44)
    risks = [risk - ridge_equivalent(45, 60, p, penalty=5.0).moments.gap(power, alignment) for p in (30, 60, 120, 480)]
    np.testing.assert_allclose(risks, [2.64, 1.97, 1.54, 1.32], rtol=WITHIN)
    assert [r < risk for r in risks] == [False, False, True, True]


def test_bad_sizes_are_refused():
    for arguments in ((0, 1, 1), (1, -1, 1), (1, 1, 0)):
        with pytest.raises(DomainError, match="positive"):
            ridge_equivalent(*arguments, penalty=1.0)
    with pytest.raises(DomainError, match="penalty"):
        ridge_equivalent(1, 1, 1, penalty=-1.0)
