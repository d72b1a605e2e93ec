"""0-1 and squared loss of hard labels, decomposed from counts in one pass over the predictions.

0-1 loss has no clean decomposition (it is no Bregman divergence). The usual one, by the most frequent label, is given
with what it leaves out: bias + variance is not the loss, since where the main label is wrong disagreement helps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer, Shaped

from outlearn.errors import DomainError, ShapeError

__all__ = ["LabelDecomposition", "Parts", "decompose_labels", "decompose_numbers"]

BLOCK = 255  # models counted at once: a count of one block fits in a byte
MOST_CLASSES = 32  # above it, counting by class makes more passes over the predictions than one sort by point costs


@dataclass(frozen=True, eq=False)
class Parts:
    """Loss, bias and variance at each point, averaged over models."""

    loss: Float[np.ndarray, " points"]
    bias: Float[np.ndarray, " points"]
    variance: Float[np.ndarray, " points"]

    def __str__(self) -> str:
        return f"loss {self.loss.mean():.4f}  bias {self.bias.mean():.4f}  variance {self.variance.mean():.4f}"


@dataclass(frozen=True, eq=False)
class LabelDecomposition:
    """Decompositions of hard labels predicted by several models.

    Attributes:
        main: `[points]`, the most frequent label; the lowest of several.
        zero_one: loss = share of wrong models, bias = 1 where the main label is wrong, variance = share of models that
            differ from it. Their net effect of variance is `loss - bias`.
        squared: the same of the labels as numbers (0 and 1, or ratings): loss = bias + variance.
    """

    main: Integer[np.ndarray, " points"]
    zero_one: Parts
    squared: Parts

    def __str__(self) -> str:
        net = float((self.zero_one.loss - self.zero_one.bias).mean())
        return f"0-1 loss: {self.zero_one} (net variance effect {net:+.4f})\nsquared:  {self.squared}"


def decompose_labels(
    labels: Integer[np.ndarray, "..."], predicted: Integer[np.ndarray, "..."], *, n_classes: int | None = None
) -> LabelDecomposition:
    """Decompose 0-1 and squared loss of predicted labels.

    Args:
        labels: `[points]`, true classes from 0.
        predicted: `[models, points]`, predicted classes.
        n_classes: number of classes; one more than the largest label if None.

    Returns:
        Both decompositions, point by point.

    Raises:
        ShapeError: for other shapes.
        DomainError: for labels that are not integers from 0 to n_classes - 1.

    Example:
        >>> parts = decompose_labels(np.array([1, 1]), np.array([[1, 0], [1, 0], [0, 1]]))
        >>> print(parts)
        0-1 loss: loss 0.5000  bias 0.5000  variance 0.3333 (net variance effect +0.0000)
        squared:  loss 0.5000  bias 0.2778  variance 0.2222

    Source: Kong and Dietterich, Error-correcting output coding corrects bias and variance, 1995; Domingos, A unified
    bias-variance decomposition, 2000. Ties go to the lowest label.
    """
    y, f = np.asarray(labels), np.asarray(predicted)
    _check_shapes(y, f)
    classes = _check_classes(y, f, n_classes)
    counts = _counts(f, classes)
    main = counts.argmax(axis=0)
    models, columns = len(f), np.arange(len(y))
    share = counts / models
    value = np.arange(classes, dtype=np.float64)
    mean = value @ share
    return LabelDecomposition(
        main=main,
        zero_one=Parts(1 - share[y, columns], (main != y).astype(np.float64), 1 - share[main, columns]),
        squared=Parts(
            ((value[:, None] - y) ** 2 * share).sum(axis=0),
            (mean - y) ** 2,
            ((value[:, None] - mean) ** 2 * share).sum(axis=0),
        ),
    )


def decompose_numbers(target: Shaped[np.ndarray, "..."], predicted: Shaped[np.ndarray, "..."]) -> Parts:
    """Decompose squared loss of predicted numbers, `E (f - y)^2 = (E f - y)^2 + E (f - E f)^2`.

    Args:
        target: `[points]`.
        predicted: `[models, points]`.

    Returns:
        Loss, bias and variance at each point; loss is their sum.

    Raises:
        ShapeError: for other shapes.
        DomainError: for numbers that are not finite.

    Example:
        >>> print(decompose_numbers(np.array([0.0]), np.array([[1.0], [3.0]])))
        loss 5.0000  bias 4.0000  variance 1.0000
    """
    y, f = np.asarray(target, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    _check_shapes(y, f)
    if not (np.all(np.isfinite(y)) and np.all(np.isfinite(f))):
        raise DomainError("target and predicted must be finite numbers; drop the points that are not.")
    mean = f.mean(axis=0)
    bias = (mean - y) ** 2
    centred = f - mean
    variance = np.einsum("mp,mp->p", centred, centred) / len(f)
    return Parts(bias + variance, bias, variance)


def _counts(predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count how many models predict each class, `[classes, points]`."""
    if classes > MOST_CLASSES:
        points = predicted.shape[1]
        cells = predicted.astype(np.int64) * points + np.arange(points)
        return np.bincount(cells.ravel(), minlength=classes * points).reshape(classes, points)
    counts = np.zeros((classes, predicted.shape[1]), dtype=np.int64)
    for start in range(0, len(predicted), BLOCK):
        block = predicted[start : start + BLOCK]
        for label in range(1, classes):
            # Bytes: a comparison is one byte a prediction, and so is a count of up to 255 of them.
            counts[label] += np.add.reduce((block == label).view(np.uint8), axis=0, dtype=np.uint8)
    counts[0] = len(predicted) - counts[1:].sum(axis=0)
    return counts


def _check_shapes(target: np.ndarray, predicted: np.ndarray) -> None:
    if target.ndim != 1 or predicted.ndim != 2 or predicted.shape[1] != len(target) or predicted.size == 0:
        raise ShapeError(
            "targets must be [points] and predictions [models, points], "
            f"got shapes {target.shape} and {predicted.shape}."
        )


def _check_classes(labels: np.ndarray, predicted: np.ndarray, n_classes: int | None) -> int:
    if labels.dtype.kind not in "iu" or predicted.dtype.kind not in "iu":
        raise DomainError(f"labels must be integers, got dtypes {labels.dtype} and {predicted.dtype}.")
    largest = 0
    for name, values in (("labels", labels), ("predicted", predicted)):
        limit = np.iinfo(values.dtype).max if n_classes is None else n_classes - 1
        # Read as unsigned, a negative number is larger than any class: one pass finds both errors.
        top = int(values.view(f"u{values.itemsize}").max())
        if top > limit:
            place = tuple(int(i) for i in np.argwhere((values < 0) | (values > limit))[0])
            allowed = "from 0" if n_classes is None else f"0 to {limit}"
            raise DomainError(f"labels must be classes {allowed}; {name}{list(place)} is {values[place]}.")
        largest = max(largest, top)
    return largest + 1 if n_classes is None else n_classes
