"""AdamW over a few flat buffers, in place: one fused call updates the heads of all groups."""

from __future__ import annotations

from dataclasses import dataclass, field

from outlearn.lazy_torch import Tensor, torch

__all__ = ["FlatAdamW", "Parameters"]

BETAS = (0.9, 0.999)
EPSILON = 1e-8


@dataclass(frozen=True)
class Parameters:
    """Hold a flat buffer of parameters with its gradient and moments.

    Attributes:
        values: the parameters.
        differences: whether each is the difference of two logits' parameters, which moves twice as fast: the learning
            rate doubles and the decay, which must not, is halved.
    """

    values: Tensor
    differences: bool
    gradient: Tensor = field(init=False)
    first_moment: Tensor = field(init=False)
    second_moment: Tensor = field(init=False)
    step: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Start the moments at 0."""
        for name in ("gradient", "first_moment", "second_moment"):
            object.__setattr__(self, name, torch.zeros_like(self.values))
        object.__setattr__(self, "step", torch.zeros((), dtype=torch.float32))


class FlatAdamW:
    """Update buffers by AdamW with decoupled weight decay, as `torch.optim.AdamW`."""

    def __init__(self, parameters: list[Parameters], weight_decay: float) -> None:
        from torch.optim.adamw import adamw  # torch.optim gives no way to it by attributes

        self.parameters, self.weight_decay, self._adamw = parameters, weight_decay, adamw

    def step(self, learning_rate: float) -> None:
        """Move all parameters by one step along their gradients."""
        for p in self.parameters:
            factor = 2.0 if p.differences else 1.0
            self._adamw(
                [p.values],
                [p.gradient],
                [p.first_moment],
                [p.second_moment],
                [],
                [p.step],
                fused=True,
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=learning_rate * factor,
                weight_decay=self.weight_decay / factor,
                eps=EPSILON,
                maximize=False,
            )
