"""Heads on an encoder that did not learn: the encoder is found again, checked, and loaded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.encoders.encoder import Encode, Encoder, Learned
from outlearn.encoders.package_files import sha256_of
from outlearn.encoders.registry import get_encoder
from outlearn.errors import ConfigError, DataError
from outlearn.learners.fitted import Heads
from outlearn.student.kept import Answers, answers_of_heads
from outlearn.student.novelty import Novelty
from outlearn.student.points import NewPoints

__all__ = ["HeadScorer", "file_hashes"]


class OnEncoder(Protocol):
    """What a student of heads must know: its record, its heads, and what its encoder learned."""

    @property
    def record(self) -> Any: ...
    @property
    def heads(self) -> Heads | None: ...
    @property
    def learned(self) -> Learned: ...
    @property
    def novelty(self) -> Novelty | None: ...


@dataclass(frozen=True)
class HeadScorer:
    """Heads on an encoder.

    Attributes:
        kept: the student.
        model, device: see `get_scorer`.
    """

    kept: OnEncoder
    model: str | None
    device: str | None

    @cached_property
    def encode(self) -> Encode:
        """The encoder, loaded."""
        return self._encoder.load(self.kept.learned)

    def answers(self, points: NewPoints) -> Answers:
        """Encode, predict with every member, average."""
        heads = self.kept.heads
        assert heads is not None  # of this kind of student
        return answers_of_heads(heads, self.features(points), self.kept.novelty, self.kept.record.unlike_beyond)

    def rewards(self, texts: Sequence[str]) -> Float[np.ndarray, " texts"]:
        """Score texts by w.phi(text): the difference of two scores is the log-odds that the first is preferred."""
        heads = self.kept.heads
        assert heads is not None
        if heads.hidden_weight is not None:
            raise ConfigError(
                "this student has a hidden layer: it compares two texts and gives no reward to one. Ask predict for "
                "pairs, or train with student.learner.hidden: null."
            )
        z = heads.dual_mean().predict(self.features(NewPoints("new texts", texts=tuple(texts))))[0]
        return np.asarray(z[:, 0] - z[:, 1], dtype=np.float64)

    def features(self, points: NewPoints) -> FeatureMatrix:
        """Encode points, and check that the heads read as many features."""
        features = self.encode(points, np.arange(len(points)))
        heads = self.kept.heads
        assert heads is not None
        if features.shape[1] != len(heads.mean):
            raise DataError(
                f"the encoder gives {features.shape[1]} features, and the student reads {len(heads.mean)}. Give rows "
                "of the width that it was trained on."
            )
        return features

    @cached_property
    def _encoder(self) -> Encoder:
        facts = self.kept.record.encoder
        assert facts is not None
        changes = {name: value for name, value in (("model", self.model), ("device", self.device)) if value is not None}
        reads = facts.settings.get("of", facts.settings)  # the encoder that random features stand on
        if "model" in changes and "model" not in reads:
            raise ConfigError(f"the student's encoder {reads['kind']!r} reads no model from disk; leave --model out.")
        reads = {**reads, **{name: value for name, value in changes.items() if name in reads}}
        encoder = get_encoder({**facts.settings, "of": reads} if "of" in facts.settings else reads)
        try:
            found = file_hashes(encoder)
        except ConfigError as error:
            raise ConfigError(
                f"the student's encoder is not there: {error} If its model lies elsewhere now, say where with --model "
                "FOLDER (model=...)."
            ) from error
        wrong = sorted(name for name in {*found, *facts.files} if found.get(name) != facts.files.get(name))
        if wrong:
            raise DataError(
                f"the encoder {facts.settings['kind']!r} is not the one that the student was trained on: "
                f"{', '.join(wrong)} has another sha256. Install what the student was trained with, or say where it is "
                "with --model FOLDER (model=...)."
            )
        return encoder


def file_hashes(encoder: Encoder) -> dict[str, str]:
    """Hash every file that an encoder reads."""
    return {name: sha256_of(path) for name, path in encoder.files().items()}
