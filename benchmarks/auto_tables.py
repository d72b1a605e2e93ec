"""`auto` on tables that nobody tuned it on: scikit-learn's own, and shapes that it was not made for.

    python benchmarks/auto_tables.py [TABLE ...] [--draws 3] [--out tables.jsonl]

Each table twice: eight logistic models on few true labels and half of the columns each, and five annotators with gaps
who err at one point in three, half of the time for a class that each prefers. Half of the points are to learn from, the
others are new. Accuracy in %, of a labeler, of the labelers' mean (of annotators on the points that they label), of
scikit-learn's students of that mean, of the best of four losses of the package on it in hindsight, of `auto`, of the
control, logistic regression on the true labels of one of the models, and of logistic regression on all true labels.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from outlearn.estimator.classifier import EPOCHS, LEAST_STEPS
from outlearn.estimator.weak_students import WeakLabels, WeakStudents, fit_weak_students
from outlearn.learners.jobs import HeadSettings

POINTS = 1200
MODELS, LABELS_A_CLASS = 8, 6
ANNOTATORS, ERROR, ANSWERED, LEANING = 5, 0.33, 0.7, 0.5
LOSSES = ("forward_ce", "reverse_ce", "aux_conf", "mae")

Table = tuple[np.ndarray, np.ndarray]


def _classification(seed: int, **settings: Any) -> Table:
    return datasets.make_classification(POINTS, random_state=seed, **settings)


def _at_most(x: np.ndarray, y: np.ndarray, seed: int) -> Table:
    rows = np.random.default_rng(seed).permutation(len(x))[:POINTS]
    return x[rows], y[rows]


def _digits(seed: int, keep: Callable[[np.ndarray], np.ndarray], name: Callable[[np.ndarray], np.ndarray]) -> Table:
    x, y = datasets.load_digits(return_X_y=True)
    rows = keep(y)
    return _at_most(x[rows], name(y[rows]), seed)


def _levels(seed: int) -> Table:
    """Four levels of a linear score: each class lies between two others."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(POINTS, 12))
    score = x @ rng.normal(size=12) + rng.normal(size=POINTS)
    return x, np.digitize(score, np.quantile(score, [0.25, 0.5, 0.75]))


def _between(seed: int) -> Table:
    """Three clouds in a row."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, POINTS)
    x = rng.normal(size=(POINTS, 6))
    x[:, 0] += 3.0 * y
    return x @ rng.normal(size=(6, 6)), y


def _xor(seed: int) -> Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(POINTS, 8))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def _spreads(seed: int) -> Table:
    """Two clouds about nearly one mean, one three times as wide (ringnorm)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, POINTS)
    return rng.normal(size=(POINTS, 10)) * np.where(y == 1, 3.0, 1.0)[:, None] + 0.7 * y[:, None], y


def _unscaled(seed: int) -> Table:
    x, y = _classification(seed, n_features=20, n_informative=8, n_redundant=2)
    rng = np.random.default_rng(seed)
    scales = 10.0 ** rng.uniform(-3, 4, 20)
    heavy = rng.random(20) < 0.3
    return np.where(heavy, np.exp(1.5 * x), x) * scales + 5 * scales, y


def _categories(seed: int) -> Table:
    """Ten columns of categories as zeros and ones, of which four decide."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (POINTS, 10))
    worth = rng.normal(size=(10, 4)) * (np.arange(10) < 4)[:, None]
    score = worth[np.arange(10), codes].sum(axis=1) + 0.3 * rng.normal(size=POINTS)
    return np.eye(4)[codes].reshape(POINTS, -1), (score > np.median(score)).astype(int)


def _hastie(seed: int) -> Table:
    x, y = datasets.make_hastie_10_2(POINTS, random_state=seed)
    return x, (y > 0).astype(int)


TABLES: dict[str, Callable[[int], Table]] = {
    "iris": lambda seed: datasets.load_iris(return_X_y=True),
    "wine": lambda seed: datasets.load_wine(return_X_y=True),
    "breast cancer": lambda seed: datasets.load_breast_cancer(return_X_y=True),
    "digits": lambda seed: _digits(seed, lambda y: y >= 0, lambda y: y),
    "digits 3, 5, 8": lambda seed: _digits(
        seed, lambda y: np.isin(y, (3, 5, 8)), lambda y: np.searchsorted((3, 5, 8), y)
    ),
    "digits, odd or even": lambda seed: _digits(seed, lambda y: y >= 0, lambda y: y % 2),
    "digit 9 or not, 10:90": lambda seed: _digits(seed, lambda y: y >= 0, lambda y: (y == 9).astype(int)),
    "moons": lambda seed: datasets.make_moons(POINTS, noise=0.2, random_state=seed),
    "circles": lambda seed: datasets.make_circles(POINTS, noise=0.1, factor=0.5, random_state=seed),
    "exclusive or": _xor,
    "hastie": _hastie,
    "two spreads": _spreads,
    "Gaussian rings, 3 classes": lambda seed: datasets.make_gaussian_quantiles(
        n_samples=POINTS, n_features=5, n_classes=3, random_state=seed
    ),
    "three clouds in a row": _between,
    "four levels of a score": _levels,
    "8 blobs": lambda seed: datasets.make_blobs(POINTS, n_features=6, centers=8, cluster_std=3.0, random_state=seed),
    "16 blobs": lambda seed: datasets.make_blobs(POINTS, n_features=10, centers=16, cluster_std=4.0, random_state=seed),
    "20 columns": lambda seed: _classification(seed, n_features=20, n_informative=5, n_redundant=5),
    "60 columns, 5 of use": lambda seed: _classification(seed, n_features=60, n_informative=5, n_redundant=0),
    "5 classes, 4 clusters each": lambda seed: _classification(
        seed, n_features=20, n_informative=10, n_classes=5, n_clusters_per_class=4
    ),
    "classes of 90:10": lambda seed: _classification(seed, n_features=15, n_informative=6, weights=[0.9], flip_y=0),
    "4 classes of 70:15:10:5": lambda seed: _classification(
        seed, n_features=15, n_informative=8, n_classes=4, n_clusters_per_class=1, weights=[0.7, 0.15, 0.1], flip_y=0
    ),
    "unscaled columns": _unscaled,
    "categories": _categories,
}


@dataclass(frozen=True, eq=False)
class Labels:
    """What labelers say of the points to learn from, and of new ones; with the true labels of models."""

    own: np.ndarray  # [labelers, points, classes]
    weights: np.ndarray  # [labelers, points], 0 for a gap
    new: np.ndarray  # the same of new points; of annotators nothing
    taught: np.ndarray | None
    control: tuple[np.ndarray, np.ndarray] | None


def models(
    x: np.ndarray, y: np.ndarray, known: np.ndarray, rows: np.ndarray, new: np.ndarray, rng: np.random.Generator
) -> Labels:
    """Train each on few labels of `known` and half of the columns."""
    k, d = y.max() + 1, x.shape[1]
    own: list[np.ndarray] = []
    others: list[np.ndarray] = []
    taught, control = np.zeros(len(x), bool), None
    for _ in range(MODELS):
        chosen = rng.choice(known, min(LABELS_A_CLASS * k, len(known)), replace=False)
        while len(np.unique(y[chosen])) < 2:
            chosen = rng.choice(known, len(chosen), replace=False)
        columns = rng.choice(d, -(-d // 2), replace=False)
        fit = _logistic().fit(x[chosen][:, columns], y[chosen])
        for points, found in ((rows, own), (new, others)):
            probs = np.full((len(points), k), 1e-6)
            probs[:, fit.classes_] = fit.predict_proba(x[points][:, columns])
            found.append(probs / probs.sum(axis=1, keepdims=True))
        taught[chosen] = True  # each label once, however many learn from it
        control = control or (x[chosen], y[chosen])
    return Labels(
        np.stack(own), np.ones((MODELS, len(rows))), np.stack(others), np.bincount(y[taught], minlength=k), control
    )


def annotators(y: np.ndarray, rng: np.random.Generator) -> Labels:
    """Let each err at a third of the points, half of the time for the class that it prefers, and leave gaps."""
    k = int(y.max()) + 1
    said = np.empty((ANNOTATORS, len(y)), int)
    for a in range(ANNOTATORS):
        other = (y + rng.integers(1, k, len(y))) % k
        other = np.where(rng.random(len(y)) < LEANING, a % k, other)
        said[a] = np.where(rng.random(len(y)) < ERROR, other, y)
    return Labels(np.eye(k)[said], (rng.random(said.shape) < ANSWERED).astype(float), np.empty(0), None, None)


def student(x: np.ndarray, labels: np.ndarray, weights: Any, taught: Any, loss: str) -> WeakStudents:
    """Train by a loss or recipe, with the estimator's settings."""
    names = tuple(map(str, range(labels.shape[-1])))
    weak = WeakLabels(x, labels, weights, taught, taught is not None, names, "none", x[:0], np.empty(0, np.int64))
    settings = HeadSettings(epochs=max(EPOCHS, LEAST_STEPS / -(-len(x) // 128)))
    return fit_weak_students(weak, loss, rounds=0, n_seeds=1, settings=settings, rng=np.random.default_rng(0))


def measured(x: np.ndarray, y: np.ndarray, world: str, seed: int) -> dict[str, float]:
    """Return the accuracy of each way on new points, and whether `auto` warned."""
    rng = np.random.default_rng([seed, len(world)])
    order, n = rng.permutation(len(x)), len(x)
    rows, new = order[: n // 2], order[n // 2 :]
    if world == "models":
        known, new = new[: len(new) // 2], new[len(new) // 2 :]
        labels = models(x, y, known, rows, new, rng)
        said, truth = labels.new, y[new]
    else:
        labels = annotators(y[rows], rng)
        said, truth = labels.own, y[rows]
    weights = labels.weights if world == "annotators" else np.ones(said.shape[:2])
    found = {
        "labeler": float((said.argmax(axis=-1) == truth)[weights > 0].mean()),
        "mean": float((mean_of(said, weights).argmax(axis=-1) == truth).mean()),
    }
    own, others, y_new = x[rows].astype(np.float32), x[new].astype(np.float32), y[new]
    mean = mean_of(labels.own, labels.weights)
    k = mean.shape[1]
    taught = mean.ravel() > 0  # each point once for each class, weighted by its probability
    examples = (np.repeat(own, k, axis=0)[taught], np.tile(np.arange(k), len(own))[taught])
    rivals = {
        "logistic": _logistic(),
        "forest": make_pipeline(RandomForestClassifier(200, min_samples_leaf=5, random_state=0)),
        "boosting": make_pipeline(HistGradientBoostingClassifier(max_iter=60, random_state=0)),
    }
    for name, fit in rivals.items():
        fit.fit(*examples, **{f"{fit.steps[-1][0]}__sample_weight": mean.ravel()[taught]})
        found[name] = float(fit.score(others, y_new))
    for loss in LOSSES:
        found[loss] = _accuracy(student(own, mean[None], None, None, loss), others, y_new)
    found["best loss"] = max(found[loss] for loss in LOSSES)
    answer = student(own, labels.own, labels.weights, labels.taught, "auto")
    found |= {"auto": _accuracy(answer, others, y_new), "warned": float(bool(answer.warnings))}
    if labels.control:
        found["control"] = float(_logistic().fit(*labels.control).score(x[new], y_new))
    ceiling = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=5, max_iter=2000)).fit(own, y[rows])
    return {**found, "ceiling": float(ceiling.score(others, y_new))}


def mean_of(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the labelers' mean, equal parts where nobody answers."""
    count = weights.sum(axis=0)[:, None]
    total = (labels * weights[..., None]).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), 1 / labels.shape[-1])


def _logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


def _accuracy(students: WeakStudents, x: np.ndarray, y: np.ndarray) -> float:
    return float((students.heads.predict(x)[0].argmax(axis=-1) == y).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    columns = ("labeler", "mean", "logistic", "forest", "boosting", "best loss", "auto", "control", "ceiling")
    for world in ("models", "annotators"):
        print(f"| {world} | {' | '.join(columns)} | warned |\n|{'---|' * (len(columns) + 2)}")
        for table, make in TABLES.items():
            if options.tables and table not in options.tables:
                continue
            found = [measured(*make(seed), world, seed) for seed in range(options.draws)]
            means = {name: 100 * np.mean([each[name] for each in found]) for name in found[0]}
            cells = [f"{means[name]:.1f}" if name in means else "" for name in columns]
            print(f"| {table} | {' | '.join(cells)} | {sum(e['warned'] for e in found):.0f} |", flush=True)
            if options.out:
                with options.out.open("a") as file:
                    file.write(json.dumps({"table": table, "world": world, "draws": found}) + "\n")


if __name__ == "__main__":
    main()
