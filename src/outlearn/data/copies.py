"""Points whose texts are the same: what a student learned of one it knows of the other, so that neither is unseen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from outlearn.data.wording import normalise

__all__ = ["about_copies", "families_of", "first_of_copies", "folds_of_families"]

FEWEST = 50  # different texts: below, points are draws of these texts rather than texts of their own


def first_of_copies(texts: Sequence[str]) -> Int[np.ndarray, " points"]:
    """Give the first point with the text of each, up to case, blanks and Unicode form.

    Examples:
        >>> first_of_copies(["A film", "a  film", "no film"])
        array([0, 0, 2])
    """
    first: dict[str, int] = {}
    return np.array([first.setdefault(normalise(text), i) for i, text in enumerate(texts)], dtype=np.int64)


def families_of(texts: Sequence[str] | None) -> Int[np.ndarray, " points"] | None:
    """Give `first_of_copies`, or None without texts, and of so few different ones that none could be left unseen."""
    if texts is None:
        return None
    first = first_of_copies(texts)
    return first if len(np.unique(first)) >= FEWEST else None


def folds_of_families(
    order: Int[np.ndarray, " points"], n_folds: int, first: Int[np.ndarray, " points"] | None
) -> list[Int[np.ndarray, " fold"]]:
    """Cut points into folds of about one size, in the order given; copies go to the fold of the first one.

    Examples:
        >>> [fold.tolist() for fold in folds_of_families(np.array([2, 0, 1, 3]), 2, np.array([0, 0, 2, 3]))]
        [[2, 0, 1], [3]]
    """
    fold_of = np.empty(len(order), dtype=np.int64)
    for k, fold in enumerate(np.array_split(order, n_folds)):
        fold_of[fold] = k
    if first is not None:
        fold_of = fold_of[first]
    return [order[fold_of[order] == k] for k in range(n_folds)]


def about_copies(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Say how many points repeat the text of another, and what that does; nothing if none does."""
    n_copies = 0 if texts is None else len(texts) - len(np.unique(first_of_copies(texts)))
    if not n_copies:
        return ()
    what = "1 point repeats" if n_copies == 1 else f"{n_copies:,} points repeat"
    return (
        f"{what} the text of an earlier one. Intervals count each as a point of its own and are too narrow by that; a "
        "run keeps one of each: drop the others.",
    )
