"""How a pretrained model is fine-tuned: what moves, for how long, how fast, in which precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict

from outlearn.core.ranges import Range, Whole, check_fields
from outlearn.errors import ConfigError
from outlearn.language_models.prompts import FIELDS, check_template
from outlearn.lazy_torch import torch
from outlearn.learners.jobs import Positive

__all__ = ["EarlyStopping", "FinetuneSettings"]

BelowOne: TypeAlias = Annotated[float, Range(0.0, 1.0, open_high=True)]

# On a CPU small matrices are as fast and held in less memory. Of 256, 288 and 320 tokens 288 is 1.4 times as fast as a
# plain loop on long texts at half its memory (benchmarks/finetune.py). A GPU was not tried.
TOKENS_CPU, TOKENS_GPU = 288, 8192


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the loss on a held-out share of the training rows, under their own labels, no longer falls.

    Args:
        patience: evaluations without a new minimum before the end; the weights of the minimum are kept.
        every: epochs between evaluations.
        share: of the training points that are held out, drawn by the seed. No true label is needed: a student's
            points have its teacher's labels.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # as a section of a configuration

    patience: Whole = 2
    every: Positive = 0.5
    share: Annotated[float, Range(0.0, 1.0, open_low=True, open_high=True)] = 0.1

    def __post_init__(self) -> None:
        """Check every setting."""
        check_fields(self, "early_stopping.")


@dataclass(frozen=True)
class FinetuneSettings:
    """Hold what all models of a call share.

    Args:
        adaptation: "full" moves every weight; "lora" freezes them and learns rank-`lora_rank` updates of every linear
            layer, with the head in full.
        lora_rank, lora_alpha: rank, and scale (the update is multiplied by alpha / rank).
        epochs: passes over the examples; a fraction is allowed, rounded to whole steps.
        batch_size: examples in a step; the last one of an epoch may be smaller.
        learning_rate: of AdamW (betas 0.9 and 0.999, epsilon 1e-8); with weight_decay 0 it is Adam.
        weight_decay: decoupled, on every weight.
        schedule: after the warm-up, "cosine" and "linear" fall to 0, "constant" stays.
        warmup: share of the steps over which the learning rate rises from 0.
        clip: largest norm of a step's gradient, or None.
        dropout: every rate of dropout in the model; None leaves the model's own; 0 turns it off.
        max_length: tokens kept of a text.
        cut: which end of a longer text is cut: "start" keeps a dialogue's last turn.
        tokens_per_batch: padded tokens whose activations are held at a time; it decides memory and speed, not the
            result (up to rounding, and the draws of dropout). None is 288 on a CPU, where a larger micro-batch is no
            faster, and 8192 on a GPU, which waits for launches; twice that for pairs. A longer text stands by itself
            and holds the activations of one layer at a time, computed again in the backward pass; of a longer pair, one
            text at a time is held.
        gradient_checkpointing: do so with every text.
        precision: "float32"; "bf16" (autocast, weights in float32); "auto", bf16 on a GPU that has it; or "float64", to
            check results.
        early_stopping: when to stop, or None.
        template: what stands around each text, `{text}` in it; not counted in max_length. None for nothing.
        start: of the head. "random", drawn by the seed; "zero", all classes alike; "probe", a linear head trained on
            the frozen model with the same labels and loss; "words", the output embeddings of the class words as they
            follow the template (their first tokens): the model starts from what it would answer.
        words: of the classes, in label order, for start "words".
        trust_remote_code: run code that comes with the model.

    Memory: 16 bytes for each weight that moves (itself, its gradient, two moments; early stopping adds 4), 4 for each
    that does not, and the activations of at most `tokens_per_batch` tokens, without the values of GELU and SiLU; of a
    longer text, and with gradient checkpointing of every one, those of one layer and each layer's input.
    """

    adaptation: Literal["full", "lora"] = "full"
    lora_rank: Whole = 8
    lora_alpha: Whole = 16
    epochs: Positive = 2.0
    batch_size: Whole = 32
    learning_rate: Positive = 1e-5
    weight_decay: Annotated[float, Range(0.0)] = 0.0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: BelowOne = 0.0
    clip: Positive | None = None
    dropout: BelowOne | None = None
    max_length: Whole = 256
    cut: Literal["end", "start"] = "end"
    tokens_per_batch: Whole | None = None
    gradient_checkpointing: bool = False
    precision: Literal["auto", "float32", "float64", "bf16"] = "auto"
    early_stopping: EarlyStopping | None = None
    template: str | None = None
    start: Literal["random", "zero", "probe", "words"] = "random"
    words: tuple[str, ...] | None = None
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Check every setting; ConfigError names one that is not allowed."""
        check_fields(self)
        if self.template is not None:
            check_template(self.template, FIELDS)
        if (self.start == "words") != (self.words is not None) or (self.start == "words" and self.template is None):
            raise ConfigError("start 'words' takes a template and words, and words are for it alone.")

    @property
    def around(self) -> tuple[str, str]:
        """What stands before and behind each text."""
        before, _, behind = (self.template or "{text}").partition("{text}")
        return before, behind

    def rate(self, step: int, n_steps: int) -> float:
        """Return the learning rate of a step, counted from 0.

        Examples:
            >>> [round(FinetuneSettings(learning_rate=1.0, warmup=0.5).rate(step, 4), 3) for step in range(4)]
            [0.5, 1.0, 1.0, 0.5]
        """
        rising = round(self.warmup * n_steps)
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        if self.schedule == "constant":
            return self.learning_rate
        done = (step - rising) / max(1, n_steps - rising)
        return self.learning_rate * (
            1.0 - done if self.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
        )

    def tokens_on(self, device: torch.device, *, pairs: bool) -> int:
        """Settle `tokens_per_batch` for a device; a pair has two texts to hold."""
        if self.tokens_per_batch is not None:
            return self.tokens_per_batch
        return (TOKENS_CPU if device.type == "cpu" else TOKENS_GPU) * (2 if pairs else 1)

    def precision_on(self, device: torch.device) -> str:
        """Settle "auto" for a device.

        Raises:
            ConfigError: if bf16 is asked of a GPU that lacks it.
        """
        has = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
        if self.precision == "bf16" and not has:
            raise ConfigError(f"precision is 'bf16', which {torch.cuda.get_device_name(device)} lacks; use float32.")
        if self.precision == "auto":
            return "bf16" if device.type == "cuda" and has else "float32"
        return self.precision
