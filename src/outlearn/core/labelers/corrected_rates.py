"""Rates corrected for labelers' errors by few true labels: accuracy, class shares, any share of points.

With y the truth on n points drawn at random, and f what the labels say on all N (0 or 1, or a share between):

- prediction-powered: mean_few(y) - w (mean_few(f) - mean_all(f)), right for any labels and any w, and narrowest for
  w = cov(y, f) / var(f): see `prediction_powered`;
- Rogan and Gladen: (mean_all(f) - a) / (b - a), where a and b are the means of f where y is 0 and where it is 1: see
  `rogan_gladen`.

The first needs true labels of points drawn at random; the second only that, given y, labels err as on the others, so
that the true labels may be of points drawn by their truth. Where both hold, the first is never much wider.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from outlearn.core.labelers.influence import SHARE, LinearisedEstimate, mean_estimate, with_controls
from outlearn.core.labelers.shared_answer import unrelated
from outlearn.core.labelers.skewed_interval import Unseen
from outlearn.core.labelers.strata import DrawnStrata, Ends, mean_of_drawn, over_all_less_drawn

__all__ = ["difference_between_segments", "prediction_powered", "rogan_gladen"]

PERMUTATIONS = 2000  # of points between segments: the least p-value is 1 / 2,001


def prediction_powered(
    true: Float[np.ndarray, " points"],
    said: Float[np.ndarray, " points"],
    where: Bool[np.ndarray, " points"],
    strata: DrawnStrata | None = None,
    *,
    ends: Ends = SHARE,
    also: Float[np.ndarray, " points"] | None = None,
) -> LinearisedEstimate:
    """Estimate the mean of `true`, known at few points, with the help of `said`, known at all.

    Args:
        true: nan where it is not known; else known for a random sample of the points that `where` marks.
        said: what the labels say; nan where they say nothing: such a point is taken for an average one.
        where: the points that the mean is over.
        strata: how the points of known truth were drawn; None: at random from all.
        ends: the least and the largest that `true` can be, of all points or of each.
        also: what else foresees it, such as a student; nan as in `said`. It takes twenty true labels.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> truth = (rng.random(5000) < 0.3).astype(float)
        >>> said = np.where(rng.random(5000) < 0.1, 1 - truth, truth)
        >>> few = np.where(np.arange(5000) < 200, truth, np.nan)
        >>> found = prediction_powered(few, said, np.full(5000, True))
        >>> alone = mean_estimate(truth, np.arange(5000) < 200)
        >>> round(float(said.mean()), 2), round(found.value, 2), round(found.standard_error / alone.standard_error, 2)
        (0.35, 0.28, 0.64)

    Source: Angelopoulos, Duchi and Zrnic, PPI++: Efficient Prediction-Powered Inference, 2023, the mean with its tuned
    weight. They compare with the points without a true label, we with all: the same estimate.
    """
    few = where & ~np.isnan(true)
    estimate = mean_of_drawn(true, few, strata, ends=ends)
    controls: list[LinearisedEstimate] = []
    for foreseen in (said,) if also is None else (said, also):
        given = where & ~np.isnan(foreseen)
        if given.any():
            filled = np.where(given, foreseen, foreseen[given].mean())
            controls += over_all_less_drawn(np.where(where, filled, np.nan), few, strata)
    return with_controls(estimate, controls)


def rogan_gladen(
    true: Float[np.ndarray, " points"],
    said: Float[np.ndarray, " points"],
    where: Bool[np.ndarray, " points"],
    strata: DrawnStrata | None = None,
) -> LinearisedEstimate | None:
    """Estimate the share of points at which `true` is 1, by how often labels say so where it is 1 and where it is 0.

    The uncertainty of both is in the interval.

    Args:
        true: 0 or 1, nan where it is not known.
        said: what the labels say, 0 to 1; points with nan are left out.
        where: the points that the share is of.
        strata: how the points of known truth were drawn; None: at random from all, or from each truth.

    Returns:
        The estimate, which need not lie in [0, 1]; None if a class has no true label, or if labels of the two are not
        told apart.

    Examples:
        >>> true = np.array([1.0] * 10 + [0.0] * 10 + [np.nan] * 80)
        >>> said = np.array([1.0] * 9 + [0.0] + [1.0] * 2 + [0.0] * 8 + [1.0] * 45 + [0.0] * 35)
        >>> found = rogan_gladen(true, said, np.full(100, True))
        >>> round(found.value, 4)                                   # (0.56 - 0.2) / (0.9 - 0.2)
        0.5143

    Source: Rogan and Gladen, Estimating prevalence from the results of a screening test, 1978, eq. 3; the interval is
    by the delta method over all three means, which share points.
    """
    given = where & ~np.isnan(said)
    yes, no = given & (true == 1), given & (true == 0)
    if not yes.any() or not no.any():
        return None
    mean = mean_estimate if strata is None else strata.mean
    of_yes, of_no = mean(said, yes), mean(said, no)
    apart = of_yes - of_no
    if unrelated(apart):
        return None
    of_all = mean_estimate(said, given)
    found = (of_all - of_no) / apart
    # By their slopes, as of_no is in it twice: what may be unseen of each mean, and its part of the variance.
    slopes = ((of_all, 1.0), (of_no, found.value - 1.0), (of_yes, -found.value))
    parts = [mean * (slope / apart.value) for mean, slope in slopes]
    variances = np.array([part.standard_error**2 for part in parts])
    freedom = float(variances.sum() ** 2 / (np.square(variances) / [max(part.n_points - 1, 1) for part in parts]).sum())
    return replace(found, unseen=Unseen.of([part.unseen for part in parts]), n_points=1 + int(freedom))


def difference_between_segments(
    off: Float[np.ndarray, " points"], segments: Int[np.ndarray, " points"], *, seed: int
) -> float:
    """Test whether the mean of `off` differs between segments, by permuting the points between them.

    The statistic is Welch's: sum_s (mean_s - centre)^2 / v_s, v_s the variance of segment s's mean and the centre the
    means' weighted by 1 / v_s. Each segment's variance is drawn a little to that of all, for a segment of equal values
    has none.

    Args:
        off: how far labels are off the truth, at points where it is known.
        segments: which one a point is of, from 0; each has two points or more.
        seed: of the permutations.

    Returns:
        The p-value: exact if `off` has the same distribution in all segments, and near it if only its means are equal.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> segments = np.repeat([0, 1], 100)
        >>> off = (rng.random(200) < np.where(segments == 1, 0.3, 0.05)).astype(float)
        >>> difference_between_segments(off, segments, seed=0) < 0.01
        True

    Source: Welch, On the comparison of several mean values, 1951; Janssen, Studentized permutation tests, 1997.
    """
    rng = np.random.default_rng(seed)
    member = np.eye(int(segments.max()) + 1)[segments]
    counts = member.sum(axis=0)
    drawn = np.stack([off, *(rng.permutation(off) for _ in range(PERMUTATIONS))])
    pooled = float(off.var())
    if pooled == 0:
        return 1.0
    means = drawn @ member / counts
    variances = np.maximum(np.square(drawn) @ member / counts - means**2, 0.0)
    of_mean = (variances * counts + pooled) / (counts + 1) / (counts - 1)
    centre = (means / of_mean).sum(axis=1, keepdims=True) / (1 / of_mean).sum(axis=1, keepdims=True)
    statistic = (np.square(means - centre) / of_mean).sum(axis=1)
    as_large = statistic[1:] >= statistic[0] * (1 - 1e-12)
    return float(1 + as_large.sum()) / (PERMUTATIONS + 1)
