"""Logistic regression at many strengths of its ridge, on many parts of the same examples: what cross-validation asks.

For one set of examples, all weightings of it (each leaves a fold out) are minimised together, by the objective and the
batched L-BFGS of `fit_convex`, to a looser tolerance: all strengths at once from 0, or along a path from the strongest
ridge to the weakest, each starting where the one before ended. Where there are fewer examples than features, the
problem is solved in their span (`span`), so that a set of 25 examples costs what 25 features cost.

All heads share the eigenvectors of the examples' second moments, and each has eigenvalues of its own
(`Objective.own_preconditioner`), with its own curvature and lambda. They depend on no other head. What is found does,
by less than the tolerance: a head that is there goes on with its batch until a fifth of this is there.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.lazy_torch import Tensor, no_grad, torch
from outlearn.learners.blocks import computed_logits
from outlearn.learners.checked_inputs import Inputs, check_inputs
from outlearn.learners.jobs import HeadJob
from outlearn.learners.minimise import minimise
from outlearn.learners.objective import Objective, OwnHessians
from outlearn.learners.rows import DenseRows, Products, Rows
from outlearn.learners.rows_of_sets import RowsOfSets
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
        return self.path(rows[None], weights[None]).at(*self.strengths).parameters()[0]

    def path(self, rows: Int[np.ndarray, "sets rows"], weights: Float[np.ndarray, "sets weightings rows"]) -> RidgePath:
        """Return what fits some strengths after others, to be asked from the smallest C on; for each set as `fit`."""
        return RidgePath(self, rows, weights)

    def numbers(self, n_rows: int) -> int:
        """Return how many numbers so many examples have, for each logit; in their span, if that is smaller.

        Examples:
            >>> x = np.zeros((9, 4), dtype=np.float32)
            >>> grid = ConvexGrid.of(x, np.eye(2)[[0] * 4 + [1] * 5], {}, strengths=[1.0])
            >>> grid.numbers(9), grid.numbers(3)
            (45, 12)
        """
        n_inputs = self.data.features.shape[1]
        return n_rows * min(n_rows + self.bias, n_inputs) * self._n_logits

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
    """Fit heads of the same weightings at some strengths after others, starting where the last of them ended.

    Several sets of as many examples are fitted as one batch; each has a span, a Hessian and heads of its own.
    """

    @no_grad()
    def __init__(self, grid: ConvexGrid, rows: np.ndarray, weights: np.ndarray) -> None:
        self._bias, self._n_classes, self._n_logits = grid.bias, grid.data.n_outputs, grid._n_logits
        self._weights = torch.from_numpy(weights)  # [sets, weightings, rows]
        with one_thread_an_operation():
            chosen = [grid.data.features.select(torch.from_numpy(own)) for own in rows]
            self._spans = [Span.of(x) for x in chosen]
            self._x = _as_wide([x if s is None else s.rows.single() for x, s in zip(chosen, self._spans, strict=True)])
            targets = grid.data.targets[0][:, grid.data.n_outputs - self._n_logits :]
            self._labels = targets[torch.from_numpy(rows)].permute(1, 2, 0)  # [rows, logits, sets]
            self._hessians = [_own_hessians(x, self._labels[..., :1], grid.bias) for x in self._x]
        # [inputs x logits, sets, weightings, strengths]
        self._found = torch.zeros(self._x[0].shape[1] * self._n_logits, *weights.shape[:2], 1)

    @no_grad()
    def at(self, *strengths: float, from_0: bool = False) -> RidgePath:
        """Go on to these C, all weightings, or begin anew with them; return this path."""
        if from_0:
            self._found.zero_()
        with one_thread_an_operation():
            per_set = self._weights.shape[1]
            together = max(1, NUMBERS // (self._labels[..., 0].numel() * len(strengths)))
            found = []
            for first in range(0, len(self._x) * per_set, together):
                part = torch.arange(first, min(first + together, len(self._x) * per_set))
                start = self._found.flatten(1, 2)[:, part, -1:].expand(-1, -1, len(strengths))
                found.append(self._minimise(part, strengths, start.flatten(1)))
            self._found = torch.cat(found, dim=1).view(len(self._found), len(self._x), per_set, len(strengths))
        return self

    def of_sets(self, sets: Sequence[int]) -> RidgePath:
        """Return a path that goes on with these sets."""
        kept = copy(self)
        kept._x, kept._spans = [self._x[s] for s in sets], [self._spans[s] for s in sets]
        kept._weights, kept._labels, kept._found = self._weights[sets], self._labels[..., sets], self._found[:, sets]
        kept._hessians = [self._hessians[s] for s in sets]
        return kept

    def parameters(self) -> Float[np.ndarray, "sets weightings strengths inputs logits"]:
        """Return the heads that were found last, as `ConvexGrid.predict` takes them."""
        with one_thread_an_operation():
            return np.stack([self._in_features(s, self._found[:, s]) for s in range(len(self._x))])

    def head(self, s: int, weighting: int, strength: int) -> Float[np.ndarray, "inputs logits"]:
        """Return one of them: of a set, at a weighting and a strength by their places."""
        with one_thread_an_operation():
            return self._in_features(s, self._found[:, s, weighting, strength, None, None])[0, 0]

    def logits(self) -> Float[np.ndarray, "sets weightings strengths rows classes"]:
        """Return what these say of the examples of this path, float32; two classes are centred."""
        with one_thread_an_operation():
            return np.stack([self._logits(s) for s in range(len(self._x))])

    def _in_features(self, s: int, heads: Tensor) -> Float[np.ndarray, "weightings strengths inputs logits"]:
        """Turn heads of a set, `[inputs x logits, weightings, strengths]`, into parameters of all features."""
        span, found = self._spans[s], self._of_inputs(s, heads)
        if span is not None:
            found = span.to_features(_without_padding(found, span.rows)).float()
        shaped = found.view(len(found), self._n_logits, *heads.shape[1:])
        return np.ascontiguousarray(shaped.permute(2, 3, 0, 1).numpy())

    def _of_inputs(self, s: int, heads: Tensor) -> Tensor:
        # Not -1: of pairs that are all alike, without an intercept, there is no input.
        return heads.reshape(self._x[s].shape[1], self._n_logits * prod(heads.shape[1:]))

    def _logits(self, s: int) -> Float[np.ndarray, "weightings strengths rows classes"]:
        heads, x = self._found[:, s], self._x[s]
        z = _product(x, self._of_inputs(s, heads))
        return _centred(z.reshape(len(x), self._n_logits, *heads.shape[1:]).transpose(2, 3, 0, 1))

    def _minimise(self, part: Tensor, strengths: Sequence[float], start: Tensor) -> Tensor:
        """Minimise with these of the weightings of all sets, `[inputs x logits, weightings x strengths]`."""
        set_of_head = (part // self._weights.shape[1]).repeat_interleave(len(strengths))
        objective = self._objective(self._weights.flatten(0, 1)[part], strengths, set_of_head)
        few = self._n_classes <= FEW_CLASSES
        if not few and len(objective.x) < LABELS_A_CLASS * self._n_classes:
            start = torch.zeros_like(start)
        tolerance = TOLERANCE if few or not bool(start.any()) else TOLERANCE_ON
        hessians = _side_by_side(self._hessians).select(set_of_head)
        found, steps = minimise(
            objective,
            start,
            target=tolerance,
            max_iterations=STEPS,
            refresh=lambda step: few and step in RENEWED,
            own=replace(hessians, curvature=objective.own_curvature(None), ridge=objective.ridge),
        )
        if steps == STEPS:
            self._warn_of_gaps(objective, found, strengths)
        return found

    def _objective(self, weights: Tensor, strengths: Sequence[float], set_of_head: Tensor) -> Objective:
        """Lay out the tables of these weightings, all strengths of each."""
        dtype = self._x[0].dtype
        totals = weights.sum(1, keepdim=True)
        heads = (weights / totals).repeat_interleave(len(strengths), 0).T[:, None].to(dtype).contiguous()
        ridge = (1.0 / (totals * torch.tensor(strengths, dtype=weights.dtype))).flatten().to(dtype)
        alone = len(self._x) == 1
        x = self._x[0] if alone else RowsOfSets(self._x, set_of_head)
        labels = self._labels if alone else self._labels[..., set_of_head]
        return Objective(x, (labels * heads).contiguous(), heads, ridge, self._bias)

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


def _as_wide(sets: list[Rows]) -> list[Rows]:
    """Give all the columns of the widest: a span without some direction has zeros for it, before its bias."""
    width = max(x.shape[1] for x in sets)
    return [x if x.shape[1] == width else _padded(x, width) for x in sets]


def _padded(x: Rows, width: int) -> Rows:
    values, d = x.block(0, len(x)), x.shape[1] - x.bias
    return DenseRows(
        torch.cat([values[:, :d], values.new_zeros(len(x), width - x.shape[1]), values[:, d:]], 1), bias=x.bias
    )


def _without_padding(parameters: Tensor, x: Rows) -> Tensor:
    d = x.shape[1] - x.bias
    return torch.cat([parameters[:d], parameters[len(parameters) - x.bias :]])


def _own_hessians(x: Rows, labels: Tensor, bias: bool) -> OwnHessians:
    even = labels.new_full((len(x), 1, 1), 1.0 / len(x))
    return Objective(x, labels * even, even, even.new_ones(1), bias).own_preconditioner()


def _side_by_side(hessians: Sequence[OwnHessians]) -> OwnHessians:
    """Put together those of several sets, one head each."""
    if len(hessians) == 1:
        return hessians[0]
    of_set = torch.arange(len(hessians))

    def together(parts: Sequence[Products | None]) -> RowsOfSets | None:
        rows = [part for part in parts if isinstance(part, Rows)]
        return RowsOfSets(rows, of_set) if rows else None

    return OwnHessians(
        torch.cat([each.values for each in hessians], 1),
        together([each.vectors for each in hessians]),
        together([each.mean for each in hessians]),
        torch.cat([each.curvature for each in hessians]),
        torch.cat([each.ridge for each in hessians]),
    )


def _product(x: Rows, parameters: Tensor) -> np.ndarray:
    out = torch.empty(len(x), parameters.shape[1])
    x.product(0, len(x), parameters, out)
    return out.numpy()


def _centred(z: np.ndarray) -> np.ndarray:
    """Turn margins into two logits that sum to 0; other logits stay."""
    return np.concatenate([-0.5 * z, 0.5 * z], axis=-1) if z.shape[-1] == 1 else z
