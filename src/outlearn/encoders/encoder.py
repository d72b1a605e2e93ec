"""What an encoder is: a frozen dataclass of JSON-able parameters that turns points into frozen features.

What it learns and what it reads from disk are apart from encoding: a student that is kept carries the first, and loads
the second once for all the texts that come. It never falls back to another encoder: what is missing raises, and says
what to install.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from outlearn.encoders.points import Features, Points, Progress, Rows

__all__ = ["Encode", "Encoder", "Learned"]


@dataclass(frozen=True)
class Learned:
    """What an encoder learned from the points it was fitted on; empty for one that learns nothing.

    Attributes:
        terms: words, in the order of the columns.
        arrays: numbers by name.
    """

    terms: tuple[str, ...] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


class Encode(Protocol):
    """An encoder that is ready: what it needs is in memory."""

    def __call__(self, task: Points, points: Rows, *, progress: Progress | None = None) -> Features: ...


class Encoder(Protocol):
    """Turn points into features.

    Attributes:
        kind: its name in configurations.
        label: for people.
        line: one sentence for tables in docs.
        extra: the extra of this package that it needs; "" for none.
        fits: whether it learns from the points in `fit_on`; a cache key must then include them.
        common_scale: whether the sizes of its features can be compared, so that a ridge should see them as they are;
            otherwise they are standardised first, unless the learner says something else.
        fingerprint: a sha256 of everything else that decides the features: the parameters and the weights on disk.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    line: ClassVar[str]
    extra: ClassVar[str]
    fits: ClassVar[bool]

    @property
    def common_scale(self) -> bool: ...

    @property
    def fingerprint(self) -> str: ...

    def files(self) -> Mapping[str, Path]:
        """List the files that it reads, by name."""

    def learn(self, task: Points, fit_on: Rows) -> Learned:
        """Learn from these points; nothing, unless `fits`."""

    def load(self, learned: Learned) -> Encode:
        """Make ready: read what is on disk, once for any number of calls."""

    def encode(self, task: Points, points: Rows, fit_on: Rows, *, progress: Progress | None = None) -> Features:
        """Learn, load and encode in one."""
