"""Baselines that resist label noise by their shape: MAE and generalized CE, Brier, and the product of both opinions.

Most of what reverse cross-entropy gains comes from a bounded shape and from hardening, so these belong in every table.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from outlearn.errors import ConfigError
from outlearn.losses.base import Loss, Number, check_number, hardened
from outlearn.losses.cross_entropy import cross_entropy

__all__ = ["MAE", "Brier", "GeneralizedCE", "Product"]


@dataclass(frozen=True)
class MAE(Loss):
    """Compute 1 - s at the teacher's largest class (ties: the first): bounded by 1; gradient s_y (s - e); a vertex.

    Half the absolute error |s - e|_1 to the hardened label e.

    Example:
        >>> MAE()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.5000])

    Source: Ghosh, Kumar, Sastry, Robust Loss Functions under Label Noise for Deep Neural Networks, AAAI 2017. There
    without the factor one half.
    """

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute 1 - s_y, as the sum over the other classes: exact where s_y is near 1."""
        return (logits.softmax(-1) * (1.0 - hardened(targets))).sum(-1)


@dataclass(frozen=True)
class GeneralizedCE(Loss):
    """Compute (1 - s_y^q) / q at the teacher's largest class y; gradient s_y^q (s - e).

    q = 1 is MAE; q towards 0 is hard CE.

    Args:
        q: in (0, 1].

    Example:
        >>> GeneralizedCE(q=1.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.5000])

    Source: Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, 2018.
    """

    q: Number = 0.7

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "q", check_number("gce", "q", self.q, low=0.0, high=1.0, open_low=True))

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute (1 - s_y^q) / q."""
        log_s_y = (logits.log_softmax(-1) * hardened(targets)).sum(-1)
        return -torch.expm1(self.q * log_s_y) / self.q  # expm1: a small q keeps its digits


@dataclass(frozen=True)
class Brier(Loss):
    """Compute sum (s - t)^2 over the classes; gradient 2 J(s) (s - t); minimiser t; bounded by 2.

    Example:
        >>> Brier()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.3200])
    """

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute sum (s - t)^2."""
        return (logits.softmax(-1) - targets).square().sum(-1)


@dataclass(frozen=True)
class Product(Loss):
    """Compute CE at the target proportional to s^b t^a, detached: what teacher and student agree on, sharpened.

    Gradient s - target. The target moves with the student, so there is no fixed function that is minimised.

    Args:
        a: power of the teacher, at least 0.
        b: power of the student, at least 0.

    Example:
        >>> Product()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.6931])
    """

    a: Number = 1.0
    b: Number = 1.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "a", check_number("product", "a", self.a, low=0.0))
        object.__setattr__(self, "b", check_number("product", "b", self.b, low=0.0))
        if self.a == 0.0 and self.b == 0.0:
            raise ConfigError("product.a and product.b are both 0, which makes every target uniform; raise one.")

    def teacher_score(self, targets: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
        """Compute a log t, with 0 log 0 = 0; -inf where a > 0 and t = 0, which gives that class no weight."""
        return torch.special.xlogy(torch.as_tensor(self.a, dtype=targets.dtype, device=targets.device), targets)

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute CE at softmax(b log s + a log t)."""
        log_s = logits.log_softmax(-1)
        agreed = (self.b * log_s.detach() + self.teacher_score(targets)).softmax(-1)
        return cross_entropy(log_s, agreed)
