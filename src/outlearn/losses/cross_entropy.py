"""Cross-entropies and Kullback-Leibler divergences between teacher t and student s, in both directions.

Forward: the teacher comes first, CE(t, s) = -sum t log s, and the minimiser is t. Reverse: the student comes first,
RCE = -sum s log t, linear in s, and the minimiser is the vertex at the teacher's largest class. They are linked by
CE(t, s) = KL(t, s) + H(t) and RCE = KL(s, t) + H(s). Gradients: docs/losses.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from outlearn.errors import ConfigError
from outlearn.lazy_torch import Tensor, torch
from outlearn.losses.closed_forms import ClosedForm, Mixture
from outlearn.losses.distributions import DEFAULT_SMOOTHING, hardened, log_smoothed
from outlearn.losses.loss import Loss, NonNegative, PerClass, PerExample, Smoothing

__all__ = ["ForwardCE", "ForwardKL", "HardCE", "ReverseCE", "ReverseKL", "SymmetricCE"]


def cross_entropy(log_s: PerClass, t: PerClass) -> PerExample:
    """Compute -sum t log s. Logits are finite, hence log s is, and 0 log s is 0."""
    return -(t * log_s).sum(-1)


def reverse_cross_entropy(log_s: PerClass, t: PerClass, smoothing: float) -> PerExample:
    """Compute -sum s log t', with t' = (1 - e) t + e / K."""
    return -(log_s.exp() * log_smoothed(t, smoothing, n_classes=t.shape[-1])).sum(-1)


def reverse_kl(log_s: PerClass, t: PerClass, smoothing: float) -> PerExample:
    """Compute KL(s, t') = sum s (log s - log t'), with t' = (1 - e) t + e / K."""
    return (log_s.exp() * (log_s - log_smoothed(t, smoothing, n_classes=t.shape[-1]))).sum(-1)


def hard_target(t: Tensor) -> Tensor:
    """Return e, the one-hot vectors of the largest classes, class-major."""
    return hardened(t, axis=0)


def reverse_cost(smoothing: float) -> Callable[[Tensor], Tensor]:
    """Return the function that gives the cost of each class in RCE, -log t', from class-major targets."""
    return lambda t: -log_smoothed(t, smoothing, n_classes=t.shape[0])


@dataclass(frozen=True)
class ForwardCE(Loss):
    """Compute the cross-entropy -sum t log s; gradient s - t; minimiser t.

    Examples:
        >>> ForwardCE()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.6931])
    """

    name: ClassVar[str] = "forward_ce"
    label: ClassVar[str] = "forward cross-entropy"
    formula: ClassVar[str] = "-sum t log s"
    gradient_formula: ClassVar[str] = "s - t"
    minimiser: ClassVar[str] = "t"

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        return cross_entropy(logits.log_softmax(-1), targets)

    def closed_form(self) -> ClosedForm:
        return Mixture(pull=1.0)


@dataclass(frozen=True)
class HardCE(Loss):
    """Compute the cross-entropy at the teacher's largest class (ties: the first); gradient s - e; minimiser a vertex.

    Examples:
        >>> HardCE()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.6931])
    """

    name: ClassVar[str] = "hard_ce"
    label: ClassVar[str] = "cross-entropy on hard labels"
    formula: ClassVar[str] = "-log s_y"
    gradient_formula: ClassVar[str] = "s - e"
    minimiser: ClassVar[str] = "vertex y"

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        return cross_entropy(logits.log_softmax(-1), hardened(targets))

    def closed_form(self) -> ClosedForm:
        return Mixture(pull=1.0, target=hard_target)


@dataclass(frozen=True)
class ForwardKL(Loss):
    """Compute KL(t, s) = CE(t, s) - H(t): the gradient of ForwardCE, and 0 at its minimiser t.

    Examples:
        >>> ForwardKL()(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
        tensor([0.1269])
    """

    name: ClassVar[str] = "forward_kl"
    label: ClassVar[str] = "forward KL divergence"
    formula: ClassVar[str] = "KL(t, s)"
    gradient_formula: ClassVar[str] = "s - t"
    minimiser: ClassVar[str] = "t"

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        """Compute sum t (log t - log s), with 0 log 0 = 0."""
        return (torch.special.xlogy(targets, targets) - targets * logits.log_softmax(-1)).sum(-1)

    def closed_form(self) -> ClosedForm:
        return Mixture(pull=1.0)


@dataclass(frozen=True)
class ReverseCE(Loss):
    """Compute the reverse cross-entropy -sum s log t', with t' = (1 - e) t + e / K.

    Gradient -J(s) log t', with J(s) = diag(s) - s s^T. Linear in s: no interior minimum, the minimiser is the vertex
    at argmax t, so the length of training matters; the gradient is 0 where t is uniform, and near any vertex of s.

    Args:
        smoothing: e in [0, 1). With 0 the value is exact, and a zero target probability is an error.

    Examples:
        >>> ReverseCE(smoothing=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([1.2040])
    """

    name: ClassVar[str] = "reverse_ce"
    label: ClassVar[str] = "reverse cross-entropy"
    formula: ClassVar[str] = "-sum s log t'"
    gradient_formula: ClassVar[str] = "-J(s) log t'"
    minimiser: ClassVar[str] = "vertex y"
    takes_log_of_targets: ClassVar[bool] = True

    smoothing: Smoothing = DEFAULT_SMOOTHING

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        return reverse_cross_entropy(logits.log_softmax(-1), targets, self.smoothing)

    def closed_form(self) -> ClosedForm:
        return Mixture(cost=reverse_cost(self.smoothing))


@dataclass(frozen=True)
class ReverseKL(Loss):
    """Compute KL(s, t') = RCE - H(s), with t' = (1 - e) t + e / K; gradient s (log(s / t') - KL); minimiser t'.

    Args:
        smoothing: e in [0, 1). With 0 the value is exact, and a zero target probability is an error.

    Examples:
        >>> ReverseKL(smoothing=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.5108])
    """

    name: ClassVar[str] = "reverse_kl"
    label: ClassVar[str] = "reverse KL divergence"
    formula: ClassVar[str] = "KL(s, t')"
    gradient_formula: ClassVar[str] = "s (log(s / t') - KL)"
    minimiser: ClassVar[str] = "t'"
    takes_log_of_targets: ClassVar[bool] = True

    smoothing: Smoothing = DEFAULT_SMOOTHING

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        return reverse_kl(logits.log_softmax(-1), targets, self.smoothing)

    def closed_form(self) -> ClosedForm:
        return Mixture(cost=reverse_cost(self.smoothing), log_weight=1.0)


@dataclass(frozen=True)
class SymmetricCE(Loss):
    """Compute alpha CE + beta RCE; the minimiser lies between t and the vertex at argmax t.

    Args:
        alpha: weight of the forward cross-entropy, at least 0.
        beta: weight of the reverse cross-entropy, at least 0; not both 0.
        smoothing: e in [0, 1) of t' = (1 - e) t + e / K, in the reverse part only.

    Examples:
        >>> SymmetricCE(alpha=1.0, beta=1.0, smoothing=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([1.8971])

    Source: Wang et al., Symmetric Cross Entropy for Robust Learning with Noisy Labels, ICCV 2019. There log 0 is
    replaced by a constant; here the targets are smoothed.
    """

    name: ClassVar[str] = "symmetric_ce"
    label: ClassVar[str] = "symmetric cross-entropy"
    formula: ClassVar[str] = "alpha CE + beta RCE"
    gradient_formula: ClassVar[str] = "the sum"
    minimiser: ClassVar[str] = "between t and the vertex"
    takes_log_of_targets: ClassVar[bool] = True

    alpha: NonNegative = 1.0
    beta: NonNegative = 0.1
    smoothing: Smoothing = DEFAULT_SMOOTHING

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        if self.alpha == 0.0 and self.beta == 0.0:
            raise ConfigError("symmetric_ce.alpha and symmetric_ce.beta are both 0; expected at least one above 0.")

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        log_s = logits.log_softmax(-1)
        reverse = reverse_cross_entropy(log_s, targets, self.smoothing)
        return self.alpha * cross_entropy(log_s, targets) + self.beta * reverse

    def closed_form(self) -> ClosedForm:
        """Pull by alpha, tilt by beta."""
        return Mixture(pull=self.alpha, tilt=self.beta, cost=reverse_cost(self.smoothing))
