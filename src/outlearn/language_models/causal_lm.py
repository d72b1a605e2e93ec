"""A causal language model from its folder, ready to read prompts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from outlearn.errors import ConfigError, first_line
from outlearn.language_models.loaded_weights import device_of, refuse_missing_weights
from outlearn.language_models.prefix import attends_backwards, can_cache
from outlearn.language_models.quiet import without_bars

__all__ = ["CausalLM", "Precision", "load_causal_lm"]

Precision = Literal["auto", "float32", "bf16"]
# Of a batch, prefix not counted: a CPU gains nothing from more, a GPU waits for launches with less.
TOKENS_CPU, TOKENS_GPU = 1024, 16384


@dataclass(frozen=True, eq=False)
class CausalLM:
    """Hold a tokenizer and a network that says what comes next.

    Attributes:
        name: for people.
        tokenizer, network: of transformers.
        context: how many tokens it reads at most.
        cached: whether what prompts share is computed once.
    """

    name: str
    tokenizer: Any
    network: Any
    context: int
    cached: bool

    @property
    def tokens_per_batch(self) -> int:
        """Return the budget of a batch on this device."""
        return TOKENS_CPU if self.network.device.type == "cpu" else TOKENS_GPU

    def tokens(self, text: str) -> list[int]:
        """Tokenise a text as the beginning of what the model reads; a chat brings its own first token."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def load_causal_lm(folder: Path, name: str, *, precision: Precision = "auto", device: str | None = None) -> CausalLM:
    """Load a model, ready to infer.

    Args:
        folder: of safetensors.
        name: what the user called it.
        precision: auto takes bf16 on a GPU that has it, else float32.
        device: None takes a GPU if there is one.

    Raises:
        ConfigError: if it is no causal language model, or transformers cannot load it.
    """
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"model {name!r} cannot be loaded by transformers: {first_line(error)}") from error
    if config.is_encoder_decoder or config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        what = "is an encoder-decoder model" if config.is_encoder_decoder else "predicts no next token"
        raise _no_language_model(name, f"{what} ({config.model_type})")
    where = device_of(device, key="device")
    bf16 = precision == "bf16" or (precision == "auto" and where.type != "cpu" and torch.cuda.is_bf16_supported())
    with without_bars():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.bfloat16 if bf16 else torch.float32,
                output_loading_info=True,
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            raise ConfigError(f"model {name!r} cannot be loaded by transformers: {first_line(error)}") from error
    network, report = loaded
    refuse_missing_weights(name, report["missing_keys"])
    network = network.eval().to(where)
    if not attends_backwards(network):
        raise _no_language_model(name, f"sees what comes later ({config.model_type})")
    limits = [tokenizer.model_max_length, getattr(config.get_text_config(), "max_position_embeddings", None)]
    context = min(value for value in [*limits, 10**9] if isinstance(value, int) and value > 0)
    return CausalLM(name, tokenizer, network, context, can_cache(network))


def _no_language_model(name: str, what: str) -> ConfigError:
    return ConfigError(
        f"model {name!r} {what}, and a prompt is continued by a causal language model. Use one, such as smollm2, or "
        "use this model as an encoder ({kind: hf})."
    )
