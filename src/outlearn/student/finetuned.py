"""A fine-tuned student: the folder is one that `save_pretrained` wrote, and answers as it did in its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float

from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError
from outlearn.learners.finetuning.loading import load_text_model, load_tokenizer
from outlearn.learners.finetuning.model import TextModel
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.finetuning.tokens import tokenise
from outlearn.student.kept import Answers
from outlearn.student.points import NewPoints
from outlearn.student.record import Precision, Reads

__all__ = ["FinetunedScorer"]


@dataclass(frozen=True)
class FinetunedScorer:
    """A fine-tuned model, loaded.

    Attributes:
        model: it.
        tokenizer: its own.
        settings: how it read texts when it was trained.
    """

    model: TextModel
    tokenizer: Any
    settings: FinetuneSettings

    @classmethod
    def of(cls, folder: Path, reads: Reads, n_outputs: int, *, precision: Precision | None, device: str | None) -> Self:
        """Load the model of a student from its folder.

        Args:
            folder: of the student.
            reads: what it reads.
            n_outputs: classes, or 1 for a number.
            precision: in which it computes.
            device: where; None takes a GPU if there is one.

        Raises:
            ConfigError: if transformers cannot load it.
            MissingExtraError: if transformers is not installed.
        """
        settings = FinetuneSettings(
            max_length=reads.max_length or FinetuneSettings().max_length,
            cut=reads.cut,
            template=reads.template,
            dropout=0.0,
            precision=precision or "auto",
        )
        tokenizer = load_tokenizer(
            folder, max_length=settings.max_length, around=settings.around, trust_remote_code=False
        )
        model = load_text_model(
            folder,
            n_outputs,
            settings,
            pairs=reads.what == "pair",
            seed=0,
            device=torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")),
        )
        return cls(model, tokenizer, settings)

    def answers(self, points: NewPoints) -> Answers:
        """Predict; which texts are unlike the training texts is not measured for a model that moved with them."""
        rows = points.pairs if points.pairs is not None else [(text,) for text in points.texts or ()]
        logits = self.outputs(rows)
        return Answers(Predictions.from_logits(logits).log_probs[0], ("",) * len(rows))

    def rewards(self, texts: Sequence[str]) -> Float[np.ndarray, " texts"]:
        """Return the model's own score of each text."""
        if not self.model.pairs:
            raise ConfigError("this student tells classes apart and gives no reward.")
        # A pair of a text with itself: both of its logits are the text's reward.
        return self.outputs([(text, text) for text in texts])[:, 0]

    def outputs(self, rows: Sequence[tuple[str, ...]]) -> Float[np.ndarray, "points outputs"]:
        """Return what the model gives for texts, or pairs of them: logits, or a number's one output."""
        own = self.settings
        tokens = tokenise(self.tokenizer, rows, max_length=own.max_length, cut=own.cut, around=own.around)
        budget = self.settings.tokens_on(self.model.device, pairs=self.model.pairs)
        found = self.model.run(self.model.logits, tokens, np.arange(len(rows)), tokens_per_batch=budget)
        return found.double().numpy()
