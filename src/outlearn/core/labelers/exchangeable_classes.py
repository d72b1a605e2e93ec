"""Classes that labelers use for one another by chance: two spellings of one class, or a refusal beside an answer.

Of two labels of a point that are both in a set S of classes, d are different ones. Were each label of S drawn by its
share p_k in S, whatever the point, 1 - sum_k p_k^2 would be. Their chance-corrected agreement inside S,

    kappa_S = 1 - d / (1 - sum_k p_k^2),

is 0 if the classes of S are one class under several names, and grows with how well labelers tell them apart. A
labeler with a name of its own makes it negative. Agreement over all classes does not show this: labelers that tell
S from the rest agree beyond chance, and a student of them agrees on S with itself more than they do, which is no gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Int

from outlearn.core.labelers.influence import LinearisedEstimate, mean_estimate

__all__ = ["HARDLY", "Exchangeable", "exchangeable_classes", "kappa_within"]

HARDLY = 0.2  # kappa up to which agreement is slight: Landis and Koch, 1977
MIN_POINTS = 20  # with two labels inside a set, below which nothing is said of it


@dataclass(frozen=True, eq=False)
class Exchangeable:
    """Classes that labelers tell apart hardly or not: the upper end of kappa inside the set is below `HARDLY`."""

    classes: tuple[int, ...]
    kappa: LinearisedEstimate


def kappa_within(labels: Int[np.ndarray, "labelers points"], classes: Sequence[int]) -> LinearisedEstimate | None:
    """Estimate the chance-corrected agreement of two labels of a point that are both among these classes.

    Args:
        labels: -1 where there is none.
        classes: two or more.

    Returns:
        kappa, or None where fewer than 20 points have two such labels, or all of these name one class.

    Examples:
        >>> same = np.array([0, 1] * 20)
        >>> kappa_within(np.stack([same, same]), (0, 1)).value
        1.0
    """
    counts = np.stack([(labels == k).sum(axis=0) for k in classes]).astype(np.float64)  # [classes, points]
    inside = counts.sum(axis=0)
    pairs = inside * (inside - 1)  # ordered pairs of labels inside the set
    where = pairs > 0
    if where.sum() < MIN_POINTS or (counts[:, where].sum(axis=1) > 0).sum() < 2:
        return None
    weight = mean_estimate(pairs)
    different = mean_estimate(pairs - (counts * (counts - 1)).sum(axis=0)) / weight
    # Shares over the same pairs: each of the labels of a point is in inside - 1 of them.
    shares = [mean_estimate(count * np.maximum(inside - 1, 0)) / weight for count in counts]
    by_chance = 1.0 - sum((share * share for share in shares[1:]), shares[0] * shares[0])
    kappa = 1.0 - different / by_chance
    return LinearisedEstimate(kappa.value, kappa.influence, int(where.sum()))


def exchangeable_classes(
    labels: Int[np.ndarray, "labelers points"], n_classes: int, level: float = 0.95
) -> tuple[Exchangeable, ...]:
    """Find the sets of classes that labelers tell apart hardly or not.

    Sets grow from single classes, each time by the two that are told apart least, while kappa inside their union is
    below `HARDLY`. A set of all classes is left out: labelers that agree on nothing are another finding.

    Args:
        labels: -1 where there is none.
        n_classes: of two classes none is found.
        level: of the interval whose upper end decides.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.integers(0, 2, 600)
        >>> yes = np.array([1, 2])[rng.integers(0, 2, (3, 600))]    # two names of one class, taken at random
        >>> [found.classes for found in exchangeable_classes(np.where(truth, yes, 0), 3)]
        [(1, 2)]
    """
    sets: list[tuple[int, ...]] = [(k,) for k in range(n_classes) if (labels == k).any()]
    all_used = len(sets)
    found: dict[tuple[int, ...], LinearisedEstimate] = {}
    known: dict[tuple[int, ...], LinearisedEstimate | None] = {}
    while len(sets) > 2:
        unions = {tuple(sorted(a + b)): (a, b) for a, b in combinations(sets, 2)}
        for union in unions:
            if union not in known:
                known[union] = kappa_within(labels, union) if _meet(labels, *unions[union]) else None
        measured = {union: kappa for union in unions if (kappa := known[union]) is not None and kappa.value < HARDLY}
        if not measured:
            break
        best = min(measured, key=lambda union: measured[union].value)
        sets = [each for each in sets if each not in unions[best]] + [best]
        found = {old: kappa for old, kappa in found.items() if old not in unions[best]} | {best: measured[best]}
    return tuple(
        Exchangeable(classes, kappa)
        for classes, kappa in sorted(found.items())
        if len(classes) < all_used and kappa.interval(level).high < HARDLY
    )


def _meet(labels: np.ndarray, first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Say whether enough points have labels of both: most pairs of many classes do not, and are not measured."""
    return int((np.isin(labels, first).any(axis=0) & np.isin(labels, second).any(axis=0)).sum()) >= MIN_POINTS // 4
