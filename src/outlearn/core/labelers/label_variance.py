"""How much several labelers' distributions of a point vary, in nats and in squared loss: no student and no target.

With f_j the distribution of labeler j and M of them, the variance of the order D(target, prediction) is, in nats,

    V = mean_j KL(f*, f_j),   log f* = mean_j log f_j, normalised,

and log loss = bias + V exactly, bias being the log loss of f*. The plug-in V of M labelers is too small, by about
V / M, as f* is nearer to these labelers than to others; the jackknife over labelers corrects it: see `bias_variance`.
In half squared distances that is exact: mean over pairs of |f_i - f_j|^2 / 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.decomposition.bias_variance import variance_pseudo_values
from outlearn.core.generators import get_generator
from outlearn.core.intervals import Interval, Withheld
from outlearn.core.mean_intervals import point_interval
from outlearn.core.orders import dual_centre, spread_about
from outlearn.core.predictions import Predictions
from outlearn.core.scales import POSITIVE

__all__ = ["LabelVariance", "label_variance"]

ORDER = "target_first"


@dataclass(frozen=True)
class LabelVariance:
    """The variance of labelers over their points, for these labelers and new points.

    Attributes:
        n_labelers, n_points: labelers, and points that all of them label.
        nats_plug_in, nats: in nats, as it is of these labelers, and corrected for their number; withheld where a label
            gives a class probability 0, as votes do.
        squared_plug_in, squared: the same in half squared distances.
        log_loss, bias: with true labels, the labelers' mean log loss in nats and what of it is bias: log loss less
            `nats`.
    """

    n_labelers: int
    n_points: int
    nats_plug_in: Interval | Withheld
    nats: Interval | Withheld
    squared_plug_in: Interval
    squared: Interval
    log_loss: Interval | Withheld
    bias: Interval | Withheld

    def __str__(self) -> str:
        lines = [
            f"Variance of {self.n_labelers} labelers over {self.n_points:,} points that all of them label",
            f"  {'':<34}{'as it is of these':>24}{'corrected for their number':>30}",
            f"  {'in nats':<34}{_cell(self.nats_plug_in):>24}{_cell(self.nats):>30}",
            f"  {'in half squared distances':<34}{_cell(self.squared_plug_in):>24}{_cell(self.squared):>30}",
        ]
        if isinstance(self.nats, Withheld):
            lines.append(f"  nats are not given: {self.nats.reason}")
        if isinstance(self.log_loss, Interval):
            lines.append(f"  log loss of a labeler {_cell(self.log_loss)}, of which bias {_cell(self.bias)} nats")
        return "\n".join(lines)


def label_variance(
    probs: Float[np.ndarray, "labelers points classes"],
    true_labels: Int[np.ndarray, " points"] | None = None,
    *,
    level: float = 0.95,
) -> LabelVariance | Withheld:
    """Measure the variance of labelers' distributions.

    Args:
        probs: rows sum to 1; nan where a labeler says nothing.
        true_labels: -1 where it is not known.
        level: of the intervals.

    Returns:
        The variance; withheld with one labeler, or where fewer than four points have labels of all.

    Examples:
        >>> first, second = np.array([[0.9, 0.6, 0.2, 0.5], [0.8, 0.3, 0.2, 0.5]])
        >>> found = label_variance(np.stack([[first, second], [1 - first, 1 - second]], axis=2))
        >>> round(found.squared_plug_in.mean, 4), round(found.squared.mean, 4)
        (0.0062, 0.0125)
    """
    complete = ~np.isnan(probs[..., 0]).any(axis=0)
    n_labelers, n_points = len(probs), int(complete.sum())
    if n_labelers < 2 or n_points < 4:
        return Withheld(f"{n_labelers} labelers and {n_points} points that all label; expected two and four at least")
    given = probs[:, complete]
    centred = np.square(given - given.mean(axis=0)).sum(axis=2) / 2

    def over_points(values: np.ndarray) -> Interval:
        return point_interval(values.mean(axis=0, keepdims=True), level, scale=POSITIVE)

    plug_in, corrected = _in_nats(given)
    loss, bias = _against_truth(given, None if true_labels is None else true_labels[complete], corrected)
    return LabelVariance(
        n_labelers=n_labelers,
        n_points=n_points,
        nats_plug_in=plug_in if isinstance(plug_in, Withheld) else over_points(plug_in),
        nats=corrected if isinstance(corrected, Withheld) else over_points(corrected),
        squared_plug_in=over_points(centred),
        squared=over_points(centred * (n_labelers / (n_labelers - 1))),
        log_loss=loss if isinstance(loss, Withheld) else over_points(loss),
        bias=bias if isinstance(bias, Withheld) else over_points(bias),
    )


def _in_nats(probs: np.ndarray) -> tuple[np.ndarray | Withheld, np.ndarray | Withheld]:
    """Return the plug-in variance of each point and labeler, and the jackknife's pseudo-values."""
    if (probs == 0).any():
        ruled_out = Withheld("some labels give a class probability 0, which costs infinitely many nats")
        return ruled_out, ruled_out
    generator = get_generator("negative_entropy")
    duals = generator.dual_from_log_probs(Predictions.from_probs(probs).log_probs, argument="labels")
    centre = dual_centre(duals, generator, ORDER, of="predictions")
    spread = spread_about(centre, duals, generator, ORDER, of="predictions")
    return spread, variance_pseudo_values(duals, np.arange(len(duals)), generator, ORDER)


def _against_truth(
    probs: np.ndarray, truth: np.ndarray | None, variance: np.ndarray | Withheld
) -> tuple[np.ndarray | Withheld, np.ndarray | Withheld]:
    """Return the log loss of each labeler at the points of known truth, and what of it is bias."""
    if truth is None or not (truth >= 0).any():
        unknown = Withheld("there are no true labels of points that all labelers label")
        return unknown, unknown
    if isinstance(variance, Withheld):
        return variance, variance
    known = np.flatnonzero(truth >= 0)
    loss = -np.log(probs[:, known, truth[known]])
    return loss, loss.mean(axis=0, keepdims=True) - variance.mean(axis=0, keepdims=True)[:, known]


def _cell(interval: Interval | Withheld) -> str:
    if isinstance(interval, Withheld):
        return "—"
    return f"{interval.mean:.4f} [{interval.low:.4f}, {interval.high:.4f}]"
