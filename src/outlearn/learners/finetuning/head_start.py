"""Where a head starts: at 0, or at the class words of a prompt, as the language model itself would answer.

A decoder's next-token logits are W h, h its last hidden state behind the last normalisation, which is what the head of
a classifier reads. With the rows of W that belong to the class words for a head, the untrained classifier says

    P(class k) = P(first token of word k | prompt) / sum_j P(first token of word j | prompt),

and training moves it from there, as a model that answers in words is trained. What a prompt's calibration would mend
is not: some word is preferred whatever the text is.
"""

from __future__ import annotations

from pathlib import Path

import torch

from outlearn.errors import ConfigError
from outlearn.language_models.prompts import Prompt
from outlearn.learners.finetuning.model import TextModel
from outlearn.learners.finetuning.settings import FinetuneSettings

__all__ = ["start_head"]


def start_head(model: TextModel, folder: Path, settings: FinetuneSettings) -> None:
    """Set a head that starts at `zero` or `words`; the other starts are left to the seed and to the probe.

    Raises:
        ConfigError: if the model is no causal language model, or a class word cannot be told after the template.
    """
    if settings.start not in ("zero", "words"):
        return
    weight = torch.zeros_like(model.head.weight).T  # [features, outputs]
    if settings.start == "words":
        weight = _class_word_rows(model, folder, settings).to(weight)
    model.set_head(weight, weight.new_zeros(weight.shape[1]))


def _class_word_rows(model: TextModel, folder: Path, settings: FinetuneSettings) -> torch.Tensor:
    """Return the output embeddings of each class word's first token, `[features, classes]`."""
    if settings.template is None or settings.words is None:  # `FinetuneSettings` refuses that
        raise ConfigError("start: words needs a template and class words.")
    # They load transformers, seconds that whoever trains no language model need not wait.
    from outlearn.language_models.causal_lm import load_causal_lm
    from outlearn.language_models.prompt_tokens import PromptTokens

    language_model = load_causal_lm(folder, str(folder), precision="float32", device="cpu")
    prompt = Prompt(settings.template, settings.words)
    words = PromptTokens(language_model, prompt).words
    first = [tokens[0] for tokens in words]
    for k, token in enumerate(first):
        if token in first[:k]:
            other = settings.words[first.index(token)]
            raise ConfigError(
                f"the class words {other!r} and {settings.words[k]!r} begin with one token, "
                f"{language_model.tokenizer.decode([token])!r}, and a head that starts from it cannot tell them apart. "
                "Take words that differ in their first token, or start: probe."
            )
    shown = prompt.text(("text",))
    alone = language_model.tokenizer(shown)["input_ids"]
    if alone[-1] != language_model.tokens(shown)[-1]:
        raise ConfigError(
            f"the tokenizer of {str(folder)!r} puts a token behind every text, where the answer would be. Use start: "
            "probe."
        )
    rows: torch.Tensor = language_model.network.get_output_embeddings().weight.detach()
    if rows.shape[1] != model.head.in_features:
        raise ConfigError(
            f"the output layer of {str(folder)!r} reads {rows.shape[1]} features, its classifier "
            f"{model.head.in_features}. Use start: probe."
        )
    return rows[first].T
