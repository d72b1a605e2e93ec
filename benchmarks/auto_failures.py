"""Where choosing without labels fails: made-up labelers of Gaussian classes, one assumption broken at a time.

    python benchmarks/auto_failures.py [--draws 3]

Each row: 1,000 points to learn from in 40 dimensions and 1,000 new ones; accuracy of a labeler, of the labelers' vote
(both on the points that they label), of `auto` and of logistic regression on true labels (on new ones), and in how many
draws `auto` warned.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression

import outlearn as ol

POINTS, FEATURES, ERROR = 1000, 40, 0.3
SEPARATION = 0.35  # of the classes' centres in each dimension


@dataclass(frozen=True)
class World:
    """Who labels what; `hidden` and `seen` are shares of points at which all err alike, as features show or not."""

    classes: int = 2
    labelers: int = 5
    first: float | None = None  # share of the first class
    gaps: float = 0.0
    hidden: float = 0.0
    seen: float = 0.0
    by_chance: float = ERROR


def measured(world: World, seed: int) -> tuple[float, float, float, float, bool]:
    """Return the four accuracies, and whether there was a warning."""
    rng = np.random.default_rng(seed)
    k, n = world.classes, POINTS
    rest = (1 - (world.first or 1 / k)) / (k - 1)
    y = rng.choice(k, 2 * n, p=[world.first or 1 / k, *[rest] * (k - 1)])
    x = rng.normal(size=(k, FEATURES))[y] * SEPARATION + rng.normal(size=(2 * n, FEATURES))
    wrong = (y + 1) % k
    said = np.where(rng.random(2 * n) < world.hidden, wrong, y)
    said = np.where(x[:, 0] > np.quantile(x[:, 0], 1 - world.seen), wrong, said) if world.seen else said
    votes = np.where(
        rng.random((world.labelers, n)) < world.by_chance, rng.integers(0, k, (world.labelers, n)), said[:n]
    )
    votes[rng.random(votes.shape) < world.gaps] = -1
    vote = np.stack([(votes == c).sum(axis=0) for c in range(k)], axis=1).argmax(axis=1)
    model = ol.WeakToStrongClassifier(loss="auto", random_state=0).fit(x[:n], weak_labels=votes)
    ceiling = LogisticRegression(C=0.1, max_iter=2000).fit(x[:n], y[:n])
    labeler = float((votes == y[:n])[votes >= 0].mean())
    return (
        labeler,
        float((vote == y[:n]).mean()),
        model.score(x[n:], y[n:]),
        ceiling.score(x[n:], y[n:]),
        bool(model.warnings_),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=3)
    draws = parser.parse_args().draws
    plain = World()
    worlds = {
        "five labelers that err by chance, 2 classes": plain,
        "two labelers": replace(plain, labelers=2),
        "sixteen labelers": replace(plain, labelers=16),
        "4 classes": replace(plain, classes=4),
        "16 classes": replace(plain, classes=16),
        "six of ten labels missing": replace(plain, gaps=0.6),
        "classes of 90:10": replace(plain, first=0.9),
        "a fifth wrong for all, unseen by features": replace(plain, hidden=0.2),
        "a fifth wrong for all, where a feature is large": replace(plain, seen=0.2),
    }
    print("| labelers | one | their vote | auto | true labels | warned |\n|---|---|---|---|---|---|")
    for name, world in worlds.items():
        found = np.array([measured(world, seed) for seed in range(draws)])
        cells = " | ".join(f"{100 * value:.1f}" for value in found[:, :4].mean(axis=0))
        print(f"| {name} | {cells} | {found[:, 4].sum():.0f} of {draws} |", flush=True)


if __name__ == "__main__":
    main()
