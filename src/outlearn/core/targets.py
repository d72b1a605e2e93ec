"""What `target` may be: a convention that must never be guessed.

A target is int labels `[points]`; a distribution `[points, classes]`, taken as the target itself (noise 0); or equally
likely draws of it, `[draws, points]` int or `[draws, points, classes]` (several raters): then noise is measured too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from outlearn.core.generators import BregmanGenerator
from outlearn.core.generators.fitting import check_domain
from outlearn.core.numbers import AnyPredictions, Numbers
from outlearn.core.orders import check_order
from outlearn.core.plain_arrays import plain_array
from outlearn.core.point_models import check_every_answer, check_same_points
from outlearn.core.predictions import Predictions
from outlearn.errors import DomainError, ShapeError

__all__ = ["NumberTarget", "Target", "read_target", "target_duals"]


@dataclass(frozen=True, eq=False)
class Target:
    """A target as equally likely draws; one draw where it is the target itself.

    Attributes:
        log_probs: `[draws, points, classes]`; a label is log 1 = 0 at its class and -inf elsewhere.
    """

    log_probs: Float[np.ndarray, "draws points classes"]

    @property
    def n_draws(self) -> int:
        """Number of draws; 1 means that the noise is 0 by definition."""
        return int(self.log_probs.shape[0])

    @property
    def probs(self) -> Float[np.ndarray, "draws points classes"]:
        """Probabilities of each draw."""
        return np.exp(self.log_probs)

    @property
    def coordinates(self) -> Float[np.ndarray, "draws points classes"]:
        """The draws as points of a generator's domain."""
        return self.probs


@dataclass(frozen=True, eq=False)
class NumberTarget:
    """A numeric target as equally likely draws, such as several raters' numbers; one where it is the target itself.

    Attributes:
        values: `[draws, points]`, finite.
    """

    values: Float[np.ndarray, "draws points"]

    @property
    def n_draws(self) -> int:
        """Number of draws; 1 means that the noise is 0 by definition."""
        return int(self.values.shape[0])

    @property
    def coordinates(self) -> Float[np.ndarray, "draws points 1"]:
        """The draws as points of a generator's domain."""
        return self.values[..., None]


def read_target(
    target: Shaped[np.ndarray, "..."] | AnyPredictions, predictions: AnyPredictions, *, draws: bool = False
) -> Target | NumberTarget:
    """Read a target for the points, and classes, of these predictions.

    For numbers the target is numbers, `[points]`, or draws of them, `[draws, points]`.

    Args:
        target: int labels `[points]`; a distribution `[points, classes]`, or predictions of one model; draws
            `[draws, points]` int (only with `draws=True`) or `[draws, points, classes]`.
        predictions: what it will be compared with.
        draws: say that the first axis is draws; needed for two-dimensional integers, which could be one-hot rows.

    Raises:
        ShapeError: for another shape, or one that the kind of numbers makes ambiguous.
        DomainError: for a masked label, one that is no class, or a row that is no distribution; the message says where.
        AlignmentError: for target predictions of other points.

    Examples:
        >>> p = Predictions.from_logits(np.zeros((3, 2)))
        >>> read_target(np.array([0, 1, 1]), p).probs
        array([[[1., 0.],
                [0., 1.],
                [0., 1.]]])
        >>> read_target(np.array([[0, 1, 1], [0, 0, 1]]), p, draws=True).n_draws
        2
    """
    if isinstance(predictions, Numbers):
        return _numbers(target, predictions)
    if isinstance(target, Numbers):
        raise DomainError("the target holds Numbers and the predictions are distributions: they cannot be compared.")
    if isinstance(target, Predictions):
        return _from_predictions(target, predictions, draws=draws)
    values = plain_array(target, "target")
    points, classes = predictions.n_points, predictions.n_classes
    if values.dtype.kind in "iu" and values.ndim == 2 and not draws:
        raise ShapeError(
            f"a target of two-dimensional integers is ambiguous, shape {values.shape}: pass draws=True for draws "
            "of labels [draws, points], or floats for a distribution [points, classes]."
        )
    if values.dtype.kind in "iu" and values.ndim <= 2:
        return _from_labels(values, points, classes, draws=draws)
    if values.dtype.kind not in "fiu":
        raise DomainError(f"target must be integer labels or real probabilities, got dtype {values.dtype}.")
    expected = (points, classes)
    if values.ndim not in (2, 3) or values.shape[-2:] != expected or (draws and values.ndim == 2) or 0 in values.shape:
        raise ShapeError(
            f"a target of dtype {values.dtype} must be a distribution [points, classes] = {expected} or draws of it "
            f"[draws, {points}, {classes}] for these predictions; its shape is {values.shape}, with draws={draws}. "
            "Labels must be integers."
        )
    try:
        return Target(Predictions.from_probs(values).log_probs)
    except DomainError as error:
        raise DomainError(f"target is not a distribution: {error}") from None


def target_duals(
    target: Target | NumberTarget, predictions: AnyPredictions, generator: BregmanGenerator, order: str
) -> Float[np.ndarray, "draws points classes"]:
    """Return the target's dual coordinates; refuse a target that makes every risk infinite.

    Raises:
        DomainError: for order "prediction_first" with a target of probability 0 where a prediction is positive, under a
            generator whose gradient is infinite there; and for a target outside the generator's domain.
    """
    if isinstance(target, NumberTarget) or isinstance(predictions, Numbers):
        return _number_duals(target.coordinates, generator, check_order(order))
    duals = generator.dual_from_log_probs(target.log_probs, argument="target")
    if check_order(order) == "prediction_first":
        reached = np.any(np.isfinite(predictions.log_probs), axis=0)
        infinite = np.isinf(duals) & np.isneginf(target.log_probs) & reached
        if np.any(infinite):
            draw, point, kind = (int(i) for i in np.argwhere(infinite)[0])
            raise DomainError(
                f"D(prediction, target) is infinite under {generator.name}: with order='prediction_first' the target "
                f"needs positive probability wherever a prediction has it, but at point {point} class {kind} has "
                f"target probability 0 (draw {draw}). For labels use order='target_first', D(target, prediction); for "
                "prediction_first pass a soft target, such as the share of raters, smoothed."
            )
    return duals


def _numbers(target: np.ndarray | AnyPredictions, predictions: Numbers) -> NumberTarget:
    if isinstance(target, Predictions):
        raise DomainError("the target holds distributions and the predictions are Numbers: they cannot be compared.")
    if isinstance(target, Numbers):
        check_same_points(target, predictions, ("target", "predictions"))
        check_every_answer(target)
        return NumberTarget(target.values)
    values = plain_array(target, "target")
    if values.dtype.kind not in "fiu":
        raise DomainError(f"a numeric target must be real numbers, got dtype {values.dtype}.")
    if values.ndim not in (1, 2) or values.shape[-1] != predictions.n_points or values.size == 0:
        raise ShapeError(
            f"a numeric target must be [points] = ({predictions.n_points},), or draws of it [draws, points]; its shape "
            f"is {values.shape}."
        )
    values = np.atleast_2d(values).astype(np.float64)
    if not np.isfinite(values).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise DomainError(
            f"target{list(where)} is {values[where]} (draw, point); expected finite numbers. Leave out the points "
            "without a target; of raters with gaps take the mean of those who rated."
        )
    return NumberTarget(values)


def _number_duals(values: np.ndarray, generator: BregmanGenerator, order: str) -> np.ndarray:
    check_domain(generator, values[..., 0], "target")
    duals = generator.gradient(values)
    if order == "prediction_first" and not np.isfinite(duals).all():
        draw, point, _ = (int(i) for i in np.argwhere(~np.isfinite(duals))[0])
        raise DomainError(
            f"D(prediction, target) is infinite under {generator.name} where the target is 0, as at point {point} "
            f"(draw {draw}). Use order='target_first', D(target, prediction), or squared_euclidean."
        )
    return duals


def _from_labels(labels: np.ndarray, points: int, classes: int, *, draws: bool) -> Target:
    shape = f"[draws, {points}]" if draws else f"[{points}]"
    if labels.ndim != 1 + draws or labels.shape[-1] != points or labels.size == 0:
        raise ShapeError(f"target labels must be {shape} with draws={draws}, got shape {labels.shape}.")
    wrong = (labels < 0) | (labels >= classes)
    if np.any(wrong):
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DomainError(
            f"target labels must be classes 0 to {classes - 1} of these predictions; "
            f"target{list(where)} is {labels[where]}."
        )
    logs = np.full((*np.atleast_2d(labels).shape, classes), -np.inf)
    np.put_along_axis(logs, np.atleast_2d(labels)[..., None].astype(np.intp), 0.0, axis=-1)
    return Target(logs)


def _from_predictions(target: Predictions, predictions: Predictions, *, draws: bool) -> Target:
    if target.n_models > 1 and not draws:
        raise ShapeError(
            f"a target given as predictions needs one model, got {target.n_models}: use its mean() or dual_mean(), or "
            "draws=True if its models are equally likely draws of the target."
        )
    if target.n_classes != predictions.n_classes:
        raise ShapeError(f"target has {target.n_classes} classes, the predictions have {predictions.n_classes}.")
    check_same_points(target, predictions, ("target", "predictions"))
    return Target(target.log_probs)
