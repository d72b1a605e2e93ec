"""Students of the weak labels, each point answered by students that did not see it (cross-fitting).

The student is a linear head on frozen features, trained to its optimum: the same for every labeler, fast, and without a
length of training to choose. Its ridge is chosen by agreement with the labels of the points left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import softmax

from outlearn.core.labelers.crossed_gain import vote_shares
from outlearn.data.copies import folds_of_families

__all__ = ["FRACTIONS", "MIN_POINTS_TO_TRAIN", "CrossFit", "cross_fit", "pools", "smoothed"]

MIN_POINTS_TO_TRAIN = 50  # and to judge students
FRACTIONS = (0.25, 0.5)  # of the points in training, beside all of them: the learning curve
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # inverse ridge C: labels are noisy, so that less is often more
SMOOTHING = 1e-3  # of the uniform distribution in each label, so that a class absent from a fold has a finite optimum
MOST_SEEN = 10_000  # points that a student learns from: what more would add is less than the intervals are wide
TIE = 2e-3  # agreement this close is a tie, won by the stronger ridge: rounding, which threads change, decides none
TOLERANCE = 1e-3  # nats


def smoothed(
    shares: Float[np.ndarray, "*models points classes"], given: Bool[np.ndarray, "*models points"]
) -> Float[np.ndarray, "*models points classes"]:
    """Mix a little of the uniform distribution into what is said of each point; where nothing is, it is that alone."""
    n_classes = shares.shape[-1]
    return np.asarray((1 - SMOOTHING) * np.where(given[..., None], shares, 1 / n_classes) + SMOOTHING / n_classes)


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Hold the students' answers on points that they did not see.

    Attributes:
        probs: for a fraction of the points in training, `[students, points, classes]`; 1.0 is all of them.
        strength: the inverse ridge that was chosen.
        folds: parts that the points were split into.
        n_seen: points that a student saw: those of the other parts, at most 10,000 of them.
    """

    probs: Mapping[float, Float[np.ndarray, "students points classes"]]
    strength: float
    folds: int
    n_seen: int

    def of(self, students: slice) -> CrossFit:
        """Keep some of the students."""
        return replace(self, probs={fraction: probs[students] for fraction, probs in self.probs.items()})


def pools(n_labelers: int) -> list[tuple[int, ...]]:
    """Say whose labels each pooled student learns from, one for each judge.

    All labelers but the judge, so that the judge's habits are not in the student. Of two, both: a judge's noise on a
    point left out is independent of the student all the same; its habits are not, see `student_measures.habits`. Of
    one there is none.

    Examples:
        >>> pools(3), pools(2)
        ([(1, 2), (0, 2), (0, 1)], [(0, 1), (0, 1)])
    """
    if n_labelers == 1:
        return []
    if n_labelers == 2:
        return [(0, 1), (0, 1)]
    return [tuple(j for j in range(n_labelers) if j != judge) for judge in range(n_labelers)]


def cross_fit(
    features: Float[np.ndarray, "points features"],
    labels: Int[np.ndarray, "labelers points"],
    groups: Sequence[tuple[int, ...]],
    n_classes: int,
    *,
    folds: int,
    rng: np.random.Generator,
    first: Int[np.ndarray, " points"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CrossFit:
    """Train one student for each group of labelers on the shares of their labels, and answer every point unseen.

    A label of -1 is none. Groups that come more than once are trained once. Points with the same `first` are copies,
    and in one fold.
    """
    from outlearn.learners import HeadJob
    from outlearn.learners.convex import fit_convex
    from outlearn.losses import get_loss

    distinct = list(dict.fromkeys(groups))
    shares = np.stack([vote_shares(labels[list(group)], n_classes, plurality=False) for group in distinct])
    labeled = ~np.isnan(shares).any(axis=2)
    targets = smoothed(shares, labeled)
    weights = labeled.astype(np.float64)
    jobs = [HeadJob(i, get_loss("forward_ce"), weighting=i) for i in range(len(distinct))]
    parts = folds_of_families(rng.permutation(len(features)), folds, first)
    total = folds * (len(STRENGTHS) + len(FRACTIONS))
    done = 0

    def fit(strength: float, fraction: float) -> np.ndarray:
        nonlocal done
        found = np.empty((len(distinct), len(features), n_classes))
        for k, left_out in enumerate(parts):
            seen = np.concatenate(parts[:k] + parts[k + 1 :])[:MOST_SEEN]  # in random order
            seen = seen[: max(round(fraction * len(seen)), 2)]
            # Who labels none of these points teaches nothing: its targets are all uniform here.
            counted = np.where(weights[:, seen].any(axis=1, keepdims=True), weights[:, seen], 1.0)
            result = fit_convex(
                features[seen], targets[:, seen], jobs, {"left out": features[left_out]},
                C=strength, tolerance=TOLERANCE, weights=counted, standardise=True,
            )  # fmt: skip
            found[:, left_out] = softmax(result.logits["left out"][-1].astype(np.float64), axis=2)
            done += 1
            if progress is not None:
                progress(done, total)
        return found

    fits = {strength: fit(strength, 1.0) for strength in STRENGTHS}
    agreement = {
        strength: float(np.nanmean(np.take_along_axis(shares, probs.argmax(2)[:, :, None], 2)))
        for strength, probs in fits.items()
    }
    best = min(strength for strength in STRENGTHS if agreement[strength] >= max(agreement.values()) - TIE)
    rows = [distinct.index(group) for group in groups]
    curve = {fraction: fit(best, fraction)[rows] for fraction in FRACTIONS}
    n_seen = min(round(len(features) * (1 - 1 / folds)), MOST_SEEN)
    return CrossFit({**curve, 1.0: fits[best][rows]}, best, folds, n_seen)
