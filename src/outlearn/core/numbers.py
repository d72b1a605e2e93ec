"""What models of a numeric target predict: one array of float64 numbers `[models, points]`, and on which points.

The counterpart of `Predictions`, which holds distributions over classes. Every measure of this package takes either: a
number is a point of one coordinate in the domain of a Bregman generator, squared_euclidean unless another is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Real, Shaped

from outlearn.core.generators import BregmanGenerator
from outlearn.core.generators.fitting import check_domain
from outlearn.core.plain_arrays import plain_array
from outlearn.core.point_models import (
    check_same_points,
    ids_or_default,
    read_answered,
    read_point_ids,
    read_teacher_of,
    shares_of_answers,
)
from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError, DomainError, ShapeError

__all__ = ["AnyPredictions", "Numbers", "check_models"]


@dataclass(frozen=True, eq=False)
class Numbers:
    """Predicted numbers of several models on the same points; build it with `from_values`.

    Attributes:
        values: `[models, points]`, float64, finite, read-only. What stands at a gap of `answered` is no answer.
        point_ids: `[points]`, unique; 0, 1, 2, ... if not given.
        teacher_of: `[models]`, for students: the index of the teacher that labeled each one's training data, or None.
        answered: `[models, points]`, for labelers that leave points out: where each says something; None if all do.

    Examples:
        >>> p = Numbers.from_values(np.array([[1.0, 2.0], [3.0, 6.0]]))
        >>> p
        Numbers(models=2, points=2)
        >>> p.mean().values
        array([[2., 4.]])
    """

    values: Float[np.ndarray, "models points"]
    point_ids: Shaped[np.ndarray, "..."]  # [points]
    teacher_of: Shaped[np.ndarray, "..."] | None = None  # [models]
    answered: Shaped[np.ndarray, "..."] | None = None  # [models, points]

    default_generator: ClassVar[str] = "squared_euclidean"

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or 0 in self.values.shape:
            raise ShapeError(
                "predicted numbers need at least one model and one point, [models, points], got shape "
                f"{self.values.shape}."
            )
        object.__setattr__(self, "point_ids", read_point_ids(self.point_ids, self.n_points))
        if self.teacher_of is not None:
            object.__setattr__(self, "teacher_of", read_teacher_of(self.teacher_of, self.n_models))
        if self.answered is not None:
            object.__setattr__(self, "answered", read_answered(self.answered, self.n_models, self.n_points))
        self.values.setflags(write=False)

    @classmethod
    def from_values(
        cls,
        values: Real[np.ndarray, "..."],
        *,
        point_ids: Shaped[np.ndarray, "..."] | None = None,
        teacher_of: Shaped[np.ndarray, "..."] | None = None,
    ) -> Numbers:
        """Make predictions from numbers; nan is a gap, of labelers that leave points out.

        Args:
            values: `[models, points]`, or `[points]` for one model.
            point_ids: `[points]`, unique; 0, 1, 2, ... if None.
            teacher_of: `[models]` int, the teacher that labeled each model's training data; None if unknown.

        Raises:
            ShapeError: for another number of axes, or ids of another length.
            DomainError: for text, or infinity; the message says where. AlignmentError: for ids that are not unique.

        Examples:
            >>> Numbers.from_values(np.array([1.0, np.nan])).answered
            array([[ True, False]])
        """
        array = plain_array(
            values, "predicted numbers", instead_of_masks="Give nan where a model says nothing: values.filled(np.nan)."
        )
        if array.dtype.kind not in "fiu":
            raise DomainError(f"predicted numbers must be real numbers, got dtype {array.dtype}.")
        if array.ndim not in (1, 2):
            raise ShapeError(f"predicted numbers must be [models, points], or [points]; their shape is {array.shape}.")
        array = np.array(np.atleast_2d(array), dtype=np.float64)
        if np.isinf(array).any():
            where = tuple(int(i) for i in np.argwhere(np.isinf(array))[0])
            raise DomainError(f"predicted numbers must be finite; {list(where)} is {array[where]} (model, point).")
        gaps = np.isnan(array)
        array[gaps] = 0.0  # never read: `answered` says that it is no answer
        ids = ids_or_default(point_ids, array.shape[1])
        return cls(array, ids, teacher_of, ~gaps if gaps.any() else None)

    @property
    def n_models(self) -> int:
        """Number of models."""
        return int(self.values.shape[0])

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(self.values.shape[1])

    @property
    def heard(self) -> Bool[np.ndarray, "models points"]:
        """Where each model says something."""
        return np.ones(self.values.shape, dtype=bool) if self.answered is None else self.answered

    @property
    def known(self) -> Float[np.ndarray, "models points"]:
        """The numbers, nan where a model says nothing."""
        return self.values if self.answered is None else np.where(self.answered, self.values, np.nan)

    @property
    def n_coordinates(self) -> int:
        """Number of coordinates of a point in a generator's domain."""
        return 1

    def coordinates(self, models: int | slice = slice(None)) -> Float[np.ndarray, "... points 1"]:
        """Return the predictions of these models as points of a generator's domain."""
        return self.values[models][..., None]

    def duals(
        self, generator: BregmanGenerator, *, argument: str, models: int | slice = slice(None)
    ) -> Float[np.ndarray, "... points 1"]:
        """Return the predictions of these models in dual coordinates; `argument` is what errors call them.

        Raises:
            DomainError: for a number outside the generator's domain: names it, and a generator that takes it.
        """
        values = self.values[models]
        if self.answered is not None:  # what stands at a gap must only be in the domain, whatever it is
            values = np.where(self.answered[models], values, 1.0)
        check_domain(generator, values, argument, first=(models.start or 0) if isinstance(models, slice) else 0)
        return generator.gradient(values[..., None])

    def mean(self) -> Numbers:
        """Average over models, of those that say something at a point: the arithmetic mean, as one model."""
        return self.weighted_mean(np.full(self.n_models, 1 / self.n_models))

    def weighted_mean(self, weights: Float[np.ndarray, " models"]) -> Numbers:
        """Average with weights, which are shared at each point among the models that say something there."""
        if self.answered is None:
            return self._as_one(weights @ self.values)
        return self._as_one((shares_of_answers(self.answered, weights) * self.values).sum(axis=0))

    def median(self) -> Numbers:
        """Take the median over the models that say something at a point, as one model."""
        if self.answered is None:
            return self._as_one(np.median(self.values, axis=0))
        known = np.array(self.known)
        known[:, ~self.answered.any(axis=0)] = 0.0
        return self._as_one(np.nanmedian(known, axis=0))

    def _as_one(self, values: Float[np.ndarray, " points"]) -> Numbers:
        answered = None if self.answered is None else np.asarray(self.answered.any(axis=0))[None]
        return Numbers(np.asarray(values)[None], self.point_ids, None, answered)

    def only(self, model: int) -> Numbers:
        """Return one of the models."""
        answered = None if self.answered is None else self.answered[model : model + 1]
        return replace(self, values=self.values[model : model + 1], teacher_of=None, answered=answered)

    def select(self, ids: Shaped[np.ndarray, "..."]) -> Numbers:
        """Return the predictions at these point ids, in this order.

        Raises:
            AlignmentError: for an id that is not here, or one that comes twice.
        """
        row_of = {point: index for index, point in enumerate(self.point_ids.tolist())}
        wanted = np.asarray(ids)
        unknown = [point for point in wanted.tolist() if point not in row_of]
        if unknown:
            raise AlignmentError(f"{len(unknown)} of {len(wanted)} point ids are not here, first {unknown[0]!r}.")
        index = np.array([row_of[point] for point in wanted.tolist()])
        answered = None if self.answered is None else self.answered[:, index]
        return replace(self, values=self.values[:, index], point_ids=wanted, answered=answered)

    def __repr__(self) -> str:
        return f"Numbers(models={self.n_models}, points={self.n_points})"


AnyPredictions: TypeAlias = Predictions | Numbers


def check_models(**everyone: object) -> None:
    """Raise unless all these arguments hold predictions, all distributions or all numbers, of the same points.

    Raises:
        DomainError: names the argument and what it is instead. AlignmentError: for other points.
    """
    for name, given in everyone.items():
        if not isinstance(given, Predictions | Numbers):
            raise DomainError(
                f"{name} is of type {type(given).__name__}; expected Predictions. Wrap it in "
                "Predictions.from_logits(...) or Predictions.from_probs(...), or numbers in Numbers.from_values(...)."
            )
    (first_name, first), *others = everyone.items()
    for name, other in others:
        if type(first) is not type(other):
            raise DomainError(
                f"{first_name} holds {type(first).__name__} and {name} {type(other).__name__}: distributions cannot be "
                "compared with numbers."
            )
        check_same_points(first, other, (first_name, name))  # type: ignore[arg-type]
