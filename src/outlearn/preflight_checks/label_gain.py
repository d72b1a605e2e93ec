"""What the next true labels would teach a student of a table's weak labels, simulated with those that are there.

The student is that of `loss: auto` with `student.true_labels: learn`. It learns weak labels where no truth is known;
the points of known truth teach it and judge it in turn, each judged by answers that it taught nothing
(`selection.taught`). What they gain from a quarter to all is carried on (`core.students.foreseen`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from outlearn.core.labelers.crossed_gain import vote_shares
from outlearn.core.predictions import Predictions
from outlearn.data.label_table import LabelTable
from outlearn.errors import DataError
from outlearn.preflight_checks.students import MIN_POINTS_TO_TRAIN, smoothed
from outlearn.results.label_gain import LabelGain
from outlearn.results.measurement import Withheld

__all__ = ["gain_of_next_labels"]

USE = "learn"
FOLDS = 4
MOST_SEEN = 5_000  # points without truth that the student learns: more would change its gain less than can be told
MOST_KNOWN = 2_000


def gain_of_next_labels(
    features: Float[np.ndarray, "points features"],
    table: LabelTable,
    n_next: int,
    *,
    level: float,
    rng: np.random.Generator,
) -> LabelGain | Withheld:
    """Foresee the gain of a student in accuracy from `n_next` more true labels of random points.

    Args:
        features: what students see.
        table: with true labels of some points, drawn at random.
        n_next: how many more are meant.
        level: of intervals.
        rng: of what is left out where there is much, of the folds and of the quarters.
    """
    truth = table.true_labels
    if truth is None or len(table.names) < 2:
        return Withheld("there are no true labels" if truth is None else "auto needs two labelers")
    if table.true_strata is not None:
        return Withheld("true labels drawn by strata are no random set to learn from")
    answered = table.answered.any(axis=0)
    known = rng.permutation(np.flatnonzero(answered & (truth >= 0)))[:MOST_KNOWN]
    weak = rng.permutation(np.flatnonzero(answered & (truth < 0)))[:MOST_SEEN]
    if min(len(known), len(weak)) < MIN_POINTS_TO_TRAIN:
        return Withheld(
            f"{len(known):,} points have a true label and {len(weak):,} none; {MIN_POINTS_TO_TRAIN} of both are needed"
        )
    folds = np.array_split(known, FOLDS)
    try:
        return _measured(features, table, weak, folds, n_next, level=level, seed=int(rng.integers(2**31)))
    except DataError as refused:
        return Withheld(str(refused))


def _measured(
    features: np.ndarray,
    table: LabelTable,
    weak: np.ndarray,
    folds: list[np.ndarray],
    n_next: int,
    *,
    level: float,
    seed: int,
) -> LabelGain:
    from outlearn.learners.jobs import HeadSettings
    from outlearn.selection import (
        Learned,
        Teaching,
        TrueLabels,
        choose,
        default_candidates,
        selection_labelings,
    )  # fmt: skip
    from outlearn.selection.class_shares import shares_of_labels

    truth, settings = table.true_labels, HeadSettings()
    assert truth is not None
    labelings = selection_labelings({"student": _said(table, weak)}, "mean")
    who, x = labelings.predictions["student"], features[weak]
    known = np.concatenate(folds)
    shares = shares_of_labels(np.bincount(truth[known], minlength=table.n_classes).astype(np.float64), "true_labels")
    learned = Learned.by(who, x, who.probs, settings, shares)
    choice = choose(
        learned,
        labelings,
        validation_features=None,
        candidates=default_candidates(len(weak), x.shape[1], settings, weighted=who.answered is not None),
        seeds=[seed] * who.n_models,
    )
    teaching = Teaching(learned, labelings, choice, USE, seed=seed)
    shared = vote_shares(table.labels, table.n_classes, plurality=False)
    right = []
    for fold in folds:
        pool = np.setdiff1d(known, fold)
        taught = teaching.by(TrueLabels(features[pool], truth[pool], seed=seed), shared[pool], features[fold])
        called = {"none": taught.none, "quarters": taught.quarters, "whole": taught.whole, **taught.picked}
        right.append({name: (each == truth[fold]).astype(np.float64) for name, each in called.items()})
    joined = {name: np.concatenate([each[name] for each in right], axis=-1) for name in right[0]}
    none, quarters, whole = (joined.pop(name) for name in ("none", "quarters", "whole"))
    return LabelGain.of(
        USE,
        none,
        quarters,
        whole,
        joined,
        n_learned=len(known) - len(folds[0]),
        n_labels=len(known),
        n_next=n_next,
        level=level,
    )


def _said(table: LabelTable, points: np.ndarray) -> Predictions:
    """Return what each labeler says: its vote, or its distribution; nothing where it gives none."""
    labels = table.labels[:, points]
    probs = np.eye(table.n_classes)[np.maximum(labels, 0)] if table.probs is None else table.probs[:, points]
    given = labels >= 0
    found = Predictions.from_probs(smoothed(probs, given))
    return found if given.all() else replace(found, answered=given)
