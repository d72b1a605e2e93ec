"""Ridge regression for many penalties and many label vectors from one factorisation, in float64.

Convention: sum, not mean. `coefficients` minimises |y - F theta|^2 + penalty |theta|^2 (scikit-learn's
`Ridge(alpha=penalty, fit_intercept=False)`); penalty 0 gives the minimum-norm least-squares solution.

One orthogonal similarity Q' K Q = T takes the smaller of the two Gram matrices, K = F'F or FF', to a tridiagonal T. It
costs a third of a full eigendecomposition and serves every penalty alike: T + penalty I stays tridiagonal, so that each
further penalty costs O(width) a label vector. Float32 would lose 1e-3 at small penalties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Real
from scipy.linalg import eigh_tridiagonal, lapack

from outlearn.errors import DomainError, ShapeError

__all__ = ["RidgePath"]

_BLOCK = 64  # LAPACK's workspace, in columns


@dataclass(frozen=True)
class RidgePath:
    """Factorise a design once; then ask for the coefficients of any penalties and any labels.

    Args:
        features: `[examples, features]`, float64; no intercept is added.

    Raises:
        DomainError: if a feature is not finite.
        ShapeError: if there is no example or no feature.

    Examples:
        >>> path = RidgePath(np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
        >>> path.coefficients(np.array([[1.0], [1.0], [5.0]]), [0.0, 1.0])[:, :, 0]
        array([[1. , 0.5],
               [0.5, 0.4]])

    Source: the reduction is LAPACK's dsytrd; that it serves a whole path of penalties is in Eldén, Algorithms for the
    regularization of ill-conditioned least squares problems, BIT 17, 1977 (there by bidiagonalisation).
    """

    features: Real[np.ndarray, "examples features"]
    _reflectors: np.ndarray = field(init=False, repr=False)
    _scales: np.ndarray = field(init=False, repr=False)
    _diagonal: np.ndarray = field(init=False, repr=False)
    _off_diagonal: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        features = np.asarray(self.features, dtype=np.float64)
        if 0 in features.shape:
            raise ShapeError(f"features have shape {features.shape}; give at least one example and one feature")
        if not np.isfinite(features).all():
            raise DomainError("features hold nan or infinite values; remove those examples or impute them first")
        gram = features @ features.T if self._dual else features.T @ features
        size = len(gram)
        packed, diagonal, off_diagonal, scales, _ = lapack.dsytrd(gram, lower=1, lwork=_BLOCK * size, overwrite_a=1)
        object.__setattr__(self, "features", features)
        # dormqr wants reflector i to start at row i, dsytrd's starts at row i + 1: put an identity (scale 0) in front.
        reflectors = np.empty((size, size), order="F")
        reflectors[:, 0] = 0.0
        reflectors[:, 1:] = packed[:, :-1]
        object.__setattr__(self, "_reflectors", reflectors)
        object.__setattr__(self, "_scales", np.concatenate([[0.0], scales]))
        object.__setattr__(self, "_diagonal", diagonal)
        object.__setattr__(self, "_off_diagonal", off_diagonal)

    @property
    def _dual(self) -> bool:
        return bool(self.features.shape[0] < self.features.shape[1])

    def eigenvalues(self) -> Float[np.ndarray, " rank"]:
        """Return the eigenvalues of the smaller Gram matrix, ascending: `[min(examples, features)]`."""
        return np.asarray(eigh_tridiagonal(self._diagonal, self._off_diagonal, eigvals_only=True))

    def coefficients(
        self,
        labels: Real[np.ndarray, "rows targets"],
        penalties: Sequence[float | int] | Real[np.ndarray, " penalties"],
    ) -> Float[np.ndarray, "penalties features targets"]:
        """Solve for every penalty and every label vector.

        Args:
            labels: `[examples, targets]`, one column a label vector.
            penalties: `[penalties]`, each at least 0.

        Returns:
            Coefficients `[penalties, features, targets]`.

        Raises:
            ShapeError: if the labels have another number of examples than the features.
            DomainError: if a penalty is negative or not a number, or so small that float64 cannot tell it from 0.
        """
        self._check_rows(labels)
        grid = np.asarray(penalties, dtype=np.float64)
        if not (grid >= 0).all():
            raise DomainError(f"penalties must be numbers >= 0, got {grid[~(grid >= 0)][0]}")
        labels = np.asarray(labels, dtype=np.float64)
        right_hand = np.array(labels if self._dual else self.features.T @ labels, order="F")
        self._reflect(right_hand, transpose=True)
        solutions = np.empty((len(right_hand), grid.size, labels.shape[1]), order="F")
        for index, penalty in enumerate(grid):
            solutions[:, index] = self._solve_shifted(right_hand, penalty) if penalty > 0 else 0.0
        flat = solutions.reshape(len(right_hand), -1, order="F")
        self._reflect(flat, transpose=False)
        if self._dual:
            flat = self.features.T @ flat
        result = flat.reshape((flat.shape[0], grid.size, labels.shape[1]), order="F").transpose(1, 0, 2)
        if (grid == 0).any():
            # The singular values of F itself, not of its Gram matrix: they keep twice the digits.
            result[grid == 0] = np.linalg.lstsq(self.features, labels, rcond=None)[0]
        return result

    def left_out_residuals(
        self,
        labels: Real[np.ndarray, "examples targets"],
        penalty: float | int,
        *,
        leverage: float | Real[np.ndarray, " examples"] = 0.0,
    ) -> Float[np.ndarray, "examples targets"]:
        """Compute y_i - f_(-i)(x_i) for each example, f_(-i) being fitted to all the others, without refitting.

        With the hat matrix H = F (F'F + penalty I)^-1 F' it is (y - H y)_i / (1 - H_ii): exact, not an approximation.

        Args:
            labels: `[examples, targets]`.
            penalty: above 0.
            leverage: what an example has beside H_ii: 1 / examples where features and labels were centred, for an
                intercept that is not penalised.

        Returns:
            Residuals `[examples, targets]`.

        Raises:
            DomainError: if the penalty is not above 0, or as for `coefficients`.
            ShapeError: as for `coefficients`.

        Examples:
            >>> path = RidgePath(np.array([[1.0], [2.0]]))
            >>> path.left_out_residuals(np.array([[3.0], [4.0]]), 1.0)  # 3 - 8 / 5 and 4 - 2 * 3 / 2
            array([[1.4],
                   [1. ]])

        Source: Allen, The relationship between variable selection and data augmentation and a method for prediction,
        Technometrics 16, 1974; Golub, Heath and Wahba, Generalized cross-validation, Technometrics 21, 1979.
        """
        self._check_rows(labels)
        if not penalty > 0:
            raise DomainError(f"penalty is {penalty}; examples are left out at penalties above 0 only")
        labels = np.asarray(labels, dtype=np.float64)
        rotated = self._rotated_rows  # Q'F', or Q' where there are fewer examples than features
        solved = self._solve_shifted(rotated, float(penalty))
        diagonal = np.einsum("se,se->e", rotated, solved)
        if self._dual:  # I - H = penalty (K + penalty I)^-1, which keeps the digits that 1 - H_ii would lose
            residuals, kept = penalty * (solved.T @ (rotated @ labels)), penalty * diagonal
        else:
            residuals, kept = labels - solved.T @ (rotated @ labels), 1.0 - diagonal
        return np.asarray(residuals / (kept - leverage)[:, None])

    @cached_property
    def _rotated_rows(self) -> np.ndarray:
        rows = np.array(np.eye(len(self.features)) if self._dual else self.features.T, order="F")
        self._reflect(rows, transpose=True)
        return rows

    def _check_rows(self, labels: np.ndarray) -> None:
        if labels.shape[0] != len(self.features):
            raise ShapeError(
                f"labels have {labels.shape[0]} rows and features {len(self.features)}; give one row an example"
            )

    def _solve_shifted(self, right_hand: np.ndarray, penalty: float) -> np.ndarray:
        if len(right_hand) == 1:  # LAPACK wants an off-diagonal
            return right_hand / (self._diagonal + penalty)
        *_, solution, info = lapack.dptsv(self._diagonal + penalty, self._off_diagonal, right_hand)
        if info:
            raise DomainError(
                f"penalty {penalty:g} is below the rounding error of the Gram matrix (about "
                f"{np.finfo(float).eps * self._diagonal.max():.1g}); use a larger one, or 0 for the minimum norm"
            )
        return np.asarray(solution)

    def _reflect(self, columns: np.ndarray, *, transpose: bool) -> None:
        """Multiply the columns (Fortran order) by Q or Q' in place."""
        side = "T" if transpose else "N"
        workspace = _BLOCK * columns.shape[1]
        lapack.dormqr("L", side, self._reflectors, self._scales, columns, lwork=workspace, overwrite_c=1)
