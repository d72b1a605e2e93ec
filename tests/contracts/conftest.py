"""Points inside the domain of every generator, for the contract tests; a new generator needs one line in SAMPLERS."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit, softmax

from outlearn.core.generators import BregmanGenerator, get_generator

# What theory.md promises of every identity in float64, relative to the largest term (sums of up to 64 x 50 terms).
EXACT = 1e-10

SAMPLERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "squared_euclidean": lambda z: z,
    "mahalanobis": lambda z: z,
    "negative_entropy": lambda z: softmax(z, axis=-1),
    "binary_entropy": expit,
    "itakura_saito": np.exp,
    "generalized_kl": np.exp,
    "exponential": lambda z: z,
    "log_cosh": lambda z: z,
    "softplus": lambda z: z,
    "logsumexp": lambda z: z,
}


class Bregman:
    """Build generators, draw points, compare: what every contract test of a generator needs."""

    @staticmethod
    def build(name: str, classes: int) -> BregmanGenerator:
        """Build a generator for that many classes; the matrix of mahalanobis is well conditioned and not diagonal."""
        if name != "mahalanobis":
            return get_generator(name)
        noise = np.random.default_rng(classes).normal(size=(classes, classes))
        root = np.eye(classes) + 0.3 * noise / np.sqrt(classes)
        return get_generator(name, matrix=root @ root.T)

    @staticmethod
    def draw(name: str, rng: np.random.Generator, *shape: int) -> np.ndarray:
        """Draw points of that shape, with log-ratios of several units."""
        return SAMPLERS[name](1.5 * rng.normal(size=shape))

    @staticmethod
    def same(actual: np.ndarray, expected: np.ndarray, *terms: np.ndarray) -> None:
        """Assert equality to EXACT of the largest number that entered."""
        size = max([1.0, *(float(np.abs(term).max()) for term in (actual, expected, *terms))])
        np.testing.assert_allclose(actual, expected, rtol=0, atol=EXACT * size)


@pytest.fixture(scope="session")
def bregman() -> Bregman:
    """Give the tests of generators their points."""
    return Bregman()
