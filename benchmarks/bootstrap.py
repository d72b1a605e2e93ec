"""Time the two-way bootstrap by weight matrices against numpy indexing on the same resamples; print one JSON line.

Indexing is timed at its best of three spellings, on the first `INDEXED` replicates, and scaled to all of them.
CPU time, one thread, best of several runs. Run: OMP_NUM_THREADS=1 python benchmarks/bootstrap.py
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from outlearn.core.bootstrap import Resamples, bootstrap_means, draw_resamples

MODELS, POINTS, REPLICATES, INDEXED = 512, 5000, 1000, 10


def cpu_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the least CPU time of `work` over several runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """Measure, check that both agree, and print the ratios."""
    values = np.random.default_rng(0).normal(size=(MODELS, POINTS)) + np.linspace(0, 1, POINTS)
    drawn = draw_resamples(MODELS, POINTS, replicates=REPLICATES)
    few = Resamples(drawn.models[:INDEXED], drawn.points[:INDEXED])
    pairs = list(zip(few.models, few.points, strict=True))
    spellings: dict[str, Callable[[], list[float]]] = {
        "values[np.ix_(rows, columns)].mean()": lambda: [float(values[np.ix_(r, c)].mean()) for r, c in pairs],
        "values[rows][:, columns].mean()": lambda: [float(values[r][:, c].mean()) for r, c in pairs],
        "values.take(rows, 0).take(columns, 1).mean()": lambda: [
            float(values.take(r, 0).take(c, 1).mean()) for r, c in pairs
        ],
    }
    indexing = {name: cpu_seconds(work, 3) * REPLICATES / INDEXED for name, work in spellings.items()}
    products = cpu_seconds(lambda: bootstrap_means(values, drawn))
    means = bootstrap_means(values, drawn)
    error = np.abs(means[:INDEXED] - spellings["values[np.ix_(rows, columns)].mean()"]()).max()
    print(
        json.dumps(
            {
                "benchmark": "bootstrap",
                "shape": {"models": MODELS, "points": POINTS, "replicates": REPLICATES},
                "seconds": {"weight matrices": round(products, 4), **{k: round(v, 2) for k, v in indexing.items()}},
                "ratio_to_each": {k: round(v / products, 1) for k, v in indexing.items()},
                "ratio_to_best_indexing": round(min(indexing.values()) / products, 1),
                "largest_difference_in_units_of_bootstrap_sd": float(f"{error / means.std():.2e}"),
                "extrapolated_from_replicates": INDEXED,
            }
        )
    )


if __name__ == "__main__":
    main()
