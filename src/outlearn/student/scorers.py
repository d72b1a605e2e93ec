"""What answers for a student: heads on an encoder, or a fine-tuned model; ready once, for any number of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float

from outlearn.student.head_scorer import HeadScorer
from outlearn.student.kept import Answers, Kept
from outlearn.student.points import NewPoints

__all__ = ["Scorer", "get_scorer"]


class Scorer(Protocol):
    """Answer for new points, none of which is empty."""

    def answers(self, points: NewPoints) -> Answers: ...

    def rewards(self, texts: Sequence[str]) -> Float[np.ndarray, " texts"]:
        """Score single texts, of a student of preferences."""


def get_scorer(kept: Kept, *, model: str | None = None, device: str | None = None) -> Scorer:
    """Make a student ready, and check that what it stands on is what it was trained on.

    Args:
        kept: the student.
        model: where the encoder's model lies now, if not where it was.
        device: where to run a model of torch; None takes a GPU if there is one.

    Raises:
        ConfigError, MissingExtraError: if the encoder is not there.
        DataError: if it is another one.
    """
    if kept.record.kind == "finetuned":
        from outlearn.student.finetuned import FinetunedScorer

        assert kept.folder is not None  # it was read from one
        record = kept.record
        return FinetunedScorer.of(
            kept.folder, record.reads, len(record.class_names), precision=record.precision, device=device
        )
    return HeadScorer(kept, model, device)
