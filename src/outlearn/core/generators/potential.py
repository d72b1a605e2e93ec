"""A generator of the user's own, from the potential alone."""

from __future__ import annotations

import numpy as np

from outlearn.core.generators.averages import average
from outlearn.core.generators.bregman_generator import BregmanGenerator

__all__ = ["PotentialGenerator"]


class PotentialGenerator(BregmanGenerator):
    """A generator of your own from phi, its gradient and the inverse of that; the rest follows by definition.

    The divergence is `phi(a) - phi(b) - <grad phi(b), a - b>` as it stands: about 1e-16 of the size of phi is lost
    in it, which a subclass of `BregmanGenerator` with a stable form avoids.

    Example:
        >>> from typing import final
        >>> @final
        ... class Quartic(PotentialGenerator):
        ...     name, domain, dual_domain = "quartic", "finite numbers", "finite numbers"
        ...     def _inside(self, points): return np.isfinite(points)
        ...     def _inside_dual(self, duals): return np.isfinite(duals)
        ...     def _potential(self, points): return (points**4).sum(-1)
        ...     def _gradient(self, points): return 4 * points**3
        ...     def _inverse_gradient(self, duals): return np.cbrt(duals / 4)
        >>> float(Quartic().divergence(np.array([2.0]), np.array([1.0])))
        11.0
        >>> Quartic().dual_mean(np.array([[0.0], [2.0]])).round(4)
        array([1.5874])
    """

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        points = self._inverse_gradient(duals)
        return np.asarray((duals * points).sum(axis=-1) - self._potential(points))  # Fenchel's equality

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(self._potential(a) - self._potential(b) - (self._gradient(b) * (a - b)).sum(axis=-1))

    def _divergence_from_dual(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self._divergence(self._inverse_gradient(u), self._inverse_gradient(v))

    def _dual_mean(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return self._inverse_gradient(average(self._gradient(points), weights))

    def _mean_from_dual(self, duals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return self._gradient(average(self._inverse_gradient(duals), weights))

    def _dual_from_log_probs(self, log_probs: np.ndarray) -> np.ndarray:
        return self._gradient(np.exp(log_probs))
