"""The parts of a kept student, and how heads on an encoder answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.encoders.encoder import Learned
from outlearn.learners.fitted import Heads
from outlearn.student.novelty import Novelty
from outlearn.student.record import StudentRecord

__all__ = ["AGREE", "EMPTY", "FLAGS", "UNKNOWN", "UNLIKE", "Answers", "Kept", "answers_of_heads"]

EMPTY, UNKNOWN, UNLIKE, DIVIDED = "empty", "unknown", "unlike", "divided"
FLAGS = {
    EMPTY: "there is no text: the probabilities are the student's class shares",
    UNKNOWN: "the encoder finds nothing in it that it knows",
    UNLIKE: "its features lie further from the training texts than those of 99 in 100 held-out texts",
    DIVIDED: "fewer than two thirds of the student's members give this label",
}
"""Reasons not to trust an answer; the first that holds is given."""

AGREE = 2 / 3


@dataclass(frozen=True)
class Answers:
    """What a student says of some points.

    Attributes:
        log_probs: float64 `[points, classes]`.
        flags: a key of `FLAGS` for each point, "" where there is no reason not to trust.
    """

    log_probs: Float[np.ndarray, "points classes"]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """Hold a student as it is written and read.

    Attributes:
        record: what it is.
        heads: its members, None for a fine-tuned model.
        learned: what the encoder learned.
        novelty: distances from the training texts, None where they are not measured.
        files: of a fine-tuned model, as `save_pretrained` wrote them: name -> content.
        folder: where it was read from.
    """

    record: StudentRecord
    heads: Heads | None = None
    learned: Learned = field(default_factory=Learned)
    novelty: Novelty | None = None
    files: Mapping[str, np.ndarray] = field(default_factory=dict)
    folder: Path | None = None


def answers_of_heads(
    heads: Heads, features: FeatureMatrix, novelty: Novelty | None, unlike_beyond: float | None
) -> Answers:
    """Average the members' log-probabilities at these features, and look for reasons not to trust that."""
    members = Predictions.from_logits(heads.predict(features))
    log_probs = members.dual_mean().log_probs[0]
    reasons = np.full(features.shape[0], "", dtype="<U8")
    agree = (members.log_probs.argmax(axis=-1) == log_probs.argmax(axis=-1)).mean(axis=0)
    reasons[agree < AGREE] = DIVIDED
    if novelty is not None and unlike_beyond is not None:
        reasons[novelty.distance(features) > unlike_beyond] = UNLIKE
    reasons[(features != 0).sum(axis=1) == 0] = UNKNOWN
    return Answers(log_probs, tuple(reasons.tolist()))
