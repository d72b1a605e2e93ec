"""Load a pretrained model and its tokenizer from a folder, give it a head, and adapt it: in full, or by LoRA.

Encoders and decoders alike come as transformers' AutoModelForSequenceClassification.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from outlearn.errors import ConfigError, MissingExtraError, OutlearnError, first_line
from outlearn.language_models.loaded_weights import refuse_missing_weights
from outlearn.learners.finetuning.embeddings import add_gradients_by_row
from outlearn.learners.finetuning.model import TextModel
from outlearn.learners.finetuning.settings import FinetuneSettings

__all__ = ["load_text_model", "load_tokenizer"]

# What transformers calls the part of a sequence classification model that is not the pretrained body.
HEAD_NAMES = ("classifier", "score", "classification_head", "pre_classifier", "logits_proj")


def load_tokenizer(
    folder: Path, *, max_length: int, around: tuple[str, str] = ("", ""), trust_remote_code: bool
) -> Any:
    """Load the tokenizer of a model's folder.

    Raises:
        MissingExtraError: if transformers is not installed.
        ConfigError: if it cannot be loaded, or the model cannot read texts of `max_length` tokens with what stands
            `around` them.
    """
    try:
        from transformers import AutoConfig, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("transformers", "hf") from error
    trust = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, **trust)
        config = AutoConfig.from_pretrained(folder, **trust).get_text_config()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"the tokenizer of {str(folder)!r} cannot be loaded: {first_line(error)}") from error
    limits = (tokenizer.model_max_length, getattr(config, "max_position_embeddings", None))
    limit = min((n for n in limits if isinstance(n, int) and n > 0), default=max_length)
    beside = len(tokenizer("".join(around))["input_ids"]) if any(around) else 0
    if max_length + beside > limit:
        and_more = f" and the template takes {beside}" if beside else ""
        raise ConfigError(
            f"max_length is {max_length}{and_more}, but {str(folder)!r} reads {limit} tokens at most. Set max_length "
            "so that it fits: longer texts are cut there."
        )
    return tokenizer


def load_text_model(
    folder: Path, n_classes: int, settings: FinetuneSettings, *, pairs: bool, seed: int, device: torch.device
) -> TextModel:
    """Load a pretrained model, give it a new head drawn from the seed, and adapt it as the settings say.

    A model that comes with a head of this very shape keeps it.

    Raises:
        MissingExtraError: if transformers, or for LoRA peft, is not installed.
        ConfigError: if the model cannot be loaded, or is not one that scores a text.
    """
    try:
        from transformers import AutoConfig, AutoModelForSequenceClassification
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise MissingExtraError("transformers", "hf") from error
    logging: Any = transformers_logging
    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # that the head is new is what we want
    try:
        trust = {"local_files_only": True, "trust_remote_code": settings.trust_remote_code}
        config = AutoConfig.from_pretrained(folder, num_labels=1 if pairs else n_classes, **trust)
        if config.is_encoder_decoder:
            raise ConfigError(
                f"{str(folder)!r} is an encoder-decoder ({config.model_type}); expected an encoder or a decoder."
            )
        config.use_cache = False
        if settings.dropout is not None:
            _set_dropout(config, settings.dropout)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            network, report = AutoModelForSequenceClassification.from_pretrained(
                folder, config=config, use_safetensors=True, dtype=torch.float32, ignore_mismatched_sizes=True,
                output_loading_info=True, **trust
            )  # fmt: skip
            base = f"{network.base_model_prefix}."
            refuse_missing_weights(str(folder), (key for key in report["missing_keys"] if key.startswith(base)))
            new = {*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])}
            network, head = _adapted(network, new, settings)
    except OutlearnError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ConfigError(f"the model {str(folder)!r} cannot be loaded: {first_line(error)}") from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
    if getattr(network, "supports_gradient_checkpointing", True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the name that every version 5 knows
            network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    precision = settings.precision_on(device)
    network = network.to(device, torch.float64 if precision == "float64" else torch.float32)
    if device.type == "cpu":  # a GPU fills a table with zeros in no time, and waits where many add to one row
        add_gradients_by_row(network)
    held = 0 if settings.gradient_checkpointing else settings.tokens_on(device, pairs=pairs)
    return TextModel(network, head, adapted=settings.adaptation == "lora", pairs=pairs, precision=precision, held=held)


def _set_dropout(config: Any, rate: float) -> None:
    """Set every rate of dropout that the configuration has, whatever its family calls it."""
    for name, value in config.to_dict().items():
        if ("dropout" in name or name.endswith("pdrop")) and isinstance(value, int | float | None):
            setattr(config, name, rate)


def _adapted(network: Any, new: set[str], settings: FinetuneSettings) -> tuple[Any, nn.Linear]:
    """Find the head; wrap the rest in LoRA if asked for, with every layer that is not pretrained trained in full."""
    new_layers = {key.rpartition(".")[0] for key in new} - {""}
    modules = dict(network.named_modules())
    wanted = network.config.num_labels
    last = [
        name
        for name, module in modules.items()
        if isinstance(module, nn.Linear) and module.out_features == wanted and name.split(".")[0] in HEAD_NAMES
    ]
    if not last:
        raise ConfigError(f"{type(network).__name__} has no linear head; expected a sequence classification model.")
    if settings.adaptation == "full":
        return network, modules[last[-1]]
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtraError("peft", "hf") from error
    lora = LoraConfig(
        task_type="SEQ_CLS",
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=0.0 if settings.dropout is None else settings.dropout,
        target_modules="all-linear",
        modules_to_save=sorted(new_layers | {last[-1]}),
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in modules.values()),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that is going away
        wrapped = get_peft_model(network, lora)
    heads = [
        module
        for name, module in wrapped.named_modules()
        if isinstance(module, nn.Linear) and name.endswith(f"{last[-1]}.modules_to_save.default")
    ]
    return wrapped, heads[0]
