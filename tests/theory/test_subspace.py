"""Variance in intrinsic subspaces against simulation, and its limits."""

import numpy as np
import pytest

from outlearn.errors import DomainError
from outlearn.theory import subspace_variances
from outlearn.theory.sampling import mean_interval

EXACT = 1e-8
Z = 4.5
DRAWS = 600


@pytest.mark.parametrize("correlations", [[0.9, 0.6, 0.3, 0.0], [1.0, 1.0, 0.0, 0.0]], ids=str)
def test_exact_variances_for_any_canonical_correlations(correlations):
    """Teacher and student by explicit least squares; features mixed by rotations, which keep the correlations."""
    rng = np.random.default_rng(0)
    rho, d_w, d_s, n, n_student, noise = np.array(correlations), 5, 4, 20, 24, 1.7
    rotation_w, rotation_s = (np.linalg.qr(rng.standard_normal((d, d)))[0] for d in (d_w, d_s))
    cross = rotation_s @ np.hstack([np.diag(rho), np.zeros((d_s, 1))]) @ rotation_w.T  # E z_s z_w'
    exact = subspace_variances(
        teacher_dimension=d_w,
        student_dimension=d_s,
        correlation_dimension=float(np.linalg.norm(cross) ** 2),
        teacher_examples=n,
        student_examples=n_student,
        noise_variance=noise,
    )
    teacher_error, student_error, misfit = np.empty(DRAWS), np.empty(DRAWS), np.empty(DRAWS)
    for i in range(DRAWS):
        design = rng.standard_normal((n, d_w))
        teacher = np.linalg.lstsq(design, np.sqrt(noise) * rng.standard_normal(n), rcond=None)[0]
        base = rng.standard_normal((n_student, d_w))
        own = base[:, :d_s] * rho + rng.standard_normal((n_student, d_s)) * np.sqrt(1 - rho**2)
        seen_w, seen_s = base @ rotation_w.T, own @ rotation_s.T
        student = np.linalg.lstsq(seen_s, seen_w @ teacher, rcond=None)[0]
        teacher_error[i], student_error[i] = teacher @ teacher, student @ student
        misfit[i] = teacher @ teacher + student @ student - 2 * student @ cross @ teacher
    measured = {
        "teacher": (teacher_error, exact.teacher),
        "student": (student_error, exact.student),
        "misfit": (misfit, exact.misfit),
        "residual": (teacher_error - student_error - misfit, exact.residual),
    }
    for name, (values, predicted) in measured.items():
        estimate = mean_interval(values)
        assert abs(estimate.mean - predicted) <= Z * estimate.standard_error + EXACT, name


def variances(**changes):
    sizes = {"teacher_dimension": 30, "student_dimension": 20, "teacher_examples": 60, "student_examples": 200}
    return subspace_variances(**{**sizes, "correlation_dimension": 8.0, **changes})


@pytest.mark.parametrize("q", [0.0, 3.5, 20.0])
def test_the_gain_is_misfit_plus_residual(q):
    v = variances(correlation_dimension=q)
    assert v.teacher - v.student == pytest.approx(v.misfit + v.residual, abs=EXACT)


def test_with_many_examples_the_gain_is_the_misfit_and_the_discrepancy():
    v = variances(student_examples=np.inf)
    assert v.residual == 0
    assert v.teacher - v.student == pytest.approx(v.misfit, abs=EXACT)
    assert v.misfit / v.teacher == pytest.approx((30 - 8) / 30, abs=EXACT)


def test_less_overlap_means_less_inherited_variance_iff_there_are_enough_examples():
    # the copied share d_s / (N - d_s - 1) is below 1 from N = 2 d_s + 2 on
    for size, helps in ((40, False), (200, True)):
        less, more = (variances(correlation_dimension=q, student_examples=size) for q in (2.0, 16.0))
        assert (less.student < more.student) == helps


def test_leading_order_is_reached_as_examples_grow():
    v = variances(teacher_examples=60_000, student_examples=40_000)
    assert v.student == pytest.approx(v.leading, rel=2e-3)


def test_sizes_without_an_average_are_refused():
    with pytest.raises(DomainError, match="32"):
        variances(teacher_examples=31)
    with pytest.raises(DomainError, match="22"):
        variances(student_examples=21)
    with pytest.raises(DomainError, match="between 0 and 20"):
        variances(correlation_dimension=20.5)
