"""Targets and pairings from files: true labels, soft targets or several raters, and which teacher had which student."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, Shaped

from outlearn.data.array_files import ArrayFile, read_array
from outlearn.data.point_ids import by_position, join_by_id
from outlearn.data.prediction_files import PredictionFiles, columns_in_order
from outlearn.errors import AlignmentError, DataError, DomainError, ShapeError, suggest

__all__ = ["TargetFile", "read_target_file", "read_teacher_of"]


@dataclass(frozen=True, eq=False)
class TargetFile:
    """Hold a target as `core.targets.read_target` takes it, in the order of the predictions' points."""

    values: Shaped[np.ndarray, "..."]
    source: str
    notes: tuple[str, ...] = ()


def read_target_file(path: str | Path, like: PredictionFiles, *, draws: bool = False) -> TargetFile:
    """Read a target: integer labels `[points]` or `[draws, points]`, or floats `[points, classes]` or with draws first.

    In a CSV file one column is the label (a class name or its number from 0), and several columns are the classes, a
    distribution in each row; a column `id` joins the rows to the points of the predictions `like`. Integers of two
    dimensions need `draws`, which says that the first axis is draws.

    Raises:
        DataError, DomainError, AlignmentError: for a file, label or id that cannot be used.
    """
    file = read_array(path)
    values = file.values
    if file.columns is not None:
        values = _labels_of_csv(file, like) if len(file.columns) == 1 else columns_in_order(file, like.class_names)
        values = values if values.ndim == 1 else values.astype(np.float64)
    if values.dtype.kind not in "fiu":
        raise DomainError(f"{file.source}: target has dtype {values.dtype}; expected integer labels or probabilities.")
    if values.dtype.kind in "iu" and values.ndim == 2 and not draws:
        raise ShapeError(
            f"{file.source}: a target of two-dimensional integers is ambiguous, shape {values.shape}. For draws of "
            "labels [draws, points] pass --draws; save a distribution [points, classes] as floats."
        )
    if values.dtype.kind == "f" and values.ndim == 1:
        raise DomainError(
            f"{file.source}: target has shape {values.shape} and dtype {values.dtype}. Labels must be integers; a soft "
            "target has one column a class, [points, classes]. If this is a regression, pass --kind numbers."
        )
    notes: tuple[str, ...] = ()
    if file.ids is not None and like.has_ids:
        axis = 0 if values.ndim == 1 or (values.ndim == 2 and values.dtype.kind == "f") else 1  # draws stand first
        order = join_by_id(file.ids, like.predictions.point_ids, f"{file.source}: target", like.sources[0])
        if values.shape[axis] != len(order):
            raise AlignmentError(
                f"{file.source}: {len(order)} ids for a target of shape {values.shape}. Give one id a point."
            )
        values = np.take(values, order, axis=axis)
    else:
        notes = by_position("target", file.source, file.ids is not None, like.sources[0], like.has_ids)
    return TargetFile(values, file.source, notes)


def read_teacher_of(path: str | Path) -> Int[np.ndarray, " students"]:
    """Read which teacher labeled each student: whole numbers from 0, one a student, in the order of the students.

    Raises:
        DomainError, ShapeError: for anything else; that the teachers exist is checked where they are known.
    """
    file = read_array(path)
    values = file.values[:, 0] if file.columns is not None and len(file.columns) == 1 else file.values
    if values.ndim != 1:
        raise ShapeError(
            f"{file.source}: teacher_of has shape {file.values.shape}; expected one number for each student."
        )
    if values.dtype.kind not in "iu":
        raise DomainError(f"{file.source}: teacher_of has dtype {values.dtype}; expected whole numbers from 0.")
    return np.asarray(values, dtype=np.int64)


def _labels_of_csv(file: ArrayFile, like: PredictionFiles) -> np.ndarray:
    """Read a column of class names, or of class numbers from 0 where the names are no numbers."""
    cells = file.values[:, 0]
    names = like.class_names
    texts = [str(cell) for cell in cells.tolist()]
    if names is not None and set(texts) <= set(names):
        return np.array([names.index(text) for text in texts])
    if cells.dtype.kind in "iu" and (names is None or not any(name.isdigit() for name in names)):
        return cells
    if names is None:
        return cells  # refused by its dtype
    unknown = next(text for text in texts if text not in names)
    raise DataError(f"{file.source}: label {unknown!r} is no class; {suggest(unknown, names)}")
