"""What a learner gives back: predictions, trained heads that can predict again, and how both are collected.

Arrays are NumPy, models first, classes last.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from outlearn.errors import ShapeError
from outlearn.learners.blocks import Block
from outlearn.learners.checked_inputs import Inputs

__all__ = ["Collected", "FitResult", "Heads", "Predicted"]

# Rows of features predicted at once by trained heads: bounds the memory beside the result.
PREDICTION_ROWS = 8192

# Numbers predicted at once, beside the result itself.
PREDICTED = 4 * 2**20


@dataclass(frozen=True)
class Heads:
    """Hold trained heads, ready to predict or to be saved: all fields are arrays.

    Attributes:
        mean: what was subtracted from each feature, `[features]`.
        scale: what each feature was divided by, `[features]`.
        weight: of the last layer, `[models, inputs, classes]`. Two classes: the logits sum to 0, only their difference
            is learned.
        bias: of the last layer, `[models, classes]`.
        hidden_weight: of the hidden layer, `[models, features, hidden]`, or None.
        hidden_bias: of the hidden layer, `[models, hidden]`, or None.
    """

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    hidden_weight: np.ndarray | None = None
    hidden_bias: np.ndarray | None = None

    @property
    def n_models(self) -> int:
        """Return the number of heads."""
        return len(self.weight)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, to save them; `Heads(**arrays)` is the way back."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def predict(self, features: Float[np.ndarray, "points features"]) -> Float[np.ndarray, "models points classes"]:
        """Compute the logits of new points.

        Args:
            features: as the training features, before standardisation.

        Returns:
            Logits in the dtype of the weights.

        Raises:
            ShapeError: if the features do not fit the heads.
        """
        features = np.asarray(features)
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise ShapeError(
                f"features have shape {features.shape}; expected [points, {len(self.mean)}], as in training."
            )
        models, _, classes = self.weight.shape
        logits = np.empty((models, len(features), classes), dtype=self.weight.dtype)
        for start in range(0, len(features), PREDICTION_ROWS):
            rows = slice(start, start + PREDICTION_ROWS)
            x = ((features[rows] - self.mean) / self.scale).astype(self.weight.dtype)
            if self.hidden_weight is None or self.hidden_bias is None:
                wide = x @ self.weight.transpose(1, 0, 2).reshape(x.shape[1], models * classes)
                logits[:, rows] = wide.reshape(len(x), models, classes).transpose(1, 0, 2)
            else:
                for model in range(models):
                    h = np.maximum(x @ self.hidden_weight[model] + self.hidden_bias[model], 0.0)
                    logits[model, rows] = h @ self.weight[model]
        logits += self.bias[:, None, :]
        return logits


@dataclass(frozen=True)
class Predicted:
    """Hold what trained models predict.

    Attributes:
        logits: for each name in `points`, float32 `[checkpoints, models, points, classes]`; models in the order of the
            jobs. Two classes: the logits are centred.
        checkpoints: in epochs, increasing; the last is the end of the training.
    """

    logits: Mapping[str, np.ndarray]
    checkpoints: tuple[float, ...]


@dataclass(frozen=True)
class FitResult(Predicted):
    """Hold predictions, and the heads that made them.

    Attributes:
        heads: the trained heads.
        gaps: for convex heads, `[models]`: a bound on how far each objective is from its minimum, in nats per unit of
            weight; None for minibatch training.
    """

    heads: Heads
    gaps: np.ndarray | None = None


class Collected:
    """Hold the arrays of a result while they fill."""

    def __init__(
        self, data: Inputs, n_jobs: int, n_checkpoints: int, *, hidden: int | None, dtype: torch.dtype
    ) -> None:
        """Allocate everything; afterwards threads write to heads of their own."""
        self.data = data
        self.logits = {
            name: np.empty((n_checkpoints, n_jobs, len(x), data.n_classes), dtype=np.float32)
            for name, x in data.points.items()
        }
        sizes = [len(data.mean), *([] if hidden is None else [hidden]), data.n_classes]
        like = torch.empty(0, dtype=dtype).numpy().dtype
        self.layers = [
            (np.empty((n_jobs, inputs, outputs), like), np.empty((n_jobs, outputs), like))
            for inputs, outputs in itertools.pairwise(sizes)
        ]

    def record(self, checkpoint: int, block: Block, members: list[int]) -> None:
        """Predict all points with the heads of a block."""
        size = max(1, PREDICTED // (len(members) * self.data.n_classes))
        for name, x in self.data.points.items():
            for start in range(0, len(x), size):
                rows = slice(start, start + size)
                z = block.predict(x[rows])
                if z.shape[1] == 1:
                    z = torch.cat([-0.5 * z, 0.5 * z], dim=1)
                self.logits[name][checkpoint, members, rows] = z.permute(2, 0, 1).float().numpy()

    def keep(self, block: Block, members: list[int]) -> None:
        """Take over the trained parameters of a block."""
        for layer, (weight, bias) in enumerate(block.layers()):
            self.layers[layer][0][members], self.layers[layer][1][members] = weight, bias

    def finish(self, checkpoints: tuple[float, ...], *, gaps: np.ndarray | None = None) -> FitResult:
        """Return the result."""
        hidden = self.layers[0] if len(self.layers) == 2 else (None, None)
        heads = Heads(self.data.mean, self.data.scale, *self.layers[-1], hidden_weight=hidden[0], hidden_bias=hidden[1])
        return FitResult(logits=self.logits, checkpoints=checkpoints, heads=heads, gaps=gaps)
