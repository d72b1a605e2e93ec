"""What models predict: one array of float64 log-probabilities `[models, points, classes]`, and on which points.

Models are draws of the training randomness (a subset of the data, a seed). Log-probabilities are normalised once, when
the predictions are made, so every number computed from them stays finite at logits of size 1000.

Everything paired (misfit, gap, agreement, recovery) goes through `labeled_by`, so that a student is never compared
with a teacher it has not seen, nor a point with another point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Integer, Real, Shaped

from outlearn.core.generators import BregmanGenerator
from outlearn.core.log_space import SUM_TOLERANCE, log_mean, log_normalise
from outlearn.core.plain_arrays import LEAVE_OUT, plain_array
from outlearn.errors import AlignmentError, DomainError, ShapeError

__all__ = [
    "PointModels", "Predictions", "check_every_answer", "check_predictions", "check_same_points", "ids_or_default",
    "labeled_by", "read_answered", "read_point_ids", "read_teacher_of", "shares_of_answers", "weighted_log_mean",
]  # fmt: skip


@runtime_checkable
class PointModels(Protocol):
    """What several models say of the same points, distributions or numbers: all that pairing them needs."""

    @property
    def point_ids(self) -> np.ndarray: ...
    @property
    def teacher_of(self) -> np.ndarray | None: ...
    @property
    def answered(self) -> np.ndarray | None: ...
    @property
    def n_models(self) -> int: ...
    @property
    def n_points(self) -> int: ...
    @property
    def n_coordinates(self) -> int: ...


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


def check_every_answer(*everyone: PointModels) -> None:
    """Raise unless all models say something of every point.

    Raises:
        DomainError: says which points are left.
    """
    for predictions in everyone:
        if predictions.answered is not None:
            raise DomainError(
                f"{int((~predictions.answered).sum()):,} of {predictions.answered.size:,} answers are gaps, and this "
                "needs what every model says of every point. Keep the points that all answer: "
                "p.select(p.point_ids[p.answered.all(axis=0)])."
            )


def check_same_points(first: PointModels, second: PointModels, names: tuple[str, str] = ("teacher", "student")) -> None:
    """Raise unless both predict the same classes at the same points in the same order.

    Raises:
        AlignmentError: if the numbers of points or classes differ, or the point ids do.
    """
    (n_first, k_first), (n_second, k_second) = ((each.n_points, each.n_coordinates) for each in (first, second))
    if (n_first, k_first) != (n_second, k_second):
        raise AlignmentError(
            f"{names[0]} and {names[1]} must predict the same points and classes; got {n_first} points of {k_first} "
            f"classes and {n_second} points of {k_second}. Predict both on the same split, or keep what they share "
            "with Predictions.select(ids)."
        )
    differ = np.flatnonzero(first.point_ids != second.point_ids)
    if len(differ):
        a, b = first.point_ids.tolist()[differ[0]], second.point_ids.tolist()[differ[0]]
        raise AlignmentError(
            f"{names[0]} and {names[1]} have different points: {len(differ)} of {n_first} ids differ, "
            f"first {a!r} against {b!r}. Predict both on the same split, or reorder with Predictions.select(ids)."
        )


def labeled_by(teacher: PointModels, student: PointModels) -> Integer[np.ndarray, "students"]:
    """Return for each student the row of the teacher that labeled it.

    `student.teacher_of` says it. Without it, one teacher labeled all students, or student m belongs to teacher m when
    there are as many of both; any other shape is an error.

    Returns:
        `[students]`, indices into the teacher's models.

    Raises:
        AlignmentError: if points, classes or indices do not fit, or the pairing is not said.

    Examples:
        >>> t = Predictions.from_probs(np.full((2, 3, 2), 0.5))
        >>> labeled_by(t, Predictions.from_probs(np.full((4, 3, 2), 0.5), teacher_of=np.array([0, 0, 1, 1])))
        array([0, 0, 1, 1])
    """
    check_same_points(teacher, student)
    n_teachers, n_students = teacher.n_models, student.n_models
    if student.teacher_of is None:
        if n_teachers == n_students:
            return np.arange(n_students)
        if n_teachers == 1:
            return np.zeros(n_students, dtype=np.intp)
        raise AlignmentError(
            f"{n_students} students of {n_teachers} teachers: nothing says which teacher labeled which student. "
            "Pass teacher_of=[one teacher index per student] when making the student's Predictions."
        )
    index = np.asarray(student.teacher_of)
    if index.min() < 0 or index.max() >= n_teachers:
        wrong = int(index[(index < 0) | (index >= n_teachers)][0])
        raise AlignmentError(
            f"student.teacher_of must index {n_teachers} teachers from 0 to {n_teachers - 1}; got {wrong}. "
            "Pass every teacher that labeled a student, in the order of the indices."
        )
    return index


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


def ids_or_default(point_ids: np.ndarray | None, n_points: int) -> np.ndarray:
    return np.arange(n_points) if point_ids is None else np.asarray(point_ids)


def read_point_ids(point_ids: np.ndarray, n_points: int) -> np.ndarray:
    ids = np.array(point_ids)
    if ids.shape != (n_points,):
        raise ShapeError(f"point_ids must have shape ({n_points},), one for each point, got {ids.shape}.")
    try:
        values, counts = np.unique(ids, return_counts=True)
    except TypeError as error:  # objects that cannot be sorted
        kinds = sorted({type(value).__name__ for value in ids.tolist()})
        raise DomainError(
            f"point_ids must be of one kind, text or whole numbers; got {' and '.join(kinds)}. Make them all text: "
            "np.array([str(i) for i in ids])."
        ) from error
    if len(values) < n_points:
        repeated = values.tolist()[np.argmax(counts)]
        raise AlignmentError(f"point_ids must be unique; {repeated!r} comes {counts.max()} times.")
    ids.setflags(write=False)
    return ids


def read_teacher_of(teacher_of: np.ndarray, n_models: int) -> np.ndarray:
    index = np.array(teacher_of)
    if index.shape != (n_models,):
        raise ShapeError(
            f"teacher_of must have shape ({n_models},), one teacher index for each model, got {index.shape}."
        )
    if index.dtype.kind not in "iu" or np.any(index < 0):
        raise DomainError(f"teacher_of must be teacher indices, integers of at least 0, got {index.dtype} {index[:5]}.")
    index.setflags(write=False)
    return index


def weighted_log_mean(
    predictions: Predictions, weights: Float[np.ndarray, " models"]
) -> Float[np.ndarray, "points classes"]:
    """Average probabilities over the models that say something at each point, with weights; in logarithms."""
    share = weights[:, None] if predictions.answered is None else shares_of_answers(predictions.answered, weights)
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp.reduce(predictions.log_probs + np.log(share)[..., None], axis=0))


def shares_of_answers(answered: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share the weights among who says something at each point: evenly where none of these has one, or nobody does."""
    heard = np.where(answered, weights[:, None], 0.0)
    heard = np.where(heard.sum(axis=0) > 0, heard, answered)
    heard = np.where(heard.sum(axis=0) > 0, heard, 1.0)
    return heard / heard.sum(axis=0)


def read_answered(answered: np.ndarray, n_models: int, n_points: int) -> np.ndarray | None:
    mask = np.array(answered)
    if mask.shape != (n_models, n_points) or mask.dtype.kind != "b":
        raise ShapeError(
            f"answered must be booleans of shape ({n_models}, {n_points}), one for each model and point, got "
            f"{mask.dtype} {mask.shape}."
        )
    mask.setflags(write=False)
    return None if mask.all() else mask
