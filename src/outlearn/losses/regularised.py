"""Any loss plus a multiple of the student's entropy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from outlearn.errors import ConfigError
from outlearn.losses.closed_forms import ClosedForm, EntropyAdded, Mixture
from outlearn.losses.cross_entropy import ForwardCE
from outlearn.losses.loss import AnyNumber, Loss, PerClass, PerExample

__all__ = ["Regularised"]


@dataclass(frozen=True)
class Regularised(Loss):
    """Compute another loss plus c H(s), the student's entropy: c > 0 sharpens predictions, c < 0 flattens them.

    Gradient of the term: -c s (log s + H(s)).

    Args:
        loss: the loss to add to.
        entropy: the weight c, any finite number.

    Examples:
        >>> import torch
        >>> Regularised(ForwardCE(), entropy=-1.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.])
    """

    name: ClassVar[str] = "regularised"
    label: ClassVar[str] = "loss with an entropy term"
    formula: ClassVar[str] = "another loss + c H(s)"
    gradient_formula: ClassVar[str] = "its gradient - c s (log s + H)"
    minimiser: ClassVar[str] = "lower entropy for c > 0"

    loss: Loss = field(default_factory=ForwardCE)
    entropy: AnyNumber = 0.1

    def __post_init__(self) -> None:
        """Check the parameters, and be batch-coupled where the inner loss is."""
        if not isinstance(self.loss, Loss):
            raise ConfigError(f"regularised.loss is {self.loss!r}; expected a loss, as get_loss returns it.")
        super().__post_init__()
        object.__setattr__(self, "batch_coupled", self.loss.batch_coupled)

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        log_s = logits.log_softmax(-1)
        entropy = -(log_s.exp() * log_s).sum(-1)
        return self.loss.per_example(logits, targets, progress) + self.entropy * entropy

    def closed_form(self) -> ClosedForm | None:
        """Add -c J(s) log s to the inner loss's form, if it has one."""
        inner = self.loss.closed_form()
        if isinstance(inner, Mixture):
            return replace(inner, log_weight=inner.log_weight - self.entropy)
        return None if inner is None else EntropyAdded(inner, self.entropy)

    @property
    def smoothing_before_log(self) -> float | None:
        return self.loss.smoothing_before_log

    @property
    def needs_all_labels(self) -> bool:
        return self.loss.needs_all_labels

    def settle(self, targets: PerClass) -> Loss:
        return replace(self, loss=self.loss.settle(targets))
