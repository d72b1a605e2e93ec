"""Every generator of the table makes a Bregman divergence: coordinates, duality, three points, domain; at 1e-10."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlearn.core.generators import GENERATORS
from outlearn.errors import DomainError, ShapeError

DIFFERENCE = 1e-5  # step of the central difference; its error is about the square
DIFFERENCE_ERROR = 1e-6
QUADRATIC = {"squared_euclidean", "mahalanobis"}
ONE_UP_TO_A_CONSTANT = {"negative_entropy", "logsumexp"}

every = pytest.mark.parametrize("name", GENERATORS)
sizes = given(seed=st.integers(0, 2**32 - 1), points=st.integers(1, 5), classes=st.integers(2, 50))
few = settings(max_examples=15, deadline=None)


@every
@few
@sizes
def test_divergence_is_the_definition(bregman, name, seed, points, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    a, b = bregman.draw(name, rng, points, classes), bregman.draw(name, rng, points, classes)
    slope = g.gradient(b) * (a - b)
    definition = g.potential(a) - g.potential(b) - slope.sum(axis=-1)
    bregman.same(g.divergence(a, b), definition, g.potential(a), g.potential(b), slope)


@every
@few
@sizes
def test_gradient_is_the_derivative_of_the_potential(bregman, name, seed, points, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    a = bregman.draw(name, rng, points, classes)
    step = rng.normal(size=(points, classes))
    step -= step.mean(axis=-1, keepdims=True)  # along the simplex; any direction elsewhere
    step *= DIFFERENCE * np.minimum(1.0, np.abs(a).min() / np.abs(step).max())
    measured = g.potential(a + step) - g.potential(a - step)
    expected = 2 * (g.gradient(a) * step).sum(axis=-1)
    np.testing.assert_allclose(measured, expected, atol=DIFFERENCE_ERROR * np.abs(step).max() + 1e-11)


@every
@few
@sizes
def test_inverse_gradient_inverts_the_gradient(bregman, name, seed, points, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    a = bregman.draw(name, rng, points, classes)
    back = g.inverse_gradient(g.gradient(a))
    if name == "logsumexp":  # logits are known up to a constant
        back, a = back - back[:, :1], a - a[:, :1]
    bregman.same(back, a)


@every
@few
@sizes
def test_potential_and_conjugate_meet_fenchels_equality(bregman, name, seed, points, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    a = bregman.draw(name, rng, points, classes)
    u = g.gradient(a)
    bregman.same(g.potential(a) + g.conjugate(u), (u * a).sum(axis=-1), g.potential(a), g.conjugate(u))


@every
@few
@sizes
def test_conjugate_is_above_every_line_it_supports(bregman, name, seed, points, classes):
    """Fenchel's inequality, strict unless u is the gradient at a: the gap is the divergence itself (mixed form)."""
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    a, b = bregman.draw(name, rng, points, classes), bregman.draw(name, rng, points, classes)
    v = g.gradient(b)
    gap = g.potential(a) + g.conjugate(v) - (a * v).sum(axis=-1)
    bregman.same(gap, g.divergence(a, b), g.potential(a), g.conjugate(v), a * v)


@every
@few
@sizes
def test_divergence_is_the_conjugates_with_arguments_exchanged(bregman, name, seed, points, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    a, b = bregman.draw(name, rng, points, classes), bregman.draw(name, rng, points, classes)
    u, v = g.gradient(a), g.gradient(b)
    of_conjugate = g.conjugate(v) - g.conjugate(u) - (g.inverse_gradient(u) * (v - u)).sum(axis=-1)
    bregman.same(g.divergence(a, b), of_conjugate, g.conjugate(u), g.conjugate(v), a * (v - u))
    bregman.same(g.divergence(a, b), g.divergence_from_dual(u, v))


@every
@few
@sizes
def test_three_points_leave_the_residual(bregman, name, seed, points, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    a, b, c = (bregman.draw(name, rng, points, classes) for _ in range(3))
    parts = [g.divergence(a, b), g.divergence(b, c), g.residual(a, b, c)]
    bregman.same(g.divergence(a, c), sum(parts), *parts)


@every
@few
@sizes
def test_divergence_is_zero_if_and_only_if_the_points_are_equal(bregman, name, seed, points, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    a = bregman.draw(name, rng, points, classes)
    np.testing.assert_array_equal(g.divergence(a, a), 0.0)
    assert np.all(g.divergence(a, bregman.draw(name, rng, points, classes)) > 0)


def test_logits_that_differ_by_a_constant_are_one_point_for_logsumexp(bregman):
    g = bregman.build("logsumexp", 3)
    z = np.array([[0.3, -1.0, 2.0]])
    assert g.divergence(z, z + 7.0) < 1e-15
    assert bregman.build("softplus", 3).divergence(z, z + 7.0) > 0.1  # not so where each logit stands alone


@every
def test_divergence_is_symmetric_if_and_only_if_the_generator_is_quadratic(bregman, name):
    g, rng = bregman.build(name, 4), np.random.default_rng(0)
    a, b = bregman.draw(name, rng, 20, 4), bregman.draw(name, rng, 20, 4)
    assert np.allclose(g.divergence(a, b), g.divergence(b, a), rtol=1e-12) == (name in QUADRATIC)


@every
@few
@sizes
def test_divergence_is_convex_in_its_first_argument(bregman, name, seed, points, classes):
    g, rng = bregman.build(name, classes), np.random.default_rng(seed)
    a, b, c = (bregman.draw(name, rng, points, classes) for _ in range(3))
    middle = g.divergence((a + b) / 2, c)
    assert np.all(middle <= (g.divergence(a, c) + g.divergence(b, c)) / 2)


def test_itakura_saito_is_not_convex_in_its_second_argument_and_kl_is(bregman):
    # By hand: D(1, b) = 1/b + log b - 1 is concave beyond b = 2, so the mean of 3 and 9 does worse than they do.
    g = bregman.build("itakura_saito", 1)
    one = np.array([1.0])
    members = (g.divergence(one, np.array([3.0])) + g.divergence(one, np.array([9.0]))) / 2
    assert g.divergence(one, np.array([6.0])) > members
    kl, rng = bregman.build("negative_entropy", 3), np.random.default_rng(1)
    a, b, c = (bregman.draw("negative_entropy", rng, 100, 3) for _ in range(3))
    assert np.all(kl.divergence(a, (b + c) / 2) <= (kl.divergence(a, b) + kl.divergence(a, c)) / 2)


@every
def test_leading_axes_broadcast(bregman, name):
    g, rng = bregman.build(name, 3), np.random.default_rng(2)
    a, b = bregman.draw(name, rng, 4, 1, 3), bregman.draw(name, rng, 5, 3)
    table = g.divergence(a, b)
    assert table.shape == (4, 5)
    assert table[2, 3] == g.divergence(a[2, 0], b[3])


@every
def test_what_is_outside_the_domain_is_refused_by_name_and_place(bregman, name):
    g, rng = bregman.build(name, 3), np.random.default_rng(3)
    a = bregman.draw(name, rng, 2, 3)
    for wrong in (np.nan, np.inf, -np.inf):
        bad = a.copy()
        bad[1, 2] = wrong
        with pytest.raises(DomainError, match=rf"{name} needs .*; a\[1"):
            g.divergence(bad, a)
        with pytest.raises(DomainError, match=r"b\[1"):
            g.divergence(a, bad)
    bad = g.gradient(a)
    bad[0, 1] = np.nan
    with pytest.raises(DomainError, match=r"u\[0"):
        g.divergence_from_dual(bad, g.gradient(a))


@every
def test_shapes_that_do_not_fit_are_refused(bregman, name):
    g, rng = bregman.build(name, 3), np.random.default_rng(4)
    a = bregman.draw(name, rng, 2, 3)
    with pytest.raises(ShapeError, match="shape"):
        g.divergence(a, bregman.draw(name, rng, 2, 4))
    with pytest.raises(ShapeError, match="broadcast"):
        g.divergence(a, bregman.draw(name, rng, 5, 3))
    with pytest.raises(ShapeError, match="axis=1"):
        g.mean(a, axis=1)


@every
def test_dual_coordinates_of_log_probs_are_the_gradient_of_probs(bregman, name):
    g = bregman.build(name, 4)
    log_probs = np.log(bregman.draw("negative_entropy", np.random.default_rng(5), 6, 4))
    bregman.same(g.dual_from_log_probs(log_probs), g.gradient(np.exp(log_probs)))
