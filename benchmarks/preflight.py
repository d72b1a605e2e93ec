"""Does preflight recover variance and shared bias, and foresee the sign of a student's gain? Simulated labelers.

    python benchmarks/preflight.py [--runs 5] [--grid seen|fresh] [--seed 0]

Points have 12 features and a true class. Labelers share an answer that is wrong in a region of the features (shared
bias) and miss it at random (careless). The grid crosses how careless they are, how large the region is, whether a
linear student can take it over ("learnable") or not ("beyond"), whether the student sees all features that decide the
class or loses one, and who labels: one labeler asked twice, two labelers, or three. The fresh grid
has rates, regions and seeds on which nothing was developed. Prints one JSON line a claim:

- coverage: how often 95% intervals hold the true value, over all runs: `missed` (variance) without any true label,
  `shared_bias` and `true_gain` with 300, drawn at random;
- sign: over cells whose gain in accuracy is more than 0.02 from zero, the share in which most runs foresee its sign,
  without true labels and with 300; and how many verdicts say the wrong sign. The gain is that of scikit-learn's
  logistic regression trained on all labels, on 20,000 fresh points. Without true labels the sign is that over the
  shared answer: right where the student takes the shared bias over, not where it cannot learn it ("beyond"), which no
  agreement can tell;
- outside: the same where an assumption is broken on purpose: labelers with habits of their own, and noise that
  concentrates on points near the boundary.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from multiprocessing import get_context
from resource import RUSAGE_CHILDREN, getrusage

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from scipy.stats import norm  # noqa: E402

POINTS, FRESH, TRUE, FEATURES = 1000, 20_000, 300, 12
AWAY = 0.02
DESIGNS = {"asked twice": (1.0, 1.0), "two": (0.7, 1.3), "three": (0.6, 1.0, 1.4)}


@dataclass(frozen=True)
class Cell:
    """One cell of the grid: rates and the region are shares of points."""

    design: str
    careless: float
    bias: float
    region: str = "learnable"  # or "beyond"
    sees_all: bool = True
    habit: float = 0.0
    uneven: bool = False


def cells() -> Iterator[Cell]:
    for design, careless, (bias, region), sees_all in product(
        DESIGNS,
        (0.0, 0.1, 0.2, 0.3),
        ((0.0, "learnable"), (0.1, "learnable"), (0.2, "learnable"), (0.1, "beyond"), (0.2, "beyond")),
        (True, False),
    ):
        yield Cell(design, careless, bias, region, sees_all)


def fresh_cells() -> Iterator[Cell]:
    for design, careless, (bias, region), sees_all in product(
        DESIGNS,
        (0.05, 0.15, 0.25),
        ((0.07, "learnable"), (0.15, "learnable"), (0.07, "beyond"), (0.15, "beyond")),
        (True, False),
    ):
        yield Cell(design, careless, bias, region, sees_all)


def outside() -> Iterator[Cell]:
    for careless, bias in product((0.1, 0.2), (0.0, 0.15)):
        yield Cell("three", careless, bias, habit=0.1)
        yield Cell("asked twice", careless, bias, uneven=True)
        yield Cell("three", careless, bias, uneven=True)


def simulate(cell: Cell, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw points, their true class, the shared answer, and the labels."""
    x = rng.normal(size=(n, FEATURES))
    score = x[:, 0] + x[:, 1]
    y = (score > 0).astype(int)
    if cell.region == "learnable":  # the labelers' boundary is turned by an angle: bias = angle / pi
        angle = np.pi * cell.bias
        shared = (np.cos(angle) * score / np.sqrt(2) + np.sin(angle) * x[:, 2] > 0).astype(int)
    else:  # wrong in both tails of a feature that does not otherwise matter
        shared = np.where(np.abs(x[:, 2]) > norm.isf(cell.bias / 2), 1 - y, y)
    labels, missed = [], []
    for j, factor in enumerate(DESIGNS[cell.design]):
        rate = np.full(n, cell.careless * factor)
        if cell.uneven:  # the same mean, three times as much on the third of points nearest to the boundary
            rate = np.where(np.abs(score) < np.quantile(np.abs(score), 1 / 3), 1.5, 0.75) * rate
            rate = np.minimum(rate * len(rate) * cell.careless * factor / max(rate.sum(), 1e-9), 0.5)
        own = np.abs(x[:, 5 + j]) > norm.isf(cell.habit / 2) if cell.habit else np.zeros(n, dtype=bool)
        answer = np.where(own, 1 - shared, shared)
        labels.append(np.where(rng.random(n) < rate, 1 - answer, answer))
        missed.append(cell.careless * factor * (1 - 2 * cell.habit) + cell.habit)
    return {"x": x, "y": y, "shared": shared, "labels": np.array(labels), "missed": np.array(missed)}


def run(cell: Cell, seed: int) -> dict[str, float | bool | None]:
    """Run preflight on one draw, without and with true labels, and compare with what is true."""
    from sklearn.linear_model import LogisticRegression

    from outlearn.preflight_checks.analyse import preflight
    from outlearn.preflight_checks.verdict import decide
    from outlearn.results.measurement import Withheld
    from outlearn.results.preflight_parts import TruthReport

    rng = np.random.default_rng(seed)
    data, fresh = simulate(cell, POINTS, rng), simulate(cell, FRESH, rng)
    seen = np.arange(FEATURES) != (-1 if cell.sees_all else 1)
    true = np.full(POINTS, -1)
    known = rng.permutation(POINTS)[:TRUE]
    true[known] = data["y"][known]
    twice = cell.design == "asked twice"
    found = preflight(data["labels"], features=data["x"][:, seen].astype(np.float32), true_labels=true,
                      asked_twice=twice, seed=seed)  # fmt: skip

    def student_gain(labels: np.ndarray, n: int) -> float:
        """Train scikit-learn's on these labels of the first n points, and compare with labelers on fresh points."""
        student = LogisticRegression(C=0.1).fit(np.tile(data["x"][:n, seen], (len(labels), 1)), labels[:, :n].ravel())
        right = (student.predict(fresh["x"][:, seen]) == fresh["y"]).mean()
        return float(right - (fresh["labels"] == fresh["y"]).mean())

    gain = student_gain(data["labels"], POINTS)
    # What preflight measures: students of the other labelers, on four fifths of the points.
    groups = {"asked twice": [[0, 1]], "two": [[0, 1]], "three": [[0, 1], [0, 2], [1, 2]]}[cell.design]
    measured = float(np.mean([student_gain(data["labels"][group], POINTS * 4 // 5) for group in groups]))
    kept = [j for j, row in enumerate(found.labelers) if not np.isnan(row.missed.mean)]
    bias = float((fresh["shared"] != fresh["y"]).mean()) if cell.bias else 0.0
    missed = float(data["missed"][kept].mean()) if kept else float("nan")
    student, truth = found.student, found.truth
    assert isinstance(truth, TruthReport)
    without = Withheld("as if there were no true labels")
    free = None if student is None else replace(student, true_gain=without, true_over_vote=without)
    verdict = decide(free, without, largest_bias=found.largest_bias, last_doubling=without, pooling=without)
    error = float((fresh["labels"] != fresh["y"]).mean())
    squared = error - float(np.mean([(a != b).mean() for a, b in pairs(fresh["labels"])])) / 2
    return {
        "gain": gain,
        "measured": measured,
        "missed": holds(found.missed, missed),
        "missed_bounds": bool(found.missed_bounds.low <= missed <= found.missed_bounds.high),
        "shared_bias": holds(truth.shared_bias, bias),
        "squared_bias": holds(truth.squared_bias, squared),
        "error": holds(truth.error, error),
        "true_gain": None if student is None else holds(student.true_gain, measured),
        "bounds": None
        if student is None
        else bool(student.accuracy_gain.low <= measured <= student.accuracy_gain.high),
        "predicted": float("nan") if student is None else student.gain.mean,
        "predicted_true": float("nan") if student is None else student.true_gain.mean,
        "verdict": verdict.key,
        "verdict_true": found.verdict.key,
    }


def pairs(labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return ((labels[i], labels[j]) for i in range(len(labels)) for j in range(i))


def holds(interval, value: float) -> bool | None:
    return None if np.isnan(interval.low) else bool(interval.low <= value <= interval.high)


def share(values: list) -> dict[str, float | int]:
    given = [value for value in values if value is not None]
    return {"held": round(float(np.mean(given)), 3), "runs": len(given), "withheld": len(values) - len(given)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--grid", choices=("seen", "fresh"), default="seen")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.time()
    grid = list(cells() if options.grid == "seen" else fresh_cells())
    others = list(outside()) if options.grid == "seen" else []
    jobs = [
        (cell, 10**6 * options.seed + 1000 * i + k)
        for i, cell in enumerate([*grid, *others])
        for k in range(options.runs)
    ]
    results = defaultdict(list)
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for (cell, _), result in zip(jobs, pool.map(run, *zip(*jobs, strict=True), chunksize=12), strict=True):
            results[cell].append(result)
    inside = [result for cell in grid for result in results[cell]]
    names = ("missed", "shared_bias", "squared_bias", "error", "true_gain", "bounds")
    print(json.dumps({"claim": "coverage", **{name: share([r[name] for r in inside]) for name in names}}))
    for region in ("learnable", "beyond", "both"):
        chosen = [cell for cell in grid if region == "both" or (cell.region == region)]
        print(json.dumps({"claim": "sign", "region": region, **sign(chosen, results)}))
    for label, test in (("habits", lambda c: c.habit > 0), ("uneven noise", lambda c: c.uneven)) if others else ():
        runs = [r for cell in others if test(cell) for r in results[cell]]
        line = {name: share([r[name] for r in runs]) for name in (*names, "missed_bounds")}
        print(json.dumps({"claim": "outside", "what": label, **line, **sign([c for c in others if test(c)], results)}))
    for cell in grid:  # beyond reach the sign is not foreseen without true labels, and no verdict says so
        gain = np.mean([r["gain"] for r in results[cell]])
        predicted = np.mean([r["predicted"] for r in results[cell]])
        if cell.region == "learnable" and abs(gain) > AWAY and gain * predicted < 0:
            print(json.dumps({"claim": "missed cell", "cell": vars(cell), "gain": round(float(gain), 3),
                              "predicted": round(float(predicted), 3)}))  # fmt: skip
    used = getrusage(RUSAGE_CHILDREN)
    line = {"seconds": round(time.time() - start, 1), "cpu_seconds": round(used.ru_utime + used.ru_stime, 1)}
    print(json.dumps({**line, "cells": len(grid), "runs": len(jobs)}))


def sign(chosen: list[Cell], results: dict) -> dict[str, float | int]:
    """Count the cells away from zero in which most runs have the sign of the gain, and runs whose verdict is wrong."""
    away = [cell for cell in chosen if abs(np.mean([r["gain"] for r in results[cell]])) > AWAY]
    found: dict[str, float | int] = {"cells": len(chosen), "away_from_zero": len(away)}
    for name in ("predicted", "predicted_true"):
        right = [
            np.mean([np.sign(r[name]) == np.sign(np.mean([q["gain"] for q in results[cell]])) for r in results[cell]])
            for cell in away
        ]
        found[name] = round(float(np.mean(np.array(right) > 0.5)), 3)
        found[f"{name}_runs"] = round(float(np.mean(right)), 3)
    for name in ("verdict", "verdict_true"):
        decided, wrong = 0, 0
        for cell in away:
            true = np.mean([r["gain"] for r in results[cell]]) > 0
            said = [r[name].removesuffix(" unless shared bias") for r in results[cell]]
            decided += sum(word in ("gain", "no gain") for word in said)
            wrong += sum(word == ("no gain" if true else "gain") for word in said)
        found[f"{name}_decided"], found[f"{name}_wrong"] = decided, wrong
    return found


if __name__ == "__main__":
    main()
