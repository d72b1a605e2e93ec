"""The learner that fine-tunes a whole model, as a configuration names it; it runs as `FinetuneSettings` say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from outlearn.errors import ConfigError
from outlearn.language_models.prompts import FIELDS, check_template, class_words
from outlearn.learners.finetuning.settings import EarlyStopping
from outlearn.learners.learner import Learner

__all__ = ["FinetuneLearner"]


class FinetuneLearner(Learner):
    """A whole pretrained model, fine-tuned in full or by LoRA; see `FinetuneSettings`. It needs no encoder."""

    kind: Literal["finetune"] = "finetune"
    # As an encoder of kind hf names it: minilm, a folder, package:NAME, or a name on the hub.
    model: str = "minilm"
    sha256: str | None = None
    revision: str | None = None
    local_files_only: bool = True
    trust_remote_code: bool = False
    adaptation: Literal["full", "lora"] = "full"
    lora_rank: Annotated[int, Field(ge=1)] = 8
    lora_alpha: Annotated[int, Field(ge=1)] = 16
    # Epochs, batch, rate and schedule are the paper's for students; small encoders on few points want 5e-5 to 2e-4.
    epochs: Annotated[float, Field(gt=0)] = 2
    batch_size: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    clip: Annotated[float, Field(gt=0)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    max_length: Annotated[int, Field(ge=1)] = 256
    cut: Literal["end", "start"] = "end"
    # By device: 288 on a CPU, 8192 on a GPU.
    tokens_per_batch: Annotated[int, Field(ge=1)] | None = None
    gradient_checkpointing: bool = False
    precision: Literal["auto", "float32", "float64", "bf16"] = "auto"
    early_stopping: EarlyStopping | None = None
    # Around each text, such as "Review: {text}\nSentiment:", for a decoder, which reads a class off its last token.
    template: str | None = None
    # Of the head. words: from what the model would answer after the template, before it has learned anything.
    start: Literal["random", "zero", "probe", "words"] = "random"
    # Class -> the word that the model may say, for start: words; by default its name after a blank.
    classes: dict[str, str] | None = None

    label: ClassVar[str] = "fine-tuning"
    line: ClassVar[str] = "A whole pretrained model, in full or by LoRA, one training for each model."
    extra: ClassVar[str] = "hf"
    reads: ClassVar[Literal["features", "texts"]] = "texts"
    has_epochs: ClassVar[bool] = True
    can_distil: ClassVar[bool] = True
    trains_together: ClassVar[bool] = False
    wants_gpu: ClassVar[bool] = True
    of_numbers: ClassVar[bool] = True

    @model_validator(mode="after")
    def _words_follow_a_template(self) -> FinetuneLearner:
        if self.template is not None:
            check_template(self.template, FIELDS)
        if self.start == "words" and self.template is None:
            raise ValueError(
                'start: words takes the class words as they follow a template; give one, as "{text}\\nSentiment:"'
            )
        if self.classes is not None and self.start != "words":
            raise ValueError(f"classes have no effect with start: {self.start}; leave them out, or use start: words")
        return self

    @property
    def unfit_for_numbers(self) -> str:
        """Refuse a head of class words: a number has none."""
        if self.start != "words":
            return ""
        return "start: words begins at the words of classes, and a number has none; use start: probe"

    def words(self, kind: str, class_names: Sequence[str]) -> tuple[str, ...] | None:
        """Return the word of each class, in label order; None where the head does not start from them.

        Raises:
            ConfigError: if `classes` names others, or points are pairs.
        """
        if self.start != "words":
            return None
        if kind == "preference":
            raise ConfigError("learner.start: words has no meaning for pairs, whose head gives rewards. Use probe.")
        return class_words(self.classes, class_names)
