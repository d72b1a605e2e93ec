"""A loss of outlearn in the Hugging Face Trainer: a student of soft weak labels.

    python trainer.py [--model FOLDER]

Hand the adapter over twice: `compute_loss_func` computes the loss, `callbacks` tells it how far the training is, which
warm-ups need. One step's gradient is that of the mean over its examples, also with `gradient_accumulation_steps` and
under torchrun. The labels are distributions, one row an example; rows of -100 are padding.
"""

from __future__ import annotations

import argparse
import tempfile

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

from outlearn import hf_loss
from outlearn.data import load_task
from outlearn.encoders.model_folder import ALIASES, model_folder


def main(model: str) -> None:
    task = load_task(name="vader-lexicon")
    chosen = np.random.default_rng(0).permutation(task.n_points)[:64]
    tokenizer = AutoTokenizer.from_pretrained(model)
    # What a weak teacher might say: the raters' shares, hedged. Any distribution will do.
    weak_labels = 0.8 * task.target[chosen] + 0.1
    dataset = [
        {**tokenizer(task.texts[i], truncation=True, max_length=32), "labels": label}
        for i, label in zip(chosen, weak_labels, strict=True)
    ]

    def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
        texts = [{key: row[key] for key in ("input_ids", "attention_mask")} for row in rows]
        labels = torch.tensor(np.stack([row["labels"] for row in rows]), dtype=torch.float32)
        return {**tokenizer.pad(texts, return_tensors="pt"), "labels": labels}

    adapter = hf_loss("reverse_ce")
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=AutoModelForSequenceClassification.from_pretrained(model, num_labels=2),
            args=TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=4,
                gradient_accumulation_steps=4,
                num_train_epochs=2,
                learning_rate=1e-4,
                logging_steps=1,
                save_strategy="no",
                report_to="none",  # or "tensorboard", "mlflow": the Trainer reports as ever
                use_cpu=True,
            ),
            train_dataset=dataset,
            data_collator=collate,
            compute_loss_func=adapter,
            callbacks=[adapter],
        )
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    print(f"{len(losses)} steps, mean loss {losses[0]:.3f} at first and {losses[-1]:.3f} at last")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder of a pretrained model; MiniLM of the extra 'offline' by default")
    folder = parser.parse_args().model
    if folder is None:
        folder = str(model_folder(ALIASES["minilm"], expected_sha256=None, revision=None, local_files_only=True))
    main(folder)
