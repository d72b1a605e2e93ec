"""What a learner gives back: predictions, and the fitted heads that made them, which predict anything else by NumPy.

A head is linear in standardised features, or has one hidden layer of ReLU units. The dual mean of an ensemble, its
normalised mean of log-probabilities, is again one head: with s = softmax(z),

    mean_m log softmax(a_m z_m + c_m) = mean_m (a_m z_m + c_m) + a constant of the point,

so that the mean of linear heads on the same features is the head of mean weights, and that of heads with a hidden layer
is one head whose hidden layer holds all of theirs. Arrays are NumPy, models first, classes last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array, issparse

from outlearn.blas_threads import one_blas_thread
from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.errors import DataError, ShapeError

__all__ = ["FitResult", "Heads", "Predicted"]

# Rows of features predicted at once by fitted heads: bounds the memory beside the result.
PREDICTION_ROWS = 8192
WIDE = 64  # classes: a product of its own for each model costs no more, and no copy
PREDICTION_NUMBERS = 2**24  # features in these rows, where they are many: 128 MiB


@dataclass(frozen=True)
class Heads:
    """Hold fitted heads, ready to predict or to be saved: all fields are arrays.

    Attributes:
        mean: what was subtracted from each feature, `[features]`; 0 without a bias.
        scale: what each feature was divided by, `[features]`.
        weight: of the last layer, `[models, inputs, classes]`. Two classes: the logits sum to 0, only their difference
            is learned.
        bias: of the last layer, `[models, classes]`; 0 for heads without one.
        hidden_weight: of the hidden layer, `[models, features, hidden]`, or None.
        hidden_bias: of the hidden layer, `[models, hidden]`, or None.
    """

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    hidden_weight: np.ndarray | None = None
    hidden_bias: np.ndarray | None = None

    @classmethod
    def joined(cls, parts: Sequence[Heads]) -> Heads:
        """Put heads of the same features and shape behind one another.

        Raises:
            DataError: if they were standardised differently, or some have a hidden layer of another size.
        """
        first = parts[0]
        for other in parts[1:]:
            if not (np.array_equal(first.mean, other.mean) and np.array_equal(first.scale, other.scale)):
                raise DataError("heads that were standardised differently cannot be joined; fit them on one split.")
            if first._layer_sizes != other._layer_sizes:
                raise DataError(
                    f"heads of layers {first._layer_sizes} and {other._layer_sizes} cannot be joined; give them the "
                    "same learner."
                )
        return replace(first, **{name: np.concatenate([vars(each)[name] for each in parts]) for name in first._learned})

    @property
    def n_models(self) -> int:
        """Return the number of heads."""
        return len(self.weight)

    @property
    def n_classes(self) -> int:
        """Return the number of classes."""
        return self.weight.shape[-1]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, to save them; `Heads(**arrays)` is the way back."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def select(self, models: Int[np.ndarray, " chosen"] | Sequence[int] | slice) -> Heads:
        """Keep these heads, in this order."""
        kept = models if isinstance(models, slice) else np.asarray(models, dtype=np.int64)
        return replace(self, **{name: vars(self)[name][kept] for name in self._learned})

    def dual_mean(
        self,
        *,
        scale: Float[np.ndarray, " models"] | None = None,
        offset: Float[np.ndarray, "models classes"] | None = None,
    ) -> Heads:
        """Combine all heads into the one that predicts the normalised mean of their log-probabilities.

        Args:
            scale: a_m, what the logits of each member are multiplied by (1 / its temperature); 1 if None.
            offset: c_m, what is added to them afterwards, such as a change of class shares; 0 if None.

        Returns:
            One head, in the dtype of the weights.

        Examples:
            >>> two = Heads(np.zeros(1), np.ones(1), np.array([[[-1.0, 1.0]], [[-3.0, 3.0]]]), np.zeros((2, 2)))
            >>> two.dual_mean().weight
            array([[[-2.,  2.]]])
        """
        n, like = self.n_models, self.weight.dtype
        a = np.ones(n) if scale is None else np.asarray(scale, dtype=np.float64)
        c = np.zeros((n, self.n_classes)) if offset is None else np.asarray(offset, dtype=np.float64)
        if a.shape != (n,) or c.shape != (n, self.n_classes):
            raise ShapeError(
                f"scale has shape {a.shape} and offset {c.shape}; expected [{n} models] and [{n} models, "
                f"{self.n_classes} classes]."
            )
        bias = (a[:, None] * self.bias + c).mean(axis=0, keepdims=True).astype(like)
        weighted = a[:, None, None] * self.weight / n
        if self.hidden_weight is None or self.hidden_bias is None:
            return replace(self, weight=weighted.sum(axis=0, keepdims=True).astype(like), bias=bias)
        return replace(
            self,
            weight=weighted.reshape(1, -1, self.n_classes).astype(like),
            bias=bias,
            hidden_weight=np.concatenate([*self.hidden_weight], axis=1)[None],
            hidden_bias=self.hidden_bias.reshape(1, -1),
        )

    def with_hidden(self, width: int) -> Heads:
        """Write the same heads with a hidden layer of this width: a linear part z is relu(z) - relu(-z), the rest is 0.

        Args:
            width: at least the hidden width, or twice the classes for linear heads.
        """
        like, (n, _, k) = self.weight.dtype, self.weight.shape
        if self.hidden_weight is None or self.hidden_bias is None:
            pairs = np.concatenate([np.eye(k, dtype=like), -np.eye(k, dtype=like)])
            both = np.concatenate([self.weight, -self.weight], axis=2)
            weight, hidden, hidden_bias = np.stack([pairs] * n), both, np.zeros((n, 2 * k), like)
        else:
            weight, hidden, hidden_bias = self.weight, self.hidden_weight, self.hidden_bias
        more = width - weight.shape[1]
        return replace(
            self,
            weight=np.pad(weight, ((0, 0), (0, more), (0, 0))),
            hidden_weight=np.pad(hidden, ((0, 0), (0, 0), (0, more))),
            hidden_bias=np.pad(hidden_bias, ((0, 0), (0, more))),
        )

    def on_raw_features(self) -> Heads:
        """Return the same heads with the standardisation in the weights: mean 0 and scale 1."""
        # ((x - mean) / scale) W + b = x (W / scale) + (b - (mean / scale) W)
        hidden = self.hidden_weight is not None
        first, first_bias = (self.hidden_weight, self.hidden_bias) if hidden else (self.weight, self.bias)
        assert first is not None
        assert first_bias is not None  # a hidden layer has both
        weight = first / self.scale[:, None]
        bias = first_bias - self.mean @ weight
        names = ("hidden_weight", "hidden_bias") if hidden else ("weight", "bias")
        moved = dict(zip(names, (weight.astype(first.dtype), bias.astype(first.dtype)), strict=True))
        return replace(self, mean=np.zeros_like(self.mean), scale=np.ones_like(self.scale), **moved)

    def log_probs(self, features: FeatureMatrix) -> Float[np.ndarray, "models points classes"]:
        """Compute normalised log-probabilities of new points, float64, as they are measured; see `predict`."""
        return Predictions.from_logits(self.predict(features)).log_probs

    def predict(self, features: FeatureMatrix) -> Float[np.ndarray, "models points classes"]:
        """Compute the logits of new points.

        Args:
            features: as the training features, before standardisation; dense or sparse.

        Returns:
            Logits in the dtype of the weights.

        Raises:
            ShapeError: if the features do not fit the heads.
        """
        features = csr_array(features) if issparse(features) else np.asarray(features)
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise ShapeError(
                f"features have shape {features.shape}; expected [points, {len(self.mean)}], as in training."
            )
        models, _, classes = self.weight.shape
        logits = np.empty((models, features.shape[0], classes), dtype=self.weight.dtype)
        at_once = max(1, min(PREDICTION_ROWS, PREDICTION_NUMBERS // features.shape[1]))
        for start in range(0, features.shape[0], at_once):
            rows = slice(start, start + at_once)
            raw = features[rows].toarray() if isinstance(features, csr_array) else features[rows]
            x = ((raw - self.mean) / self.scale).astype(self.weight.dtype)
            if self.hidden_weight is None or self.hidden_bias is None:
                with one_blas_thread(x.size * models * classes):
                    _predict_linear(x, self.weight, logits[:, rows])
            else:
                for model in range(models):
                    h = np.maximum(x @ self.hidden_weight[model] + self.hidden_bias[model], 0.0)
                    logits[model, rows] = h @ self.weight[model]
        logits += self.bias[:, None, :]
        return logits

    @property
    def _learned(self) -> list[str]:
        """Names of the arrays that have one entry a model."""
        return [name for name in self.arrays() if name not in ("mean", "scale")]

    @property
    def _layer_sizes(self) -> list[tuple[int, ...]]:
        return [vars(self)[name].shape[1:] for name in self._learned]


def _predict_linear(x: np.ndarray, weight: np.ndarray, out: np.ndarray) -> None:
    """Write x W of every model: in one product where classes are few, for narrow ones are slow; else in place."""
    models, features, classes = weight.shape
    if classes < WIDE:
        wide = x @ weight.transpose(1, 0, 2).reshape(features, models * classes)
        out[...] = wide.reshape(len(x), models, classes).transpose(1, 0, 2)
    else:
        for each, logits in zip(weight, out, strict=True):
            np.matmul(x, each, out=logits)


@dataclass(frozen=True)
class Predicted:
    """Hold what trained models predict.

    Attributes:
        logits: for each name in `points`, float32 `[checkpoints, models, points, classes]`; models in the order of the
            jobs. Two classes: the logits are centred. Of a `FitResult` it may be the last checkpoint alone,
            `[1, models, points, classes]`, where its `path` predicts the others.
        checkpoints: in epochs, increasing; the last is the end of the training.
    """

    logits: Mapping[str, np.ndarray]
    checkpoints: tuple[float, ...]


@dataclass(frozen=True)
class FitResult(Predicted):
    """Hold predictions, and the heads that made them.

    Attributes:
        path: the heads at each checkpoint.
        gaps: for convex heads, `[models]`: a bound on how far each objective is from its minimum, in nats per unit of
            weight; None for minibatch training.
    """

    path: tuple[Heads, ...]
    gaps: np.ndarray | None = None

    @property
    def heads(self) -> Heads:
        """The trained heads, at the end of the training."""
        return self.path[-1]
