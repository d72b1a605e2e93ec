"""Write a student of heads as one model of transformers, where an architecture of theirs holds it exactly.

`AutoModelForSequenceClassification` of a decoder reads the last token's hidden state h and scores it by W h, without an
intercept. A linear head w on the same state, its standardisation moved into its weights, is that W. Its intercept b has
one place: where the last normalisation has a shift (LayerNorm: h = g * x + s, as in GPT-2), s + d with W d = b gives
W (h + d) = W h + b. Llama's and Qwen's RMSNorm has none: there only heads without an intercept fit, which are those of
preferences.

What no architecture of transformers holds is refused: an encoder's mean over tokens (theirs read the first token,
through a layer and a tanh of their own), a hidden layer, a state that is not the last.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from outlearn.encoders.hf import HuggingFace
from outlearn.encoders.registry import get_encoder
from outlearn.errors import ConfigError, MissingExtraError
from outlearn.language_models.quiet import without_bars
from outlearn.learners.fitted import Heads
from outlearn.student.kept import Kept

__all__ = ["export_student"]

ELSE = (
    "Use it by outlearn.load_student, or fine-tune (student.learner.kind: finetune): its folder is one of transformers."
)


def export_student(kept: Kept, folder: Path, *, model: str | None = None) -> None:
    """Write encoder and head as a folder that `AutoModelForSequenceClassification.from_pretrained` loads.

    Texts are to be cut to the encoder's `max_length` by who tokenises them. Two classes have two logits, which sum to
    anything; their difference is the student's. A model of preferences has one: the reward.

    Args:
        kept: the student.
        folder: where to; made.
        model: where the encoder's model lies now, if not where it was.

    Raises:
        ConfigError: if no architecture of transformers holds this student exactly; it says why.
        MissingExtraError: if transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("transformers", "hf") from error
    encoder, head = _checked(kept, model)
    source = encoder.folder()
    names = kept.record.class_names
    reward = kept.record.task == "preference"
    with without_bars():
        network: Any = AutoModelForSequenceClassification.from_pretrained(
            source, num_labels=1 if reward else len(names), dtype=torch.float32, local_files_only=True
        )
    score = getattr(network, "score", None)
    if not isinstance(score, torch.nn.Linear) or score.bias is not None:
        raise ConfigError(
            f"{type(network).__name__} does not score the last token by one layer without an intercept, as decoders "
            f"do. {ELSE}"
        )
    weight, bias = head.weight[0].T.astype(np.float64), head.bias[0].astype(np.float64)
    if reward:
        weight, bias = weight[:1] - weight[1:], bias[:1] - bias[1:]
    with torch.no_grad():
        score.weight.copy_(torch.from_numpy(weight))
        if bias.any():
            shift = _last_shift(network)
            # The smallest d with W d = b: one of full row rank always exists, up to a common shift of all logits.
            move = np.linalg.lstsq(weight - weight.mean(axis=0), bias - bias.mean(), rcond=None)[0]
            shift.add_(torch.from_numpy(move).to(shift.dtype))
    network.config.id2label = dict(enumerate(names)) if not reward else {0: "reward"}
    network.config.label2id = {name: k for k, name in network.config.id2label.items()}
    tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
    network.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    with without_bars():
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _checked(kept: Kept, model: str | None) -> tuple[HuggingFace, Heads]:
    """Return the encoder and one linear head on its raw features, or say what does not fit."""
    facts, heads = kept.record.encoder, kept.heads
    if facts is None or heads is None:
        raise ConfigError("a fine-tuned student is a folder of transformers already: load the student's own folder.")
    encoder = get_encoder({**facts.settings, **({} if model is None else {"model": model})})
    if not isinstance(encoder, HuggingFace):
        raise ConfigError(f"the encoder {encoder.kind!r} is no model of transformers. {ELSE}")
    if encoder.pooling != "last" or encoder.layer is not None:
        layers = encoder.layers or ("last",)
        which = f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"
        raise ConfigError(
            f"the student reads {encoder.pooling!r} pooling of {which}, and a sequence "
            f"classifier of transformers the last token (or, through a layer of its own, the first). {ELSE}"
        )
    if heads.hidden_weight is not None:
        raise ConfigError(f"the student has a hidden layer, and a sequence classifier of transformers has none. {ELSE}")
    return encoder, heads.dual_mean().on_raw_features()


def _last_shift(network: Any) -> Any:
    """Find the shift of the last normalisation before the score."""
    import torch

    body = getattr(network, network.base_model_prefix)
    norms = [module for _, module in body.named_children() if "Norm" in type(module).__name__]
    if not norms or not isinstance(norms[-1], torch.nn.LayerNorm) or norms[-1].bias is None:
        raise ConfigError(
            f"{type(network).__name__} normalises without a shift at its end, and so has no place for the student's "
            f"intercepts. {ELSE}"
        )
    return norms[-1].bias
