"""Logistic regression at many strengths of its ridge, on many parts of the same examples: what cross-validation asks.

For one set of examples, all strengths and all weightings of it (each leaves a fold out) are minimised together, by the
objective and the batched L-BFGS of `fit_convex`, to a looser tolerance. Where there are fewer examples than features,
the problem is solved in their span (`span`), so that a set of 25 examples costs what 25 features cost.

Strengths differ by a factor of a million, so that no Hessian is one of all heads. All share its eigenvectors, and each
has eigenvalues of its own (`Objective.own_preconditioner`), with its own curvature and lambda. They depend on no other
head, and neither does what is found, up to rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.learners.blocks import computed_logits
from outlearn.learners.checked_inputs import Inputs, check_inputs
from outlearn.learners.jobs import HeadJob
from outlearn.learners.minimise import minimise
from outlearn.learners.objective import Objective
from outlearn.learners.rows import Rows
from outlearn.learners.span import Span
from outlearn.losses import get_loss
from outlearn.parallel import one_thread_an_operation

__all__ = ["ConvexGrid"]

TOLERANCE = 1e-3  # nats per example: far below what the choice between two strengths turns on
# Of 150 classes the weakest ridge takes 100 to 300 steps; heads that are there leave the batch and cost nothing.
STEPS = 600
RENEWED = (8, 16, 32, 64, 128)  # steps after which a head's own curvature is looked at
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

    @torch.no_grad()
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
        with one_thread_an_operation():
            x = self.data.features.select(torch.from_numpy(rows))
            span = Span.of(x)
            reduced = x if span is None else span.rows.single()
            labels = self.data.targets[0][torch.from_numpy(rows)]
            per_head = len(rows) * self._n_logits * len(self.strengths)
            together = max(1, NUMBERS // per_head)
            parts = [
                self._minimise(reduced, labels, torch.from_numpy(weights[start : start + together]))
                for start in range(0, len(weights), together)
            ]
            found = torch.cat(parts, dim=2)  # [inputs, logits, heads]
            if span is not None:
                found = span.to_features(found.view(reduced.shape[1], -1)).float()
            shaped = found.view(x.shape[1], self._n_logits, len(weights), len(self.strengths))
            return np.ascontiguousarray(shaped.permute(2, 3, 0, 1).numpy())

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
            out = torch.empty(len(x), wide.shape[1])
            x.product(0, len(x), torch.from_numpy(np.ascontiguousarray(wide)), out)
        z = np.moveaxis(out.numpy().reshape(len(x), *heads, self._n_logits), 0, -2)
        return np.concatenate([-0.5 * z, 0.5 * z], axis=-1) if self._n_logits == 1 else z

    @property
    def _n_logits(self) -> int:
        return computed_logits(self.data.n_outputs)

    def _minimise(self, x: Rows, labels: Tensor, weights: Tensor) -> Tensor:
        """Minimise all strengths of these weightings, `[inputs, logits, weightings x strengths]`."""
        totals = weights.sum(1, keepdim=True)
        heads = (weights / totals).repeat_interleave(len(self.strengths), 0).T[:, None].to(x.dtype).contiguous()
        ridge = (1.0 / (totals * torch.tensor(self.strengths, dtype=weights.dtype))).flatten().to(x.dtype)
        pulls = labels[:, labels.shape[1] - self._n_logits :, None] * heads
        objective = Objective(x, pulls.contiguous(), heads, ridge, self.bias)
        start = pulls.new_zeros(x.shape[1] * self._n_logits, len(ridge))
        few = self.data.n_outputs <= FEW_CLASSES
        found, steps = minimise(
            objective,
            start,
            target=TOLERANCE,
            max_iterations=STEPS,
            refresh=lambda step: few and step in RENEWED,
            own=True,
        )
        if steps == STEPS:
            self._warn_of_gaps(objective, found)
        return found.view(x.shape[1], self._n_logits, -1)

    def _warn_of_gaps(self, objective: Objective, found: Tensor) -> None:
        gradient = objective.gradient(found, torch.empty_like(found))
        gaps = objective.penalised_bound(gradient) + objective.intercept_bound(gradient)
        if bool((gaps > TOLERANCE).any()):
            strengths = sorted({self.strengths[h % len(self.strengths)] for h in (gaps > TOLERANCE).nonzero()[:, 0]})
            warnings.warn(
                f"after {STEPS} steps logistic regression of {self.data.n_outputs} classes is at most "
                f"{float(gaps.max()):.2g} nats per example above its minimum at C "
                f"{', '.join(f'{c:.2g}' for c in strengths)}, not {TOLERANCE:g}. A ridge this weak then predicts new "
                "points a little worse than it could, and a stronger one may be chosen: ceilings and controls on "
                "true labels can come out too low, by tenths of a point to a point. All other numbers stay what they "
                "are.",
                stacklevel=2,
            )
