"""Simulated tables of labels with few true ones, by cells, and what is true of them: for `preflight_coverage.py`.

A cell is a kind of table: labelers, points, classes, their skew, gaps, how often the labelers' shared answer is wrong
(`bias`) and missed (`rate`); points alike or of beta-distributed difficulty, or a labeler that copies another at 30% of
points; and 50 to 500 true labels, of points drawn at random or allocated by strata as `--label-next` draws them. The
truth is computed on 200,000 fresh points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from outlearn.core.labelers.agreement_coefficients import COEFFICIENTS, agreement_coefficients, class_counts
from outlearn.core.labelers.split_votes import split_vote_agreement
from outlearn.core.labelers.strata import DrawnStrata
from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.preflight_checks.measures import LabelMeasures
from outlearn.preflight_checks.next_labels import Population

FRESH, COPIED, SPREAD = 200_000, 0.3, 3.0


@dataclass(frozen=True)
class Cell:
    """One kind of table."""

    n_classes: int
    skewed: bool
    noise: str  # "alike", "differ" or "copied"
    gaps: float
    n_true: int
    drawn: str  # "random" or "allocated"
    labelers: int = 5
    bias: float = 0.1
    rate: float = 0.2
    points: int = 1000
    unequal: float = 0.0  # the labelers' rates differ from their mean by up to this share of it
    better: str = "by rate"  # or "by skill", "by odds": how a better labeler's rate changes with difficulty
    copied: float = COPIED


def seen() -> Iterator[Cell]:
    for k, skewed, noise, gaps, n_true, drawn in product(
        (2, 4), (False, True), ("alike", "differ", "copied"), (0.0, 0.4), (50, 200, 500), ("random", "allocated")
    ):
        yield Cell(k, skewed, noise, gaps, n_true, drawn)


def unseen() -> Iterator[Cell]:
    """Every combination of noise, draw and number of true labels; the rest is drawn once for all."""
    rng = np.random.default_rng(20)
    for noise, drawn, n_true in product(("alike", "differ", "copied"), ("random", "allocated"), (50, 120, 400)):
        for skewed in (False, True):
            yield Cell(
                int(rng.choice([2, 3, 5])), skewed, noise, float(rng.choice([0.0, 0.2, 0.5])), n_true, drawn,
                labelers=int(rng.choice([4, 6, 8])), bias=float(rng.choice([0.05, 0.15, 0.2])),
                rate=float(rng.choice([0.12, 0.25])), points=int(rng.choice([800, 2500])), unequal=0.3,
            )  # fmt: skip


def fresh() -> Iterator[Cell]:
    """Every combination of noise and of how labelers differ, twice; the rest is drawn once for all."""
    rng = np.random.default_rng(27)
    for noise, better, skewed in product(
        ("alike", "differ", "copied"), ("by rate", "by skill", "by odds"), (False, True)
    ):
        yield Cell(
            int(rng.choice([2, 3, 4])), skewed, noise, float(rng.choice([0.0, 0.1, 0.3])), 100, "random",
            labelers=int(rng.choice([4, 5, 7])), bias=float(rng.choice([0.05, 0.1])),
            rate=float(rng.choice([0.1, 0.18, 0.22])), points=int(rng.choice([600, 1500, 3000])),
            unequal=float(rng.choice([0.2, 0.4])), better=better, copied=float(rng.choice([0.2, 0.5])),
        )  # fmt: skip


def rates_of(cell: Cell, rate: np.ndarray) -> np.ndarray:
    """Return how often each labeler misses each point: `[labelers, points]`."""
    apart = cell.unequal * np.linspace(-1, 1, cell.labelers)
    if cell.noise == "copied":  # the two that are alike in skill too, so that a copy is as good as its original
        apart[1] = apart[0]
    apart = apart[:, None]
    if cell.better == "by skill":
        most = (cell.n_classes - 1) / cell.n_classes
        return most * (1 - (1 - rate / most) * (1 - apart) / (1 + cell.unequal))
    if cell.better == "by odds":
        odds = rate / np.maximum(1 - rate, 1e-9) * np.exp(2 * apart)
        return odds / (1 + odds)
    return np.minimum(rate * (1 + apart), 1.0)


def simulate(cell: Cell, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the truth, each labeler's distribution of labels at each point, and the labels."""
    k = cell.n_classes
    truth = rng.choice(k, n, p=np.array([0.8, *[0.2 / (k - 1)] * (k - 1)]) if cell.skewed else np.full(k, 1 / k))
    answer = np.where(rng.random(n) < cell.bias, (truth + rng.integers(1, k, n)) % k, truth)
    rate = np.full(n, cell.rate)
    if cell.noise == "differ":
        rate = rng.beta(SPREAD * cell.rate, SPREAD * (1 - cell.rate), n)
    rates = rates_of(cell, rate)[:, :, None]
    p = np.where(np.eye(k)[answer] == 1, 1 - rates, rates / (k - 1))
    labels = (rng.random((cell.labelers, n, 1)) > np.cumsum(p, axis=2)[:, :, :-1]).sum(axis=2)
    if cell.noise == "copied":
        labels[1] = np.where(rng.random(n) < cell.copied, labels[0], labels[1])
    labels[rng.random(labels.shape) < cell.gaps] = UNLABELED
    return truth, p, labels


def true_values(cell: Cell) -> dict[str, float]:
    truth, p, labels = simulate(cell, FRESH, np.random.default_rng(1))
    at, mean = np.arange(FRESH), p.mean(axis=0)
    shared = mean.argmax(axis=1)
    wrong, first_wrong = 1 - mean[at, truth].mean(), 1 - p[0, at, truth].mean()
    differ = {(i, j): disagreement(labels[i], labels[j]) for i, j in combinations(range(cell.labelers), 2)}
    of_two = float(np.mean(list(differ.values())))
    found = {
        "disagreement": of_two,
        "agreement of a labeler": 1 - float(np.mean([value for pair, value in differ.items() if 0 in pair])),
        "error of a labeler": first_wrong,
        "error": wrong,
        "bias in squared loss": wrong - of_two / 2,
        "rate, error, corrected": wrong,
        "rate, error, true labels alone": wrong,
        "segment, error, corrected": wrong,
        "variance": 1 - mean[at, shared].mean(),
        "shared bias": float((shared != truth).mean()),
        "variance of a labeler": 1 - p[0, at, shared].mean(),
    }
    for name, k in (("first", 0), ("last", cell.n_classes - 1)):
        share = float((truth == k).mean())
        found |= {f"{part}, {name} class, {how}": share for part in ("rate", "segment")
                  for how in ("corrected", "true labels alone", "Rogan-Gladen")}  # fmt: skip
        found[f"rate, {name} class, as labeled"] = float(mean[:, k].mean())
    return found


def disagreement(first: np.ndarray, second: np.ndarray) -> float:
    both = (first >= 0) & (second >= 0)
    return float((first != second)[both].mean())


def table_of(cell: Cell, seed: int) -> LabelTable:
    rng = np.random.default_rng(seed)
    truth, _, labels = simulate(cell, cell.points, rng)
    table = LabelTable(
        names=tuple(f"labeler {j}" for j in range(cell.labelers)), labels=labels.astype(np.int64),
        class_names=tuple("abcdef"[: cell.n_classes]), ids=tuple(map(str, range(cell.points))),
    )  # fmt: skip
    known, strata = rng.permutation(cell.points)[: cell.n_true], None
    if cell.drawn == "allocated":
        drawing = Population(LabelMeasures(table, asked_twice=False, level=0.95), None, "accuracy").drawing(cell.n_true)
        known = drawing.drawn(rng)
        strata = DrawnStrata(np.where(drawing.with_known(known), drawing.stratum, UNLABELED), drawing.sizes)
    true = np.full(cell.points, UNLABELED)
    true[known] = truth[known]
    return replace(table, true_labels=true.astype(np.int64), true_strata=strata)


def true_of_labels(cell: Cell) -> dict[str, float]:
    """Return what is true of labels alone, on fresh points."""
    _, p, labels = simulate(cell, FRESH, np.random.default_rng(1))
    missed = 1 - p[:, np.arange(FRESH), p.mean(axis=0).argmax(axis=1)].mean(axis=1)
    counts = class_counts(labels, cell.n_classes)
    found = {"variance": float(missed.mean())}
    found |= {f"variance of labeler {j}": float(each) for j, each in enumerate(missed)}
    few = agreement_coefficients(labels[:, :20_000], cell.n_classes)  # known to a tenth of a table's own error
    found |= {f"agreement, {name}": few[name].mean for name in COEFFICIENTS}
    for size in (1, 2, 3):
        measured = split_vote_agreement(counts.astype(np.int64), size, np.random.default_rng(1))
        if measured is not None:
            found[f"two votes of {size} agree"] = measured.value
    return found
