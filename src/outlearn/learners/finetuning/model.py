"""A pretrained model with a head that scores texts: loaded, adapted, run, and its head set from a probe.

Encoders and decoders alike come as transformers' AutoModelForSequenceClassification: K logits a text for classes, one
reward a text for preference pairs, whose two rewards are the two logits of the pair (Bradley-Terry).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor, nn

from outlearn.errors import ConfigError, MissingExtraError
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.finetuning.tokens import TokenBatch

__all__ = ["TextModel", "load_text_model", "load_tokenizer"]


class TextModel:
    """Score texts with a pretrained model.

    Args:
        network: of transformers, or PEFT around it.
        head: the last layer.
        adapted: whether PEFT is around the network.
        pairs: whether a point is a pair of texts.
        precision: "float32", "float64", or "bf16" (autocast; the weights stay float32).
    """

    def __init__(self, network: Any, head: nn.Linear, *, adapted: bool, pairs: bool, precision: str) -> None:
        self.network, self.head, self.adapted, self.pairs, self.precision = network, head, adapted, pairs, precision
        self.device: torch.device = next(network.parameters()).device

    def logits(self, batch: TokenBatch) -> Float[Tensor, "points classes"]:
        """Compute the logits of a batch of points, in float32 at least."""
        # A decoder finds a text's last token as the last id that is not this one.
        self.network.config.get_text_config().pad_token_id = batch.pad
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            scores: Tensor = self.network(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
        scores = _at_least_float32(scores)
        return scores.reshape(2, -1).T if self.pairs else scores

    @torch.no_grad()
    def features(self, batch: TokenBatch) -> Float[Tensor, "points features"]:
        """Compute what the head reads of each point; of a pair, slot a less slot b. Without dropout."""
        caught: list[Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
        training = self.network.training
        self.network.eval()
        try:
            self.logits(batch)
        finally:
            hook.remove()
            self.network.train(training)
        found = _at_least_float32(caught[0])
        if found.ndim == 3:  # a decoder scores every token
            found = found[torch.arange(len(found), device=found.device), batch.last]
        if not self.pairs:
            return found
        first, second = found.chunk(2)
        return first - second

    @torch.no_grad()
    def set_head(self, weight: Float[Tensor, "features classes"], bias: Float[Tensor, " classes"]) -> None:
        """Start the head from a linear probe on `features`; a head without a bias takes the weights alone."""
        if self.pairs:
            # The probe's logits are +-w.(phi(a) - phi(b)) / 2; the reward is w.phi.
            weight = (weight[:, 0] - weight[:, 1])[:, None]
            bias = bias.new_zeros(1)
        self.head.weight.copy_(weight.T)
        if self.head.bias is not None:
            self.head.bias.copy_(bias)

    def trainable(self) -> dict[str, nn.Parameter]:
        """Return the parameters that training moves, by name; a tied one occurs once."""
        return {name: p for name, p in self.network.named_parameters() if p.requires_grad}

    def save(self, folder: Path, tokenizer: Any) -> None:
        """Write weights (safetensors), configuration and tokenizer; adapters are merged first."""
        network = self.network
        if self.adapted:
            network = network.merge_and_unload()
        network.config.get_text_config().pad_token_id = tokenizer.pad_token_id
        network.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)


def load_tokenizer(folder: Path, *, max_length: int, trust_remote_code: bool) -> Any:
    """Load the tokenizer of a model's folder.

    Raises:
        MissingExtraError: if transformers is not installed.
        ConfigError: if it cannot be loaded, or the model cannot read texts of `max_length` tokens.
    """
    try:
        from transformers import AutoConfig, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("transformers", "hf") from error
    trust = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, **trust)
        config = AutoConfig.from_pretrained(folder, **trust).get_text_config()
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"the tokenizer of {str(folder)!r} cannot be loaded: {_first_line(error)}") from error
    limits = (tokenizer.model_max_length, getattr(config, "max_position_embeddings", None))
    limit = min((n for n in limits if isinstance(n, int) and n > 0), default=max_length)
    if max_length > limit:
        raise ConfigError(f"max_length is {max_length}, but {str(folder)!r} reads {limit} tokens at most.")
    return tokenizer


def load_text_model(
    folder: Path, n_classes: int, settings: FinetuneSettings, *, pairs: bool, seed: int, device: torch.device
) -> TextModel:
    """Load a pretrained model, give it a new head drawn from the seed, and adapt it as the settings say.

    A model that comes with a head of this very shape keeps it.

    Args:
        folder: with config.json and safetensors.
        n_classes: of the task.
        settings: dropout, adaptation, gradient checkpointing, precision.
        pairs: whether a point is a pair of texts, scored by one reward each.
        seed: of what is not pretrained.
        device: where to run.

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
            new = {*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])}
            network, head = _adapted(network, new, settings)
    except ConfigError:
        raise
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ConfigError(f"the model {str(folder)!r} cannot be loaded: {_first_line(error)}") from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
    if settings.gradient_checkpointing:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the name that every version 5 knows
            network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        network.enable_input_require_grads()  # with frozen embeddings the checkpoints would have no gradient
    precision = settings.precision_on(device)
    network = network.to(device, torch.float64 if precision == "float64" else torch.float32)
    return TextModel(network, head, adapted=settings.adaptation == "lora", pairs=pairs, precision=precision)


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


# What transformers calls the part of a sequence classification model that is not the pretrained body.
HEAD_NAMES = ("classifier", "score", "classification_head", "pre_classifier", "logits_proj")


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
