"""Means, and smooth functions of means, with standard errors: what each point adds is carried along.

A mean over points has at point i the influence n m_i (v_i - mean) / sum(m), m_i marking the points that it is over. A
smooth function of means has the influences of the means times its slopes (the delta method), so that sums, products
and logarithms of estimates over the same points keep what they share: differences are paired without being told.
Everything here generalises over points drawn independently, for these very labelers and models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from outlearn.core.intervals import Interval
from outlearn.core.labelers.skewed_interval import Unseen, skewed_ends
from outlearn.core.mean_intervals import MINIMUM_POINTS
from outlearn.errors import DomainError, ShapeError

__all__ = ["SHARE", "LinearisedEstimate", "average", "mean_estimate", "summed", "weighted_average", "with_controls"]

SHARE = (0.0, 1.0)
NOTHING_UNSEEN = Unseen()
POINTS_A_CONTROL = 10  # Harrell's rule of regression: with fewer, weights follow the noise and intervals come out short
MOST_LEVERAGE = 0.5  # beyond, a weight rests on one point, and the jackknife without it says nothing


@dataclass(frozen=True, eq=False)
class LinearisedEstimate:
    """A number estimated from points, with the influence of each point on it.

    Attributes:
        value: the estimate.
        influence: `[points]`; its mean is 0 and value + influence_i / n is about the estimate with point i once more.
        n_points: points that the scarcest mean in it is over: its degrees of freedom, plus one.
        unseen: what values at the ends of their range, which no point had, would add. A share of 0 of 20 points has no
            spread, but is not known to be 0.

    Examples:
        >>> a = mean_estimate(np.array([1.0, 0.0, 1.0, 1.0]))
        >>> b = mean_estimate(np.array([1.0, 0.0, 0.0, 1.0]))
        >>> (a - b).value, (a - a).value, (a - a).influence
        (0.25, 0.0, array([0., 0., 0., 0.]))
        >>> (a / b).log().value.__round__(4)
        0.4055
    """

    value: float
    influence: Float[np.ndarray, " points"]
    n_points: int
    unseen: Unseen = NOTHING_UNSEEN

    def __add__(self, other: LinearisedEstimate | float | int) -> LinearisedEstimate:
        if isinstance(other, LinearisedEstimate):
            return self._with(other, self.value + other.value, 1.0, 1.0)
        return replace(self, value=self.value + other)

    def __radd__(self, other: float | int) -> LinearisedEstimate:
        return self + other

    def __neg__(self) -> LinearisedEstimate:
        return self * -1.0

    def __sub__(self, other: LinearisedEstimate | float | int) -> LinearisedEstimate:
        return self + (-other)

    def __rsub__(self, other: float | int) -> LinearisedEstimate:
        return -self + other

    def __mul__(self, other: LinearisedEstimate | float | int) -> LinearisedEstimate:
        if isinstance(other, LinearisedEstimate):
            return self._with(other, self.value * other.value, other.value, self.value)
        return self._map(self.value * other, float(other))

    def __rmul__(self, other: float | int) -> LinearisedEstimate:
        return self * other

    def __truediv__(self, other: LinearisedEstimate | float | int) -> LinearisedEstimate:
        if isinstance(other, LinearisedEstimate):
            if other.value == 0:
                raise DomainError("an estimate cannot be divided by one that is 0.")
            ratio = self.value / other.value
            return self._with(other, ratio, 1 / other.value, -ratio / other.value)
        return self * (1.0 / other)

    def log(self) -> LinearisedEstimate:
        """Take the logarithm.

        Raises:
            DomainError: if the value is not above 0.
        """
        if not self.value > 0:
            raise DomainError(f"the logarithm needs an estimate above 0; got {self.value:.4g}.")
        return self._map(math.log(self.value), 1 / self.value)

    def exp(self) -> LinearisedEstimate:
        """Take the exponential."""
        return self._map(math.exp(self.value), math.exp(self.value))

    @property
    def standard_error(self) -> float:
        """Return sqrt(sum_i influence_i^2) / n with n_points - 1 instead of n_points; what is unseen is in the sum."""
        small = self.n_points / (self.n_points - 1) if self.n_points > 1 else math.nan
        return math.sqrt(self._square * small) / len(self.influence)

    @property
    def skewness(self) -> float:
        """Return sum_i influence_i^3 / (sum_i influence_i^2)^(3/2), the skewness of the estimate; 0 without spread."""
        if self._square == 0:
            return 0.0
        return (float((self.influence**3).sum()) + self.unseen.cube) / self._square**1.5

    @property
    def _square(self) -> float:
        return float(np.square(self.influence).sum()) + self.unseen.square

    def interval(
        self, level: float = 0.95, *, low: float = -math.inf, high: float = math.inf, of_share: bool = False
    ) -> Interval:
        """Give the interval, as skewed as the values are (`skewed_interval`), cut to [low, high].

        The value itself is never cut, and may lie beyond, as a difference of shares may.

        Args:
            level: of the interval.
            low, high: what the number can be.
            of_share: the values are 0 or 1 and each point weighs as much, so that their spread hangs on their mean and
                needs no degrees of freedom: Student's t on top of Jeffreys' prior would count few points twice.

        Returns:
            The interval; nan with a reason for fewer than 4 points.
        """
        if self.n_points < MINIMUM_POINTS:
            reason = f"only {self.n_points} points: an interval needs at least {MINIMUM_POINTS}"
            return Interval.missing(
                reason, mean=self.value, n_models=1, n_points=self.n_points, level=level, over="points"
            )
        freedom, error = self.n_points - 1.0, self.standard_error
        if of_share:
            freedom, error = math.inf, math.sqrt(self._square) / len(self.influence)
        ends = skewed_ends(self.value, error, self.skewness, freedom=freedom, level=level)
        lowest, highest = (min(max(end, low), high) for end in ends)
        return Interval(self.value, lowest, highest, error, 1, self.n_points, level, over="points", freedom=freedom)

    def _map(self, value: float, slope: float) -> LinearisedEstimate:
        return LinearisedEstimate(value, slope * self.influence, self.n_points, self.unseen.times(slope))

    def _with(self, other: LinearisedEstimate, value: float, slope: float, other_slope: float) -> LinearisedEstimate:
        if len(self.influence) != len(other.influence):
            raise ShapeError(
                f"two estimates must be over the same points; got {len(self.influence)} and {len(other.influence)}."
            )
        # The delta method: to first order f(a, b) moves by df/da times the influence on a, plus df/db times that on b.
        influence = slope * self.influence + other_slope * other.influence
        unseen = Unseen.of([self.unseen.times(slope), other.unseen.times(other_slope)])
        return LinearisedEstimate(value, influence, min(self.n_points, other.n_points), unseen)


def mean_estimate(
    values: Float[np.ndarray, " points"],
    where: Bool[np.ndarray, " points"] | None = None,
    *,
    ends: Sequence[float] = SHARE,
) -> LinearisedEstimate:
    """Estimate a mean over points, or over those that `where` marks; `ends` is the range that the values can have.

    Raises:
        DomainError: if no point is marked.

    Examples:
        >>> m = mean_estimate(np.array([0.0, 1.0, np.nan, 1.0]), np.array([True, True, False, True]))
        >>> round(m.value, 4), m.n_points, m.influence.round(4)
        (0.6667, 3, array([-0.8889,  0.4444,  0.    ,  0.4444]))
    """
    mask = np.ones(len(values), dtype=bool) if where is None else where
    count = int(mask.sum())
    if not count:
        raise DomainError("a mean needs at least one point; none is marked.")
    value = float(values[mask].mean())
    influence = np.zeros(len(values))
    scale = len(values) / count
    influence[mask] = (values[mask] - value) * scale  # n m_i (v_i - mean) / sum(m)
    return LinearisedEstimate(value, influence, count, Unseen.at(*((end - value) * scale for end in ends)))


def summed(estimates: Sequence[LinearisedEstimate]) -> LinearisedEstimate:
    """Add estimates over the same points, of which there is at least one.

    Examples:
        >>> summed([mean_estimate(np.array([1.0, 0.0])), mean_estimate(np.array([1.0, 1.0]))]).value
        1.5
    """
    return sum(estimates[1:], start=estimates[0])


def average(estimates: Sequence[LinearisedEstimate]) -> LinearisedEstimate:
    """Average estimates over the same points.

    Examples:
        >>> average([mean_estimate(np.array([1.0, 0.0])), mean_estimate(np.array([0.0, 0.0]))]).value
        0.25
    """
    return summed(estimates) / len(estimates)


def weighted_average(estimates: Sequence[LinearisedEstimate]) -> LinearisedEstimate:
    """Average estimates over overlapping points, each weighted by how many it is over.

    sum_k n_k e_k / sum_k n_k: a pair of labelers that share eight points says little, and moves the mean little. Its
    degrees of freedom are those of the estimate over the most points, which carries the most weight. What was not seen
    may be a point at which all labelers err, so that it counts in all of them at once.

    Examples:
        >>> many, few = mean_estimate(np.full(90, 0.8)), mean_estimate(np.full(90, 0.2), np.arange(90) < 10)
        >>> round(weighted_average([many, few]).value, 4), weighted_average([many, few]).n_points
        (0.74, 90)
    """
    weights = [estimate.n_points for estimate in estimates]
    total = summed([estimate * weight for estimate, weight in zip(estimates, weights, strict=True)])
    shares = [weight / sum(weights) for weight in weights]
    unseen = Unseen.together([each.unseen.times(share) for each, share in zip(estimates, shares, strict=True)])
    return replace(total / sum(weights), n_points=max(weights), unseen=unseen)


def with_controls(estimate: LinearisedEstimate, controls: Sequence[LinearisedEstimate]) -> LinearisedEstimate:
    """Subtract what is explained by estimates that are known to be of 0.

    estimate - sum_j b_j control_j, with b the least squares coefficients of the influences. With true labels of a few
    points and a guess of them at all points, the guess's mean over all points less that over the few is such a control:
    it estimates 0 whatever the guess is worth, so the result is right for any guess, and narrower for a good one.
    Controls that do not vary are left out; each that is used costs a degree of freedom, and takes ten at least: with
    too few labels for all of them, the first are used.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> guess = rng.integers(0, 2, 2000).astype(float)
        >>> truth = np.where(rng.random(2000) < 0.9, guess, 1 - guess)
        >>> few = np.arange(2000) < 100
        >>> plain = mean_estimate(truth, few)
        >>> better = with_controls(plain, [mean_estimate(guess) - mean_estimate(guess, few)])
        >>> round(plain.standard_error, 3), round(better.standard_error, 3)
        (0.05, 0.027)

    Source: control variates; Angelopoulos et al., PPI++: Efficient Prediction-Powered Inference, 2023, eq. 2 with the
    power-tuned weight. We take several controls and the weights by least squares. MacKinnon and White, Some
    heteroskedasticity-consistent covariance matrix estimators, 1985, for residuals over 1 - leverage (HC3).
    """
    used = [control for control in controls if float(np.square(control.influence).sum()) > 0]
    used = used[: max(estimate.n_points - 1, 0) // POINTS_A_CONTROL]
    if not used:
        return estimate
    design = np.stack([control.influence for control in used], axis=1)
    # b = argmin |influence - sum_j b_j influence_j|^2, the least variance that any such combination has
    weights, *_ = np.linalg.lstsq(design, estimate.influence, rcond=None)
    value = estimate.value - float(weights @ [control.value for control in used])
    # Each point is judged by weights that it had no part in: residual / (1 - leverage), as the jackknife has it.
    leverage = np.square(np.linalg.qr(design).Q).sum(axis=1)
    influence = (estimate.influence - design @ weights) / (1 - np.minimum(leverage, MOST_LEVERAGE))
    return LinearisedEstimate(value, influence, estimate.n_points - len(used), estimate.unseen)
