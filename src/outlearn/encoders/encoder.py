"""What an encoder is: a frozen dataclass of JSON-able parameters that turns points into frozen features.

It never falls back to another encoder: what is missing raises, and says what to install.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from outlearn.encoders.points import Features, Points, Progress, Rows

__all__ = ["Encoder"]


class Encoder(Protocol):
    """Turn points into features.

    Attributes:
        kind: its name in configurations.
        label: for people.
        line: one sentence for tables in docs.
        extra: the extra of this package that it needs; "" for none.
        fits: whether `encode` learns from the points in `fit_on`; a cache key must then include them.
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

    def encode(self, task: Points, points: Rows, fit_on: Rows, *, progress: Progress | None = None) -> Features: ...
