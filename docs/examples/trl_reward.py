"""A reward model from soft preferences in TRL's RewardTrainer.

    python trl_reward.py [--model FOLDER]

RewardTrainer knows chosen and rejected, and no doubt. Here a teacher says P(first is better), and any loss of outlearn
learns it: the two rewards of a pair are the logits of two classes, so their softmax is Bradley-Terry. Three things make
it so: a collator that keeps the preferences, the Trainer's own `compute_loss` in place of TRL's, and the adapter.
Which text stands first is drawn at random, so that no place is better than the other.
"""

from __future__ import annotations

import argparse
import sys
import tempfile

import numpy as np
import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

from outlearn import hf_loss
from outlearn.data import load_task
from outlearn.encoders.model_folder import ALIASES, model_folder

try:
    from trl import RewardConfig, RewardTrainer
    from trl.trainer.reward_trainer import DataCollatorForPreference
except ImportError:
    sys.exit("this example needs the package trl, which is not installed. Install it with: pip install trl")


class SoftRewardTrainer(RewardTrainer):
    """Take the Trainer's loss, which calls the adapter, and not TRL's, which knows no soft preferences."""

    # The adapter has divided by the examples of the whole step already; TRL's loss has not.
    loss_is_scaled_for_ga = True

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)


def make_trainer(model: str, loss: str, output: str, **training) -> RewardTrainer:
    """Build the trainer on pairs of words, of which the teacher prefers the more pleasant one, without being sure."""
    task = load_task(name="vader-lexicon")
    points = np.random.default_rng(0).permutation(task.n_points)[:128].reshape(64, 2)
    pleasant = task.target[points, 1]
    preferred = 1 / (1 + np.exp(-4 * (pleasant[:, 0] - pleasant[:, 1])))
    tokenizer = AutoTokenizer.from_pretrained(model)

    def ids(slot: int) -> list[list[int]]:
        return tokenizer([task.texts[i] for i in points[:, slot]], truncation=True, max_length=32)["input_ids"]

    # TRL's names; read "first" and "second".
    dataset = Dataset.from_dict(
        {"chosen_ids": ids(0), "rejected_ids": ids(1), "labels": np.stack([preferred, 1 - preferred], axis=1).tolist()}
    )
    pad = DataCollatorForPreference(pad_token_id=tokenizer.pad_token_id)

    def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
        return {**pad(rows), "labels": torch.tensor([row["labels"] for row in rows])}

    adapter = hf_loss(loss)
    trainer = SoftRewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(model, num_labels=1),
        args=RewardConfig(
            output_dir=output,
            remove_unused_columns=False,  # keeps the labels
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            bf16=False,
            **training,
        ),
        data_collator=collate,
        train_dataset=dataset,
        processing_class=tokenizer,
        callbacks=[adapter],
    )
    trainer.compute_loss_func = adapter  # RewardTrainer does not take it as an argument
    return trainer


def main(model: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(
            model, "forward_ce", folder, per_device_train_batch_size=4, gradient_accumulation_steps=2,
            num_train_epochs=2, learning_rate=1e-4, logging_steps=1,
        )  # fmt: skip
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
