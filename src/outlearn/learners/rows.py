"""The rows that training reads, standardised, with a last column of ones for the bias: dense, or kept sparse.

Sparse features are not spread out: with x' = (x - mean) / scale, and s = mean / scale,

    x' W = (x / scale) W - s W,        x'^T r = (x / scale)^T r - s (sum of r over rows),

so that products cost what the entries there are cost, standardised or not. Only a minibatch, and a block of rows whose
Hessian is taken, are dense.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.errors import DomainError
from outlearn.lazy_torch import Tensor, torch

__all__ = ["DenseRows", "Products", "Rows", "SparseRows", "is_sparse", "moments", "standardised", "times"]

# A B with so few columns of B takes the library two to ten times as long as B^T A^T, where it is not 12: 6 columns and
# 2,400 x 385 rows 1.1 ms against 0.25.
FEW_COLUMNS = range(2, 16)
BLOCK = 512  # rows converted to float64 at once: memory that is touched for the first time is slow


def is_sparse(features: Any) -> bool:
    """Say whether features are a sparse array or matrix of any format."""
    from scipy.sparse import issparse

    return bool(issparse(features))


class Products(ABC):
    """What many heads are multiplied with: rows that all share, or rows of which each head has some (`RowsOfSets`).

    Attributes:
        shape: rows of a head, and columns with that of the bias.
        dtype: in which products are computed.
    """

    shape: tuple[int, int]
    dtype: torch.dtype

    def __len__(self) -> int:
        return self.shape[0]

    @abstractmethod
    def product(self, start: int, stop: int, weight: Tensor, out: Tensor) -> None:
        """Write X W of these rows into `out`."""

    @abstractmethod
    def add_back(self, start: int, stop: int, residual: Tensor, out: Tensor) -> None:
        """Add X^T R of these rows to `out`."""

    @abstractmethod
    def of_heads(self, heads: Tensor) -> Products:
        """Return what these of the heads are multiplied with."""


class Rows(Products):
    """Rows of standardised features, the last column 1 if there is a bias.

    Attributes:
        bias: whether the last column is that of the bias.
    """

    bias: bool

    def of_heads(self, heads: Tensor) -> Rows:
        """Return the same for any heads."""
        return self

    @abstractmethod
    def block(self, start: int, stop: int) -> Tensor:
        """Return these rows, dense."""

    @abstractmethod
    def take(self, rows: Tensor, out: Tensor) -> None:
        """Write these rows into `out`, dense."""

    @abstractmethod
    def select(self, rows: Tensor) -> Rows:
        """Keep these rows, in this order."""

    @abstractmethod
    def double(self) -> Rows:
        """Return the same rows, held in float64."""

    @abstractmethod
    def exact(self) -> Rows:
        """Return the same rows for a few products in float64; nothing large is copied."""

    @abstractmethod
    def gram(self) -> np.ndarray:
        """Compute X X^T without the bias, float64 `[rows, rows]`."""

    @abstractmethod
    def add_squares(self, start: int, stop: int, weights: Tensor, out: Tensor) -> None:
        """Add to `out` the weighted sum of squares of each column over these rows."""


class DenseRows(Rows):
    """Rows in one tensor, of the dtype of the products or converted to it block by block."""

    def __init__(self, values: Tensor, dtype: torch.dtype | None = None, *, bias: bool) -> None:
        self.values, self.bias = values, bias
        self.shape = (values.shape[0], values.shape[1])
        self.dtype = dtype or values.dtype

    def block(self, start: int, stop: int) -> Tensor:
        """Return a view, or a converted copy."""
        return self.values[start:stop].to(self.dtype)

    def take(self, rows: Tensor, out: Tensor) -> None:
        """Copy rows."""
        torch.index_select(self.values, 0, rows, out=out)

    def select(self, rows: Tensor) -> DenseRows:
        """Copy the rows kept."""
        return DenseRows(self.values[rows], self.dtype, bias=self.bias)

    def double(self) -> DenseRows:
        """Convert all rows."""
        return DenseRows(self.values.double(), bias=self.bias)

    def single(self) -> DenseRows:
        """Convert all rows to float32."""
        return DenseRows(self.values.float(), bias=self.bias)

    def exact(self) -> DenseRows:
        """Change what blocks are converted to."""
        return DenseRows(self.values, torch.float64, bias=self.bias)

    def gram(self) -> np.ndarray:
        """Multiply."""
        x = self.values[:, : self.shape[1] - self.bias].double()
        return (x @ x.t()).numpy()

    def add_squares(self, start: int, stop: int, weights: Tensor, out: Tensor) -> None:
        """Square, multiply and add."""
        out.addmv_(self.block(start, stop).square().t(), weights)

    def product(self, start: int, stop: int, weight: Tensor, out: Tensor) -> None:
        """Multiply."""
        times(self.block(start, stop), weight, out=out)

    def add_back(self, start: int, stop: int, residual: Tensor, out: Tensor) -> None:
        """Multiply, and add."""
        if residual.shape[1] in FEW_COLUMNS:
            out += times(self.block(start, stop).t(), residual)
        else:
            torch.addmm(out, self.block(start, stop).t(), residual, out=out)


class SparseRows(Rows):
    """Rows of which most entries are 0 before standardisation.

    Attributes:
        scaled: features divided by their scale, `[rows, features]`.
        shift: mean / scale, `[features]`; None where nothing is subtracted.
    """

    def __init__(self, scaled: csr_array, shift: np.ndarray | None, *, bias: bool, dtype: torch.dtype) -> None:
        like = torch.empty(0, dtype=dtype).numpy().dtype
        self.scaled, self.bias, self.dtype = scaled.astype(like, copy=False), bias, dtype
        self.shift = None if shift is None else torch.from_numpy(shift).to(dtype)
        self.shape = (scaled.shape[0], scaled.shape[1] + bias)

    def block(self, start: int, stop: int) -> Tensor:
        """Spread these rows out."""
        return self._dense(self.scaled[start:stop])

    def take(self, rows: Tensor, out: Tensor) -> None:
        """Spread rows out into `out`."""
        out.copy_(self._dense(self.scaled[rows.numpy()]))

    def select(self, rows: Tensor) -> SparseRows:
        """Copy the entries of the rows kept."""
        return self._with(self.scaled[rows.numpy()], self.dtype)

    def double(self) -> SparseRows:
        """Copy the entries in float64."""
        return self._with(self.scaled, torch.float64)

    def exact(self) -> SparseRows:
        """Copy the entries in float64: they are few."""
        return self.double()

    def gram(self) -> np.ndarray:
        """Multiply the entries, and subtract what the shift takes: (x - s)(y - s) = xy - xs - ys + ss."""
        x = self.scaled.astype(np.float64)
        products: np.ndarray = (x @ x.T).toarray()
        if self.shift is not None:
            s = self.shift.double().numpy()
            along = x @ s
            products += s @ s - along[:, None] - along
        return products

    def add_squares(self, start: int, stop: int, weights: Tensor, out: Tensor) -> None:
        """Square the entries; with a shift, (x - s)^2 = x^2 - 2 x s + s^2."""
        x, features = self.scaled[start:stop], out[: self.scaled.shape[1]]
        features += torch.from_numpy(x.power(2).T @ weights.numpy())
        if self.shift is not None:
            features += self.shift * (self.shift * weights.sum() - 2.0 * torch.from_numpy(x.T @ weights.numpy()))
        if self.bias:
            out[-1] += weights.sum()

    def product(self, start: int, stop: int, weight: Tensor, out: Tensor) -> None:
        """Multiply the entries; the shift and the bias are the same for every row."""
        features = weight[: self.scaled.shape[1]]
        out.copy_(torch.from_numpy(self.scaled[start:stop] @ features.numpy()))
        if self.shift is not None:
            out -= self.shift @ features
        if self.bias:
            out += weight[-1]

    def add_back(self, start: int, stop: int, residual: Tensor, out: Tensor) -> None:
        """Multiply the entries back; the shift and the bias see the sum over rows."""
        features = out[: self.scaled.shape[1]]
        features += torch.from_numpy(self.scaled[start:stop].T @ residual.numpy())
        total = residual.sum(0)
        if self.shift is not None:
            features.addr_(self.shift, total, alpha=-1.0)
        if self.bias:
            out[-1] += total

    def _dense(self, rows: csr_array) -> Tensor:
        out = torch.ones(rows.shape[0], self.shape[1], dtype=self.dtype)
        out[:, : rows.shape[1]] = torch.from_numpy(rows.toarray())
        if self.shift is not None:
            out[:, : rows.shape[1]] -= self.shift
        return out

    def _with(self, scaled: csr_array, dtype: torch.dtype) -> SparseRows:
        shift = None if self.shift is None else self.shift.double().numpy()
        return SparseRows(scaled, shift, bias=self.bias, dtype=dtype)


def times(left: Tensor, right: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Multiply two matrices, (B^T A^T)^T where B has few columns; into `out` if there is one."""
    if right.shape[1] not in FEW_COLUMNS:
        return torch.mm(left, right, out=out)
    product = (right.t().contiguous() @ left.t()).t()
    return product if out is None else out.copy_(product)


def moments(x: FeatureMatrix) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation of each feature in float64; a constant feature keeps the scale 1."""
    n = x.shape[0]
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(x, csr_array):
            columns, values = x.indices, x.data.astype(np.float64)
            mean = np.bincount(columns, values, minlength=x.shape[1]) / n
            # Entries that are not stored are 0, and lie the mean away from it.
            absent = n - np.bincount(columns, minlength=x.shape[1])
            square = np.bincount(columns, (values - mean[columns]) ** 2, minlength=x.shape[1]) + absent * mean**2
        else:
            mean = x.mean(0, dtype=np.float64)
            square = np.zeros_like(mean)
            for start in range(0, n, BLOCK):
                square += ((x[start : start + BLOCK] - mean) ** 2).sum(0)
        scale = np.sqrt(square / n)
    if not np.isfinite(scale).all():
        column = int(np.flatnonzero(~np.isfinite(scale))[0])
        largest = float(np.abs(x[:, [column]]).max())
        raise DomainError(
            f"features[:, {column}] reach {largest:.3g}, whose square no float holds. Divide this feature by its size."
        )
    # What rounding of the features alone can produce counts as constant.
    resolution = np.finfo(x.dtype).eps if x.dtype.kind == "f" else np.finfo(np.float64).eps
    return mean, np.where(scale > 4.0 * resolution * np.abs(mean), scale, 1.0)


def standardised(x: FeatureMatrix, mean: np.ndarray, scale: np.ndarray, *, bias: bool, dtype: torch.dtype) -> Rows:
    """Standardise in float64, and append the ones that multiply the bias."""
    if isinstance(x, csr_array):
        scaled = csr_array((x.data / scale[x.indices], x.indices, x.indptr), shape=x.shape)
        return SparseRows(scaled, mean / scale if mean.any() else None, bias=bias, dtype=dtype)
    n, d = x.shape
    out = torch.ones(n, d + bias, dtype=dtype)
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        out[rows, :d] = torch.from_numpy((x[rows] - mean) / scale)
    return DenseRows(out, bias=bias)
