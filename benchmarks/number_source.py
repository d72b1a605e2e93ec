"""Whose numbers should teach, when labelers differ: the table of docs/regression.md.

Five simulated labelers of four tasks label half of the points; ridge regression learns from their plain mean, their
median, their weighted mean, or what `choose_source` names, its penalty by leave-one-out on those labels for all four
alike. Risk is the mean squared error on the other half, over its variance; the mean of the splits.

    python benchmarks/number_source.py            # under a minute on one core
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1, make_regression

from outlearn.core.labelers.combinations import NUMBER_COMBINATIONS
from outlearn.core.numbers import Numbers
from outlearn.learners.ridge_heads import PENALTIES, fit_ridge
from outlearn.selection.number_source import choose_source

LABELERS = 5
Points = tuple[np.ndarray, np.ndarray]

TASKS: Mapping[str, Callable[[int], Points]] = {
    "diabetes": lambda seed: load_diabetes(return_X_y=True),
    "Friedman 1": lambda seed: make_friedman1(1500, 10, noise=1.0, random_state=seed),
    "linear, 100 features": lambda seed: make_regression(1500, 100, n_informative=20, noise=20.0, random_state=seed),
    "linear, 60 points": lambda seed: make_regression(120, 8, noise=10.0, random_state=seed),
}


def even(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Errors of one variance, that of the target."""
    return rng.normal(size=shape)


def one_imprecise(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """The same, of one labeler five times as large."""
    return rng.normal(size=shape) * np.array([5.0, 1, 1, 1, 1])[:, None]


def wild(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Errors of a half, and at one label in ten of Student's t with two degrees of freedom, times ten."""
    return np.where(rng.random(shape) < 0.1, 10 * rng.standard_t(2, size=shape), 0.5 * rng.normal(size=shape))


def shared(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Three of the five repeat each other's errors, but for a tenth: what no choice without truth can see."""
    errors = rng.normal(size=shape)
    return np.vstack([errors[:1], errors[0] + 0.1 * errors[1:3], errors[3:]])


ERRORS = {"alike": even, "one imprecise": one_imprecise, "wild": wild, "three share errors": shared}


def risks(points: Points, errors: Callable, seed: int) -> dict[str, float]:
    """Return the risk of the student of each combination, and of the chosen one, over the variance of the target."""
    rng = np.random.default_rng(seed)
    x, y = points
    order = rng.permutation(len(y))
    seen, kept = order[: len(y) // 2], order[len(y) // 2 :]
    said = Numbers.from_values(y[seen] + y[seen].std() * errors(rng, (LABELERS, len(seen))))
    found = {}
    for name, combination in NUMBER_COMBINATIONS.items():
        taught = combination.fit(said)(said).values
        heads = fit_ridge(x[seen], taught, PENALTIES, standardise=True, held_out=True)
        predicted = heads.at(heads.best()).predict(x[kept])[0, 0]
        found[name] = float(np.square(predicted - y[kept]).mean() / y[kept].var())
    return {**found, "chosen": found[choose_source(said).chosen]}


def main() -> None:
    """Print a row for each task and kind of errors."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--splits", type=int, default=20)
    splits = asked.parse_args().splits
    names = (*NUMBER_COMBINATIONS, "chosen")
    print(f"| task | errors | {' | '.join(names)} | chosen / mean, middle (5% to 95% of splits) |")
    print("|---|---|" + "---|" * (len(names) + 1))
    for task, draw in TASKS.items():
        for kind, errors in ERRORS.items():
            rows = [risks(draw(seed), errors, seed) for seed in range(splits)]
            mean = {name: np.mean([row[name] for row in rows]) for name in names}
            ratio = np.quantile([row["chosen"] / row["mean"] for row in rows], [0.5, 0.05, 0.95])
            cells = " | ".join(f"{mean[name]:.3f}" for name in names)
            print(f"| {task} | {kind} | {cells} | {ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f}) |", flush=True)


if __name__ == "__main__":
    main()
