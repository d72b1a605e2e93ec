"""Losses between a teacher's number t and a student's s: Bregman divergences in both directions, each with its link.

A head gives one number z, and the link makes the prediction of it: s = z, or s = exp z where predictions are positive.
Forward losses are D(t, s), the teacher first: their minimiser is the mean of t. Reverse ones are D(s, t): their
minimiser is the dual mean of t, geometric for counts and harmonic for scales. The squared error is both.

The axis of outputs is last and has length 1: `[*batch, examples, 1] -> [*batch, examples]`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from outlearn.core.generators import get_generator
from outlearn.core.generators.fitting import check_domain
from outlearn.core.links import Link, through_link
from outlearn.errors import DomainError
from outlearn.lazy_torch import Tensor, torch
from outlearn.losses.loss import Loss, PerClass, PerExample

__all__ = [
    "NUMBER_LOSSES", "GeneralizedKL", "ItakuraSaito", "NumberLoss", "ReverseGeneralizedKL", "ReverseItakuraSaito",
    "SquaredError", "loss_of_generator",
]  # fmt: skip


@dataclass(frozen=True)
class NumberLoss(Loss):
    """Map a student's output z and a teacher's number t to a loss; it knows its derivatives in z.

    Attributes:
        generator: the divergence, a key of GENERATORS.
        reverse: whether the student stands first in it.
        link: "identity", s = z; or "log", log s = z.
    """

    generator: ClassVar[str]
    reverse: ClassVar[bool] = False
    link: ClassVar[Link] = "log"
    n_outputs: ClassVar[int | None] = 1

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        return self.value(logits[..., 0], targets[..., 0])

    @abstractmethod
    def value(self, z: Tensor, t: Tensor) -> Tensor:
        """Compute the loss."""

    @abstractmethod
    def slope(self, z: Tensor, t: Tensor) -> Tensor:
        """Compute its derivative in z."""

    @abstractmethod
    def curvature(self, z: Tensor, t: Tensor) -> Tensor:
        """Compute its second derivative in z."""

    @classmethod
    def predicted(cls, z: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Apply the link: from outputs of heads to numbers."""
        return through_link(z, cls.link)

    def check_targets(self, targets: PerClass) -> None:
        """Raise unless the divergence takes every number; a reverse one has no value at 0.

        Raises:
            DomainError: names the number and the generators that would take it.
        """
        values = targets.detach().double().numpy()[..., 0]
        check_domain(get_generator(self.generator), values, "target")
        if self.reverse and (values == 0).any():
            where = [int(i) for i in np.argwhere(values == 0)[0]]
            raise DomainError(
                f"{self.name} takes log t, and target{where} is 0. Use generalized_kl, whose target may be 0, or "
                "squared_error."
            )


@dataclass(frozen=True)
class SquaredError(NumberLoss):
    """Compute (t - s)^2, s = z, without a half.

    Examples:
        >>> SquaredError()(torch.tensor([[1.0]]), torch.tensor([[3.0]]))
        tensor([4.])
    """

    name: ClassVar[str] = "squared_error"
    label: ClassVar[str] = "squared error"
    formula: ClassVar[str] = "(t - s)^2, s = z"
    gradient_formula: ClassVar[str] = "2 (s - t)"
    minimiser: ClassVar[str] = "mean of t"
    generator: ClassVar[str] = "squared_euclidean"
    link: ClassVar[Link] = "identity"

    def value(self, z: Tensor, t: Tensor) -> Tensor:
        return (t - z).square()

    def slope(self, z: Tensor, t: Tensor) -> Tensor:
        return 2 * (z - t)

    def curvature(self, z: Tensor, t: Tensor) -> Tensor:
        return torch.full_like(z, 2.0)


@dataclass(frozen=True)
class GeneralizedKL(NumberLoss):
    """Compute t log(t / s) - t + s, s = exp z, for counts: half the Poisson deviance.

    Examples:
        >>> GeneralizedKL()(torch.tensor([[0.0]]), torch.tensor([[0.0]]))
        tensor([1.])
    """

    name: ClassVar[str] = "generalized_kl"
    label: ClassVar[str] = "generalised KL divergence"
    formula: ClassVar[str] = "t log(t / s) - t + s, s = exp z"
    gradient_formula: ClassVar[str] = "s - t"
    minimiser: ClassVar[str] = "mean of t"
    generator: ClassVar[str] = "generalized_kl"

    def value(self, z: Tensor, t: Tensor) -> Tensor:
        return torch.xlogy(t, t) - t * z - t + z.exp()

    def slope(self, z: Tensor, t: Tensor) -> Tensor:
        return z.exp() - t

    def curvature(self, z: Tensor, t: Tensor) -> Tensor:
        return z.exp()


@dataclass(frozen=True)
class ReverseGeneralizedKL(NumberLoss):
    """Compute s log(s / t) - s + t, s = exp z, for t > 0: not convex in z below t / e, with one minimum.

    Examples:
        >>> ReverseGeneralizedKL()(torch.tensor([[0.0]]), torch.tensor([[1.0]]))
        tensor([0.])
    """

    name: ClassVar[str] = "reverse_generalized_kl"
    label: ClassVar[str] = "reverse generalised KL divergence"
    formula: ClassVar[str] = "s log(s / t) - s + t, s = exp z"
    gradient_formula: ClassVar[str] = "s log(s / t)"
    minimiser: ClassVar[str] = "geometric mean of t"
    generator: ClassVar[str] = "generalized_kl"
    reverse: ClassVar[bool] = True

    def value(self, z: Tensor, t: Tensor) -> Tensor:
        s = z.exp()
        return s * (z - t.log()) - s + t

    def slope(self, z: Tensor, t: Tensor) -> Tensor:
        return z.exp() * (z - t.log())

    def curvature(self, z: Tensor, t: Tensor) -> Tensor:
        return z.exp() * (z - t.log() + 1)


@dataclass(frozen=True)
class ItakuraSaito(NumberLoss):
    """Compute t / s - log(t / s) - 1, s = exp z, for positive t: half the deviance of a gamma distribution.

    Examples:
        >>> ItakuraSaito()(torch.tensor([[0.0]]), torch.tensor([[1.0]]))
        tensor([0.])
    """

    name: ClassVar[str] = "itakura_saito"
    label: ClassVar[str] = "Itakura-Saito divergence"
    formula: ClassVar[str] = "t / s - log(t / s) - 1, s = exp z"
    gradient_formula: ClassVar[str] = "1 - t / s"
    minimiser: ClassVar[str] = "mean of t"
    generator: ClassVar[str] = "itakura_saito"

    def value(self, z: Tensor, t: Tensor) -> Tensor:
        return t * (-z).exp() - t.log() + z - 1

    def slope(self, z: Tensor, t: Tensor) -> Tensor:
        return 1 - t * (-z).exp()

    def curvature(self, z: Tensor, t: Tensor) -> Tensor:
        return t * (-z).exp()


@dataclass(frozen=True)
class ReverseItakuraSaito(NumberLoss):
    """Compute s / t - log(s / t) - 1, s = exp z, for positive t.

    Examples:
        >>> ReverseItakuraSaito()(torch.tensor([[0.0]]), torch.tensor([[1.0]]))
        tensor([0.])
    """

    name: ClassVar[str] = "reverse_itakura_saito"
    label: ClassVar[str] = "reverse Itakura-Saito divergence"
    formula: ClassVar[str] = "s / t - log(s / t) - 1, s = exp z"
    gradient_formula: ClassVar[str] = "s / t - 1"
    minimiser: ClassVar[str] = "harmonic mean of t"
    generator: ClassVar[str] = "itakura_saito"
    reverse: ClassVar[bool] = True

    def value(self, z: Tensor, t: Tensor) -> Tensor:
        return z.exp() / t - z + t.log() - 1

    def slope(self, z: Tensor, t: Tensor) -> Tensor:
        return z.exp() / t - 1

    def curvature(self, z: Tensor, t: Tensor) -> Tensor:
        return z.exp() / t


NUMBER_LOSSES: Mapping[str, type[NumberLoss]] = {
    each.name: each for each in (SquaredError, GeneralizedKL, ReverseGeneralizedKL, ItakuraSaito, ReverseItakuraSaito)
}


def loss_of_generator(generator: str) -> NumberLoss:
    """Return the forward loss of a generator: what true numbers are learned by where risks are measured in it.

    Examples:
        >>> loss_of_generator("generalized_kl")
        GeneralizedKL()
    """
    return next(kind() for kind in NUMBER_LOSSES.values() if kind.generator == generator and not kind.reverse)
