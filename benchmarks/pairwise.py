"""Time the divergence of all pairs of models against what one would use instead; print one JSON line of ratios.

All 512 x 1024 pairs on 5,000 points, against a torch `kl_div` loop over pairs (timed on some and scaled), and against
the bare product with elementwise work of the same size. CPU time of one thread in one process, medians of interleaved
runs, so that ratios survive a busy machine. Run: OMP_NUM_THREADS=1 python benchmarks/pairwise.py
"""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np

from outlearn.core.decomposition.pairwise import pairwise_divergence
from outlearn.core.generators import get_generator
from outlearn.core.predictions import Predictions

TEACHERS, STUDENTS, POINTS, CLASSES = 512, 1024, 5000, 2
TIMED_PAIRS = 256
SHORTEST_TURN = 0.02  # seconds: a shorter turn would time the clock and the caches


def seconds(works: dict[str, Callable[[], object]], repeats: int = 7) -> dict[str, float]:
    """Return the median CPU time of each piece of work; the pieces take turns, short ones many times in their turn."""
    times_in_turn = {}
    for name, work in works.items():
        work()  # imports, caches
        start = time.process_time()
        work()
        times_in_turn[name] = max(1, round(SHORTEST_TURN / max(time.process_time() - start, 1e-6)))
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = time.process_time()
            for _ in range(times_in_turn[name]):
                work()
            taken[name].append((time.process_time() - start) / times_in_turn[name])
    return {name: float(np.median(times)) for name, times in taken.items()}


def three(value: float) -> float:
    """Round to three significant digits."""
    return float(f"{value:.3g}")


def models(count: int, spread: float, seed: int) -> Predictions:
    """Make models that differ by `spread` in their logits about shared ones."""
    shared = np.random.default_rng(0).normal(size=(POINTS, CLASSES))
    return Predictions.from_logits(shared + spread * np.random.default_rng(seed).normal(size=(count, POINTS, CLASSES)))


def pairs() -> None:
    """Time all pairs, and check the relative error where divergences are about 1e-5."""
    import torch
    from torch.nn.functional import kl_div

    torch.set_num_threads(1)
    t, s = models(TEACHERS, 0.7, 1), models(STUDENTS, 0.7, 2)
    double_t, double_s = (torch.from_numpy(p.log_probs.copy()) for p in (t, s))
    single_t, single_s = double_t.float(), double_s.float()
    timed = np.random.default_rng(3).integers(0, [TEACHERS, STUDENTS], size=(TIMED_PAIRS, 2))

    def loop(target: torch.Tensor, students: torch.Tensor, log_target: bool = False) -> Callable[[], None]:
        def work() -> None:
            for i, j in timed:
                kl_div(students[j], target[i], reduction="batchmean", log_target=log_target).item()

        return work

    # What no method can avoid: the product, exp and one multiply-add over the teachers, a shift and a cast of both.
    product = np.empty((TEACHERS, STUDENTS), dtype=np.float32)
    step = 341
    centre = t.log_probs.mean(axis=0)

    def bare() -> None:
        total = np.zeros((TEACHERS, STUDENTS))
        for start in range(0, POINTS, step):
            part = slice(start, start + step)
            probs = np.exp(t.log_probs[:, part])
            np.einsum("mpk,mpk->m", probs, t.log_probs[:, part])
            left = (probs - centre[part]).astype(np.float32).reshape(TEACHERS, -1)
            right = (s.log_probs[:, part] - centre[part]).astype(np.float32).reshape(STUDENTS, -1)
            np.matmul(left, right.T, out=product)
            np.add(total, product, out=total)

    taken = seconds(
        {
            "outlearn": lambda: pairwise_divergence(t, s),
            "bare": bare,
            "float32, probabilities": loop(single_t.exp(), single_s),
            "float32, log-probabilities": loop(single_t, single_s, log_target=True),
            "float64, probabilities": loop(double_t.exp(), double_s),
            "float64, log-probabilities": loop(double_t, double_s, log_target=True),
        }
    )
    loops = {
        dtype: min(taken[f"{dtype}, {kind}"] for kind in ("probabilities", "log-probabilities"))
        * (TEACHERS * STUDENTS / TIMED_PAIRS)
        for dtype in ("float32", "float64")
    }
    tracemalloc.start()
    pairwise_divergence(t, s)
    extra = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    print(
        json.dumps(
            {
                "benchmark": "pairs",
                "shape": [TEACHERS, STUDENTS, POINTS, CLASSES],
                "seconds": {
                    **{k: three(taken[k]) for k in ("outlearn", "bare")},
                    **{f"torch kl_div loop, {dtype}": three(value) for dtype, value in loops.items()},
                },
                "times_faster_than_torch_loop": {
                    dtype: three(value / taken["outlearn"]) for dtype, value in loops.items()
                },
                "torch_loop_extrapolated_from_pairs": TIMED_PAIRS,
                "times_of_bare_product_and_elementwise": three(taken["outlearn"] / taken["bare"]),
                "extra_memory_mib": three(extra),
                "largest_relative_error": three(relative_error(t, s)),
                "largest_relative_error_at_1e_5": three(relative_error(models(64, 4e-3, 4), models(128, 4e-3, 5))),
            }
        )
    )


def relative_error(first: Predictions, second: Predictions) -> float:
    """Compare some pairs with float64 pair by pair."""
    kl, rng = get_generator("negative_entropy"), np.random.default_rng(6)
    result = pairwise_divergence(first, second)
    worst = 0.0
    for i, j in rng.integers(0, result.shape, size=(500, 2)):
        exact = float(kl.divergence_from_dual(first.log_probs[i], second.log_probs[j]).mean())
        worst = max(worst, abs(float(result[i, j]) / exact - 1))
    return worst


if __name__ == "__main__":
    pairs()
