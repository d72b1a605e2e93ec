"""The keys of `teacher.learner` and `student.learner`: how models are trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ConvexLearner", "FinetuneLearner", "HeadLearner", "Learner", "Section", "Share"]

Share = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values do not change after checking."""

    # Defaults are validated too: 20 for a float is 20.0 in every configuration, so that keys do not depend on its way.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class ConvexLearner(Section):
    """Logistic regression to its optimum: sum of cross-entropies + |W|^2 / (2 C), as scikit-learn writes it."""

    kind: Literal["convex"] = "convex"
    C: Annotated[float, Field(gt=0)] = 1.0


class HeadLearner(Section):
    """A linear head, or one hidden layer of `hidden` ReLU units, trained by AdamW on minibatches."""

    kind: Literal["adamw"] = "adamw"
    hidden: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[float, Field(gt=0)] = 20
    batch_size: Annotated[int, Field(ge=1)] = 128
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    # Heads that share one minibatch order share its part of the seed variance: evidence for the default is in
    # docs/heads.md.
    order_groups: Annotated[int, Field(ge=1)] = 4


class EarlyStop(Section):
    """Stop when the loss on a held-out share of the training points, under their own labels, no longer falls."""

    patience: Annotated[int, Field(ge=1)] = 2
    every: Annotated[float, Field(gt=0)] = 0.5
    share: Share = 0.1


class FinetuneLearner(Section):
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
    early_stopping: EarlyStop | None = None
    probe_first: bool = False


Learner = Annotated[ConvexLearner | HeadLearner | FinetuneLearner, Field(discriminator="kind")]
