"""Assign families of points to splits, so that each split gets each class in proportion.

Points without a label go to the student split. They count towards its fraction: of the labeled points it takes what is
missing from that, often none, and the other splits share the rest.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int64

from outlearn.data.label_table import UNLABELED
from outlearn.data.task import SPLIT_NAMES, Task

__all__ = ["STUDENT", "assign_splits"]

STUDENT = SPLIT_NAMES.index("student")


def assign_splits(
    task: Task,
    families: list[list[int]],
    allowed: list[frozenset[int]],
    fractions: Float[np.ndarray, " splits"],
    rng: np.random.Generator,
) -> Int64[np.ndarray, " points"]:
    """Give each family of points a split by its labeled points; a point of no family has -1.

    All families that have a choice of `allowed` splits have the same.
    """
    family_of = np.repeat(np.arange(len(families)), [len(family) for family in families])
    points = np.array([point for family in families for point in family], dtype=np.int64)
    known = task.labels[points] != UNLABELED
    counts = np.zeros((len(families), task.n_classes))
    np.add.at(counts, (family_of[known], task.labels[points][known]), 1)
    split_of_family = np.full(len(families), -1)
    have = np.zeros((len(SPLIT_NAMES), task.n_classes))
    forced = np.array([len(choices) == 1 for choices in allowed], dtype=bool)
    for f in np.flatnonzero(forced).tolist():
        split_of_family[f] = next(iter(allowed[f]))
        have[split_of_family[f]] += counts[f]

    # Every family that is free has the same choice of splits: all four, or those that `train` is cut into.
    free = np.flatnonzero(~forced)
    if len(free):
        open_splits = np.array(sorted(allowed[free[0]]))
        shares = fractions[open_splits] / fractions[open_splits].sum()
        n_unlabeled = sum(len(family) for family, n in zip(families, counts.sum(axis=1), strict=True) if not n)
        if n_unlabeled:
            shares = _labeled_shares(shares, open_splits == STUDENT, counts[free].sum(), n_unlabeled)
            open_splits, shares = open_splits[shares > 0], shares[shares > 0]
        # A class with no point has no target; 1 avoids 0/0 and changes no choice.
        wanted = np.maximum(shares[:, None] * counts[free].sum(axis=0), np.finfo(float).tiny)
        got = np.zeros_like(wanted)
        order = rng.permutation(free)
        small_first = order[np.argsort(counts[order].sum(axis=1), kind="stable")]
        # So that no split lacks a class that could have had it: rare classes first, one small family for each split.
        for c in np.argsort(counts[free].sum(axis=0), kind="stable").tolist():
            with_class = small_first[counts[small_first, c] > 0]
            for s in np.argsort(-shares, kind="stable").tolist():
                unplaced = next((f for f in with_class if split_of_family[f] < 0), None)
                needs = open_splits[s] != STUDENT or not n_unlabeled
                if needs and got[s, c] == 0 and have[open_splits[s], c] == 0 and unplaced is not None:
                    split_of_family[unplaced] = open_splits[s]
                    got[s] += counts[unplaced]
        left = small_first[::-1][split_of_family[small_first[::-1]] < 0]
        split_of_family[left] = open_splits[_nearest(counts[left], got, wanted)]

    split_of = np.full(task.n_points, -1, dtype=np.int64)
    split_of[points] = split_of_family[family_of]
    return split_of


def _nearest(
    counts: Float[np.ndarray, "families classes"],
    got: Float[np.ndarray, "splits classes"],
    wanted: Float[np.ndarray, "splits classes"],
) -> list[int]:
    """Give each family in turn the split that it brings nearest to what is wanted.

    Counts n add n (2 (got - wanted) + n) / wanted to sum (got - wanted)^2 / wanted, where only the family's own
    classes count.
    """
    single, first = (counts > 0).sum(axis=1) == 1, counts.argmax(axis=1)
    # Numbers of lists: a family of one class, as most are, has too few for arrays to pay.
    have, aim = got.T.tolist(), wanted.T.tolist()  # of each class, the splits
    chosen = []
    for n, alone, c in zip(counts, single.tolist(), first.tolist(), strict=True):
        if alone:
            k, of_class = float(n[c]), have[c]
            increase = [k * (2 * (g - w) + k) / w for g, w in zip(of_class, aim[c], strict=True)]
            best = increase.index(min(increase))
            of_class[best] += k
        else:
            now = np.array(have).T
            best = int((n * (2 * (now - wanted) + n) / wanted).sum(axis=1).argmin())
            for c in np.flatnonzero(n).tolist():
                have[c][best] += float(n[c])
        chosen.append(best)
    return chosen


def _labeled_shares(
    shares: Float[np.ndarray, " splits"], student: Bool[np.ndarray, " splits"], n_labeled: float, n_unlabeled: int
) -> Float[np.ndarray, " splits"]:
    """Return the share of labeled points of each split, where unlabeled ones fill a part of student.

    Examples:
        >>> student = np.array([False, True, False, False])
        >>> _labeled_shares(np.array([0.35, 0.35, 0.05, 0.25]), student, 500, 100).round(3)
        array([0.42, 0.22, 0.06, 0.3 ])
        >>> _labeled_shares(np.array([0.35, 0.35, 0.05, 0.25]), student, 500, 20_000).round(3)
        array([0.538, 0.   , 0.077, 0.385])
    """
    wanted = shares[student].sum() * (n_labeled + n_unlabeled) - n_unlabeled
    left = max(0.0, wanted / n_labeled)
    return np.where(student, left, shares * (1 - left) / shares[~student].sum())
