"""Do the intervals that preflight prints of labels hold what is true? Simulated tables of labels with few true ones.

    python benchmarks/preflight_coverage.py [--runs 10]

Five labelers, 1,000 points. The grid crosses two and four classes, equal and skewed; points that are alike or differ
in difficulty; complete tables and 40% gaps; and 50, 200 or 500 true labels of random points. The labelers' shared
answer is wrong at a tenth of the points. A last row has a labeler that copies another at 30% of points, which no model
here allows for. Prints one JSON line a number: how often its 95% interval holds the truth, which is computed on 200,000
fresh points; and how often the test of segments rejects at 5% where labels are off alike in all.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from outlearn.core.intervals import Interval
from outlearn.preflight_checks.analyse import preflight

LABELERS, POINTS, FRESH, BIAS = 5, 1000, 200_000, 0.1


@dataclass(frozen=True)
class Cell:
    """One kind of table."""

    n_classes: int
    skewed: bool
    differ: bool
    gaps: float
    n_true: int
    copied: float = 0.0


def cells() -> Iterator[Cell]:
    for k, skewed, differ, gaps, n_true in product((2, 4), (False, True), (False, True), (0.0, 0.4), (50, 200, 500)):
        yield Cell(k, skewed, differ, gaps, n_true)
    for differ, n_true in product((False, True), (50, 200, 500)):
        yield Cell(2, False, differ, 0.0, n_true, copied=0.3)


def simulate(cell: Cell, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the truth, the distribution of labels at each point, and the labels."""
    k = cell.n_classes
    shares = np.array([0.8, *[0.2 / (k - 1)] * (k - 1)]) if cell.skewed else np.full(k, 1 / k)
    truth = rng.choice(k, n, p=shares)
    answer = np.where(rng.random(n) < BIAS, (truth + rng.integers(1, k, n)) % k, truth)
    rate = rng.beta(0.6, 2.4, n) if cell.differ else np.full(n, 0.2)
    p = np.where(np.eye(k)[answer] == 1, 1 - rate[:, None], rate[:, None] / (k - 1))
    labels = (rng.random((LABELERS, n, 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=2)
    labels[1] = np.where(rng.random(n) < cell.copied, labels[0], labels[1])
    labels[rng.random(labels.shape) < cell.gaps] = -1
    return truth, p, labels


def true_values(cell: Cell) -> dict[str, float]:
    truth, p, _ = simulate(cell, FRESH, np.random.default_rng(1))
    shared = p.argmax(axis=1)
    wrong = 1 - p[np.arange(FRESH), truth].mean()
    squared = np.square(p - np.eye(cell.n_classes)[truth]).sum(axis=1).mean() / 2
    return {
        "missed": 1 - p.max(axis=1).mean(),
        "shared_bias": float((shared != truth).mean()),
        "squared_bias": squared,
        "error": wrong,
        "error, corrected": wrong,
        "class share, corrected": float((truth == 0).mean()),
        "class share, Rogan-Gladen": float((truth == 0).mean()),
        "disagreement": float(1 - np.square(p).sum(axis=1).mean()),
    }


def run(cell: Cell, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    truth, _, labels = simulate(cell, POINTS, rng)
    known = np.full(POINTS, -1)
    at = rng.permutation(POINTS)[: cell.n_true]
    known[at] = truth[at]
    segments = rng.integers(0, 3, POINTS)
    found = preflight(labels, true_labels=known, segments=segments, class_names=[*"abcd"[: cell.n_classes]], seed=seed)
    wrong, first, *_ = found.rates.rates
    tests = [test.p_value for test in found.rates.tests]
    return {
        "missed": found.missed,
        "shared_bias": found.truth.shared_bias,
        "squared_bias": found.truth.squared_bias,
        "error": found.truth.error,
        "error, corrected": wrong.corrected,
        "class share, corrected": first.corrected,
        "class share, Rogan-Gladen": first.rogan_gladen,
        "disagreement": found.disagreement,
        "model": found.noise.model,
        "rejected": any(isinstance(p, float) and p < 0.05 for p in tests),
        "narrower": first.corrected.standard_error / first.true_alone.standard_error,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    start, held, models = time.process_time(), defaultdict(list), defaultdict(list)
    rejected, narrower = [], []
    for index, cell in enumerate(cells()):
        truth = true_values(cell)
        for k in range(options.runs):
            found = run(cell, 1000 * index + k)
            group = "copied" if cell.copied else "differ" if cell.differ else "alike"
            models[group].append(found["model"] == "difficulty")
            for name, value in truth.items():
                interval = found[name]
                if isinstance(interval, Interval) and not np.isnan(interval.low):
                    hit = bool(interval.low <= value <= interval.high)
                    held[name, group].append(hit)
                    held[name, f"{cell.n_true} true labels"].append(hit)
            if not cell.copied:
                rejected.append(found["rejected"])
                narrower.append(found["narrower"])
    for (name, group), hits in sorted(held.items()):
        print(json.dumps({"interval": name, "of": group, "held": round(float(np.mean(hits)), 3), "runs": len(hits)}))
    print(json.dumps({"difficulty found": {group: round(float(np.mean(each)), 3) for group, each in models.items()}}))
    print(json.dumps({"segments rejected": round(float(np.mean(rejected)), 3), "runs": len(rejected)}))
    print(
        json.dumps(
            {"standard error of a class share, of that of true labels alone": round(float(np.mean(narrower)), 3)}
        )
    )
    print(json.dumps({"cpu_seconds": round(time.process_time() - start, 1)}))


if __name__ == "__main__":
    main()
