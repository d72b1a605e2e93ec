"""The cost of choosing without labels, features given, and how it grows with teachers, candidates, points and classes.

    python benchmarks/auto.py [--repeats 3]

Each row: `choose` and `fit_answer` as a run with `loss: auto` does them, on made-up points. The first row is about the
size of the default run: 8 teachers, 3,000 points of 384 features, two classes. The others double one number.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, replace

import numpy as np

from outlearn.core.predictions import Predictions
from outlearn.learners import HeadSettings
from outlearn.selection import Learned, choose, default_candidates, fit_answer, selection_labelings

TEST = 2000
LABEL_NOISE = 2.0  # standard deviation of each teacher's logits about the truth's


@dataclass(frozen=True)
class Size:
    """What is chosen from and on."""

    teachers: int = 8
    candidates: int = 52
    points: int = 3000
    classes: int = 2
    features: int = 384
    source: str = "mean"


def seconds(size: Size) -> tuple[float, float]:
    """Return wall-clock and CPU seconds of the choice and the answer."""
    rng = np.random.default_rng(0)
    n = size.points + size.points // 7 + TEST
    labels = rng.integers(0, size.classes, n)
    centres = rng.standard_normal((size.classes, size.features)) * 0.12
    x = (centres[labels] + rng.standard_normal((n, size.features))).astype(np.float32)
    truth = np.eye(size.classes)[labels] * 2
    noisy = truth + LABEL_NOISE * rng.standard_normal((size.teachers, n, size.classes))
    parts = {"student": slice(0, size.points), "validation": slice(size.points, n - TEST)}
    labelings = selection_labelings(
        {name: Predictions.from_logits(noisy[:, rows]) for name, rows in parts.items()}, size.source
    )
    base = HeadSettings()
    shares = np.full(size.classes, 1 / size.classes)
    learned = Learned(x[parts["student"]], labelings.predictions["student"].probs, base, shares=shares)
    candidates = default_candidates(size.points, x.shape[1], base)[: size.candidates]
    test = {"test": x[n - TEST :]}
    wall, cpu = time.perf_counter(), time.process_time()
    choice = choose(
        learned,
        labelings,
        validation_features=x[parts["validation"]],
        candidates=candidates,
        seeds=range(labelings.predictions["student"].n_models),
        predict=test,
    )
    fit_answer(learned, labelings, choice, test, [(m, 0) for m in range(labelings.n_answers)])
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    first = Size()
    sizes = {
        "auto": first,
        "twice the teachers": replace(first, teachers=16),
        "half the candidates": replace(first, candidates=26),
        "twice the points": replace(first, points=6000),
        "twice the features": replace(first, features=768),
        "twice the classes": replace(first, classes=4),
        "16 classes": replace(first, classes=16),
        "auto_single": replace(first, source="each"),
    }
    print("| size | wall-clock, s | CPU, s | times the first |\n|---|---|---|---|")
    unit = None
    seconds(replace(first, points=300))  # what is imported and compiled at first use is not counted
    for name, size in sizes.items():
        wall, cpu = (
            statistics.median(part) for part in zip(*(seconds(size) for _ in range(options.repeats)), strict=True)
        )
        unit = unit or cpu
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {cpu / unit:.2f} |", flush=True)


if __name__ == "__main__":
    main()
