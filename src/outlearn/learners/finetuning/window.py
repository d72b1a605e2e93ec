"""A running window of recent examples, for losses that compare the examples of a batch with each other.

AuxConf takes its thresholds from a batch. A device that holds two examples at a time has no batch worth the name, so
the last examples seen stand beside the current ones until there are enough: they set the thresholds and get no
gradient. No more than needed: old predictions are those of another model, and one that drifts as a whole would find
all its new ones on one side of them. For AuxConf this is
`AuxConf.against(logits, targets, reference, ...)` with the window and the current examples as the reference; written
as one call on both, it serves every loss that declares `batch_coupled`, inside `Regularised` too.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from outlearn.losses.loss import Loss

__all__ = ["DEFAULT_WINDOW", "ReferenceWindow"]

# The published batch. A micro-batch of so many looks at itself alone; smaller ones mostly at others of the same step.
DEFAULT_WINDOW = 32


class ReferenceWindow:
    """Hold the logits and targets of the last training examples, to make up a batch of `size` with the current ones.

    Args:
        size: how many examples, the current ones among them, set the thresholds; more if there are more current ones.
    """

    def __init__(self, size: int = DEFAULT_WINDOW) -> None:
        self.size = size
        self._logits: Tensor | None = None
        self._targets: Tensor | None = None

    def loss(
        self,
        loss: Loss,
        logits: Float[Tensor, "examples classes"],
        targets: Float[Tensor, "examples classes"],
        *,
        progress: float,
        remember: bool,
    ) -> Float[Tensor, " examples"]:
        """Compute the loss of each of these examples beside those of the window, if the loss is batch-coupled.

        In training, not in evaluation, the window must `remember` these examples.
        """
        if not loss.batch_coupled:
            return loss(logits, targets, progress=progress)
        n_examples = len(logits)
        reference, reference_targets = [logits], [targets]
        if self._logits is not None and self._targets is not None:
            missing = max(0, self.size - n_examples)
            reference.append(self._logits[:missing].to(logits))
            reference_targets.append(self._targets[:missing].to(targets))
        losses = loss(torch.cat(reference), torch.cat(reference_targets), progress=progress)[:n_examples]
        if remember:
            self._logits = torch.cat([part.detach() for part in reference])[: self.size].clone()
            self._targets = torch.cat([part.detach() for part in reference_targets])[: self.size].clone()
        return losses
