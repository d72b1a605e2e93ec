"""Arrays of a student's files, of the axes that what they make has: a hash says that they are as written, not that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from outlearn.errors import DataError
from outlearn.learners.fitted import Heads
from outlearn.student.novelty import Novelty

__all__ = ["heads_of", "novelty_of"]

Axes = Mapping[str, tuple[str, ...]]

LINEAR: Axes = {
    "mean": ("features",),
    "scale": ("features",),
    "weight": ("models", "features", "classes"),
    "bias": ("models", "classes"),
}
WITH_HIDDEN: Axes = {
    **LINEAR,
    "weight": ("models", "hidden", "classes"),
    "hidden_weight": ("models", "features", "hidden"),
    "hidden_bias": ("models", "hidden"),
}
NOVELTY: Axes = {
    "mean": ("features",),
    "directions": ("directions", "features"),
    "variances": ("directions",),
    "noise": ("one",),
}


def heads_of(arrays: Mapping[str, np.ndarray], path: Path, *, again: str) -> Heads:
    """Make heads of the arrays of a file.

    Raises:
        DataError: if these are others, of other axes or types, or not finite; `again` says how to get good ones.
    """
    axes = WITH_HIDDEN if "hidden_weight" in arrays else LINEAR
    _check(arrays, axes, path, again, positive=("scale",))
    return Heads(**arrays)


def novelty_of(arrays: Mapping[str, np.ndarray], path: Path, *, again: str) -> Novelty:
    """Make the measure of novelty of the arrays of a file; errors as for `heads_of`."""
    _check(arrays, NOVELTY, path, again, positive=("variances", "noise"))
    return Novelty(**arrays)


def _check(arrays: Mapping[str, np.ndarray], axes: Axes, path: Path, again: str, *, positive: tuple[str, ...]) -> None:
    def refuse(what: str) -> DataError:
        return DataError(f"{str(path)!r} was altered: {what}. {again}")

    if arrays.keys() != axes.keys():
        raise refuse(f"it holds {', '.join(sorted(arrays)) or 'nothing'}; expected {', '.join(sorted(axes))}")
    lengths: dict[str, int] = {"one": 1}
    for name, names in axes.items():
        array = arrays[name]
        if array.dtype.kind != "f" or array.ndim != len(names) or 0 in array.shape:
            raise refuse(f"{name} is {list(array.shape)} of {array.dtype}; expected floats [{', '.join(names)}]")
        for axis, length in zip(names, array.shape, strict=True):
            if lengths.setdefault(axis, length) != length:
                raise refuse(f"{name} has {length} {axis}, and others have {lengths[axis]}")
        if not np.isfinite(array).all() or (name in positive and not (array > 0).all()):
            raise refuse(f"{name} holds numbers that are not finite{', or not above 0' * (name in positive)}")
