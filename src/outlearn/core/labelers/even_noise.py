"""Is noise even? If no point is harder than another, misses of some labelers say nothing about those of others.

Under even noise (`outlearn.core.labelers.shared_answer`) labelers are independent given the shared answer, and whether
two of them agree does not depend on what it is. So the agreement of one pair is uncorrelated with that of any pair that
has no labeler in common with it. Where points differ in difficulty, pairs agree on the same points:

    covariance = mean over points and over disjoint pairs (i, j), (k, l) of (1[L_i = L_j] - a_ij) (1[L_k = L_l] - a_kl),

a_ij being how often i and j agree. It is 0 under even noise, for any number of classes and any skills, above 0 where
labelers miss the shared answer on the same points: because these are hard, or of a class that is harder. It takes four
labelers: of two or three, no pair is left over.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Int
from scipy.special import ndtr

from outlearn.core.labelers.influence import LinearisedEstimate, mean_estimate

__all__ = ["MIN_LABELERS_TO_TEST", "EvenNoiseTest", "even_noise_test"]

MIN_LABELERS_TO_TEST = 4
MIN_POINTS_TO_TEST = 20


@dataclass(frozen=True)
class EvenNoiseTest:
    """Hold the test that no point is harder than another.

    Attributes:
        covariance: of the agreements of two pairs of labelers with none in common, 0 under even noise.
        standard_error: of it, over points.
        n_points: with labels of four labelers or more.
    """

    covariance: float
    standard_error: float
    n_points: int

    @property
    def z(self) -> float:
        """The covariance in standard errors; 0 where agreement does not vary."""
        return self.covariance / self.standard_error if self.standard_error > 0 else 0.0

    @property
    def p_value(self) -> float:
        """The chance of as large a covariance under even noise, one-sided."""
        return float(ndtr(-self.z))


def even_noise_test(labels: Int[np.ndarray, "labelers points"]) -> EvenNoiseTest | None:
    """Test whether labelers miss the shared answer equally often at every point.

    Args:
        labels: classes from 0, -1 for none.

    Returns:
        The test; None if fewer than 20 points have labels of four labelers.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> even = (rng.random((5, 2000)) < 0.2).astype(int)
        >>> hard = (rng.random((5, 2000)) < rng.choice([0.05, 0.35], 2000)).astype(int)
        >>> [round(even_noise_test(labels).z, 1) for labels in (even, hard)]
        [1.1, 10.9]
    """
    n_labelers, n_points = labels.shape
    total, squares = np.zeros(n_points), np.zeros(n_points)
    of_labeler = np.zeros((n_labelers, n_points))
    for i, j in combinations(range(n_labelers), 2):
        both = (labels[i] >= 0) & (labels[j] >= 0)
        if both.any():
            equal = (labels[i] == labels[j]).astype(np.float64)
            excess = np.where(both, equal - equal[both].mean(), 0.0)
            total += excess
            squares += excess**2
            of_labeler[i] += excess
            of_labeler[j] += excess
    # Of all products of two pairs, S^2 = (sum e)^2, those of a pair with itself are Q = sum e^2, and those of two pairs
    # that share a labeler sum_i R_i^2 - 2 Q: what is left is S^2 - sum_i R_i^2 + Q.
    products = total**2 - (of_labeler**2).sum(axis=0) + squares
    given = (labels >= 0).sum(axis=0).astype(np.float64)
    count = given * (given - 1) / 2 * (given - 2) * (given - 3) / 2
    enough = count > 0
    if enough.sum() < MIN_POINTS_TO_TEST:
        return None
    # A point with more labels has more pairs, and weighs as much as it has. The means a_ij add nothing to first order.
    found: LinearisedEstimate = mean_estimate(products, enough) / mean_estimate(count, enough)
    spread = float(np.sqrt(np.square(found.influence).sum())) / n_points
    return EvenNoiseTest(found.value, spread, int(enough.sum()))
