"""Frozen features of MiniLM: length-sorted batches by a budget of tokens, against the usual ways to batch.

Baselines: batches of 32 in random order, padded to their longest text; and one text at a time. CPU time of one thread,
best of `REPEATS`; every side tokenises and pools in its time, none loads the model in it. Prints one JSON line a data
set: ratios (baseline / outlearn), the largest difference of a feature, and texts a second of ours.

    OMP_NUM_THREADS=1 python benchmarks/encode.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from outlearn.data import Task, load_task
from outlearn.encoders.hf import HuggingFace

SENTENCES = Path(__file__).resolve().parents[2] / "shared" / "data" / "sst2" / "train.txt"
TEXTS = 512
REPEATS = 3
BATCH = 32
BUDGETS = (1024, 2048)
# float32 sums in another order.
SAME = 1e-4


def encode_in_batches(texts: list[str], tokenizer: Any, model: Any, batch: int) -> np.ndarray:
    """Encode `batch` texts at a time in the order they come, padded by the tokenizer: what most scripts do."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(texts), batch):
            tokens = tokenizer(
                texts[start : start + batch], padding=True, truncation=True, max_length=256, return_tensors="pt"
            )
            hidden = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"][:, :, None].to(hidden.dtype)
            rows.append(((hidden * mask).sum(1) / mask.sum(1)).numpy())
    return np.concatenate(rows)


def best_time(encode: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the least CPU time of `REPEATS` runs, and the features."""
    seconds, features = [], np.empty(0)
    for _ in range(REPEATS):
        start = time.process_time()
        features = encode()
        seconds.append(time.process_time() - start)
    return min(seconds), features


def compare(name: str, task: Task) -> dict[str, object]:
    """Time every side on the same texts, in the same random order."""
    rng = np.random.default_rng(0)
    texts = [task.texts[i] for i in rng.permutation(task.n_points)[:TEXTS]]
    encoders = {budget: HuggingFace(tokens_per_batch=budget, device="cpu") for budget in BUDGETS}
    tokenizer, model = encoders[BUDGETS[0]].read()
    sides: dict[str, Callable[[], np.ndarray]] = {
        f"budget_{budget}": lambda e=encoder: e._encode_texts(texts, tokenizer, model, None)
        for budget, encoder in encoders.items()
    }
    sides["random_order_32"] = lambda: encode_in_batches(texts, tokenizer, model, BATCH)
    sides["one_at_a_time"] = lambda: encode_in_batches(texts, tokenizer, model, 1)
    sides["budget_1024"]()  # the first call allocates
    results = {side: best_time(encode) for side, encode in sides.items()}
    ours = min(results[f"budget_{budget}"][0] for budget in BUDGETS)
    reference = results["one_at_a_time"][1]
    difference = max(float(abs(features - reference).max()) for _, features in results.values())
    if difference > SAME:
        raise RuntimeError(f"{name}: features differ by {difference}")
    return {
        "benchmark": "encode",
        "data": name,
        "texts": len(texts),
        "tokens": int(sum(len(ids) for ids in tokenizer(texts)["input_ids"])),
        "ratio_random_order_32": round(results["random_order_32"][0] / ours, 2),
        "ratio_one_at_a_time": round(results["one_at_a_time"][0] / ours, 2),
        "ratio_budget_2048": round(results["budget_2048"][0] / ours, 2),
        "texts_per_cpu_second": round(len(texts) / ours),
        "largest_difference": float(f"{difference:.1e}"),
    }


def main() -> None:
    """Print one JSON line a data set."""
    torch.set_num_threads(1)
    tasks = {"vader-lexicon": load_task(name="vader-lexicon")}
    if SENTENCES.is_file():
        tasks["sst2"] = load_task(path=SENTENCES)
    for name, task in tasks.items():
        print(json.dumps(compare(name, task)))


if __name__ == "__main__":
    main()
