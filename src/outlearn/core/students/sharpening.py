"""When does sharpening a prediction help? Where its entropy is above its cross-entropy.

Along s_alpha proportional to s^alpha, d/d alpha CE(y, s_alpha) at alpha = 1 is CE(y, s) - H(s) exactly. So a student
that is less sure than it is right, H(s) > CE(y, s), gains from lower entropy, and one that is more sure loses. A claim
about entropy needs this number beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from outlearn.core.intervals import Interval
from outlearn.core.log_space import less, row_max, row_sum
from outlearn.core.mean_intervals import ROUNDING, mean_interval
from outlearn.core.metrics import entropy
from outlearn.core.orders import model_blocks
from outlearn.core.predictions import Predictions, check_predictions
from outlearn.core.scales import SIGNED
from outlearn.core.targets import read_target
from outlearn.core.verdict import excludes_zero, is_above_zero

__all__ = ["Sharpening", "SharpeningSummary", "sharpening"]

POWERS = (1e-3, 1e3)  # searched for the best power; beyond, 0 or infinity is reported
STEPS = 100  # halving the range of powers so often leaves nothing of it
CLOSE = 1e-12  # of the logarithm of a power


@dataclass(frozen=True)
class SharpeningSummary:
    """Means of entropy and cross-entropy, and which power would be best; print() it.

    Attributes:
        excess: mean entropy - cross-entropy, over teacher clusters and points (points only for one model); positive
            where sharpening helps.
        entropy, cross_entropy: means over models and points, in nats.
        direction: "sharpen", "soften", or "undecided" where the interval includes 0 or cannot be given.
        best_power: one a model; see `Sharpening`.
    """

    excess: Interval
    entropy: float
    cross_entropy: float
    direction: str
    best_power: tuple[float, ...]

    @property
    def median_power(self) -> float:
        """Median of `best_power` over the models that have one; nan if none has."""
        known = [power for power in self.best_power if not math.isnan(power)]
        return float(np.median(known)) if known else math.nan

    def __str__(self) -> str:
        best = "no power is better than another"
        if not math.isnan(self.median_power):
            best = f"best power {self.median_power:.3g} (median over models)"
        return (
            f"entropy {self.entropy:.4f}, cross-entropy {self.cross_entropy:.4f}, difference {self.excess}: "
            f"{self.direction}; {best}"
        )


@dataclass(frozen=True, eq=False)
class Sharpening:
    """Entropy against cross-entropy of predictions, and the power that would be best; print() it.

    Attributes:
        entropy: `[models, points]`, H(s) in nats.
        cross_entropy: `[models, points]`, CE(y, s) in nats.
        excess: `[models, points]`, entropy - cross_entropy; positive on average where sharpening helps.
        interval: of the mean excess, over teacher clusters and points (points only for one model).
        direction: "sharpen", "soften", or "undecided" where the interval includes 0 or cannot be given.
        best_power: `[models]`, the alpha for which s^alpha, normalised, has the least cross-entropy on these points;
            above 1 sharpens. 0 or inf where the minimum lies outside 0.001 to 1000; nan where no power is better than
            another: the cross-entropy is infinite, or predictions are all uniform or certain, and stay as they are.
    """

    entropy: Float[np.ndarray, "models points"]
    cross_entropy: Float[np.ndarray, "models points"]
    excess: Float[np.ndarray, "models points"]
    interval: Interval
    direction: str
    best_power: Float[np.ndarray, " models"]

    @property
    def median_power(self) -> float:
        """Median of `best_power` over the models that have one; nan if none has."""
        return self.summary().median_power

    def summary(self) -> SharpeningSummary:
        """Average over models and points."""
        means = (float(self.entropy.mean()), float(self.cross_entropy.mean()))
        return SharpeningSummary(self.interval, *means, self.direction, tuple(self.best_power.tolist()))

    def __str__(self) -> str:
        return str(self.summary())


def sharpening(
    target: Shaped[np.ndarray, "..."] | Predictions,
    predictions: Predictions,
    *,
    level: float = 0.95,
    draws: bool = False,
) -> Sharpening:
    """Compare the entropy of predictions with their cross-entropy: H(s) - CE(y, s).

    With s_alpha proportional to s^alpha, d/d alpha CE(y, s_alpha) = CE(y, s) - H(s) at alpha = 1: where the difference
    is positive, a larger alpha, so a sharper prediction, has the lower cross-entropy.

    Args:
        target: as for `bias_variance`; draws of it are averaged, since cross-entropy is linear in the target.
        predictions: `[models, points, classes]`; `teacher_of` groups students by teacher.
        level: of the interval, between 0 and 1.
        draws: say that the first axis of an integer target is draws.

    Returns:
        The difference `[models, points]` in nats with its interval, the direction that helps, and the best power of
        each model.

    Raises:
        ShapeError, AlignmentError, DomainError: for a target that does not fit.
        ConfigError: for a level outside (0, 1).

    Examples:
        >>> p = Predictions.from_probs(np.array([[0.6, 0.4]] * 10))     # always right, 60% sure
        >>> s = sharpening(np.zeros(10, dtype=int), p)
        >>> s.direction, round(s.interval.mean, 4), s.best_power
        ('sharpen', 0.1622, array([inf]))

    Source: Xu et al., Weak-to-Strong Generalization via Bregman Bias-Variance Decomposition, 2025, find that lower
    entropy promotes the gain; the derivative, which says when, is derived here. s^alpha is temperature scaling, as in
    Guo et al., On calibration of modern neural networks, 2017, with alpha = 1 / temperature.
    """
    check_predictions(predictions=predictions)
    y = read_target(target, predictions, draws=draws).coordinates.mean(axis=0)
    h = entropy(predictions)
    with np.errstate(invalid="ignore"):
        ce = -row_sum(np.where(y > 0, y * predictions.log_probs, 0.0))
    excess = h - ce
    interval = mean_interval(excess, level, clusters=predictions.teacher_of, scale=SIGNED)
    rounding = ROUNDING * float(np.abs(h).max())  # all points uniform: the difference is 0 up to this
    told = excludes_zero(interval) and min(abs(interval.low), abs(interval.high)) > rounding
    direction = ("sharpen" if is_above_zero(interval) else "soften") if told else "undecided"
    blocks = model_blocks(predictions.n_models, y.size)
    powers = np.concatenate([_best_powers(y, predictions.log_probs[models]) for models in blocks])
    return Sharpening(h, ce, excess, interval, direction, powers)


def _best_powers(y: np.ndarray, log_probs: np.ndarray) -> np.ndarray:
    """Find, for each model, where the slope of the convex function alpha -> mean CE(y, s^alpha) is 0."""
    finite = np.isfinite(log_probs)
    infinite = np.any((y > 0) & ~finite, axis=(1, 2))  # at every power: s^alpha keeps its zeros
    spread = row_max(np.where(finite, log_probs, -np.inf)) + row_max(np.where(finite, -log_probs, -np.inf))
    same = spread.max(axis=1) <= ROUNDING  # s^alpha is s at every power: uniform on the classes it does not exclude
    logs = np.where(finite, log_probs, 0.0)
    excluded = None if finite.all() else ~finite
    fixed = row_sum(y * logs).mean(axis=1)

    def slopes(log_power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scaled = np.exp(log_power)[:, None, None] * logs
        if excluded is not None:
            scaled[excluded] = -np.inf
        weights = np.exp(less(scaled, row_max(scaled)))
        # d/d alpha CE(y, s_alpha) = E_{s_alpha} log s - E_y log s, which rises with alpha by Var_{s_alpha} log s
        total = row_sum(weights)
        expected = row_sum(weights * logs) / total
        variance = row_sum(weights * np.square(less(logs, expected))) / total
        return expected.mean(axis=1) - fixed, variance.mean(axis=1) * np.exp(log_power)

    low, high = (np.full(len(logs), math.log(power)) for power in POWERS)
    # Of a model that is right on all points the slope vanishes as alpha grows: what is left of it there is rounding.
    below, above = slopes(low)[0] >= 0, slopes(high)[0] <= ROUNDING * np.abs(fixed)
    unknown = infinite | same
    found = np.exp(_roots(slopes, low, high, known=unknown | below | above))
    return np.where(unknown, np.nan, np.where(below, 0.0, np.where(above, np.inf, found)))


def _roots(
    slopes: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], low: np.ndarray, high: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Find where functions that rise from below 0 are 0: Newton's steps, halving where one would leave the bracket.

    Those that are `known` need no root.
    """
    at, found = np.zeros(len(low)), known  # a power of 1
    for _ in range(STEPS):
        if found.all():
            break
        value, rise = slopes(at)
        low, high = np.where(value < 0, at, low), np.where(value < 0, high, at)
        with np.errstate(divide="ignore", invalid="ignore"):
            following = at - value / rise
        following = np.where((low < following) & (following < high), following, (low + high) / 2)
        following = np.where(found | (value == 0), at, following)
        found = found | (np.abs(following - at) <= CLOSE)
        at = following
    return at
