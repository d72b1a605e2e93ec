"""Logistic regression at many strengths of its ridge, on many parts of the same examples: what cross-validation asks.

For one set of examples, all strengths and all weightings of it (each leaves a fold out) are minimised together, by the
same objective and the same batched L-BFGS as `fit_convex`, to a looser tolerance: a choice needs no certificate. Where
there are no more examples than features, the problem is solved in the span of the centred examples. The minimum lies
there (with a free intercept the residuals sum to 0, so that the ridge's stationarity W = C sum_i x_i r_i is a sum of
centred examples), and a set of 25 examples costs what 25 features cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from outlearn.learners.checked_inputs import Inputs, check_inputs
from outlearn.learners.jobs import HeadJob
from outlearn.learners.minimise import minimise
from outlearn.learners.objective import Objective
from outlearn.learners.parallel import one_thread_an_operation
from outlearn.losses import get_loss

__all__ = ["ConvexGrid"]

TOLERANCE = 1e-3  # nats per example: accuracy moves by less than a point in a thousand
STEPS = 60  # of the batched run; heads that need more are as good as converged for a choice
REFRESHED = (2, 4, 8, 16)  # steps after which the common Hessian is renewed
RANK = 1e-5  # singular values below this share of the largest are rounding in float32
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
        features: Float[np.ndarray, "examples features"],
        targets: Float[np.ndarray, "examples classes"],
        points: Mapping[str, Float[np.ndarray, "_ features"]],
        *,
        strengths: Sequence[float],
        bias: bool = True,
        standardise: bool = True,
    ) -> ConvexGrid:
        """Check the arguments, and standardise by the moments of all examples, whatever their labels.

        Raises:
            ShapeError, DomainError, DataError: as for `fit_convex`.
        """
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
            x = self.data.features[torch.from_numpy(rows)]
            basis, reduced = _span(x, bias=self.bias)
            labels = self.data.targets[0][torch.from_numpy(rows)]
            per_head = len(rows) * self._n_logits * len(self.strengths)
            together = max(1, NUMBERS // per_head)
            parts = [
                self._minimise(reduced, labels, torch.from_numpy(weights[start : start + together]))
                for start in range(0, len(weights), together)
            ]
            found = torch.cat(parts, dim=2)  # [inputs, logits, heads]
            if basis is not None:
                found = basis.T @ found.view(len(basis), -1)
            shaped = found.view(x.shape[1], self._n_logits, len(weights), len(self.strengths))
            return np.ascontiguousarray(shaped.permute(2, 3, 0, 1).numpy())

    def predict(
        self, parameters: Float[np.ndarray, "*heads inputs logits"], points: str | Int[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "*heads points classes"]:
        """Return logits, float32, at named points or at some of the examples; two classes are centred."""
        x = self.data.points[points] if isinstance(points, str) else self.data.features[torch.from_numpy(points)]
        z: np.ndarray = x.numpy() @ parameters
        return np.concatenate([-0.5 * z, 0.5 * z], axis=-1) if self._n_logits == 1 else z

    @property
    def _n_logits(self) -> int:
        return 1 if self.data.n_classes == 2 else self.data.n_classes

    def _minimise(self, x: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """Minimise all strengths of these weightings, `[inputs, logits, weightings x strengths]`."""
        totals = weights.sum(1, keepdim=True)
        heads = (weights / totals).repeat_interleave(len(self.strengths), 0).T[:, None].to(x.dtype).contiguous()
        ridge = (1.0 / (totals * torch.tensor(self.strengths, dtype=weights.dtype))).flatten().to(x.dtype)
        pulls = labels[:, labels.shape[1] - self._n_logits :, None] * heads
        objective = Objective(x, pulls.contiguous(), heads, ridge, self.bias)
        start = x.new_zeros(x.shape[1] * self._n_logits, len(ridge))
        found, _ = minimise(
            objective, start, target=TOLERANCE, max_iterations=STEPS, refresh=lambda step: step in REFRESHED
        )
        return found.view(x.shape[1], self._n_logits, -1)


def _span(x: Tensor, *, bias: bool) -> tuple[Tensor | None, Tensor]:
    """Return a basis `[rank (+ 1), inputs]` of what these examples can teach and the examples in it.

    The basis is None, and the examples are as they were, where there are more of them than features. A head w in the
    basis is the head basis^T w on the features: the last row of the basis takes the centre out of the intercept.
    """
    n, inputs = x.shape
    if n >= inputs:
        return None, x
    features = x[:, : inputs - bias]
    centre = features.mean(0) if bias else torch.zeros_like(features[0])
    u, s, v = torch.linalg.svd(features - centre, full_matrices=False)
    kept = s > RANK * s[0] if bool(s[0] > 0) else torch.arange(len(s)) < 1
    u, s, v = u[:, kept], s[kept], v[kept]
    if not bias:
        return v, u * s
    # x v^T = (x - m) v^T + m v^T: the intercept on the features is b - m v^T w.
    basis = x.new_zeros(len(v) + 1, inputs)
    basis[:-1, :-1], basis[:-1, -1], basis[-1, -1] = v, -(v @ centre), 1.0
    return basis, torch.cat([u * s, torch.ones(n, 1)], dim=1)
