"""Fine-tuning of pretrained text models: tokens, batches, one training after another, and its checkpoints.

`fit_finetune` reads top to bottom in `fit`; what a model's training does is in `training`. `trainer_loss` is the
adapter for those who train with the Hugging Face Trainer instead. transformers and peft are loaded when a model is.
"""

from __future__ import annotations

from outlearn.learners.finetuning.fit import FinetuneResult, fit_finetune
from outlearn.learners.finetuning.settings import EarlyStopping, FinetuneSettings
from outlearn.learners.finetuning.trainer_loss import hf_loss

__all__ = ["EarlyStopping", "FinetuneResult", "FinetuneSettings", "fit_finetune", "hf_loss"]
