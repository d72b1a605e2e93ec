"""How sensitive forward and reverse students are to the confidence of teachers of one accuracy, read from a sweep.

    outlearn sweep configs/sweeps/uncertainty.yaml --workers 2
    python benchmarks/uncertainty.py runs/uncertainty

Prints Markdown, for each task: accuracy and log loss of each loss's students at temperature 1, and their paired change
at other temperatures with 95% intervals for new splits; and, at the points and with the students of each temperature,

- |J(t)| and |J(s)|, the Frobenius norms of diag(p) - p p': how much the gradients of forward and of reverse
  cross-entropy change with the teacher's logits (docs/losses.md), t the labels at that temperature;
- the share of points at which the reverse one is the smaller;
- |g|, the norm of each loss's gradient at its own students, t the labels at that temperature.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outlearn.core.across_tasks.block_means import over_splits
from outlearn.core.intervals import Interval
from outlearn.core.predictions import Predictions
from outlearn.results.sweep import SweptRun, load_sweep

TEMPERATURE = "weak_labels.temperature"
FORWARD, REVERSE = "forward_ce", "reverse_ce"
AS_IT_IS = 1.0


@dataclass(frozen=True)
class Sensitivity:
    """Hold means over students and points of one run."""

    forward: float
    reverse: float
    less: float
    forward_gradient: float
    reverse_gradient: float


def spread(log_probs: np.ndarray) -> np.ndarray:
    """Return |J(p)| at every point: J = diag(p) - p p', so |J|^2 = sum p^2 - 2 sum p^3 + (sum p^2)^2."""
    p = np.exp(log_probs)
    squares = np.square(p).sum(axis=-1)
    return np.sqrt(np.maximum(squares - 2 * (p**3).sum(axis=-1) + squares**2, 0.0))


def sensitivity(run: SweptRun) -> Sensitivity:
    """Measure the gradients' sensitivities at a run's test points, at its own students."""
    found = run.run.predictions
    temperature = float(run.values[TEMPERATURE])

    def labels(loss: str) -> np.ndarray:
        of = np.asarray(found.students[loss].teacher_of)
        return Predictions.from_logits(found.labelers[loss].log_probs[of] / temperature).log_probs

    forward, reverse = (found.students[loss].log_probs for loss in (FORWARD, REVERSE))
    to_forward, to_reverse = labels(FORWARD), labels(REVERSE)
    s = np.exp(reverse)
    # g_RCE = -J(s) log t
    reverse_gradient = -s * (to_reverse - (s * to_reverse).sum(axis=-1, keepdims=True))
    return Sensitivity(
        forward=float(spread(to_forward).mean()),
        reverse=float(spread(reverse).mean()),
        less=float((spread(reverse) < spread(to_reverse)).mean()),
        forward_gradient=float(np.linalg.norm(np.exp(forward) - np.exp(to_forward), axis=-1).mean()),
        reverse_gradient=float(np.linalg.norm(reverse_gradient, axis=-1).mean()),
    )


def change(runs: Sequence[SweptRun], loss: str, metric: str, temperature: float) -> Interval:
    """Return the metric at a temperature less that at 1, paired by split."""
    at = {(float(run.values[TEMPERATURE]), str(run.seed)): run for run in runs}
    seeds = sorted({seed for _, seed in at})
    values = [
        getattr(at[temperature, seed].run.students[loss], metric).mean
        - getattr(at[AS_IT_IS, seed].run.students[loss], metric).mean
        for seed in seeds
    ]
    tasks = [at[AS_IT_IS, seed].run.task for seed in seeds]
    splits = np.arange(len(seeds))
    shared = np.array([task.n_test / task.n_student for task in tasks])
    return over_splits(np.array(values), np.zeros(len(seeds), dtype=np.int64), splits, shared)


def main(folder: str) -> None:
    """Print the tables."""
    sweep = load_sweep(folder)
    for task in dict.fromkeys(run.task for run in sweep.runs):
        runs = [run for run in sweep.runs if run.task == task]
        temperatures = sorted({float(run.values[TEMPERATURE]) for run in runs})
        others = [each for each in temperatures if each != AS_IT_IS]
        for metric, scale, digits in (("accuracy", 100, 1), ("log_loss", 1, 3)):
            print(f"\n{task}, {metric}\n")
            print(f"| loss | at 1 | {' | '.join(f'at {each:g}' for each in others)} |")
            print("|---|---|" + "---|" * len(others))
            for loss in runs[0].run.students:
                own = [run for run in runs if float(run.values[TEMPERATURE]) == AS_IT_IS]
                mean = scale * np.mean([getattr(run.run.students[loss], metric).mean for run in own])
                cells = []
                for each in others:
                    found = change(runs, loss, metric, each)
                    mean_, low, high = (scale * value for value in (found.mean, found.low, found.high))
                    cells.append(f"{mean_:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]")
                print(f"| {loss} | {mean:.{digits}f} | {' | '.join(cells)} |")
        print(f"\n{task}, gradients\n")
        print("| temperature | forward: mean J(t) | reverse: mean J(s) | reverse is less | forward g | reverse g |")
        print("|---|---|---|---|---|---|")
        for each in temperatures:
            found = [sensitivity(run) for run in runs if float(run.values[TEMPERATURE]) == each]
            m = np.mean([list(vars(one).values()) for one in found], axis=0)
            print(f"| {each:g} | {m[0]:.3f} | {m[1]:.3f} | {m[2]:.0%} of points | {m[3]:.3f} | {m[4]:.3f} |")


if __name__ == "__main__":
    main(sys.argv[1])
