"""Quadratic generators: the only symmetric divergences, for which both means are the arithmetic one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float, Real
from scipy.linalg import cho_factor, cho_solve

from outlearn.core.generators.averages import average
from outlearn.core.generators.bregman_generator import BregmanGenerator
from outlearn.core.log_space import row_sum
from outlearn.errors import DomainError, ShapeError

__all__ = ["Mahalanobis", "SquaredEuclidean"]

SYMMETRY = 1e-10  # largest relative asymmetry that rounding explains


class _Quadratic(BregmanGenerator):
    """What all quadratic generators share: both means are the arithmetic one."""

    unit: ClassVar[str] = "squared error"
    dual_mean_name: ClassVar[str] = "arithmetic"
    domain: ClassVar[str] = "finite numbers"
    dual_domain: ClassVar[str] = "finite numbers"

    def _dual_mean(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return average(points, weights)

    def _mean_from_dual(self, duals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return average(duals, weights)


@final
@dataclass(frozen=True)
class SquaredEuclidean(_Quadratic):
    """`phi(x) = |x|^2`, so `D(a, b) = |a - b|^2`, without a half; the Brier score for probabilities.

    Examples:
        >>> float(SquaredEuclidean().divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
        2.0
    """

    name: ClassVar[str] = "squared_euclidean"
    label: ClassVar[str] = "squared Euclidean distance"
    line: ClassVar[str] = "|a - b|^2, no half; with one-hot labels the Brier score."
    notation: ClassVar[str] = "|{a} - {b}|^2"
    in_runs: ClassVar[bool] = True
    risk_metric: ClassVar[str | None] = "brier"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return np.isfinite(points)

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        return np.isfinite(duals)

    def _potential(self, points: np.ndarray) -> np.ndarray:
        return np.asarray((points**2).sum(axis=-1))

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray((duals**2).sum(axis=-1) / 4)

    def _gradient(self, points: np.ndarray) -> np.ndarray:
        return 2 * points

    def _inverse_gradient(self, duals: np.ndarray) -> np.ndarray:
        return duals / 2

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return row_sum((a - b) ** 2)

    def _divergence_from_dual(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return row_sum((u - v) ** 2) / 4


@final
class Mahalanobis(_Quadratic):
    """`phi(x) = x'Ax` for a symmetric positive definite A, so `D(a, b) = (a - b)'A(a - b)`.

    Args:
        matrix: A, `[classes, classes]`.

    Raises:
        ShapeError: if A is not square.
        DomainError: if A is not finite, symmetric and positive definite.

    Examples:
        >>> float(Mahalanobis(np.diag([1.0, 3.0])).divergence(np.array([1.0, 1.0]), np.array([0.0, 0.0])))
        4.0
    """

    name: ClassVar[str] = "mahalanobis"
    label: ClassVar[str] = "Mahalanobis distance"
    line: ClassVar[str] = "(a - b)'A(a - b) for a positive definite matrix A."

    def __init__(self, matrix: Real[np.ndarray, "..."]) -> None:
        a = np.array(matrix, dtype=np.float64)
        if a.ndim != 2 or a.shape[0] != a.shape[1] or a.size == 0:
            raise ShapeError(f"mahalanobis needs a square matrix, got shape {a.shape}.")
        if not np.all(np.isfinite(a)):
            raise DomainError("mahalanobis needs a finite matrix; it contains NaN or infinity.")
        if np.abs(a - a.T).max() > SYMMETRY * np.abs(a).max():
            raise DomainError("mahalanobis needs a symmetric matrix; use (A + A.T) / 2, which gives the same x'Ax.")
        symmetric = (a + a.T) / 2
        try:
            self._factor = cho_factor(symmetric)
        except np.linalg.LinAlgError:
            low = float(np.linalg.eigvalsh(symmetric)[0])
            raise DomainError(
                f"mahalanobis needs a positive definite matrix; its lowest eigenvalue is {low:.3g}."
            ) from None
        symmetric.setflags(write=False)
        self._matrix = symmetric

    @property
    def matrix(self) -> Float[np.ndarray, "classes classes"]:
        """The matrix A, read-only."""
        return self._matrix

    def __repr__(self) -> str:
        return f"Mahalanobis(matrix={self._matrix.tolist()})"

    def _inside(self, points: np.ndarray) -> np.ndarray:
        if points.shape[-1] != len(self._matrix):
            raise ShapeError(
                f"mahalanobis with a matrix of shape {self._matrix.shape} needs a last axis of {len(self._matrix)}, "
                f"got shape {points.shape}."
            )
        return np.isfinite(points)

    def _inside_dual(self, duals: np.ndarray) -> np.ndarray:
        return self._inside(duals)

    def _potential(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(((points @ self._matrix) * points).sum(axis=-1))

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        return np.asarray((self._solve(duals) * duals).sum(axis=-1) / 4)

    def _gradient(self, points: np.ndarray) -> np.ndarray:
        return 2 * (points @ self._matrix)

    def _inverse_gradient(self, duals: np.ndarray) -> np.ndarray:
        return self._solve(duals) / 2

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self._potential(a - b)

    def _divergence_from_dual(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self._conjugate(u - v)

    def _solve(self, duals: np.ndarray) -> np.ndarray:
        flat = duals.reshape(-1, duals.shape[-1])
        return np.asarray(cho_solve(self._factor, flat.T).T.reshape(duals.shape))
