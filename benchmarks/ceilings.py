"""Choose the strength of a ridge by cross-validation: along a path that stops, against all strengths at once from 0.

    python benchmarks/ceilings.py FEATURES.npz [--sizes 200,400,800,1600 --sets 8] [--common-scale]

The file holds `x`, features, and `y`, classes. Both sides alternate in one process; CPU seconds are medians over sets.
A choice that differs need not be a worse one: accuracies on the other examples are beside it, and it is said
how many choices the rule that stops changes where the path is the same.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from outlearn.selection import strengths
from outlearn.selection.tuning import Grid, tune

SIDES = {"all at once": (np.inf, np.inf), "path, no stop": (strengths.SMALL, np.inf)}
SIDES["path that stops"] = (strengths.SMALL, strengths.SIGNIFICANT)


def compare(x: np.ndarray, y: np.ndarray, n: int, n_sets: int, *, standardise: bool) -> dict[str, object]:
    """Tune on sets of n examples by every side."""
    n_classes = int(y.max()) + 1
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    right: dict[str, list[float]] = {side: [] for side in SIDES}
    chosen: dict[str, list[int]] = {side: [] for side in SIDES}
    for seed in range(n_sets):
        order = np.random.default_rng([seed, n]).permutation(len(y))
        weights = np.zeros(len(y))
        weights[order[:n]] = 1.0
        others = order[n:]
        for side, (small, significant) in SIDES.items():
            strengths.SMALL, strengths.SIGNIFICANT = small, significant  # type: ignore[assignment]
            began = time.process_time()
            found = tune(
                x,
                y,
                {"others": x[others]},
                n_classes=n_classes,
                sets=[weights],
                grid=Grid.of(n_classes, standardise=standardise),
                seeds=[seed],
            )
            seconds[side].append(time.process_time() - began)
            right[side].append(float((found.logits["others"][0].argmax(-1) == y[others]).mean()))
            chosen[side].append(int(found.chosen[0]))
    return {
        "examples": n,
        "sets": n_sets,
        "cpu_seconds": {side: round(statistics.median(each), 3) for side, each in seconds.items()},
        "accuracy": {side: round(100 * statistics.mean(each), 2) for side, each in right.items()},
        "changed_by_the_stop": sum(
            a != b for a, b in zip(chosen["path, no stop"], chosen["path that stops"], strict=True)
        ),
        "changed_by_both": sum(a != b for a, b in zip(chosen["all at once"], chosen["path that stops"], strict=True)),
    }


def main() -> None:
    """Print one line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=Path)
    parser.add_argument("--sizes", default="200,400,800,1600")
    parser.add_argument("--sets", type=int, default=8)
    parser.add_argument("--common-scale", action="store_true", help="do not standardise")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with np.load(options.features) as file:
        x, y = file["x"].astype(np.float32), file["y"]
    for n in map(int, options.sizes.split(",")):
        print(json.dumps(compare(x, y, n, options.sets, standardise=not options.common_scale)), flush=True)


if __name__ == "__main__":
    main()
