"""Misfit and gain for projections: equality on flat classes, the bound on convex ones, and its failure elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from outlearn.core.generators import get_generator
from outlearn.errors import DomainError
from outlearn.theory import closest_softmax_linear, project_on_half_space, project_on_m_flat

EXACT = 1e-8
SEEDS = st.integers(0, 2**32 - 1)
KL = get_generator("negative_entropy")


def kl(first, second):
    return float(KL.divergence_from_dual(first, second).mean())


def random_logs(rng, points=12, classes=3):
    return log_softmax(rng.standard_normal((points, classes)), axis=-1)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_reverse_kl_on_an_m_flat_class_gains_exactly_the_misfit(seed):
    rng = np.random.default_rng(seed)
    target, teacher = random_logs(rng), random_logs(rng)
    statistics = rng.standard_normal((3, 12, 3))
    values = (statistics * np.exp(target)).sum(-1).mean(axis=1)
    student = project_on_m_flat(teacher, statistics, values)
    np.testing.assert_allclose((statistics * np.exp(student)).sum(-1).mean(axis=1), values, atol=1e-10)
    assert kl(target, teacher) - kl(target, student) == pytest.approx(kl(student, teacher), abs=EXACT)


def test_the_m_flat_projection_is_the_minimum_that_a_general_optimiser_finds():
    rng = np.random.default_rng(0)
    teacher, statistics = random_logs(rng, points=2), rng.standard_normal((1, 2, 3))
    values = (statistics * np.exp(random_logs(rng, points=2))).sum(-1).mean(axis=1)
    student = project_on_m_flat(teacher, statistics, values)
    constraint = {
        "type": "eq",
        "fun": lambda z: (statistics * np.exp(log_softmax(z.reshape(2, 3), axis=-1))).sum(-1).mean(axis=1) - values,
    }
    found = minimize(
        lambda z: kl(log_softmax(z.reshape(2, 3), axis=-1), teacher),
        teacher.ravel(),
        constraints=constraint,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(np.exp(student), np.exp(log_softmax(found.x.reshape(2, 3), axis=-1)), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, slack=st.floats(0.0, 1.0))
def test_reverse_kl_on_a_convex_class_gains_at_least_the_misfit(seed, slack):
    rng = np.random.default_rng(seed)
    target, teacher, statistic = random_logs(rng), random_logs(rng), rng.standard_normal((12, 3))
    of_target = (statistic * np.exp(target)).sum(-1).mean()
    student = project_on_half_space(teacher, statistic, of_target - slack)
    assert kl(target, teacher) - kl(target, student) >= kl(student, teacher) - EXACT


def test_the_bound_is_an_equality_iff_the_target_is_on_the_boundary_or_nothing_moves():
    rng = np.random.default_rng(1)
    target, teacher = random_logs(rng), random_logs(rng)
    statistic = target - teacher
    of_target, of_teacher = ((statistic * np.exp(logs)).sum(-1).mean() for logs in (target, teacher))
    for at_least, equal in ((of_target, True), (0.5 * (of_target + of_teacher), False), (of_teacher - 1, True)):
        student = project_on_half_space(teacher, statistic, at_least)
        slack = kl(target, teacher) - kl(target, student) - kl(student, teacher)
        assert (abs(slack) < EXACT) == equal


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_heads_trained_by_cross_entropy_gain_the_misfit_in_the_reversed_risk(seed):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((20, 3))
    target = log_softmax(features @ rng.standard_normal((3, 3)), axis=-1)
    teacher = log_softmax(target + rng.standard_normal((20, 3)), axis=-1)
    student = closest_softmax_linear(teacher, features)
    assert kl(teacher, target) - kl(student, target) == pytest.approx(kl(teacher, student), abs=EXACT)


def test_but_not_in_cross_entropy_to_the_target():
    """The gap in CE(y, .) is below KL(s, t) for some problems and above it for others."""
    rng = np.random.default_rng(2)
    slacks = []
    for _ in range(40):
        features = rng.standard_normal((20, 3))
        target = log_softmax(features @ rng.standard_normal((3, 3)), axis=-1)
        teacher = log_softmax(target + rng.standard_normal((20, 3)), axis=-1)
        student = closest_softmax_linear(teacher, features)
        slacks.append(kl(target, teacher) - kl(target, student) - kl(student, teacher))
    assert min(slacks) < -1e-4
    assert max(slacks) > 1e-4


def test_squared_loss_on_a_subspace_is_an_equality_and_on_a_union_of_two_lines_is_not():
    """By hand: lines along (1, 0) and (0, 1), target (1, 0), teacher (1, 2). The nearer line gives (0, 2)."""
    target, teacher = np.array([1.0, 0.0]), np.array([1.0, 2.0])
    on_first, on_union = np.array([1.0, 0.0]), np.array([0.0, 2.0])

    def risk_gap(student):
        return np.sum((teacher - target) ** 2) - np.sum((student - target) ** 2)

    assert risk_gap(on_first) == np.sum((on_first - teacher) ** 2) == 4
    assert risk_gap(on_union) == -1  # the student is worse than its teacher, for a misfit of 1
    assert risk_gap(on_union) < np.sum((on_union - teacher) ** 2)


def test_what_cannot_be_reached_is_refused():
    teacher = np.log(np.full((2, 2), 0.5))
    with pytest.raises(DomainError, match="no distribution"):
        project_on_half_space(teacher, np.eye(2), 1.0)
    with pytest.raises(DomainError, match="no distribution"):
        project_on_m_flat(teacher, np.ones((1, 2, 2)), np.array([2.0]))
