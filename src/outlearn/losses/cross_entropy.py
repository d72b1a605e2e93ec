"""Cross-entropies and Kullback-Leibler divergences between teacher t and student s, in both directions.

Forward: the teacher comes first, CE(t, s) = -sum t log s, and the minimiser is t. Reverse: the student comes first,
RCE = -sum s log t, linear in s, and the minimiser is the vertex at the teacher's largest class. They are linked by
CE(t, s) = KL(t, s) + H(t) and RCE = KL(s, t) + H(s). Gradients: theory.md, section 4.2; docs/losses.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from outlearn.errors import ConfigError
from outlearn.losses.base import DEFAULT_SMOOTHING, Loss, Number, check_number, hardened, log_smoothed

__all__ = ["ForwardCE", "ForwardKL", "HardCE", "ReverseCE", "ReverseKL", "SymmetricCE"]


def cross_entropy(
    log_s: Float[Tensor, "*batch classes"], t: Float[Tensor, "*batch classes"]
) -> Float[Tensor, "*batch"]:
    """Compute -sum t log s. Logits are finite, hence log s is, and 0 log s is 0."""
    return -(t * log_s).sum(-1)


def reverse_cross_entropy(
    log_s: Float[Tensor, "*batch classes"], t: Float[Tensor, "*batch classes"], smoothing: float
) -> Float[Tensor, "*batch"]:
    """Compute -sum s log t', with t' = (1 - e) t + e / K."""
    return -(log_s.exp() * log_smoothed(t, smoothing, n_classes=t.shape[-1])).sum(-1)


def reverse_kl(
    log_s: Float[Tensor, "*batch classes"], t: Float[Tensor, "*batch classes"], smoothing: float
) -> Float[Tensor, "*batch"]:
    """Compute KL(s, t') = sum s (log s - log t'), with t' = (1 - e) t + e / K."""
    return (log_s.exp() * (log_s - log_smoothed(t, smoothing, n_classes=t.shape[-1]))).sum(-1)


@dataclass(frozen=True)
class ForwardCE(Loss):
    """Compute the cross-entropy -sum t log s; gradient s - t; minimiser t.

    Example:
        >>> ForwardCE()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.6931])
    """

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute -sum t log s."""
        return cross_entropy(logits.log_softmax(-1), targets)


@dataclass(frozen=True)
class HardCE(Loss):
    """Compute the cross-entropy at the teacher's largest class (ties: the first); gradient s - e; minimiser a vertex.

    Example:
        >>> HardCE()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.6931])
    """

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute -log s at argmax t."""
        return cross_entropy(logits.log_softmax(-1), hardened(targets))


@dataclass(frozen=True)
class ForwardKL(Loss):
    """Compute KL(t, s) = CE(t, s) - H(t): the gradient of ForwardCE, and 0 at its minimiser t.

    Example:
        >>> ForwardKL()(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
        tensor([0.1269])
    """

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute sum t (log t - log s), with 0 log 0 = 0."""
        return (torch.special.xlogy(targets, targets) - targets * logits.log_softmax(-1)).sum(-1)


@dataclass(frozen=True)
class ReverseCE(Loss):
    """Compute the reverse cross-entropy -sum s log t', with t' = (1 - e) t + e / K.

    Gradient -J(s) log t', with J(s) = diag(s) - s s^T. Linear in s: no interior minimum, the minimiser is the vertex
    at argmax t, so the length of training matters; the gradient is 0 where t is uniform, and near any vertex of s.

    Args:
        smoothing: e in [0, 1). With 0 the value is exact, and a zero target probability is an error.

    Example:
        >>> ReverseCE(smoothing=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([1.2040])
    """

    smoothing: Number = DEFAULT_SMOOTHING

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "smoothing", _smoothing("reverse_ce", self.smoothing))

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute -sum s log t'."""
        return reverse_cross_entropy(logits.log_softmax(-1), targets, self.smoothing)


@dataclass(frozen=True)
class ReverseKL(Loss):
    """Compute KL(s, t') = RCE - H(s), with t' = (1 - e) t + e / K; gradient s (log(s / t') - KL); minimiser t'.

    Args:
        smoothing: e in [0, 1). With 0 the value is exact, and a zero target probability is an error.

    Example:
        >>> ReverseKL(smoothing=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.5108])
    """

    smoothing: Number = DEFAULT_SMOOTHING

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "smoothing", _smoothing("reverse_kl", self.smoothing))

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute sum s (log s - log t')."""
        return reverse_kl(logits.log_softmax(-1), targets, self.smoothing)


@dataclass(frozen=True)
class SymmetricCE(Loss):
    """Compute alpha CE + beta RCE; the minimiser lies between t and the vertex at argmax t.

    Args:
        alpha: weight of the forward cross-entropy, at least 0.
        beta: weight of the reverse cross-entropy, at least 0; not both 0.
        smoothing: e in [0, 1) of t' = (1 - e) t + e / K, in the reverse part only.

    Example:
        >>> SymmetricCE(alpha=1.0, beta=1.0, smoothing=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([1.8971])

    Source: Wang et al., Symmetric Cross Entropy for Robust Learning with Noisy Labels, ICCV 2019. There log 0 is
    replaced by a constant; here the targets are smoothed.
    """

    alpha: Number = 1.0
    beta: Number = 0.1
    smoothing: Number = DEFAULT_SMOOTHING

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "alpha", check_number("symmetric_ce", "alpha", self.alpha, low=0.0))
        object.__setattr__(self, "beta", check_number("symmetric_ce", "beta", self.beta, low=0.0))
        object.__setattr__(self, "smoothing", _smoothing("symmetric_ce", self.smoothing))
        if self.alpha == 0.0 and self.beta == 0.0:
            raise ConfigError("symmetric_ce.alpha and symmetric_ce.beta are both 0; expected at least one above 0.")

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute -alpha sum t log s - beta sum s log t'."""
        log_s = logits.log_softmax(-1)
        reverse = reverse_cross_entropy(log_s, targets, self.smoothing)
        return self.alpha * cross_entropy(log_s, targets) + self.beta * reverse


def _smoothing(owner: str, value: object) -> float:
    """Check a smoothing weight."""
    return check_number(owner, "smoothing", value, low=0.0, high=1.0, open_high=True)
