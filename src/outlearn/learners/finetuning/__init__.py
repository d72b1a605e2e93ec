"""Fine-tuning of pretrained text models: tokens, batches, one training after another, and its checkpoints.

`fit.fit_finetune` reads top to bottom; what a model's training does is in `training`. `trainer_loss` is the adapter for
those who train with the Hugging Face Trainer instead. transformers and peft are loaded when a model is.
"""
