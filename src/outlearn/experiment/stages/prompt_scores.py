"""What a language model says of texts, in portions: a kill costs one of them, and workers share them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from outlearn.encoders.model_folder import ALIASES, PINNED, model_folder, model_hashes
from outlearn.errors import MissingExtraError
from outlearn.language_models.prompts import Prompt, Texts
from outlearn.learners.prompting import PromptLearner
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import canonical_json

if TYPE_CHECKING:  # it loads torch
    from outlearn.language_models.causal_lm import CausalLM, Precision

__all__ = ["PromptedModel", "Scores", "forget_model", "read_scores", "score_stages"]

VERSION = 1
# Texts of a portion: some seconds of words, or a minute of sentences, on one core.
PORTION = 512


@dataclass(frozen=True)
class PromptedModel:
    """A language model as a configuration names it; nothing is loaded yet.

    Attributes:
        name: of the model.
        learner: how it is found, and run.
    """

    name: str
    learner: PromptLearner

    @property
    def label(self) -> str:
        """Name it for people: of a path or a hub's name the last part."""
        return Path(self.name.removeprefix("package:")).stem if "/" in self.name else self.name

    @cached_property
    def folder(self) -> Path:
        """Where the model is."""
        return model_folder(
            ALIASES.get(self.name, self.name),
            expected_sha256=PINNED.get(self.name),
            revision=self.learner.revision,
            local_files_only=self.learner.local_files_only,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash every file of the model."""
        return hashlib.sha256(canonical_json(model_hashes(self.folder)).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Scores:
    """Hold what a model says of texts.

    Attributes:
        log_probs: of the class words after each text's prompt, in nats; for a pair the mean of its two orders.
        cut: which texts were too long.
    """

    log_probs: Float[np.ndarray, "texts classes"]
    cut: Bool[np.ndarray, " texts"]


def score_stages(model: PromptedModel, prompt: Prompt, texts: Sequence[Texts], *, first: int = 0) -> dict[str, Stage]:
    """Describe the stages that ask a model about texts, a portion each, in order; `first` numbers them."""
    portions = [texts[start : start + PORTION] for start in range(0, len(texts), PORTION)]
    return {f"portion {first + i}": _stage(model, prompt, tuple(portion)) for i, portion in enumerate(portions)}


def read_scores(entries: Entries, stages: Mapping[str, Stage]) -> Scores:
    """Put the portions of `score_stages` together."""
    parts = [entries[name].arrays for name in stages]
    return Scores(
        np.concatenate([part["log_probs"] for part in parts]), np.concatenate([part["cut"] for part in parts])
    )


def forget_model() -> None:
    """Let go of the model that was asked last, and of its memory."""
    _loaded.cache_clear()


@lru_cache(maxsize=1)
def _loaded(folder: Path, name: str, precision: Precision) -> CausalLM:
    """Load a model once for all its portions."""
    try:
        from outlearn.language_models.causal_lm import load_causal_lm
    except ImportError as error:
        raise MissingExtraError("transformers", "hf") from error
    return load_causal_lm(folder, name, precision=precision)


def _stage(model: PromptedModel, prompt: Prompt, texts: tuple[Texts, ...]) -> Stage:
    """Describe the stage of one portion; it holds `log_probs` and `cut`."""
    pairs = len(prompt.fields) > 1

    def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
        loaded = _loaded(model.folder, model.name, model.learner.precision)
        from outlearn.language_models.prompt_tokens import PromptTokens
        from outlearn.language_models.scoring import word_log_probs

        tokens = PromptTokens(loaded, prompt)
        # Both orders of a pair: a preference for what comes first adds to one and takes from the other.
        shown = [*texts, *((b, a) for a, b in texts)] if pairs else texts
        written = [tokens(each) for each in shown]
        with work.progress.bar(f"prompts of {model.name}") as advance:
            found = word_log_probs(
                loaded,
                [ids for ids, _ in written],
                tokens.words,
                tokens_per_batch=model.learner.tokens_per_batch,
                progress=advance,
            )
        cut = np.array([each for _, each in written])
        if pairs:
            found = (found[: len(texts)] + found[len(texts) :, ::-1]) / 2
            cut = cut[: len(texts)] | cut[len(texts) :]
        return {"log_probs": found, "cut": cut}

    return Stage(
        "prompt scores",
        VERSION,
        {
            "learner": {"kind": model.learner.kind, "precision": model.learner.precision},
            "prompt": asdict(prompt),
        },
        {"model": model.fingerprint, "texts": hashlib.sha256(canonical_json(texts).encode()).hexdigest()},
        compute,
        alone=True,
    )
