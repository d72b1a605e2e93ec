"""Use the features that the task brings, or some of their columns."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Int

from outlearn.encoders.encoder import Encode, Learned
from outlearn.encoders.points import Features, Points, Progress, Rows
from outlearn.errors import ConfigError

__all__ = ["Array", "centre_columns"]


@dataclass(frozen=True)
class Array:
    """Select columns of `task.features`.

    Args:
        columns: indices of columns; or "centre:N", the N pixels nearest the centre of a square image stored row by row;
            or None for all.

    Examples:
        >>> Array(columns="centre:8").encode_columns(64)
        array([26, 27, 28, 29, 34, 35, 36, 37])
    """

    columns: tuple[int, ...] | str | None = None

    kind: ClassVar[str] = "array"
    label: ClassVar[str] = "features of the task"
    line: ClassVar[str] = (
        "the task's own features, or some columns of them: a list, or `centre:8`, the pixels nearest the centre"
    )
    extra: ClassVar[str] = ""
    fits: ClassVar[bool] = False
    common_scale: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if isinstance(self.columns, str):
            if re.fullmatch(r"centre:[1-9]\d*", self.columns) is None:
                raise ConfigError(f'encoder.columns is {self.columns!r}; expected a list of columns, or "centre:8".')
        elif self.columns is not None:
            object.__setattr__(self, "columns", tuple(self.columns))
            if not self.columns or min(self.columns) < 0 or len(set(self.columns)) < len(self.columns):
                raise ConfigError(
                    f"encoder.columns is {list(self.columns)}; expected one or more different columns, counted from 0."
                )

    @property
    def fingerprint(self) -> str:
        """Hash the parameters; the features themselves are in the task's fingerprint."""
        return hashlib.sha256(json.dumps([self.kind, self.columns]).encode()).hexdigest()

    def encode_columns(self, n_features: int) -> Int[np.ndarray, " columns"]:
        """List the columns selected among `n_features`.

        Raises:
            ConfigError: if a column does not exist, or "centre" is asked of features that are no square image.
        """
        if self.columns is None:
            return np.arange(n_features)
        if isinstance(self.columns, str):
            return centre_columns(n_features, int(self.columns.removeprefix("centre:")))
        if max(self.columns) >= n_features:
            raise ConfigError(
                f"encoder.columns holds {max(self.columns)}, but the task has features 0 to {n_features - 1}."
            )
        return np.array(self.columns)

    def files(self) -> dict[str, Path]:
        """Read no file."""
        return {}

    def learn(self, task: Points, fit_on: Rows | None = None) -> Learned:
        """Learn nothing."""
        return Learned()

    def load(self, learned: Learned) -> Encode:
        """Be ready at once."""
        return lambda task, points, progress=None: self.encode(task, points, progress=progress)

    def encode(
        self, task: Points, points: Rows, fit_on: Rows | None = None, *, progress: Progress | None = None
    ) -> Features:
        """Return the selected columns at these points.

        Raises:
            ConfigError: if the task has no features, or not these columns.
        """
        if task.features is None:
            raise ConfigError(
                f"task {task.name!r} has texts but no features, and the encoder 'array' reads features. "
                "Use tfidf, wordllama or hf."
            )
        columns = self.encode_columns(task.features.shape[1])
        features: np.ndarray = task.features[np.ix_(np.asarray(points), columns)].astype(np.float32, copy=False)
        if progress is not None:
            progress(len(features), len(features))
        return features


def centre_columns(n_features: int, n_columns: int) -> Int[np.ndarray, " columns"]:
    """Find the pixels nearest the centre of a square image; indices ascend.

    Distance is Euclidean; of two pixels equally far, the one in a row nearer the middle comes first, then in reading
    order.

    Raises:
        ConfigError: if the number of features is no square, or too small.

    Examples:
        >>> centre_columns(64, 8)
        array([26, 27, 28, 29, 34, 35, 36, 37])
    """
    side = math.isqrt(n_features)
    if side * side != n_features or n_columns > n_features:
        raise ConfigError(
            f'encoder.columns is "centre:{n_columns}", but the task has {n_features} features; '
            "it needs a square image of at least as many pixels. Give a list of columns."
        )
    row, column = np.divmod(np.arange(n_features), side)
    # Twice the distance to the centre, in whole numbers, so that ties are exact.
    down, across = abs(2 * row - side + 1), abs(2 * column - side + 1)
    nearest = np.lexsort((np.arange(n_features), down, down**2 + across**2))
    return np.sort(nearest[:n_columns])
