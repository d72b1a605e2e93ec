"""Frozen features of MiniLM: how outlearn encodes against the usual ways, and against the arithmetic alone.

Sides, on the same texts in the same random order, each tokenised and pooled, none with the loading of the model:

- ours: batches by a budget of tokens side by side, one thread each, in torch's own encoder;
- inside: the same batches one after another in transformers' model, its operations split over the threads, which is
  what outlearn did before;
- random_order_32: batches of 32 as they come, padded to their longest text, in transformers: what most scripts do;
- one_at_a_time.

Repetitions alternate between the sides; seconds are medians, of wall-clock time and of CPU time. The floor is the
products of the network's matrices, of the tokens that there are, at the rate of one large product on one thread. Prints
one JSON line a data set.

    python benchmarks/encode.py [--threads 2] [--data vader-lexicon sst2] [--texts 256]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from outlearn.data import Task, load_task
from outlearn.encoders.hf import HuggingFace
from outlearn.encoders.points import Texts

SENTENCES = Path(__file__).resolve().parents[2] / "shared" / "data" / "sst2" / "train.txt"
TEXTS = 128
REPEATS = 3
BATCH = 32
# float32 sums in another order.
SAME = 1e-5
Times = tuple[float, float]  # wall-clock and CPU seconds


def in_batches(texts: list[str], tokenizer: Any, model: Any, rows: list[np.ndarray]) -> np.ndarray:
    """Encode these rows of texts together, padded by the tokenizer."""
    features = np.empty((len(texts), model.config.hidden_size), np.float32)
    with torch.inference_mode():
        for row in rows:
            tokens = tokenizer(
                [texts[i] for i in row], padding=True, truncation=True, max_length=256, return_tensors="pt"
            )
            hidden = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"][:, :, None].to(hidden.dtype)
            features[row] = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
    return features


def timed(work: Callable[[], object]) -> Times:
    """Measure one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def peak() -> float:
    """Return operations a second of one large product on one thread, in CPU time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    square = torch.randn(1024, 1024)
    rates = [10 * 2.0 * 1024**3 / timed(lambda: [square @ square for _ in range(10)])[1] for _ in range(REPEATS)]
    torch.set_num_threads(threads)
    return statistics.median(rates)


def compare(name: str, task: Task, n_texts: int) -> dict[str, object]:
    """Time every side, and hold all features to those of one text at a time."""
    from outlearn.language_models.token_batches import token_batches

    rng = np.random.default_rng(0)
    texts = list(dict.fromkeys(task.texts[i] for i in rng.permutation(task.n_points)))[:n_texts]
    points = Texts(name, tuple(texts))
    encoder = HuggingFace(device="cpu")
    encode = encoder.load(encoder.learn(points))
    tokenizer, model = encoder.read()
    lengths = np.array([len(ids) for ids in tokenizer(texts, truncation=True, max_length=256)["input_ids"]])
    everything = np.arange(len(texts))
    sides: dict[str, Callable[[], np.ndarray]] = {
        "ours": lambda: encode(points, everything),
        "inside": lambda: in_batches(texts, tokenizer, model, token_batches(lengths, encoder.tokens_per_batch)),
        "random_order_32": lambda: in_batches(
            texts, tokenizer, model, np.split(everything, range(BATCH, len(texts), BATCH))
        ),
        "one_at_a_time": lambda: in_batches(texts, tokenizer, model, list(everything[:, None])),
    }
    features = {side: work() for side, work in sides.items()}
    difference = max(float(abs(found - features["one_at_a_time"]).max()) for found in features.values())
    if difference > SAME:
        raise RuntimeError(f"{name}: features differ by {difference}")
    times: dict[str, list[Times]] = {side: [] for side in sides}
    for _ in range(REPEATS):
        for side, work in sides.items():
            times[side].append(timed(work))
    config = model.config
    a_layer = 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    floor = 2.0 * lengths.sum() * config.num_hidden_layers * a_layer / peak()
    cpu = {side: statistics.median(each[1] for each in rows) for side, rows in times.items()}
    wall = {side: statistics.median(each[0] for each in rows) for side, rows in times.items()}
    return {
        "benchmark": "encode",
        "data": name,
        "threads": torch.get_num_threads(),
        "texts": len(texts),
        "tokens": int(lengths.sum()),
        "cpu_seconds": {side: round(value, 3) for side, value in cpu.items()},
        "wall_over_ours": {side: round(value / wall["ours"], 2) for side, value in wall.items()},
        "cpu_over_ours": {side: round(value / cpu["ours"], 2) for side, value in cpu.items()},
        "share_of_product_peak": round(floor / cpu["ours"], 2),
        "largest_difference": float(f"{difference:.1e}"),
    }


def main() -> None:
    """Print one JSON line a data set."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--data", nargs="+", choices=("vader-lexicon", "sst2"), default=("vader-lexicon", "sst2"))
    parser.add_argument("--texts", type=int, default=TEXTS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if "vader-lexicon" in asked.data:
        print(json.dumps(compare("vader-lexicon", load_task(name="vader-lexicon"), asked.texts)), flush=True)
    if "sst2" in asked.data and SENTENCES.is_file():
        print(json.dumps(compare("sst2", load_task(path=SENTENCES), asked.texts)), flush=True)


if __name__ == "__main__":
    main()
