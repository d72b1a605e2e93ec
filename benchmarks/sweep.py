"""What a student of a sweep costs, against how many there are: time, the bare matrix products' time, and memory.

Students are linear heads on 2,380 points of 384 features, as in the offline sweep: eight losses, sixteen teachers, and
as many seeds as it takes, 20 epochs of minibatches of 128. The products are the two that no method avoids, minibatch
times weights and its transpose times gradients, at the widths that training uses. CPU time of one thread, the best of a
few.

Memory is the peak of a process of its own, less what it had before training; predictions and weights, which have to be
returned, are counted apart. `--runs` measures whole sweeps instead: runs of 128 students each, ever more of them.

Prints one JSON line for each number of students:

    python benchmarks/sweep.py
    python benchmarks/sweep.py --runs
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

N, D, BATCH, EPOCHS, TEACHERS, POINTS = 2380, 384, 128, 20, 16, 2040
LOSSES = ("forward_ce", "hard_ce", "reverse_ce", "reverse_kl", "symmetric_ce", "cace", "aux_conf", "mae")
STUDENTS = (64, 128, 256, 512, 1024, 2048, 4096)
RUNS = (1, 2, 4, 8, 16, 32)


def peak() -> int:
    """Return the largest memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def now() -> int:
    """Return the memory that this process has, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def best(times: int, do: Callable[[], object]) -> float:
    """Return the least CPU time of a few."""
    found = []
    for _ in range(times):
        began = time.process_time()
        do()
        found.append(time.process_time() - began)
    return min(found)


def train(n_students: int) -> dict[str, float]:
    """Measure the training of so many students, in this process."""
    import torch

    from outlearn.learners import HeadJob, HeadSettings, fit_predict
    from outlearn.losses import get_loss

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(N, D)).astype(np.float32)
    margins = features @ rng.normal(size=(D, TEACHERS)) * 0.1 + rng.normal(size=(N, TEACHERS))
    probs = 1 / (1 + np.exp(-margins.T))
    targets = np.stack([1 - probs, probs], axis=-1)
    points = {"test": rng.normal(size=(POINTS, D)).astype(np.float32)}
    losses = [get_loss(name) for name in LOSSES]
    seeds = -(-n_students // (len(losses) * TEACHERS))
    every = [
        HeadJob(m, loss, seed=1000 * m + 4 * r + (m + r) % 4)
        for r in range(seeds)
        for loss in losses
        for m in range(TEACHERS)
    ]
    # Every loss has as many students where they are fewer than losses x teachers.
    jobs = every[:: max(1, len(every) // n_students)][:n_students]

    def fit() -> None:
        fit_predict(features, targets, jobs, points, settings=HeadSettings(epochs=EPOCHS, batch_size=BATCH))

    fit_predict(features[:200], targets[:, :200], jobs[:4], points, settings=HeadSettings(epochs=1))  # warm up
    before = now()
    first = best(1, fit)
    grown = peak() - before
    repeats = 2 if n_students > 1000 else 4
    took = min(first, best(repeats, fit))
    bare = products(n_students, repeats)
    returned = 4 * 2 * (POINTS + D) * n_students
    return {
        "students": n_students,
        "cpu_ms_per_student": round(1e3 * took / n_students, 3),
        "products_ms_per_student": round(1e3 * bare / n_students, 3),
        "ratio_to_products": round(took / bare, 2),
        "working_mib": round((grown - returned) / 2**20, 1),
        "returned_mib": round(returned / 2**20, 1),
    }


def products(n_students: int, repeats: int) -> float:
    """Measure the two products of every step, in four orders and chunks of at most 256 heads as training has them."""
    import torch

    torch.set_num_threads(1)
    per_order = -(-n_students // 4)
    chunks = -(-per_order // 256)
    width = max(16, -(-per_order // chunks))
    x = torch.randn(BATCH, D + 1)
    weights = [torch.randn(D + 1, width) for _ in range(4 * chunks)]
    gradient, logits, out = torch.randn(BATCH, width), torch.empty(BATCH, width), torch.empty(D + 1, width)
    steps = EPOCHS * -(-N // BATCH)

    def multiply() -> None:
        for weight in weights:
            for _ in range(steps):
                torch.mm(x, weight, out=logits)
                torch.mm(x.t(), gradient, out=out)

    return best(repeats, multiply)


def sweep(n_runs: int) -> dict[str, float]:
    """Measure a whole sweep of so many runs of 128 students each, in this process."""
    from outlearn.store.store import Store
    from outlearn.sweep.planning import plan_sweep
    from outlearn.sweep.run_sweep import run_sweep
    from outlearn.sweep.sweep_file import parse_sweep

    base = {
        "data": {"name": "digits"},
        "teacher": {"models": TEACHERS, "labels": 35},
        "student": {"seeds": 1, "checkpoints": [], "loss": list(LOSSES), "learner": {"epochs": 5}},
        "ceiling": {"models": 2},
    }
    content = {"name": "benchmark", "base": base, "grid": {"seed": list(range(n_runs))}}
    with tempfile.TemporaryDirectory() as folder:
        store, out = Store(Path(folder) / "store"), Path(folder) / "sweep"
        began = time.process_time()
        plan = plan_sweep(parse_sweep(content), store=store, out=out)
        outcome = run_sweep(plan, store=store, out=out)
        took = time.process_time() - began
        assert len(outcome.finished) == n_runs
    return {
        "runs": n_runs,
        "students": plan.n_students,
        "cpu_s": round(took, 2),
        "cpu_ms_per_student": round(1e3 * took / plan.n_students, 2),
        "peak_mib": round(peak() / 2**20, 1),
    }


def main() -> None:
    """Start a process for each size: a peak of memory never falls."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", action="store_true", help="measure whole sweeps")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps((sweep if given.runs else train)(given.one)))
        return
    for size in RUNS if given.runs else STUDENTS:
        command = [sys.executable, __file__, "--one", str(size), *(["--runs"] if given.runs else [])]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
