"""Predicted numbers and their target from files of any other program: `[models, points]`, or a CSV column a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from outlearn.core.numbers import Numbers
from outlearn.data.array_files import ArrayFile, read_array
from outlearn.data.point_ids import by_position, join_by_id
from outlearn.errors import AlignmentError, DomainError, OutlearnError, ShapeError

__all__ = ["NumberFiles", "NumberTargetFile", "read_number_files", "read_number_target"]


@dataclass(frozen=True, eq=False)
class NumberFiles:
    """Hold the numbers that one or several files predict.

    Attributes:
        numbers: models in the order of the files.
        sources: the files.
        has_ids: whether the points have ids of their own.
        notes: what a reader should know, in sentences.
    """

    numbers: Numbers
    sources: tuple[str, ...]
    has_ids: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class NumberTargetFile:
    """Hold a numeric target, `[points]` or draws of it `[draws, points]`, in the order of the predictions' points."""

    values: Shaped[np.ndarray, "..."]
    source: str
    notes: tuple[str, ...] = ()


def read_number_files(
    paths: Sequence[str | Path], *, role: str = "teacher", like: NumberFiles | None = None
) -> NumberFiles:
    """Read the numbers of one or several models.

    Args:
        paths: files, each `[models, points]` or `[points]` (one model), nan at a gap; in a CSV file a column is a
            model, a row a point, and a column `id` its name.
        role: "teacher" or "student", how messages call them.
        like: numbers whose points these must be of; where both have ids, these are brought into its order.

    Raises:
        DataError, ShapeError, DomainError, AlignmentError: for a file that cannot be read, holds something else, or is
            of other points.
    """
    files = [read_array(path) for path in paths]
    layers = [_layers(file, role) for file in files]
    sources = tuple(file.source for file in files)
    ids = files[0].ids
    for file, layer in zip(files[1:], layers[1:], strict=True):
        if layer.shape[1] != layers[0].shape[1]:
            raise AlignmentError(
                f"{file.source} has {layer.shape[1]} points, and {sources[0]} {layers[0].shape[1]}. Every {role} must "
                "predict the same points."
            )
        if (file.ids is None) != (ids is None):
            raise AlignmentError(f"{file.source} and {sources[0]}: give ids to both or to none.")
    for m, file in enumerate(files[1:], 1):
        if file.ids is not None and ids is not None:
            layers[m] = layers[m][:, join_by_id(file.ids, ids, sources[m], sources[0])]
    try:
        numbers = Numbers.from_values(np.concatenate(layers), point_ids=ids)
    except OutlearnError as error:
        raise type(error)(f"{', '.join(sources)}: {error}") from None
    found = NumberFiles(numbers, sources, ids is not None)
    return found if like is None else _brought_into_order(found, like, role)


def read_number_target(path: str | Path, like: NumberFiles) -> NumberTargetFile:
    """Read numbers `[points]`, or several raters' `[draws, points]`; in a CSV file a column is a rater.

    Raises:
        DataError, ShapeError, DomainError, AlignmentError: as `read_number_files`.
    """
    file = read_array(path)
    values = _layers(file, "target")
    if values.shape[1] != like.numbers.n_points:
        raise ShapeError(
            f"{file.source}: the target has {values.shape[1]} points, shape {file.values.shape}, and {like.sources[0]} "
            f"{like.numbers.n_points}: expected numbers [points], or raters' draws [draws, points], and predictions "
            "[models, points]. If the predictions are of classes, [points, classes], leave out --kind numbers."
        )
    notes: tuple[str, ...] = ()
    if file.ids is not None and like.has_ids:
        values = values[:, join_by_id(file.ids, like.numbers.point_ids, f"{file.source}: target", like.sources[0])]
    else:
        notes = by_position("target", file.source, file.ids is not None, like.sources[0], like.has_ids)
    return NumberTargetFile(values[0] if len(values) == 1 else values, file.source, notes)


def _layers(file: ArrayFile, role: str) -> np.ndarray:
    """Return `[models, points]`."""
    values = file.values.T if file.columns is not None else file.values
    if values.dtype.kind not in "fiu":
        raise DomainError(f"{file.source}: {role} numbers must be real numbers; their dtype is {values.dtype}.")
    if values.ndim not in (1, 2) or 0 in values.shape:
        raise ShapeError(
            f"{file.source}: {role} numbers have shape {values.shape}; expected [models, points], or [points] for one. "
            "If these are predictions of classes, [models, points, classes], leave out --kind numbers."
        )
    return np.atleast_2d(values)


def _brought_into_order(found: NumberFiles, like: NumberFiles, role: str) -> NumberFiles:
    ours, theirs = found.numbers, like.numbers
    if ours.n_points != theirs.n_points:
        raise AlignmentError(
            f"{found.sources[0]}: the {role} has {ours.n_points} points, and {like.sources[0]} {theirs.n_points}. "
            "Predict both on the same points."
        )
    if found.has_ids and like.has_ids:
        join_by_id(ours.point_ids, theirs.point_ids, found.sources[0], like.sources[0])
        return replace(found, numbers=ours.select(theirs.point_ids))
    notes = by_position(role, found.sources[0], found.has_ids, like.sources[0], like.has_ids)
    return replace(found, numbers=replace(ours, point_ids=theirs.point_ids), notes=notes)
