"""Generators are found by name, take their parameter, and are extended by subclass."""

from __future__ import annotations

from typing import final

import numpy as np
import pytest

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.generators import GENERATORS, BregmanGenerator, get_generator
from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError, DomainError, ShapeError


@final
class Quartic(BregmanGenerator):
    name, domain, dual_domain = "quartic", "finite numbers", "finite numbers"

    def _inside(self, points):
        return np.isfinite(points)

    def _inside_dual(self, duals):
        return np.isfinite(duals)

    def _potential(self, points):
        return (points**4).sum(axis=-1)

    def _gradient(self, points):
        return 4 * points**3

    def _inverse_gradient(self, duals):
        return np.cbrt(duals / 4)


@final
class TiltedEntropy(BregmanGenerator):
    """Twice the negative entropy plus a linear function: twice KL, by affine invariance."""

    name, domain, dual_domain = "tilted", "positive probabilities", "finite numbers"

    def _inside(self, points):
        return points > 0

    def _inside_dual(self, duals):
        return np.isfinite(duals)

    def _potential(self, points):
        return (2 * points * np.log(points) + 3 * points).sum(axis=-1)

    def _gradient(self, points):
        return 2 * np.log(points) + 5

    def _inverse_gradient(self, duals):
        return np.exp((duals - 5) / 2)


@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "mahalanobis"])
def test_every_name_builds_its_generator(name):
    assert isinstance(get_generator(name), GENERATORS[name])
    assert get_generator(name).name == name


def test_a_generator_is_returned_as_it_is():
    own = Quartic()
    assert get_generator(own) is own
    with pytest.raises(ConfigError, match="no parameters"):
        get_generator(own, matrix=np.eye(2))


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match='Did you mean "negative_entropy"'):
        get_generator("negativ_entropy")


def test_parameters_are_checked():
    with pytest.raises(ConfigError, match="needs matrix"):
        get_generator("mahalanobis")
    with pytest.raises(ConfigError, match="has no parameter 'matrx'; it takes matrix"):
        get_generator("mahalanobis", matrx=np.eye(2))
    with pytest.raises(ConfigError, match="it takes none"):
        get_generator("softplus", matrix=np.eye(2))


def test_mahalanobis_needs_a_symmetric_positive_definite_matrix_of_the_right_size():
    with pytest.raises(ShapeError, match="square"):
        get_generator("mahalanobis", matrix=np.ones((2, 3)))
    with pytest.raises(DomainError, match="symmetric"):
        get_generator("mahalanobis", matrix=np.array([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(DomainError, match="lowest eigenvalue is -1"):
        get_generator("mahalanobis", matrix=np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(DomainError, match="finite"):
        get_generator("mahalanobis", matrix=np.array([[np.nan, 0.0], [0.0, 1.0]]))
    with pytest.raises(ShapeError, match="last axis of 2"):
        get_generator("mahalanobis", matrix=np.eye(2)).divergence(np.zeros(3), np.zeros(3))


def test_mahalanobis_of_the_identity_is_squared_euclidean():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3))
    plain = get_generator("squared_euclidean").divergence(a, b)
    np.testing.assert_allclose(get_generator("mahalanobis", matrix=np.eye(3)).divergence(a, b), plain)


def test_a_subclass_by_potential_alone_keeps_the_identities():
    g, rng = Quartic(), np.random.default_rng(1)
    a, b, c = rng.normal(size=(3, 6, 4))
    # By hand for one coordinate: D(a, b) = a^4 - b^4 - 4 b^3 (a - b).
    np.testing.assert_allclose(g.divergence(a, b), (a**4 - b**4 - 4 * b**3 * (a - b)).sum(axis=-1))
    np.testing.assert_allclose(g.divergence_from_dual(g.gradient(a), g.gradient(b)), g.divergence(a, b), atol=1e-12)
    np.testing.assert_allclose(g.divergence(a, c), g.divergence(a, b) + g.divergence(b, c) + g.residual(a, b, c))
    y = rng.normal(size=4)
    dual = g.dual_mean(a)
    np.testing.assert_allclose(g.divergence(y, a).mean(), g.divergence(y, dual) + g.divergence(dual, a).mean())


def test_a_subclass_works_wherever_a_name_does_and_a_linear_term_changes_nothing():
    p = Predictions.from_logits(np.random.default_rng(2).normal(size=(5, 7, 3)))
    target = np.full((7, 3), 1 / 3)
    for order in ("target_first", "prediction_first"):
        own = bias_variance(target, p, generator=TiltedEntropy(), order=order)
        kl = bias_variance(target, p, generator="generalized_kl", order=order)
        for part in ("total", "bias", "variance"):
            np.testing.assert_allclose(getattr(own, part), 2 * getattr(kl, part), rtol=1e-10, atol=1e-12)


def test_an_unfinished_subclass_cannot_be_built():
    class Unfinished(BregmanGenerator):
        name, domain, dual_domain = "unfinished", "", ""

    with pytest.raises(TypeError, match="abstract"):
        Unfinished()
