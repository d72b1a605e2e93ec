"""Logistic regression at many strengths of its ridge, on many parts of the same examples: what cross-validation asks.

For one set of examples, all weightings of it (each leaves a fold out) are minimised together, by the objective and the
batched L-BFGS of `fit_convex`, to a looser tolerance: all strengths at once from 0, or along a path from the strongest
ridge to the weakest, each starting where the one before ended. Where there are fewer examples than features, the
problem is solved in their span (`span`), so that a set of 25 examples costs what 25 features cost.

All heads share the eigenvectors of the examples' second moments, and each has eigenvalues of its own
(`Objective.own_preconditioner`), with its own curvature and lambda. They depend on no other head, and neither does what
is found, up to rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.lazy_torch import Tensor, no_grad, torch
from outlearn.learners.blocks import computed_logits
from outlearn.learners.checked_inputs import Inputs, check_inputs
from outlearn.learners.jobs import HeadJob
from outlearn.learners.minimise import minimise
from outlearn.learners.objective import Objective
from outlearn.learners.rows import Rows
from outlearn.learners.span import Span
from outlearn.losses import get_loss
from outlearn.parallel import one_thread_an_operation

__all__ = ["ConvexGrid", "RidgePath"]

TOLERANCE = 1e-3  # nats per example: far below what the choice between two strengths turns on
# A head of many classes that goes on from a stronger ridge stops short of its minimum on that ridge's side: at 0.001
# ceilings of 150 classes would fall by up to a point, at 0.0001 by none if there are 16 labels a class. With fewer,
# 0.00001 would have to do, which takes as long as starting at 0 (docs/scale.md).
TOLERANCE_ON, LABELS_A_CLASS = 1e-4, 16
# Of 150 classes the weakest ridge takes 100 to 300 steps; heads that are there leave the batch and cost nothing.
STEPS = 600
RENEWED = (0, 8, 16, 32, 64, 128)  # steps after which a head's own curvature is looked at
FEW_CLASSES = 20  # of more, the curvature lies on so few examples of each class that its average misleads
NUMBERS = 2**24  # of a table of examples x logits x heads: what is minimised together


@dataclass(frozen=True, eq=False)
class ConvexGrid:
    """Hold examples and their labels, ready to be fitted on parts of them.

    Attributes:
        data: the examples, standardised, with the points to predict.
        strengths: C of each head of a grid, as scikit-learn writes it: sum_i w_i CE_i + |W|^2 / (2 C).
        bias: whether there is an intercept, not penalised.
    """

    data: Inputs
    strengths: tuple[float, ...]
    bias: bool

    @classmethod
    def of(
        cls,
        features: FeatureMatrix,
        targets: Float[np.ndarray, "examples classes"],
        points: Mapping[str, FeatureMatrix],
        *,
        strengths: Sequence[float],
        bias: bool = True,
        standardise: bool = True,
    ) -> ConvexGrid:
        """Check the arguments, and standardise by the moments of all examples, whatever their labels.

        Raises:
            ShapeError, DomainError, DataError: as for `fit_convex`.
        """
        with one_thread_an_operation():
            data = check_inputs(
                features,
                np.asarray(targets)[None],
                [HeadJob(0, get_loss("forward_ce"))],
                points,
                None,
                bias=bias,
                standardise=standardise,
                dtype=torch.float32,
            )
        return cls(data, tuple(strengths), bias)

    def fit(
        self, rows: Int[np.ndarray, " rows"], weights: Float[np.ndarray, "weightings rows"]
    ) -> Float[np.ndarray, "weightings strengths inputs logits"]:
        """Fit a head for each weighting of these examples and each strength.

        Args:
            rows: the examples that are there.
            weights: at least 0, some of each weighting above 0; they compete with the ridge.

        Returns:
            Parameters for `predict`, the intercept last. Two classes have one logit, the margin.
        """
        return self.path(rows, weights).at(*self.strengths).parameters()

    def path(self, rows: Int[np.ndarray, " rows"], weights: Float[np.ndarray, "weightings rows"]) -> RidgePath:
        """Return what fits some strengths after others, to be asked from the smallest C on; arguments are `fit`'s."""
        return RidgePath(self, rows, weights)

    def predict(
        self, parameters: Float[np.ndarray, "*heads inputs logits"], points: str | Int[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "*heads points classes"]:
        """Return logits, float32, at named points or at some of the examples; two classes are centred."""
        with one_thread_an_operation():
            if isinstance(points, str):
                x = self.data.points[points]
            else:
                x = self.data.features.select(torch.from_numpy(points))
            heads, wide = parameters.shape[:-2], np.moveaxis(parameters, -2, 0).reshape(x.shape[1], -1)
            z = _product(x, torch.from_numpy(np.ascontiguousarray(wide)))
        return _centred(np.moveaxis(z.reshape(len(x), *heads, self._n_logits), 0, -2))

    @property
    def _n_logits(self) -> int:
        return computed_logits(self.data.n_outputs)


class RidgePath:
    """Fit heads of the same weightings at some strengths after others, starting where the last of them ended."""

    @no_grad()
    def __init__(self, grid: ConvexGrid, rows: np.ndarray, weights: np.ndarray) -> None:
        self._bias, self._n_classes, self._n_logits = grid.bias, grid.data.n_outputs, grid._n_logits
        self._weights = torch.from_numpy(weights)
        with one_thread_an_operation():
            x = grid.data.features.select(torch.from_numpy(rows))
            self._span = Span.of(x)
            self._x = x if self._span is None else self._span.rows.single()
            self._labels = grid.data.targets[0][torch.from_numpy(rows), grid.data.n_outputs - self._n_logits :]
            self._hessians = self._objective(self._weights[:1], (1.0,)).own_preconditioner()
        # [inputs x logits, weightings, strengths]
        self._found = torch.zeros(self._x.shape[1] * self._n_logits, len(weights), 1)

    @property
    def numbers(self) -> int:
        """Return how many entries the examples have, for each logit."""
        return len(self._x) * self._x.shape[1] * self._n_logits

    @no_grad()
    def at(self, *strengths: float, from_0: bool = False) -> RidgePath:
        """Go on to these C, all weightings, or begin anew with them; return this path."""
        if from_0:
            self._found.zero_()
        with one_thread_an_operation():
            together = max(1, NUMBERS // (len(self._x) * self._n_logits * len(strengths)))
            found = []
            for first in range(0, len(self._weights), together):
                part = slice(first, first + together)
                start = self._found[:, part, -1:].expand(-1, -1, len(strengths))
                found.append(self._minimise(self._weights[part], strengths, start.reshape(len(start), -1)))
            self._found = torch.cat(found, dim=1).view(len(self._found), -1, len(strengths))
        return self

    def parameters(self) -> Float[np.ndarray, "weightings strengths inputs logits"]:
        """Return the heads that were found last, as `ConvexGrid.predict` takes them."""
        with one_thread_an_operation():
            found = self._found.view(self._x.shape[1], -1)
            if self._span is not None:
                found = self._span.to_features(found).float()
            shaped = found.view(len(found), self._n_logits, *self._found.shape[1:])
            return np.ascontiguousarray(shaped.permute(2, 3, 0, 1).numpy())

    def logits(self) -> Float[np.ndarray, "weightings strengths rows classes"]:
        """Return what these say of the examples of this path, float32; two classes are centred."""
        with one_thread_an_operation():
            z = _product(self._x, self._found.view(self._x.shape[1], -1))
        return _centred(z.reshape(len(self._x), self._n_logits, *self._found.shape[1:]).transpose(2, 3, 0, 1))

    def _objective(self, weights: Tensor, strengths: Sequence[float]) -> Objective:
        """Lay out the tables of these weightings, all strengths of each."""
        totals = weights.sum(1, keepdim=True)
        heads = (weights / totals).repeat_interleave(len(strengths), 0).T[:, None].to(self._x.dtype).contiguous()
        ridge = (1.0 / (totals * torch.tensor(strengths, dtype=weights.dtype))).flatten().to(self._x.dtype)
        pulls = (self._labels[:, :, None] * heads).contiguous()
        return Objective(self._x, pulls, heads, ridge, self._bias)

    def _minimise(self, weights: Tensor, strengths: Sequence[float], start: Tensor) -> Tensor:
        """Minimise, `[inputs x logits, weightings x strengths]`."""
        objective, few = self._objective(weights, strengths), self._n_classes <= FEW_CLASSES
        if not few and len(self._x) < LABELS_A_CLASS * self._n_classes:
            start = torch.zeros_like(start)
        tolerance = TOLERANCE if few or not bool(start.any()) else TOLERANCE_ON
        found, steps = minimise(
            objective,
            start,
            target=tolerance,
            max_iterations=STEPS,
            refresh=lambda step: few and step in RENEWED,
            own=replace(self._hessians, curvature=objective.own_curvature(None), ridge=objective.ridge),
        )
        if steps == STEPS:
            self._warn_of_gaps(objective, found, strengths)
        return found

    def _warn_of_gaps(self, objective: Objective, found: Tensor, strengths: Sequence[float]) -> None:
        gradient = objective.gradient(found, torch.empty_like(found))
        gaps = objective.penalised_bound(gradient) + objective.intercept_bound(gradient)
        if bool((gaps > TOLERANCE).any()):
            above = sorted({strengths[h % len(strengths)] for h in (gaps > TOLERANCE).nonzero()[:, 0]})
            warnings.warn(
                f"after {STEPS} steps logistic regression of {self._n_classes} classes is at most "
                f"{float(gaps.max()):.2g} nats per example above its minimum at C "
                f"{', '.join(f'{c:.2g}' for c in above)}, not {TOLERANCE:g}. A ridge this weak then predicts new "
                "points a little worse than it could, and a stronger one may be chosen: ceilings and controls on "
                "true labels can come out too low, by tenths of a point to a point. All other numbers stay what they "
                "are.",
                stacklevel=2,
            )


def _product(x: Rows, parameters: Tensor) -> np.ndarray:
    out = torch.empty(len(x), parameters.shape[1])
    x.product(0, len(x), parameters, out)
    return out.numpy()


def _centred(z: np.ndarray) -> np.ndarray:
    """Turn margins into two logits that sum to 0; other logits stay."""
    return np.concatenate([-0.5 * z, 0.5 * z], axis=-1) if z.shape[-1] == 1 else z
