"""What an encoder reads of a task, and how a function of texts becomes features of points.

Only the shape of a task is named here (`Points`), so that encoders depend on no loader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from jaxtyping import Float32, Int
from scipy.sparse import csr_array

from outlearn.errors import ConfigError

__all__ = ["Features", "Pairs", "Points", "Progress", "Rows", "Texts", "encode_points", "texts_of"]

Rows: TypeAlias = Int[np.ndarray, " points"]
Features: TypeAlias = Float32[np.ndarray, "points features"] | csr_array
"""float32 `[points, features]`; sparse where most are 0, as counts of words are."""
Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, total) while an encoder works; the unit is texts."""


class Points(Protocol):
    """The part of `outlearn.data.Task` that an encoder reads."""

    @property
    def name(self) -> str: ...
    @property
    def texts(self) -> tuple[str, ...] | None: ...
    @property
    def pairs(self) -> tuple[tuple[str, str], ...] | None: ...
    @property
    def features(self) -> np.ndarray | None: ...


@dataclass(frozen=True)
class Texts:
    """Points that are one text each, for whoever has texts and no task."""

    name: str
    texts: tuple[str, ...]
    pairs: None = None
    features: None = None


@dataclass(frozen=True)
class Pairs:
    """Points that are two texts each, whoever is better."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    texts: None = None
    features: None = None

    @property
    def n_points(self) -> int:
        """Number of pairs."""
        return len(self.pairs)


def texts_of(task: Points, points: Rows) -> list[str]:
    """List the texts of these points: one each, or for pairs all of slot a and then all of slot b.

    Raises:
        ConfigError: if the task has no texts.
    """
    rows = np.asarray(points).tolist()
    if task.pairs is not None:
        return [task.pairs[i][0] for i in rows] + [task.pairs[i][1] for i in rows]
    if task.texts is not None:
        return [task.texts[i] for i in rows]
    raise ConfigError(
        f"task {task.name!r} has features but no texts, and this encoder reads texts. Use encoder kind: array."
    )


def encode_points(task: Points, points: Rows, encode_texts: Callable[[list[str]], Features]) -> Features:
    """Turn a function of texts into features of points.

    For a preference pair the features are encode(slot a) - encode(slot b). A linear head w without a bias then gives
    the logit w.(phi(a) - phi(b)) = reward(a) - reward(b), which is exactly Bradley-Terry, and swapping the slots
    flips the sign. A text that occurs several times is encoded once.

    Args:
        task: the points.
        points: indices `[points]`.
        encode_texts: from a list of different texts to float32 `[texts, features]`, dense or sparse.

    Returns:
        float32 `[points, features]`.

    Raises:
        ConfigError: if the task has no texts.
    """
    texts = texts_of(task, points)
    position: dict[str, int] = {}
    rows = np.array([position.setdefault(text, len(position)) for text in texts], dtype=np.int64)
    features = encode_texts(list(position)).astype(np.float32, copy=False)
    if task.pairs is None:
        return features[rows]
    n_points = len(rows) // 2
    return features[rows[:n_points]] - features[rows[n_points:]]
