"""f-divergences D(t, s) of the teacher from the student: distances whose minimiser is the teacher itself.

D_f(t, s) = sum s f(t / s). They differ in how they weigh an error: Pearson's explodes where s is small, Jensen-Shannon,
Hellinger and total variation are bounded. Gradients come from autograd.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from outlearn.lazy_torch import torch
from outlearn.losses.cross_entropy import reverse_kl
from outlearn.losses.distributions import DEFAULT_SMOOTHING, log_smoothed, smoothed
from outlearn.losses.loss import Loss, PerClass, PerExample, Smoothing

__all__ = ["Hellinger", "Jeffreys", "JensenShannon", "PearsonChi2", "TotalVariation"]


@dataclass(frozen=True)
class JensenShannon(Loss):
    """Compute (KL(t, m) + KL(s, m)) / 2 with m = (t + s) / 2: symmetric, at most log 2; minimiser t.

    Examples:
        >>> JensenShannon()(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
        tensor([0.2158])
    """

    name: ClassVar[str] = "jensen_shannon"
    label: ClassVar[str] = "Jensen-Shannon divergence"
    formula: ClassVar[str] = "(KL(t, m) + KL(s, m)) / 2, m = (t + s) / 2"
    minimiser: ClassVar[str] = "t"

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        """Compute sum (t log t + s log s) / 2 - m log m."""
        log_s = logits.log_softmax(-1)
        s = log_s.exp()
        # log m in log space: finite even where s underflows and t is 0.
        log_m = torch.logaddexp(targets.log(), log_s) - math.log(2.0)
        return 0.5 * (torch.special.xlogy(targets, targets) - targets * log_m + s * (log_s - log_m)).sum(-1)


@dataclass(frozen=True)
class Hellinger(Loss):
    """Compute the squared Hellinger distance sum (sqrt t - sqrt s)^2 / 2: symmetric, at most 1; minimiser t.

    Examples:
        >>> Hellinger()(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
        tensor([0.2929])
    """

    name: ClassVar[str] = "hellinger"
    label: ClassVar[str] = "squared Hellinger distance"
    formula: ClassVar[str] = "sum (sqrt t - sqrt s)^2 / 2"
    minimiser: ClassVar[str] = "t"

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        """Compute the distance; sqrt s is exp(log s / 2), whose gradient is finite at s = 0."""
        return 0.5 * (targets.sqrt() - (0.5 * logits.log_softmax(-1)).exp()).square().sum(-1)


@dataclass(frozen=True)
class TotalVariation(Loss):
    """Compute sum |t - s| / 2: symmetric, at most 1; minimiser t, where it has a kink (gradient 0 exactly there).

    Examples:
        >>> TotalVariation()(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
        tensor([0.5000])
    """

    name: ClassVar[str] = "total_variation"
    label: ClassVar[str] = "total variation"
    formula: ClassVar[str] = "sum abs(t - s) / 2"
    minimiser: ClassVar[str] = "t (a kink)"

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        return 0.5 * (targets - logits.softmax(-1)).abs().sum(-1)


@dataclass(frozen=True)
class PearsonChi2(Loss):
    """Compute sum (t' - s')^2 / s', with both smoothed, p' = (1 - e) p + e / K; minimiser t.

    Without smoothing it grows like exp of the largest logit difference and leaves the float range; smoothing both
    sides keeps the minimiser at t exactly and bounds the value by K / e.

    Args:
        smoothing: e in [0, 1). 0 gives the plain divergence, for bounded logits only.

    Examples:
        >>> PearsonChi2(smoothing=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
        tensor([1.])
    """

    name: ClassVar[str] = "pearson_chi2"
    label: ClassVar[str] = "Pearson's chi-squared"
    formula: ClassVar[str] = "sum (t' - s')^2 / s', both smoothed"
    minimiser: ClassVar[str] = "t"

    smoothing: Smoothing = DEFAULT_SMOOTHING

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        """Compute the divergence; t' - s' = (1 - e) (t - s)."""
        s = logits.softmax(-1)
        difference = (1.0 - self.smoothing) * (targets - s)
        return (difference.square() / smoothed(s, self.smoothing, n_classes=s.shape[-1])).sum(-1)


@dataclass(frozen=True)
class Jeffreys(Loss):
    """Compute KL(t', s) + KL(s, t') = sum (t' - s) log(t' / s), with t' = (1 - e) t + e / K; minimiser t'.

    Args:
        smoothing: e in [0, 1). With 0 the value is exact, and a zero target probability is an error.

    Examples:
        >>> Jeffreys(smoothing=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.8789])
    """

    name: ClassVar[str] = "jeffreys"
    label: ClassVar[str] = "Jeffreys divergence"
    formula: ClassVar[str] = "KL(t', s) + KL(s, t')"
    minimiser: ClassVar[str] = "t'"
    takes_log_of_targets: ClassVar[bool] = True

    smoothing: Smoothing = DEFAULT_SMOOTHING

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        log_s = logits.log_softmax(-1)
        log_t = log_smoothed(targets, self.smoothing, n_classes=targets.shape[-1])
        return (log_t.exp() * (log_t - log_s)).sum(-1) + reverse_kl(log_s, targets, self.smoothing)
