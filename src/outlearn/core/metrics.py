"""Metrics of predictions against labels, as one value per (model, point) whose mean over points is the metric.

Where a labeler leaves a point out there is no value, nan, and its metric is of the points that it answers.

The per-point form is what makes every metric carry the same two-way interval. Accuracy, log loss, Brier score and
entropy are means already. AUROC and calibration error are not: they are linearised, so that the mean over points is the
metric exactly and the spread over points is that of the delta method (for AUROC this is DeLong's variance).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Literal, TypeAlias, TypeVar, cast

import numpy as np
from jaxtyping import Float, Integer

from outlearn.core.gaps import over_answered
from outlearn.core.intervals import Interval
from outlearn.core.log_space import row_max, row_sum
from outlearn.core.mean_intervals import mean_interval
from outlearn.core.numbers import AnyPredictions
from outlearn.core.plain_arrays import plain_array
from outlearn.core.predictions import Predictions, check_predictions
from outlearn.core.ranks import others_below
from outlearn.core.scales import BRIER, CALIBRATION, DIFFERENCE, POSITIVE, SHARE, SIGNED, Scale
from outlearn.core.top_class import hits, top_class
from outlearn.errors import AlignmentError, ConfigError, DomainError, suggest

__all__ = [
    "METRICS", "Metric", "Score", "accuracy", "auroc", "brier", "calibration_error", "entropy", "log_loss",
    "majority_accuracy", "score", "scorecard",
]  # fmt: skip

CALIBRATION_BINS = 15  # equal width over (0, 1], closed on the right

# Classes, or the shares of classes where the truth ties; see `top_class.true_shares`.
Labels: TypeAlias = Integer[np.ndarray, "points"] | Float[np.ndarray, "points classes"]
Measure = TypeVar("Measure", bound=Callable[..., np.ndarray])


def _of_answers(measure: Measure) -> Measure:
    """Measure each model on the points that it answers alone; nan elsewhere."""

    @wraps(measure)
    def of_answers(predictions: AnyPredictions, labels: Any = None) -> np.ndarray:
        answered = predictions.answered
        if answered is None:
            return measure(predictions, labels)
        if labels is not None and isinstance(predictions, Predictions):
            _check_labels(predictions, labels)
        values = np.full(answered.shape, np.nan)
        for m, there in enumerate(answered):
            if there.any():
                own = replace(predictions.only(m).select(predictions.point_ids[there]), answered=None)
                values[m, there] = measure(own, None if labels is None else labels[there])[0]
        return values

    return cast(Measure, of_answers)


@dataclass(frozen=True)
class Metric:
    """A measure of predictions; calling it gives one value per (model, point), whose mean over points it is.

    Attributes:
        name: in results and configurations.
        label: for people.
        line: one sentence for tables.
        unit: "percent" for a share that people read in percent; results hold the share itself.
        higher_is_better: the direction; None for what is neither good nor bad.
        measure: predictions, labels -> `[models, points]`, of predictions without gaps.
        scale: what values its mean can have; `difference_scale` is that of a difference of two means.
        in_tables: whether tables of scores have a column of it.
        abbreviates: what the label stands for, where that is worth saying.
        undefined: why there is no value, where there is none.
    """

    name: str
    label: str
    line: str
    unit: Literal["percent", "nats", "squared error", "units", "squared units", ""]
    higher_is_better: bool | None
    measure: Callable[[Any, Any], np.ndarray]
    scale: Scale
    in_tables: bool = True
    abbreviates: str = ""
    undefined: str = "the labels show one class only: no ranking to measure"

    @property
    def difference_scale(self) -> Scale:
        """The scale of a difference: between -1 and 1 for shares."""
        return DIFFERENCE if self.unit == "percent" else SIGNED

    def __call__(
        self, predictions: AnyPredictions, labels: Labels | Float[np.ndarray, "points"] | None
    ) -> Float[np.ndarray, "models points"]:
        """Measure every model at every point that it answers."""
        return _of_answers(self.measure)(predictions, labels)


@dataclass(frozen=True)
class Score:
    """A metric of several models: its mean with an interval, and each model's own value `[models]`."""

    interval: Interval
    each: Float[np.ndarray, "models"]


@_of_answers
def accuracy(predictions: Predictions, labels: Labels) -> Float[np.ndarray, "models points"]:
    """Mark 1 where the most probable class is the label, else 0; k equally probable classes share the 1.

    So a tie with the label among k classes counts 1/k, the expected accuracy of breaking ties at random, whatever the
    order of the classes. Where k classes of the truth tie, `labels` are their shares (`top_class.true_shares`), and
    each of these answers is 1/k of a hit; the other metrics take the first of them.

    Examples:
        >>> accuracy(Predictions.from_probs(np.array([[0.9, 0.1], [0.4, 0.6]])), np.array([0, 0]))
        array([[1., 0.]])
    """
    _check_labels(predictions, labels)
    return hits(predictions.log_probs, np.asarray(labels))


@_of_answers
def log_loss(predictions: Predictions, labels: Labels) -> Float[np.ndarray, "models points"]:
    """Measure -log p(label), in nats; infinite where the label has probability 0.

    Examples:
        >>> log_loss(Predictions.from_probs(np.array([[0.5, 0.5], [0.2, 0.8]])), np.array([0, 1])).round(4)
        array([[0.6931, 0.2231]])
    """
    labels = _check_labels(predictions, labels)
    return -predictions.log_probs[:, np.arange(len(labels)), labels]


@_of_answers
def brier(predictions: Predictions, labels: Labels) -> Float[np.ndarray, "models points"]:
    """Measure sum_k (p_k - 1[k = label])^2, between 0 and 2; for two classes twice the one-class form.

    Examples:
        >>> brier(Predictions.from_probs(np.array([[0.5, 0.5], [0.2, 0.8]])), np.array([0, 1])).round(4)
        array([[0.5 , 0.08]])
    """
    labels = _check_labels(predictions, labels)
    difference = np.exp(predictions.log_probs)
    difference[:, np.arange(len(labels)), labels] -= 1
    return row_sum(np.square(difference))


@_of_answers
def entropy(predictions: Predictions, labels: Labels | None = None) -> Float[np.ndarray, "models points"]:
    """Measure the entropy of the prediction itself, -sum_k p_k log p_k, in nats; labels are not used.

    Examples:
        >>> entropy(Predictions.from_probs(np.array([[0.5, 0.5], [1.0, 0.0]]))).round(4)
        array([[0.6931, 0.    ]])
    """
    probs = np.exp(predictions.log_probs)
    with np.errstate(invalid="ignore"):
        terms = probs * predictions.log_probs
    return np.abs(row_sum(np.where(probs > 0, terms, 0.0)))  # 0 log 0 = 0; abs only turns -0 into 0


@_of_answers
def calibration_error(predictions: Predictions, labels: Labels) -> Float[np.ndarray, "models points"]:
    """Linearise the expected calibration error of the top class, with 15 bins of equal width over (0, 1].

    ECE = sum_b |sum_{i in b} (confidence_i - correct_i)| / n. The value of a point is its own difference, with the sign
    of its bin; the mean over points is the ECE. The ECE of a perfectly calibrated model is above 0: about 1/sqrt of the
    points per bin.

    Examples:
        >>> p = Predictions.from_probs(np.array([[0.9, 0.1], [0.9, 0.1]]))     # 90% sure, right once in two
        >>> round(float(calibration_error(p, np.array([0, 1])).mean()), 4)
        0.4

    Source: Naeini et al., Obtaining well calibrated probabilities using Bayesian binning, 2015.
    """
    right = accuracy(predictions, labels)
    confidence = np.exp(row_max(predictions.log_probs))
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.intp) - 1, 0, CALIBRATION_BINS - 1)
    difference = confidence - right
    signed = np.empty_like(difference)
    for m in range(len(difference)):
        of_bin = np.bincount(bins[m], weights=difference[m], minlength=CALIBRATION_BINS)
        signed[m] = np.where(of_bin >= 0, 1.0, -1.0)[bins[m]] * difference[m]
    return signed


@_of_answers
def auroc(predictions: Predictions, labels: Labels) -> Float[np.ndarray, "models points"]:
    """Linearise the area under the ROC curve; for more than two classes the plain mean of one-vs-rest areas.

    A point's value is A + (n / n_c) (placement_i - A), c its side (positive or negative) and placement_i the share of
    the other side that it is ranked right of, ties counting one half. The mean over points is A. Classes that no label
    shows, or all labels show, have no area and are left out of the mean.

    Returns:
        `[models, points]`; all nan if no class has both sides.

    Examples:
        >>> p = Predictions.from_probs(np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.2, 0.8]]))
        >>> float(auroc(p, np.array([0, 0, 1, 1])).mean())     # three pairs right, one tie
        0.875

    Source: DeLong, DeLong and Clarke-Pearson, Comparing the areas under two or more correlated ROC curves, 1988.
    """
    labels = _check_labels(predictions, labels)
    log_probs = predictions.log_probs
    if log_probs.shape[-1] == 2:  # both sides at once; the log-odds tell apart what p = 1.0 no longer does
        return _binary_auroc(log_probs[..., 1] - log_probs[..., 0], labels == 1)
    areas = [
        _binary_auroc(log_probs[..., k], labels == k)
        for k in range(log_probs.shape[-1])
        if 0 < np.count_nonzero(labels == k) < len(labels)
    ]
    return np.mean(areas, axis=0) if areas else np.full(log_probs.shape[:2], np.nan)


def _binary_auroc(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    n, n_positive = len(positive), int(positive.sum())
    n_negative = n - n_positive
    if n_positive == 0 or n_negative == 0:
        return np.full(scores.shape, np.nan)
    below = others_below(scores, positive)
    placement = np.where(positive, below / n_negative, 1 - below / n_positive)
    area = placement[:, positive].mean(axis=-1, keepdims=True)
    side = np.where(positive, n / n_positive, n / n_negative)
    return area + side * (placement - area)


METRICS: dict[str, Metric] = {
    each.name: each
    for each in (
        Metric("accuracy", "accuracy", "share of points that are right, in %", "percent", True, accuracy, SHARE),
        Metric(
            "log_loss",
            "log loss",
            "mean of -log(probability of the true label), in nats",
            "nats",
            False,
            log_loss,
            POSITIVE,
        ),
        Metric(
            "brier",
            "Brier score",
            "mean of |p - one-hot label|^2, between 0 and 2",
            "squared error",
            False,
            brier,
            BRIER,
            in_tables=False,
        ),
        Metric(
            "auroc", "AUROC", "area under the ROC curve, in %; of more classes the mean", "percent", True, auroc, SHARE
        ),
        Metric(
            "entropy",
            "entropy",
            "mean entropy of the predictions themselves, in nats",
            "nats",
            None,
            entropy,
            POSITIVE,
            in_tables=False,
        ),
        Metric(
            "ece",
            "ECE",
            "expected calibration error, in %",
            "percent",
            False,
            calibration_error,
            CALIBRATION,
            abbreviates="calibration error",
        ),
    )
}


def score(
    name: str,
    predictions: AnyPredictions,
    labels: Labels | Float[np.ndarray, "points"],
    level: float = 0.95,
    *,
    metrics: Mapping[str, Metric] | None = None,
) -> Score:
    """Measure one metric of every model, with the mean and its interval.

    With two independent models or more the interval is two-way, over teacher clusters and points; for one model (a
    ceiling, an ensemble, one teacher) it is over points only, and `interval.over` says so.

    Args:
        name: a key of METRICS.
        predictions: of one or several models; `teacher_of` groups students by teacher.
        labels: `[points]`.
        level: of the interval.
        metrics: those that there are; METRICS, of classes, if None.

    Raises:
        ConfigError: for an unknown name.
        AlignmentError, DomainError: if the labels do not fit the predictions.

    Examples:
        >>> p = Predictions.from_probs(np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.7, 0.3]]))
        >>> s = score("accuracy", p, np.array([0, 0, 0, 1]))
        >>> s.each, s.interval.mean, s.interval.over
        (array([0.5]), 0.5, 'points')
    """
    known = METRICS if metrics is None else metrics
    if name not in known:
        raise ConfigError(f"unknown metric {name!r}; {suggest(name, known)}")
    values = over_answered(known[name](predictions, labels), predictions.answered)
    each = values.mean(axis=1)
    n_models, n_points = values.shape
    if np.isnan(values).any():
        silent = predictions.answered is not None and not predictions.answered.any(axis=1).all()
        reason = "a labeler says nothing of these points" if silent else known[name].undefined
        return Score(Interval.missing(reason, n_models=n_models, n_points=n_points, level=level), each)
    return Score(mean_interval(values, level, clusters=predictions.teacher_of, scale=known[name].scale), each)


def scorecard(
    predictions: AnyPredictions,
    labels: Labels | Float[np.ndarray, "points"],
    level: float = 0.95,
    *,
    metrics: Mapping[str, Metric] | None = None,
) -> dict[str, Score]:
    """Measure every metric of METRICS, or of those given.

    Examples:
        >>> p = Predictions.from_probs(np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.7, 0.3]]))
        >>> {k: round(v.interval.mean, 3) for k, v in scorecard(p, np.array([0, 1, 0, 1])).items()}
        {'accuracy': 0.75, 'log_loss': 0.511, 'brier': 0.35, 'auroc': 1.0, 'entropy': 0.527, 'ece': 0.35}
    """
    known = METRICS if metrics is None else metrics
    return {name: score(name, predictions, labels, level, metrics=known) for name in known}


def majority_accuracy(
    labels: Integer[np.ndarray, "points"], reference: Integer[np.ndarray, "seen"] | None = None
) -> float:
    """Measure the accuracy of always answering the most common label of `reference` (of `labels` itself if None).

    Of equally common labels one is drawn at random: the mean of their accuracies.

    Examples:
        >>> majority_accuracy(np.array([0, 1, 1, 1]))
        0.75
    """
    seen = labels if reference is None else reference
    if len(seen) == 0 or len(labels) == 0:
        raise DomainError("the majority class needs at least one label; got none.")
    values, counts = np.unique(seen, return_counts=True)
    return float(np.isin(labels, values[counts == counts.max()]).mean() * top_class(counts).max())


def _check_labels(predictions: Predictions, labels: np.ndarray) -> Integer[np.ndarray, " points"]:
    """Return the classes, of a tie the first."""
    check_predictions(predictions=predictions)
    labels = plain_array(labels, "labels")
    _, n_points, n_classes = predictions.log_probs.shape
    if labels.ndim == 2 and labels.shape == (n_points, n_classes):
        return np.asarray(labels.argmax(axis=-1))
    if labels.shape != (n_points,):
        raise AlignmentError(
            f"labels and predictions must describe the same points; got labels of shape {labels.shape} for {n_points} "
            "predicted points. Predict and label the same split."
        )
    if labels.dtype.kind not in "iu":
        raise DomainError(
            f"labels must be classes, whole numbers from 0 to {n_classes - 1}; got type {labels.dtype}, first "
            f"{labels.tolist()[0]!r}. If these are classes, pass labels.astype(int); points without a label must be "
            "left out."
        )
    bad = (labels < 0) | (labels >= n_classes)
    if bad.any():
        point = int(np.flatnonzero(bad)[0])
        raise DomainError(
            f"labels must lie between 0 and {n_classes - 1}, one per class; got {labels[point]} at point {point}. "
            "Number the classes from 0 in the order of the predictions' last axis."
        )
    return labels
