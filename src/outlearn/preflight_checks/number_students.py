"""Ridge students of labelers' numbers, each point answered by students that did not see it (cross-fitting).

A labeler m that a student did not learn from judges it: E (s - l_m)^2 = (s - a)^2 + E e_m^2, so that the variance taken
off leaves the squared distance from the answer a that labelers share, without any true number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.gaps import mean_of_known
from outlearn.core.labelers.number_spread import spread
from outlearn.data.copies import folds_of_families

__all__ = ["CrossedGain", "NumberFits", "cross_fit_numbers", "crossed_gains"]

FOLDS = 5


@dataclass(frozen=True, eq=False)
class NumberFits:
    """Answers of students on points that they did not see.

    Attributes:
        single: `[labelers, points]`, of the student of each labeler.
        others: `[labelers, points]`, of the student of the mean of all labelers but one; None below three labelers.
        mean: `[points]`, of the student of the mean of all.
    """

    single: Float[np.ndarray, "labelers points"]
    others: Float[np.ndarray, "labelers points"] | None
    mean: Float[np.ndarray, " points"]


@dataclass(frozen=True, eq=False)
class CrossedGain:
    """Point by point, nan where too few answer: distance from the shared answer, and gains towards it.

    `gain` is over what the student learned from, `over_labeler` over one labeler; both are of the same judges.
    """

    from_shared: Float[np.ndarray, " points"]
    gain: Float[np.ndarray, " points"]
    over_labeler: Float[np.ndarray, " points"]


def cross_fit_numbers(
    features: Float[np.ndarray, "points features"],
    values: Float[np.ndarray, "labelers points"],
    *,
    seed: int,
    first: Int[np.ndarray, " points"] | None = None,
) -> NumberFits:
    """Fit ridge heads to the other folds, each with its penalty by leave-one-out on its own labels.

    Points with the same `first` are copies, and in one fold.
    """
    from outlearn.learners.ridge_heads import PENALTIES, fit_ridge

    n_labelers, n_points = values.shape
    rows = [*values, *(_without(values, m) for m in range(n_labelers) if n_labelers > 2), mean_of_known(values)]
    targets = np.stack(rows)
    weights = (~np.isnan(targets)).astype(np.float64)
    found = np.empty_like(targets)
    for left_out in folds_of_families(np.random.default_rng(seed).permutation(n_points), FOLDS, first):
        seen = np.setdiff1d(np.arange(n_points), left_out)
        heads = fit_ridge(
            features[seen], targets[:, seen], PENALTIES, weights=weights[:, seen], standardise=True, held_out=True
        )
        found[:, left_out] = heads.at(heads.best()).predict(features[left_out])[0]
    others = found[n_labelers:-1] if n_labelers > 2 else None
    return NumberFits(found[:n_labelers], others, found[-1])


def crossed_gains(
    fits: NumberFits, values: Float[np.ndarray, "labelers points"]
) -> tuple[CrossedGain, CrossedGain | None]:
    """Judge students of one labeler, and of the mean of the others, by labelers that they did not learn from."""
    single, pooled = [], []
    for judge in range(len(values)):
        learned = [m for m in range(len(values)) if m != judge]
        # A label of m and its student are judged where m answered, so that both are of the same points.
        there = ~np.isnan(values[learned])
        of_labels = mean_square(values[learned] - values[judge])
        of_student = mean_square(np.where(there, fits.single[learned], np.nan) - values[judge])
        single.append((of_student, of_labels - of_student, of_labels - of_student))
        if fits.others is not None:
            of_mean = np.square(_without(values, judge) - values[judge])
            of_student = np.square(fits.others[judge] - values[judge])
            pooled.append((of_student, of_mean - of_student, of_labels - of_student))
    return _averaged(single, values), _averaged(pooled, values) if pooled else None


def mean_square(values: Float[np.ndarray, "models points"]) -> Float[np.ndarray, " points"]:
    """Average squares over the models that are not nan."""
    return mean_of_known(np.square(values))


def _averaged(judged: list[tuple[np.ndarray, np.ndarray, np.ndarray]], values: np.ndarray) -> CrossedGain:
    """Average over judges: squared distance from them, less their variance; and both gains."""
    distance, gain, over = (mean_of_known(np.stack(each)) for each in zip(*judged, strict=True))
    return CrossedGain(np.where(np.isnan(gain), np.nan, distance - spread(values)), gain, over)


def _without(values: np.ndarray, labeler: int) -> np.ndarray:
    return mean_of_known(np.delete(values, labeler, axis=0))
