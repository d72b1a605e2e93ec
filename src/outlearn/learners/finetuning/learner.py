"""The learner that fine-tunes a whole model, as a configuration names it; it runs as `FinetuneSettings` say."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

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
    probe_first: bool = False

    label: ClassVar[str] = "fine-tuning"
    line: ClassVar[str] = "A whole pretrained model, in full or by LoRA, one training for each model."
    extra: ClassVar[str] = "hf"
    reads: ClassVar[Literal["features", "texts"]] = "texts"
    has_epochs: ClassVar[bool] = True
    can_distil: ClassVar[bool] = True
    trains_together: ClassVar[bool] = False
    wants_gpu: ClassVar[bool] = True
