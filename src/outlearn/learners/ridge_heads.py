"""Ridge heads: hundreds of label vectors, all penalties, from one factorisation of the features.

For each penalty and each head, with the sum convention of scikit-learn's `Ridge(alpha=penalty)`,

    minimise  sum_i w_i (y_i - x_i.theta - b)^2 + penalty |theta|^2,        b not penalised.

Heads that weigh the examples alike (all without weights, or those whose labelers left the same gaps) share one
`RidgePath`: a further label vector or penalty then costs two products with a matrix as large as the smaller of
examples and features, and no factorisation. Which penalty is best can be asked of the labels that are there: the error
on examples left out one by one is exact and costs no refit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.errors import DomainError, ShapeError

if TYPE_CHECKING:
    from outlearn.theory.ridge_solver import RidgePath

__all__ = ["PENALTIES", "RidgeDesign", "RidgeHeads", "fit_ridge"]

# Of a sum of squares, on standardised features: from almost none to almost the mean alone, a factor of 10 apart.
PENALTIES = tuple(float(10**e) for e in np.arange(-2.0, 6.1, 1.0))
CONSTANT = 4.0 * np.finfo(np.float64).eps  # a spread that is this share of a feature's size is rounding


@dataclass(frozen=True)
class RidgeHeads:
    """Hold fitted ridge heads, on the features as they were given.

    Attributes:
        penalties: `[penalties]`.
        weight: `[penalties, heads, features]`, float64.
        bias: `[penalties, heads]`.
        held_out: mean squared error on examples left out one by one, `[penalties, heads]`; None if not asked for.
    """

    penalties: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    held_out: np.ndarray | None = None

    def predict(self, features: FeatureMatrix) -> Float[np.ndarray, "penalties heads points"]:
        """Predict new points with every head of every penalty.

        Raises:
            ShapeError: if the features do not fit the heads.
        """
        x = _dense(features)
        if x.ndim != 2 or x.shape[1] != self.weight.shape[-1]:
            raise ShapeError(
                f"features have shape {x.shape}; expected [points, {self.weight.shape[-1]}], as in training."
            )
        return self.weight @ x.T + self.bias[..., None]

    def best(self) -> Int[np.ndarray, " heads"]:
        """Return, for each head, the index of the penalty whose held-out error is lowest; the larger of equal ones.

        Raises:
            DomainError: if the heads were fitted without `held_out`.
        """
        if self.held_out is None:
            raise DomainError("these heads have no held-out errors to choose by; fit them with held_out=True.")
        order = np.argsort(-self.penalties, kind="stable")
        return order[self.held_out[order].argmin(axis=0)]

    def at(self, chosen: Int[np.ndarray, " heads"]) -> RidgeHeads:
        """Keep one penalty a head, given by its index: one row, whose penalties are nan where heads differ."""
        heads = np.arange(self.weight.shape[1])
        kept = self.penalties[chosen]
        return RidgeHeads(
            np.array([kept[0] if (kept == kept[0]).all() else np.nan]),
            self.weight[chosen, heads][None],
            self.bias[chosen, heads][None],
            None if self.held_out is None else self.held_out[chosen, heads][None],
        )


def fit_ridge(
    features: FeatureMatrix,
    labels: Float[np.ndarray, "heads examples"],
    penalties: Sequence[float] | Float[np.ndarray, " penalties"],
    *,
    weights: Float[np.ndarray, "heads examples"] | None = None,
    bias: bool = True,
    standardise: bool = False,
    held_out: bool = False,
) -> RidgeHeads:
    """Fit a ridge head to each label vector at each penalty.

    Args:
        features: `[examples, features]`; dense, or sparse and then spread out.
        labels: one row a head. Where its weight is 0 a label is not read and may be nan.
        penalties: of the sum of squares, at least 0; above 0 with `held_out`.
        weights: of the examples for each head, at least 0; None for 1. Rows that are equal share a factorisation.
        bias: whether there is an intercept.
        standardise: divide each feature by its standard deviation first (and subtract its mean, with a bias); the
            penalty then acts on standardised features.
        held_out: compute the errors on examples left out one by one, too: as long again as the fit and more.

    Returns:
        The heads. Standardisation is in their weights.

    Raises:
        ShapeError: if shapes do not fit.
        DomainError: for values that are not finite, negative weights or penalties, or a head without examples.

    Examples:
        >>> x = np.array([[0.0], [1.0], [2.0]])
        >>> heads = fit_ridge(x, np.array([[1.0, 3.0, 5.0], [0.0, 0.0, 3.0]]), [0.0, 2.0])
        >>> heads.weight[..., 0], heads.bias
        (array([[2.  , 1.5 ],
               [1.  , 0.75]]), array([[ 1.  , -0.5 ],
               [ 2.  ,  0.25]]))
    """
    x, y = _dense(features), np.asarray(labels)
    if y.ndim != 2 or x.ndim != 2 or y.shape[1] != x.shape[0]:
        raise ShapeError(
            f"features have shape {x.shape} and labels {y.shape}; expected [examples, features] and [heads, examples]. "
            "For one head pass labels[None]."
        )
    if weights is None:
        patterns, of_pattern = [None], np.zeros(len(y), dtype=np.int64)
    else:
        w = np.asarray(weights, dtype=np.float64)
        if w.shape != y.shape:
            raise ShapeError(f"weights have shape {w.shape}; expected {y.shape}, as the labels.")
        unique, of_pattern = np.unique(w, axis=0, return_inverse=True)
        patterns = list(unique)
    grid = np.asarray(penalties, dtype=np.float64)
    weight, intercept = np.empty((grid.size, len(y), x.shape[1])), np.empty((grid.size, len(y)))
    errors = np.empty((grid.size, len(y))) if held_out else None
    for pattern, example_weights in enumerate(patterns):
        heads = np.flatnonzero(of_pattern.reshape(-1) == pattern)
        design = RidgeDesign(x, example_weights, bias=bias, standardise=standardise)
        weight[:, heads], intercept[:, heads] = design.solve(y[heads], grid)
        if errors is not None:
            errors[:, heads] = design.held_out_errors(y[heads], grid)
    return RidgeHeads(grid, weight, intercept, errors)


@dataclass(frozen=True, eq=False)
class RidgeDesign:
    """Hold examples with their weights, centred, scaled and factorised once.

    Attributes:
        features: `[examples, features]`.
        weights: of the examples `[examples]`; None for 1. Examples of weight 0 play no part.
        bias, standardise: as for `fit_ridge`.
    """

    features: np.ndarray
    weights: np.ndarray | None = None
    bias: bool = True
    standardise: bool = False

    def __post_init__(self) -> None:
        """Check what came, before anything is factorised."""
        if not np.isfinite(self.features).all():
            raise DomainError("features hold nan or infinite values; impute or drop them.")
        if self.weights is not None and not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise DomainError(f"weights must be numbers of at least 0; the lowest is {self.weights.min():g}.")
        if not self._seen.size:
            raise DomainError("the weights of a head are 0 for every example; leave this head out, or give it labels.")

    def solve(
        self, labels: Float[np.ndarray, "heads examples"], penalties: Float[np.ndarray, " penalties"]
    ) -> tuple[Float[np.ndarray, "penalties heads features"], Float[np.ndarray, "penalties heads"]]:
        """Return weights on the raw features, and intercepts; errors as for `fit_ridge`."""
        centred, centre = self._labels(labels)
        weight = self._path.coefficients(centred, penalties).transpose(0, 2, 1) / self._scale
        return weight, centre - weight @ self._mean

    def held_out_errors(
        self, labels: Float[np.ndarray, "heads examples"], penalties: Float[np.ndarray, " penalties"]
    ) -> Float[np.ndarray, "penalties heads"]:
        """Return the weighted mean squared error on examples left out one by one.

        The moments that standardise are those of all examples, as those of a student's split are.
        """
        centred, _ = self._labels(labels)
        shares = self._example_weights / self._example_weights.sum()
        leverage = shares if self.bias else 0.0
        # Rows are sqrt(w) times what they stand for: squares of their residuals are weighted already.
        return np.array(
            [
                np.square(self._path.left_out_residuals(centred, penalty, leverage=leverage)).sum(axis=0)
                / self._example_weights.sum()
                for penalty in penalties
            ]
        )

    @cached_property
    def _seen(self) -> np.ndarray:
        return np.arange(len(self.features)) if self.weights is None else np.flatnonzero(self.weights)

    @cached_property
    def _example_weights(self) -> np.ndarray:
        return np.ones(len(self._seen)) if self.weights is None else self.weights[self._seen]

    @cached_property
    def _mean(self) -> np.ndarray:
        if not self.bias:
            return np.zeros(self.features.shape[1])
        return np.asarray(self._example_weights @ self.features[self._seen] / self._example_weights.sum())

    @cached_property
    def _scale(self) -> np.ndarray:
        if not self.standardise:
            return np.ones(self.features.shape[1])
        rows = self.features[self._seen]
        total = self._example_weights.sum()
        mean = self._example_weights @ rows / total
        scale = np.sqrt(self._example_weights @ np.square(rows - mean) / total)
        return np.where(scale > CONSTANT * np.abs(mean), scale, 1.0)

    @cached_property
    def _path(self) -> RidgePath:
        from outlearn.theory.ridge_solver import RidgePath  # with it come the experiments, which no other run needs

        root = np.sqrt(self._example_weights)[:, None]
        return RidgePath(root * ((self.features[self._seen] - self._mean) / self._scale))

    def _labels(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sqrt(w) (y - mean), `[examples, heads]`, and the means, `[heads]`."""
        seen = np.asarray(labels, dtype=np.float64)[:, self._seen]
        if not np.isfinite(seen).all():
            head = int(np.flatnonzero(~np.isfinite(seen).all(axis=1))[0])
            raise DomainError(
                f"labels[{head}] hold nan or infinite values; give these examples the weight 0, or drop them."
            )
        centre = seen @ self._example_weights / self._example_weights.sum() if self.bias else np.zeros(len(seen))
        return np.sqrt(self._example_weights)[:, None] * (seen - centre[:, None]).T, centre


def _dense(features: FeatureMatrix) -> np.ndarray:
    dense = features if isinstance(features, np.ndarray) else features.toarray()
    return np.asarray(dense, dtype=np.float64)
