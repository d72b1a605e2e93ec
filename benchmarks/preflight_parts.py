"""Do preflight's intervals of soft labels, and of what a student inherits, hold what is true?

    python benchmarks/preflight_parts.py [--runs 200]

Soft labels of 2 to 8 labelers vary about shared logits, 400 points of which 150 have a true label; a student is right,
or repeats the labelers' shared mistake at a part of 1,000 points. The truth is computed on 100,000 fresh points.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from itertools import product

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from scipy.special import log_softmax, softmax  # noqa: E402

from outlearn.core.labelers.inherited_bias import inherited_bias  # noqa: E402
from outlearn.core.labelers.label_variance import label_variance  # noqa: E402
from outlearn.data.label_table import UNLABELED  # noqa: E402
from preflight_cells import FRESH, Cell, simulate  # noqa: E402


def soft_labels(n: int, labelers: int, k: int, apart: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Draw the shared logits, distributions of labelers about them, and the truth."""
    shared = rng.normal(size=(n, k)) * 1.5
    labels = softmax(shared + rng.normal(size=(labelers, n, k)) * apart, axis=2)
    truth = (rng.random((n, 1)) > np.cumsum(softmax(shared * 0.8, axis=1), axis=1)[:, :-1]).sum(axis=1)
    return shared, labels, truth


def soft_part(runs: int) -> dict[tuple[str, str], list[tuple[bool, bool]]]:
    found: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for labelers, k, apart in product((2, 4, 8), (2, 4), (0.3, 1.0)):
        shared, labels, truth = soft_labels(FRESH // 2, labelers, k, apart, np.random.default_rng(1))
        log_centre = log_softmax(shared, axis=1)  # the mean of logits of ever more labelers
        spread = float((np.exp(log_centre) * (log_centre - np.log(labels))).sum(axis=2).mean())
        of_centre = labels.mean(axis=0)
        true = {
            "nats_plug_in": float(plug_in_nats(labels)), "nats": spread,
            "squared_plug_in": float(np.square(labels - of_centre).sum(axis=2).mean() / 2),
            "log_loss": float(-np.log(labels[:, np.arange(len(truth)), truth]).mean()),
            "bias": float(-log_centre[np.arange(len(truth)), truth].mean()),
        }  # fmt: skip
        true["squared"] = true["squared_plug_in"] * labelers / (labelers - 1)
        for run in range(runs):
            rng = np.random.default_rng(10**6 + run)
            _, labels, truth = soft_labels(400, labelers, k, apart, rng)
            truth[150:] = UNLABELED
            measured = label_variance(labels, truth)
            for name, value in true.items():
                interval = getattr(measured, name)
                found[name, f"{labelers} labelers"].append((interval.low > value, interval.high < value))
    return found


def plug_in_nats(labels: np.ndarray) -> float:
    centre = log_softmax(np.log(labels).mean(axis=0), axis=1)
    return float((np.exp(centre) * (centre - np.log(labels))).sum(axis=2).mean())


def with_student(cell: Cell, n: int, repeats: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Draw the truth, votes, and a student that repeats a share of the answers that labelers share."""
    truth, p, labels = simulate(cell, n, rng)
    student = np.where(rng.random(n) < repeats, p.mean(axis=0).argmax(axis=1), truth)
    student = np.where(rng.random(n) < 0.05, rng.integers(0, cell.n_classes, n), student)
    votes = np.where(labels[..., None] >= 0, np.eye(cell.n_classes)[np.maximum(labels, 0)], np.nan)
    return truth, votes, np.broadcast_to(np.eye(cell.n_classes)[student], votes.shape)


def inherited_part(runs: int) -> dict[tuple[str, str], list[tuple[bool, bool]]]:
    """What a student repeats: one that is right, or repeats the shared mistake at a part of its points."""
    found: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for repeats, k, n_true in product((0.2, 0.8), (2, 4), (50, 150, 400)):
        cell = Cell(k, False, "alike", 0.2, n_true, "random", labelers=4, bias=0.12, rate=0.2, unequal=0.3)
        truth, votes, student = with_student(cell, FRESH // 2, repeats, np.random.default_rng(1))
        whole = inherited_bias(votes, student, truth)
        for run in range(runs):
            truth, votes, student = with_student(cell, 1000, repeats, np.random.default_rng(2 * 10**6 + run))
            truth[n_true:] = UNLABELED
            part = inherited_bias(votes, student, truth)
            for name in ("error", "repeated", "student_error"):
                interval, value = getattr(part, name).interval(0.95), getattr(whole, name).value
                found[f"inherited: {name}", f"{n_true} true labels"].append(
                    (interval.low > value, interval.high < value)
                )
    return found


def print_parts(found: dict[tuple[str, str], list[tuple[bool, bool]]]) -> None:
    for (name, of), sides in sorted(found.items()):
        above, below = np.mean(sides, axis=0)
        print(f"{name:<40}{of:<20}{len(sides):>8}{1 - above - below:>8.1%}{above:>10.1%}{below:>9.1%}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200, help="of each cell")
    options = parser.parse_args()
    print_parts(soft_part(options.runs) | inherited_part(options.runs))


if __name__ == "__main__":
    main()
