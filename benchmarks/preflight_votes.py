"""Does preflight foresee how often two disjoint votes agree? Real tables of labels, and simulated ones.

    python benchmarks/preflight_votes.py [TABLE.csv ...] [--seen 5] [--text-column '{first} {second}']

For each table: the agreement of two votes of 1, 3, 5 and 7 different labelers, measured on the table, with its interval
over points; what the fitted difficulties say, from all labelers and from so many drawn at random (mean of 20 draws, and
their standard deviation); and what even noise would say.
Without tables: the ten raters of the VADER lexicon (is a word positive, neutral or negative; is it strong), and
simulated labelers. `outlearn label` writes tables of a language model's prompts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from outlearn.core.labelers.agreement_coefficients import class_counts
from outlearn.core.labelers.difficulty import Difficulty, fit_difficulty, patterns_of
from outlearn.core.labelers.even_noise import even_noise_test
from outlearn.core.labelers.labeler_agreement import (
    chance_corrected,
    mean_disagreement,
    pair_table,
    plurality_accuracy,
)
from outlearn.core.labelers.split_votes import split_vote_agreement
from outlearn.data.label_columns import LabelColumns
from outlearn.data.label_files import read_label_table

SIZES, REPEATS = (1, 3, 5, 7), 20


def tables(paths: list[str], text: str | None) -> Iterator[tuple[str, np.ndarray, int]]:
    """Give the name, the labels and the number of classes of each table."""
    for path in paths:
        table = read_label_table(path, columns=LabelColumns(text=text)).with_ties_as_gaps()
        yield Path(path).stem, table.labels, table.n_classes
    if paths:
        return
    from outlearn.data.built_in import read_lexicon

    ratings = read_lexicon()[1].astype(int).T
    yield "raters: negative, neutral, positive", np.sign(ratings) + 1, 3
    yield "raters: strong", (np.abs(ratings) >= 2).astype(int), 2
    rng = np.random.default_rng(0)
    for name, rate in (("simulated: alike", np.full(4000, 0.2)), ("simulated: differ", rng.beta(0.6, 2.4, 4000))):
        yield name, (rng.random((15, 4000)) < rate).astype(int), 2


def fitted(labels: np.ndarray, n_classes: int) -> Difficulty:
    found = patterns_of(class_counts(labels, n_classes).astype(int))
    return fit_difficulty(found.counts, found.times, seed=0)


def even_agreement(labels: np.ndarray, n_classes: int, size: int) -> float:
    skill = np.sqrt(chance_corrected(1.0 - mean_disagreement(pair_table(labels)), n_classes).value)
    right = plurality_accuracy(size, (1 - skill) * (n_classes - 1) / n_classes, n_classes)
    return right**2 + (1 - right) ** 2 / (n_classes - 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="*")
    parser.add_argument("--text-column", help="where several columns hold texts, such as '{first} {second}' of pairs")
    parser.add_argument("--seen", type=int, default=5)
    options = parser.parse_args()
    for name, labels, n_classes in tables(options.tables, options.text_column):
        rng = np.random.default_rng(0)
        every, counts = fitted(labels, n_classes), class_counts(labels, n_classes).astype(int)
        drawn = [fitted(labels[rng.permutation(len(labels))[: options.seen]], n_classes) for _ in range(REPEATS)]
        test = even_noise_test(labels)
        head = {"table": name, "labelers": len(labels), "points": labels.shape[1]}
        print(json.dumps(head | {"even noise, standard errors": round(test.z, 1) if test else None}))
        for size in SIZES:
            measured = split_vote_agreement(counts, size, rng)
            if measured is not None:
                foreseen = [each.votes(size, rng)[1] for each in drawn]
                interval = measured.interval(low=0.0, high=1.0)
                line = {
                    "votes of": size,
                    "measured": measured.value,
                    "low": interval.low,
                    "high": interval.high,
                    "from all": every.votes(size, rng)[1],
                    f"from {options.seen}": float(np.mean(foreseen)),
                    "their standard deviation": float(np.std(foreseen, ddof=1)),
                    "even noise": even_agreement(labels, n_classes, size),
                }
                print(json.dumps({key: round(value, 3) for key, value in line.items()}))


if __name__ == "__main__":
    main()
