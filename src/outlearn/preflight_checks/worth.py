"""How many true labels would make a student as good as the weak labels do, where there are some true labels to tell.

The student's head is trained on n of the true labels, for n from ten to all outside a fold, and answers the points of
that fold; the student of the weak labels has answered them unseen as well (`preflight_checks.students`). Where the two
curves meet is the number (`core.students.equivalents`). Each ridge of the heads on true labels is the one that does
best on the other folds, so that they are tuned as the student is and no point judges the choice made for it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.students.equivalents import smoothed_curve, true_label_equivalent
from outlearn.core.top_class import hits
from outlearn.data.label_table import LabelTable
from outlearn.preflight_checks.students import MIN_POINTS_TO_TRAIN, SMOOTHING, STRENGTHS, TOLERANCE, CrossFit
from outlearn.results.measurement import Withheld
from outlearn.results.preflight_worth import LabelsWorth

__all__ = ["worth_of_labels"]

FOLDS = 5
FEWEST = 10  # true labels at the start of the curve, which doubles from there
DRAWS = 4  # sets of each size but the largest: their spread is in the interval
MOST_KNOWN = 1_000  # true labels that are used: beyond, the curve is flat and the heads cost more than they tell


def worth_of_labels(
    features: Float[np.ndarray, "points features"],
    table: LabelTable,
    students: CrossFit,
    *,
    level: float,
    rng: np.random.Generator,
) -> LabelsWorth | Withheld:
    """Find the number of true labels that the weak labels of all points are worth.

    Args:
        features: what students see.
        table: with true labels of some points, drawn at random.
        students: of the weak labels, every point answered unseen; their mean accuracy is what n labels must reach.
        level: of the interval, which is over points and draws: for these labelers.
        rng: of the folds and sets.
    """
    if table.true_labels is None:
        return Withheld("there are no true labels")
    known = rng.permutation(np.flatnonzero(table.true_labels >= 0))[:MOST_KNOWN]
    truth = table.true_labels[known]
    if len(known) < MIN_POINTS_TO_TRAIN or len(np.unique(truth)) < 2:
        return Withheld(
            f"{len(known)} true labels; {MIN_POINTS_TO_TRAIN} of two classes or more are needed for a curve"
        )
    if table.true_strata is not None:
        return Withheld("true labels drawn by strata are no random set to learn from")
    sizes, right = _curve(features[known], truth, table.n_classes, rng)
    own = hits(students.probs[1.0][:, known], truth)
    return LabelsWorth(
        n_true=len(known),
        student=float(own.mean()),
        sizes=tuple(np.unique(sizes).tolist()),
        accuracy=tuple(smoothed_curve(right, sizes).tolist()),
        labels=true_label_equivalent(own, right, sizes, clusters=np.zeros(len(own), dtype=np.int64), level=level),
    )


def _curve(
    x: Float[np.ndarray, "known features"], truth: Int[np.ndarray, " known"], n_classes: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " sets"], Float[np.ndarray, "sets known"]]:
    """Return the size of each set, and where heads trained on it are right, every point unseen."""
    folds = np.array_split(np.arange(len(x)), FOLDS)  # the order is random already
    most = len(x) - len(folds[0])
    doubled = [FEWEST * 2**k for k in range(20) if FEWEST * 2**k < most]
    sizes = np.array([size for size in doubled for _ in range(DRAWS)] + [most])
    right = np.empty((len(STRENGTHS), len(sizes), len(x)))
    for left_out in folds:
        seen = np.setdiff1d(np.arange(len(x)), left_out)
        ranks = np.stack([rng.permutation(len(seen)) for _ in sizes])
        logits = _heads(x[seen], truth[seen], (ranks < sizes[:, None]).astype(np.float64), x[left_out], n_classes)
        right[:, :, left_out] = hits(logits, truth[left_out])
    fold_of = np.repeat(np.arange(FOLDS), [len(fold) for fold in folds])
    elsewhere = np.stack([right[:, :, fold_of != k].mean(axis=2) for k in range(FOLDS)])  # [folds, strengths, sets]
    best = elsewhere.argmax(axis=1)[fold_of]  # of equals the stronger ridge, [known, sets]
    return sizes, np.take_along_axis(right, best.T[None], axis=0)[0]


def _heads(
    x: np.ndarray, truth: np.ndarray, weights: Float[np.ndarray, "sets seen"], new: np.ndarray, n_classes: int
) -> Float[np.ndarray, "strengths sets new classes"]:
    """Train a head on each set at each inverse ridge, and answer new points."""
    from outlearn.learners import HeadJob
    from outlearn.learners.convex import fit_convex
    from outlearn.losses import get_loss

    targets = ((1 - SMOOTHING) * np.eye(n_classes)[truth] + SMOOTHING / n_classes)[None]
    jobs = [HeadJob(0, get_loss("forward_ce"), weighting=k) for k in range(len(weights))]
    return np.stack(
        [
            fit_convex(
                x, targets, jobs, {"new": new}, C=strength, tolerance=TOLERANCE, weights=weights, standardise=True
            ).logits["new"][-1]
            for strength in STRENGTHS
        ]
    )
