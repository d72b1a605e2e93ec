"""Agreement of labelers corrected for chance, from how many labels of each class every point has.

Let n_ik be the labels of class k at point i and n_i their number. Observed agreement is the mean over points with two
labels or more of sum_k n_ik (n_ik - 1) / (n_i (n_i - 1)); each coefficient is (observed - chance) / (1 - chance), and
they differ in what they call chance:

- Fleiss: sum_k p_k^2, p_k the mean over points of n_ik / n_i;
- Gwet's AC1: sum_k p_k (1 - p_k) / (K - 1), which stays low where nearly all labels are of one class;
- Krippendorff's alpha, nominal: sum_k N_k (N_k - 1) / (N (N - 1)) over the N labels of points with two or more, which
  also weighs observed agreement by labels;
- Cohen, for two labelers: sum_k of the product of their shares; of several, the mean over pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.intervals import Interval

__all__ = ["COEFFICIENTS", "agreement_coefficients", "class_counts"]

COEFFICIENTS = ("observed", "cohen", "fleiss", "krippendorff", "gwet")
DRAWS = 400  # of points, with replacement, for the intervals: their ends are known to a tenth of their width

Labels = Int[np.ndarray, "labelers points"]


def agreement_coefficients(
    labels: Labels, n_classes: int, *, seed: int = 0, level: float = 0.95
) -> Mapping[str, Interval]:
    """Compute every coefficient with an interval over points: percentiles of the bootstrap.

    Args:
        labels: classes from 0, -1 for none. At least one point must have two labels.
        n_classes: of the task.
        seed: of the bootstrap.
        level: of the intervals.

    Returns:
        One interval for each of `COEFFICIENTS`; nan where chance agreement is 1, as where all labels are of one class.

    Examples:
        >>> labels = np.array([[0, 1, 1, 0, 1, 0], [0, 1, 0, 0, 1, 0]])
        >>> {name: round(each.mean, 3) for name, each in agreement_coefficients(labels, 2).items()}
        {'observed': 0.833, 'cohen': 0.667, 'fleiss': 0.657, 'krippendorff': 0.686, 'gwet': 0.676}

    Source: Cohen 1960; Fleiss, Measuring nominal scale agreement among many raters, 1971; Krippendorff, Content
    Analysis, 2004; Gwet, Computing inter-rater reliability in the presence of high agreement, 2008. With gaps we follow
    Gwet's handbook (as `irrCAC` does).
    """
    counts = class_counts(labels, n_classes)
    rng = np.random.default_rng(seed)
    n = labels.shape[1]
    draws = rng.multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(np.float64)
    weights = np.concatenate([np.ones((1, n)), draws])
    found = {**_of_counts(counts, weights), "cohen": _mean_cohen(labels, n_classes, weights)}
    n_points = int((counts.sum(axis=1) > 1).sum())
    return {name: _interval(found[name], n_points, level) for name in COEFFICIENTS}


def class_counts(labels: Labels, n_classes: int) -> Float[np.ndarray, "points classes"]:
    """Count the labels of each class at each point."""
    return np.stack([(labels == k).sum(axis=0) for k in range(n_classes)], axis=1).astype(np.float64)


def _of_counts(counts: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the coefficients of counts for each row of weights of the points."""
    n = counts.sum(axis=1)
    some, pairs = n > 0, n > 1
    given, w = counts[pairs], weights[:, pairs]
    m = n[pairs]
    agree = (given * (given - 1)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = w @ (agree / (m * (m - 1))) / w.sum(axis=1)
        shares = weights[:, some] @ (counts[some] / n[some, None]) / weights[:, some].sum(axis=1, keepdims=True)
        # Krippendorff: sum_i sum_k n_ik (n_ik - 1) / (n_i - 1) / N, against sum_k N_k (N_k - 1) / (N (N - 1))
        of_class = w @ given
        total = of_class.sum(axis=1)
        by_labels = w @ (agree / (m - 1)) / total
        alike = (of_class * (of_class - 1)).sum(axis=1) / (total * (total - 1))
        return {
            "observed": observed,
            "fleiss": _corrected(observed, (shares**2).sum(axis=1)),
            "gwet": _corrected(observed, (shares * (1 - shares)).sum(axis=1) / (counts.shape[1] - 1)),
            "krippendorff": _corrected(by_labels, alike),
        }


def _mean_cohen(labels: np.ndarray, n_classes: int, weights: np.ndarray) -> np.ndarray:
    """Average Cohen's kappa over pairs of labelers that share a point, each weighted by the points it shares."""
    total, shared = np.zeros(len(weights)), 0
    for i, j in combinations(range(len(labels)), 2):
        both = (labels[i] >= 0) & (labels[j] >= 0)
        if both.any():
            first, second = np.eye(n_classes)[labels[i, both]], np.eye(n_classes)[labels[j, both]]
            w = weights[:, both]
            with np.errstate(invalid="ignore", divide="ignore"):
                observed = w @ (first * second).sum(axis=1) / w.sum(axis=1)
                chance = ((w @ first) * (w @ second)).sum(axis=1) / w.sum(axis=1) ** 2
                total += both.sum() * _corrected(observed, chance)
            shared += int(both.sum())
    return total / shared if shared else np.full(len(weights), np.nan)


def _corrected(observed: np.ndarray, chance: np.ndarray) -> np.ndarray:
    return np.where(chance < 1, (observed - chance) / np.where(chance < 1, 1 - chance, 1), np.nan)


def _interval(values: np.ndarray, n_points: int, level: float) -> Interval:
    mean, draws = float(values[0]), values[1:][~np.isnan(values[1:])]
    if np.isnan(mean) or len(draws) < DRAWS // 2:
        reason = "all labels are of one class, or no point has two"
        return Interval.missing(reason, mean=mean, n_models=1, n_points=n_points, level=level, over="points")
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(mean, float(low), float(high), float(draws.std(ddof=1)), 1, n_points, level, None, "points")
