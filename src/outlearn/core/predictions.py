"""What models predict: one array of float64 log-probabilities `[models, points, classes]`, and on which points.

Models are draws of the training randomness (a subset of the data, a seed). Log-probabilities are normalised once, when
the predictions are made, so every number computed from them stays finite at logits of size 1000.

Which points and whose, and which answers are left out, is as of all models of the same points: `core.point_models`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Real, Shaped

from outlearn.core.generators import BregmanGenerator
from outlearn.core.log_space import SUM_TOLERANCE, log_mean, log_normalise, row_max
from outlearn.core.plain_arrays import LEAVE_OUT, plain_array
from outlearn.core.point_models import ids_or_default, read_answered, read_point_ids, read_teacher_of, shares_of_answers
from outlearn.errors import AlignmentError, DomainError, ShapeError

__all__ = ["Predictions", "check_predictions", "weighted_log_mean"]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted distributions of several models on the same points; build it with `from_logits` or `from_probs`.

    Attributes:
        log_probs: `[models, points, classes]`, float64, normalised, in nats, read-only; -inf is a probability of 0.
        point_ids: `[points]`, unique, what identifies each point; 0, 1, 2, ... if not given.
        teacher_of: `[models]`, for students: the index of the teacher that labeled each one's training data, or None.
        answered: `[models, points]`, for labelers that leave points out: where each says something; None if all do
            everywhere. What stands in `log_probs` at a gap is no answer: no score, mean or combination counts it.

    Examples:
        >>> p = Predictions.from_logits(np.array([[[0.0, 0.0]], [[np.log(3), 0.0]]]))
        >>> p
        Predictions(models=2, points=1, classes=2)
        >>> p.mean().probs.round(4)
        array([[[0.625, 0.375]]])
        >>> p.dual_mean().probs.round(4)
        array([[[0.634, 0.366]]])
    """

    log_probs: Float[np.ndarray, "models points classes"]
    point_ids: Shaped[np.ndarray, "..."]  # [points]; of another length it is a ShapeError, raised below
    teacher_of: Shaped[np.ndarray, "..."] | None = None  # [models]
    answered: Shaped[np.ndarray, "..."] | None = None  # [models, points]

    default_generator: ClassVar[str] = "negative_entropy"  # of what is measured where none is named

    def __post_init__(self) -> None:
        if self.log_probs.ndim != 3 or 0 in self.log_probs.shape or self.log_probs.shape[-1] < 2:
            raise ShapeError(
                "predictions need at least one model, one point and two classes, [models, points, classes], "
                f"got shape {self.log_probs.shape}. A single column of scores is [..., 2] with logits (0, score)."
            )
        object.__setattr__(self, "point_ids", read_point_ids(self.point_ids, self.n_points))
        if self.teacher_of is not None:
            object.__setattr__(self, "teacher_of", read_teacher_of(self.teacher_of, self.n_models))
        if self.answered is not None:
            object.__setattr__(self, "answered", read_answered(self.answered, self.n_models, self.n_points))
        self.log_probs.setflags(write=False)

    @classmethod
    def from_logits(
        cls,
        logits: Real[np.ndarray, "..."],
        *,
        point_ids: Shaped[np.ndarray, "..."] | None = None,
        teacher_of: Shaped[np.ndarray, "..."] | None = None,
    ) -> Predictions:
        """Make predictions from logits (or log-probabilities), `log p = z - logsumexp(z)`.

        Args:
            logits: `[models, points, classes]`, or `[points, classes]` for one model. A constant added to a row changes
                nothing. -inf is a probability of 0.
            point_ids: `[points]`, unique; 0, 1, 2, ... if None.
            teacher_of: `[models]` int, the teacher that labeled each model's training data; None if unknown.

        Returns:
            The predictions.

        Raises:
            ShapeError: for another number of axes, or ids of another length.
            DomainError: for NaN, +inf, or a row of -inf only; the message says where.
            AlignmentError: for point ids that are not unique; DomainError for ids of several kinds.

        Examples:
            >>> Predictions.from_logits(np.array([[1000.0, 0.0]])).log_probs
            array([[[    0., -1000.]]])
        """
        z = _models_points_classes(logits, "logits")
        if not np.isfinite(row_max(z)).all():
            _refuse_first(np.isnan(z) | np.isposinf(z), z, "logits", "numbers or -inf")
            _refuse_first(np.all(np.isneginf(z), axis=-1), z, "logits", "at least one finite logit in a row")
        return cls(log_normalise(z), ids_or_default(point_ids, z.shape[1]), teacher_of)

    @classmethod
    def from_probs(
        cls,
        probs: Real[np.ndarray, "..."],
        *,
        point_ids: Shaped[np.ndarray, "..."] | None = None,
        teacher_of: Shaped[np.ndarray, "..."] | None = None,
    ) -> Predictions:
        """Make predictions from probabilities, whose rows must sum to 1 within 1e-6 and are then renormalised.

        Prefer `from_logits` where logits exist: a probability that was rounded to 0 stays 0.

        Args:
            probs: `[models, points, classes]`, or `[points, classes]` for one model; between 0 and 1.
            point_ids, teacher_of: as for `from_logits`.

        Raises:
            DomainError: for NaN, infinity, a negative probability, or a row that does not sum to 1; it names the row.
            ShapeError, AlignmentError: as for `from_logits`.

        Examples:
            >>> Predictions.from_probs(np.array([[0.5, 0.6]]))
            Traceback (most recent call last):
            outlearn.errors.DomainError: probs must sum to 1 within 1e-06 over the last axis; row [0, 0] sums to ...
        """
        p = _models_points_classes(probs, "probs")
        _refuse_first(~np.isfinite(p), p, "probs", "finite numbers")
        _refuse_first(p < 0, p, "probs", "numbers of at least 0")
        total = p.sum(axis=-1)
        wrong = np.abs(total - 1) > SUM_TOLERANCE
        if np.any(wrong):
            row = _first(wrong)
            raise DomainError(
                f"probs must sum to 1 within {SUM_TOLERANCE} over the last axis; row {list(row)} sums to "
                f"{total[row]:.9g}. Use from_logits for unnormalised scores."
            )
        with np.errstate(divide="ignore"):
            return cls(log_normalise(np.log(p)), ids_or_default(point_ids, p.shape[1]), teacher_of)

    @property
    def probs(self) -> Float[np.ndarray, "models points classes"]:
        """Probabilities, computed from `log_probs`."""
        with np.errstate(under="ignore"):
            return np.exp(self.log_probs)

    @property
    def n_models(self) -> int:
        """Number of models."""
        return int(self.log_probs.shape[0])

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(self.log_probs.shape[1])

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.log_probs.shape[2])

    @property
    def n_coordinates(self) -> int:
        """Number of coordinates of a point in a generator's domain: the classes."""
        return self.n_classes

    def coordinates(self, models: int | slice = slice(None)) -> Float[np.ndarray, "... points classes"]:
        """Return the predictions of these models as points of a generator's domain: probabilities."""
        return np.exp(self.log_probs[models])

    def duals(
        self, generator: BregmanGenerator, *, argument: str, models: int | slice = slice(None)
    ) -> Float[np.ndarray, "... points classes"]:
        """Return the predictions of these models in dual coordinates; `argument` is what errors call them."""
        first = (models.start or 0) if isinstance(models, slice) else 0
        return generator.dual_from_log_probs(self.log_probs[models], argument=argument, first=first)

    def mean(self) -> Predictions:
        """Average probabilities over models: the arithmetic (primal) mean q = mean_m p_m, as one model."""
        weights = np.full(self.n_models, 1 / self.n_models)
        if self.answered is not None:
            return self.as_one(weighted_log_mean(self, weights))
        return self.as_one(log_mean(self.log_probs, weights))

    def dual_mean(self) -> Predictions:
        """Average log-probabilities over models and normalise: the geometric (dual) mean, as one model.

        log q = mean_m log p_m - logsumexp_k(mean_m log p_m), the q that minimises mean_m KL(q || p_m).

        Returns:
            `[1, points, classes]`.

        Raises:
            DomainError: if at some point no class has positive probability under all models.

        Source: Gupta et al., Ensembles of classifiers: a bias-variance perspective, TMLR 2022. We average
        log-probabilities, not logits: equal here.
        """
        if self.answered is None:
            logs = self.log_probs.mean(axis=0, keepdims=True)
        else:
            share = shares_of_answers(self.answered, np.full(self.n_models, 1 / self.n_models))[..., None]
            logs = np.where(share > 0, share * self.log_probs, 0.0).sum(axis=0, keepdims=True)
        empty = np.all(np.isneginf(logs), axis=-1)
        if np.any(empty):
            raise DomainError(
                f"the dual mean needs a class of positive probability under all models; at point id "
                f"{self.point_ids.tolist()[_first(empty)[1]]!r} there is none. Predict from logits, or use mean()."
            )
        return self.as_one(logs[0])

    def as_one(self, logs: Float[np.ndarray, "points classes"]) -> Predictions:
        """Return a combination of these models as one; it says something where one of them does.

        Args:
            logs: its log-probabilities, up to a constant for each point.
        """
        answered = None if self.answered is None else np.asarray(self.answered.any(axis=0))[None]
        return replace(self, log_probs=log_normalise(logs[None]), teacher_of=None, answered=answered)

    def only(self, model: int) -> Predictions:
        """Return one of the models."""
        return replace(
            self,
            log_probs=self.log_probs[model : model + 1],
            teacher_of=None,
            answered=None if self.answered is None else self.answered[model : model + 1],
        )

    def select(self, ids: Shaped[np.ndarray, "..."]) -> Predictions:
        """Return the predictions at these point ids, in this order.

        Raises:
            AlignmentError: for an id that is not here, or one that comes twice.

        Examples:
            >>> p = Predictions.from_logits(np.array([[1.0, 0.0], [0.0, 2.0]]), point_ids=np.array(["a", "b"]))
            >>> p.select(np.array(["b"])).point_ids
            array(['b'], dtype='<U1')
        """
        wanted = np.asarray(ids)
        if wanted.ndim != 1 or wanted.size == 0:
            raise ShapeError(f"select needs a list of at least one point id, got shape {wanted.shape}.")
        row_of = {point: index for index, point in enumerate(self.point_ids.tolist())}
        unknown = [point for point in wanted.tolist() if point not in row_of]
        if unknown:
            raise AlignmentError(
                f"{len(unknown)} of {len(wanted)} point ids are not among these {self.n_points} points, first "
                f"{unknown[0]!r}; the ids here begin with {self.point_ids.tolist()[0]!r}."
            )
        index = np.array([row_of[point] for point in wanted.tolist()])
        answered = None if self.answered is None else self.answered[:, index]
        return replace(self, log_probs=self.log_probs[:, index], point_ids=wanted, answered=answered)

    def __repr__(self) -> str:
        return f"Predictions(models={self.n_models}, points={self.n_points}, classes={self.n_classes})"


def check_predictions(**everyone: object) -> None:
    """Raise unless each of these arguments holds predictions.

    Raises:
        DomainError: names the argument and what it is instead.
    """
    for name, given in everyone.items():
        if not isinstance(given, Predictions):
            raise DomainError(
                f"{name} is of type {type(given).__name__}; expected Predictions. Wrap it in "
                "Predictions.from_logits(...) or Predictions.from_probs(...)."
            )


def _models_points_classes(values: np.ndarray, argument: str) -> np.ndarray:
    array = plain_array(
        values, argument, instead_of_masks=f"{LEAVE_OUT[:-1]}; what a model does not answer is said by `answered`."
    )
    if array.dtype.kind not in "fiu":
        raise DomainError(f"{argument} must be real numbers, got dtype {array.dtype}.")
    if array.ndim not in (2, 3):
        raise ShapeError(
            f"{argument} must be [models, points, classes], or [points, classes] for one model; "
            f"its shape is {array.shape}."
        )
    array = array.astype(np.float64)
    array = array[None] if array.ndim == 2 else array
    if 0 in array.shape:
        raise ShapeError(f"{argument} must have at least one model, point and class, got shape {array.shape}.")
    return array


def _first(wrong: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(np.argmax(wrong), wrong.shape))


def _refuse_first(wrong: np.ndarray, values: np.ndarray, argument: str, expected: str) -> None:
    if np.any(wrong):
        where = _first(wrong)
        raise DomainError(
            f"{argument} must be {expected}; {argument}{list(where)} is {values[where]} (axes: model, point, class)."
        )


def weighted_log_mean(
    predictions: Predictions, weights: Float[np.ndarray, " models"]
) -> Float[np.ndarray, "points classes"]:
    """Average probabilities over the models that say something at each point, with weights; in logarithms."""
    share = weights[:, None] if predictions.answered is None else shares_of_answers(predictions.answered, weights)
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp.reduce(predictions.log_probs + np.log(share)[..., None], axis=0))
