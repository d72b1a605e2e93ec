"""Tables of tasks that `auto_evidence.py` makes from public ones: few intents, annotators, pairs."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

INTENTS = 20  # the first of CLINC150 by name: 150 classes of five tuned losses would take a day
ANNOTATORS = 6
ANSWERED = 0.55  # of its points, by each annotator
PAIRS = 2500
KNOWN_PAIRS = 2000
TOKENS_OF_PAIRS = 128


def few_intents(clinc150: Path, folder: Path) -> Path:
    """Keep the first intents of CLINC150."""
    with clinc150.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = set(sorted({row["label"] for row in rows})[:INTENTS])
    return write_table(
        folder / "few_intents.csv", ("text", "label"), [(r["text"], r["label"]) for r in rows if r["label"] in kept]
    )


def annotated(sst2: Path, folder: Path) -> Path:
    """Let made-up annotators label SST-2."""
    return annotate(folder / "annotated.csv", *sst2_sentences(sst2), ANNOTATORS)


def annotate(path: Path, labels: np.ndarray, texts: list[str], annotators: int) -> Path:
    """Let each annotator label two classes, with gaps, an accuracy of its own, and a class that it prefers.

    Half of an annotator's errors are its own; the other half fall on the fifth of the texts that are hard for all.
    """
    rng = np.random.default_rng(0)
    hard = rng.random(len(texts)) < 0.2
    columns = []
    for i in range(annotators):
        error, leaning = 0.2 + 0.03 * i, 0.08 * (-1) ** i
        chance = error / 2 + hard * error / 2 / 0.2 + leaning * (2 * labels - 1)
        said = labels ^ (rng.random(len(texts)) < np.clip(chance, 0, 0.9)).astype(int)
        columns.append(np.where(rng.random(len(texts)) < ANSWERED, said.astype(str), ""))
    names = [f"annotator_{i}" for i in range(annotators)]
    return write_table(path, ("text", "label", *names), zip(texts, labels, *columns, strict=True))


def sentence_pairs(sst2: Path, folder: Path) -> Path:
    """Pair positive sentences of SST-2 with negative ones: the positive one was preferred."""
    labels, texts = sst2_sentences(sst2)
    rng = np.random.default_rng(0)
    sides = [[texts[k] for k in rng.permutation(np.flatnonzero(labels == c))[:PAIRS]] for c in (1, 0)]
    return write_table(folder / "sentence_pairs.csv", ("chosen", "rejected"), zip(*sides, strict=True))


def sst2_sentences(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read `label text` lines, each text once."""
    lines = dict(reversed(line.split(" ", 1)) for line in path.read_text(encoding="utf-8").splitlines())
    return np.array([int(label) for label in lines.values()]), list(lines)


def write_table(path: Path, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Path:
    """Write a CSV table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
    return path
