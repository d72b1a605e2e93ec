"""Sets of labels and their folds: stratified, groups kept together, no class without a label to learn it from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from outlearn.core.randomness import generator
from outlearn.errors import DataError

__all__ = ["FOLDS", "LabelSet", "alike", "held_out_folds", "label_set", "same_shape"]

FOLDS = 5  # as scikit-learn's default; a tenth of the labels held out would say less for each, and cost twice
NUMBERS = 2**26  # predictions of held-out labels that are held at once


@dataclass(frozen=True, eq=False)
class LabelSet:
    """One set of labels: its rows of all examples, their weights, and which are held out in each fold."""

    rows: Int[np.ndarray, " rows"]
    weights: Float[np.ndarray, " rows"]
    held_out: Bool[np.ndarray, "folds rows"]
    seed: int


def label_set(
    index: int, weights: np.ndarray, labels: np.ndarray, groups: Sequence[str] | None, seed: int, n_folds: int
) -> LabelSet:
    """Draw the folds of a set."""
    rows = np.flatnonzero(weights)
    own, of_group = labels[rows], None if groups is None else [groups[i] for i in rows.tolist()]
    if len(np.unique(own)) < 2:
        raise DataError(
            f"set {index} of true labels has {len(rows):,} of class {int(own[0]) if len(own) else '?'} only, and "
            "nothing can be learned from one class. Give labels of two classes or more."
        )
    fold = held_out_folds(own, of_group, generator(seed, "folds"), n_folds)
    held_out = (fold == np.arange(n_folds)[:, None]) & (fold >= 0)
    return LabelSet(rows, weights[rows], held_out[held_out.any(axis=1)], seed)


def alike(sets: Sequence[LabelSet], numbers_of_row: int) -> list[list[int]]:
    """Group the sets with the same labels, as far as the predictions of all their folds fit together."""
    groups: dict[bytes, list[int]] = {}
    for s, each in enumerate(sets):
        shape = str(each.held_out.shape).encode()
        groups.setdefault(shape + each.rows.tobytes() + each.weights.tobytes(), []).append(s)
    found = []
    for members in groups.values():
        size = sets[members[0]].held_out.size
        together = max(1, NUMBERS // (numbers_of_row * size or 1))
        found += [members[start : start + together] for start in range(0, len(members), together)]
    return found


def same_shape(sets: Sequence[LabelSet]) -> list[list[int]]:
    """Group the sets that have as many labels and as many folds."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for s, each in enumerate(sets):
        groups.setdefault(each.held_out.shape, []).append(s)
    return list(groups.values())


def held_out_folds(
    labels: Int[np.ndarray, " rows"], groups: Sequence[str] | None, rng: np.random.Generator, n_folds: int = FOLDS
) -> Int[np.ndarray, " rows"]:
    """Say in which fold each label is held out; -1 for those that are never: where nothing else shows their class.

    Groups (single labels without groups) are dealt out to the folds class by class, the largest first, so that each
    fold gets its share of each class; a group counts for its most common class.

    Examples:
        >>> held_out_folds(np.array([0] * 5 + [1] * 5 + [2]), None, np.random.default_rng(0)).tolist()[-1]
        -1
    """
    names = np.arange(len(labels)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    classes, class_of = np.unique(labels, return_inverse=True)
    counts = np.zeros((names.max() + 1, len(classes)), dtype=np.int64)
    np.add.at(counts, (names, class_of), 1)
    order = rng.permutation(len(counts))
    order = order[np.lexsort((-counts[order].sum(axis=1), counts[order].argmax(axis=1)))]
    fold_of_group = np.empty(len(counts), dtype=np.int64)
    fold_of_group[order] = np.arange(len(counts)) % n_folds
    fold = fold_of_group[names]
    for k in range(len(classes)):
        members = class_of == k
        if len(np.unique(fold[members])) == 1:
            fold[members] = -1
    return fold
