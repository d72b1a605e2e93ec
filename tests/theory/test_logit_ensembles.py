"""Ensembles of Gaussian logits as integrals, against adaptive quadrature and simulation."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit, logit

from outlearn.errors import DomainError
from outlearn.theory import dual_ensemble_variance, primal_pair_dual_mean


@pytest.mark.parametrize("mean", [-1.0, 0.0, 2.5])
@pytest.mark.parametrize("deviation", [0.3, 1.5, 3.0])
def test_the_variance_is_the_mean_kl_from_the_dual_mean(mean, deviation):
    def kl(z):
        p, q = expit(mean), expit(z)
        return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))

    expected, _ = integrate.quad(
        lambda z: stats.norm.pdf(z, mean, deviation) * kl(z), mean - 9 * deviation, mean + 9 * deviation, epsabs=1e-12
    )
    assert dual_ensemble_variance(np.array([mean]), deviation)[0] == pytest.approx(expected, abs=1e-8)


def test_more_members_cut_the_variance_nearly_in_proportion():
    means = np.linspace(-2, 2, 5)
    one = dual_ensemble_variance(means, 0.5)
    for members in (4, 100):
        many = dual_ensemble_variance(means, 0.5, members=members)
        assert (many < one).all()
        np.testing.assert_allclose(many * members, one, rtol=0.05)


def test_primal_pairs_move_the_dual_mean_towards_no_opinion():
    means = np.array([-2.0, 0.0, 2.0])
    moved = primal_pair_dual_mean(means, 1.5)
    assert abs(moved[1]) < 1e-12
    assert abs(moved[0]) < 2
    assert abs(moved[2]) < 2
    rng = np.random.default_rng(0)
    pairs = expit(2.0 + 1.5 * rng.standard_normal((4000, 2))).mean(axis=1)
    simulated = logit(pairs)
    assert abs(simulated.mean() - moved[2]) < 4.5 * simulated.std() / np.sqrt(4000)


def test_bad_arguments_are_refused():
    with pytest.raises(DomainError, match="members"):
        dual_ensemble_variance(np.zeros(1), 1.0, members=0)
