"""Random features of any width over another encoder's features: a student of chosen capacity, the strong model frozen.

The features are standardised by the points it is fitted on, so that one draw of weights suits any encoder, and then go
through `core.random_features`. What is kept is the map itself, in numbers: a student that is loaded draws nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import GetPydanticSchema
from pydantic_core import core_schema
from scipy.sparse import csr_array

from outlearn.core.random_features import Activation, RandomFeatureMap
from outlearn.core.ranges import Range, check_fields
from outlearn.encoders.array import Array
from outlearn.encoders.encoder import Encode, Encoder, Learned
from outlearn.encoders.points import Features, Points, Progress, Rows, Texts, encode_points, texts_of
from outlearn.errors import ConfigError

__all__ = ["LARGEST_WIDTH", "UNITS", "RandomFeatures"]

LARGEST_WIDTH = 16_384  # 6,800 words are 0.4 GiB then, and so are the weights over 6,800 words of TF-IDF
UNITS = frozenset({"weights", "bias"})
INNER = "of."  # before the names of what the encoder below learned
ROUNDING = 4.0 * float(np.finfo(np.float32).eps)  # a spread that is this share of a feature's size is rounding


@dataclass(frozen=True)
class RandomFeatures:
    """Put random units, drawn once and never trained, on the features of another encoder.

    Args:
        of: the encoder below; by default the features that the task brings.
        width: the number of units, the capacity of a linear student on them.
        activation: "relu", or "cos" whose kernel is Gaussian; see `core.random_features`.
        seed: of the draw.
    """

    # Built by `get_encoder`, which knows every encoder; nothing is left for pydantic to check.
    of: Annotated[Encoder, GetPydanticSchema(lambda _, __: core_schema.any_schema())] = field(default_factory=Array)
    width: Annotated[int, Range(1, LARGEST_WIDTH, whole=True)] = 1024
    activation: Activation = "relu"
    seed: Annotated[int, Range(0, 2**32 - 1, whole=True)] = 0

    kind: ClassVar[str] = "random_features"
    label: ClassVar[str] = "random features"
    line: ClassVar[str] = (
        "random units over the features of another encoder, never trained, as many as `width`: "
        "a linear student of any capacity; the features are standardised on the points it is told to"
    )
    extra: ClassVar[str] = ""
    fits: ClassVar[bool] = True  # mean and scale
    common_scale: ClassVar[bool] = True  # the square of every point's length is about 1

    def __post_init__(self) -> None:
        check_fields(self, "encoder.")
        if isinstance(self.of, RandomFeatures):
            raise ConfigError(
                "encoder.of is random_features again; they stand on an encoder that is not random: array, hf, tfidf or "
                "wordllama. For more units raise encoder.width."
            )

    @cached_property
    def fingerprint(self) -> str:
        """Hash the parameters and the fingerprint of the encoder below; errors as of that."""
        parts = [self.kind, self.of.fingerprint, self.width, self.activation, self.seed]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def files(self) -> Mapping[str, Path]:
        """List the files of the encoder below."""
        return self.of.files()

    def encode(self, task: Points, points: Rows, fit_on: Rows, *, progress: Progress | None = None) -> Features:
        """Fit on the points of `fit_on`, encode those of `points`; errors as for `learn`."""
        return self.load(self.learn(task, fit_on))(task, points, progress=progress)

    def learn(self, task: Points, fit_on: Rows) -> Learned:
        """Learn what the encoder below learns, then the mean and scale of its features; draw the units.

        Raises:
            ConfigError: if none of these features varies, or as the encoder below does.
        """
        below = self.of.learn(task, fit_on)
        if task.pairs is not None:  # the units see each text by itself
            task, fit_on = (texts := Texts(task.name, tuple(texts_of(task, fit_on)))), np.arange(len(texts.texts))
        return self.learn_on(self.of.load(below)(task, fit_on), below)

    def learn_on(self, features: Features, below: Learned) -> Learned:
        """Learn from features that the encoder below gave; errors as for `learn`.

        Args:
            features: of the points that are learned from.
            below: what that encoder learned.
        """
        mean, spread = _mean_and_spread(features)
        used = spread > ROUNDING * np.sqrt(spread**2 + mean**2)
        if not used.any():
            raise ConfigError(
                f"none of the {spread.size} features of encoder.of ({self.of.kind}) varies over the "
                f"{features.shape[0]} points they are standardised by. Fit on more points, or take another encoder."
            )
        if self.of.common_scale:
            spread = np.full_like(spread, np.sqrt(np.square(spread[used]).mean()))
        rng = np.random.default_rng(self.seed)
        drawn = RandomFeatureMap.draw(int(used.sum()), self.width, rng, self.activation)
        units = drawn.on_raw_inputs(mean[used], spread[used])
        weights = np.zeros((spread.size, self.width), dtype=np.float32)  # 0 where a feature does not vary
        weights[used] = units.weights
        return self.with_units({"weights": weights, "bias": units.bias.astype(np.float32)}, below)

    def with_units(self, units: Mapping[str, np.ndarray], below: Learned) -> Learned:
        """Put units, the arrays named in `UNITS`, beside what the encoder below learned."""
        return Learned(below.terms, {**{INNER + name: array for name, array in below.arrays.items()}, **units})

    def units(self, learned: Learned) -> RandomFeatureMap:
        """Return the map of features of the encoder below, as they are, to random features."""
        return RandomFeatureMap(learned.arrays["weights"], learned.arrays["bias"], self.activation)

    def load(self, learned: Learned) -> Encode:
        """Make the encoder below ready; errors as of that.

        A pair is phi(a) - phi(b), the units seeing each text by itself: a difference of two rewards again.
        """
        arrays = {name.removeprefix(INNER): a for name, a in learned.arrays.items() if name.startswith(INNER)}
        below, units = self.of.load(Learned(learned.terms, arrays)), self.units(learned)

        def encode(task: Points, points: Rows, *, progress: Progress | None = None) -> Features:
            if task.pairs is None:
                return units(below(task, points, progress=progress))

            def encode_texts(texts: list[str]) -> Features:
                return units(below(Texts(task.name, tuple(texts)), np.arange(len(texts)), progress=progress))

            return encode_points(task, points, encode_texts)

        return encode


def _mean_and_spread(features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each feature, `[features]`, in float64."""
    if not isinstance(features, csr_array):
        return features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    wide = features.astype(np.float64)
    mean = np.asarray(wide.mean(axis=0)).ravel()
    squares = np.asarray(wide.multiply(wide).mean(axis=0)).ravel()
    return mean, np.sqrt(np.maximum(squares - mean**2, 0.0))  # rounding alone can make it negative
