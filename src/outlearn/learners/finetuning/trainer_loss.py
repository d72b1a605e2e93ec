"""Any loss of this package in the Hugging Face Trainer: one object, handed over twice.

    adapter = hf_loss("reverse_ce")
    Trainer(..., compute_loss_func=adapter, callbacks=[adapter])

The Trainer accumulates micro-batches and averages over processes; it hands the loss the number of label entries of the
whole accumulated batch over all processes. For soft labels `[examples, classes]` that is examples x classes, so the
sum of the losses is divided by it over K: the gradient of one step is that of the mean over its examples, whatever the
split into micro-batches and processes. As a callback the adapter learns how far the training is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from outlearn.errors import ConfigError, DomainError, MissingExtraError, ShapeError
from outlearn.learners.finetuning.window import DEFAULT_WINDOW, ReferenceWindow
from outlearn.losses import Loss, get_loss
from outlearn.losses.targets import SUM_TOLERANCE

__all__ = ["TrainerLoss", "hf_loss"]

IGNORED = -100  # a label that the Trainer does not count


class TrainerLoss:
    """Compute the loss of a micro-batch as the Trainer wants it; see `hf_loss`.

    Attributes:
        loss: the loss.
        progress: fraction of the training that is done.
        window: recent examples, for a loss that compares the examples of a batch.
    """

    def __init__(self, loss: Loss, *, window: int = DEFAULT_WINDOW) -> None:
        self.loss = loss
        self.progress = 0.0
        self.window = ReferenceWindow(window)

    def __call__(self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Compute sum of losses / number of examples that the step counts.

        Args:
            outputs: of the model: logits `[examples, classes]`; or of a reward model on pairs, `[2 examples, 1]`, all
                texts of slot a first, then all of slot b.
            labels: distributions `[examples, classes]`, or classes `[examples]`. A row of -100 is padding: it counts
                for nothing.
            num_items_in_batch: label entries that are not -100 in the whole step, over all micro-batches and
                processes; None takes this micro-batch.

        Raises:
            ShapeError: if logits and labels do not fit.
            DomainError: for a row that is no distribution, or a class that the model does not have.
        """
        logits = _logits(outputs, labels)
        targets, padding = _targets(labels, logits)
        kept = ~padding
        losses = self.window.loss(
            self.loss, logits[kept], targets[kept], progress=self.progress, remember=torch.is_grad_enabled()
        )
        # Counting entries, the Trainer counts a row of K probabilities K times.
        entries = targets.shape[-1] if labels.ndim == 2 else 1
        if num_items_in_batch is None:
            count: Tensor | float = kept.sum().clamp(min=1)
        else:
            count = num_items_in_batch / entries
        return losses.sum() / count

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Read how far the training is."""
        self.progress = min(1.0, state.global_step / max(1, state.max_steps))

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Refuse what the Trainer cannot average: several devices in one process."""
        if args.n_gpu > 1:
            raise ConfigError(
                f"the Trainer runs on {args.n_gpu} devices in one process, where it scales a loss of our own wrongly. "
                "Start one process a device: torchrun --nproc_per_node N."
            )


def hf_loss(loss: Loss | str | dict[str, object], *, window: int = DEFAULT_WINDOW) -> TrainerLoss:
    """Make a loss of this package ready for the Hugging Face Trainer.

    Hand it over twice: `compute_loss_func=adapter` computes, `callbacks=[adapter]` follows the schedule (aux_conf's
    warm-up). The step's gradient is that of the mean loss over its examples under gradient accumulation and under
    several processes (torchrun), for soft labels of any K, for class labels, and with rows of -100 as padding.

    A loss that compares the examples of a batch (aux_conf) makes up a batch of `window` with the last examples of its
    own process, so it works at a micro-batch of 1; it is then not the same under every split into micro-batches. The
    window is empty again after the Trainer resumes.

    Args:
        loss: a loss, its name, or a mapping with `kind`; settle a quantile of CACE first with `resolve`.
        window: examples that are compared, at least; a micro-batch of so many looks at itself alone.

    Returns:
        The adapter.

    Raises:
        MissingExtraError: if transformers is not installed.
        ConfigError: for a loss of numbers.

    Source: the class docstring of transformers.Trainer on num_items_in_batch. It counts label entries; we count
    examples.
    """
    found = get_loss(loss)
    if found.n_outputs == 1:
        raise ConfigError(
            f"{found.name} is a loss of numbers, and hf_loss is of classes. Fine-tune on numbers by fit_finetune or "
            "student.learner: {kind: finetune}, which learn them in units of their own."
        )
    return _adapter()(found, window=window)


@cache
def _adapter() -> type[TrainerLoss]:
    """Make the class that is a callback too; only here is transformers loaded."""
    try:
        from transformers import TrainerCallback
    except ImportError as error:
        raise MissingExtraError("transformers", "hf") from error

    class TrainerLossCallback(TrainerLoss, TrainerCallback):
        """Compute the loss, and hear of each step."""

    return TrainerLossCallback


def _logits(outputs: Any, labels: Tensor) -> Float[Tensor, "examples classes"]:
    """Take the logits out of the outputs, in float32 at least; a pair's two rewards become its two logits."""
    logits: Tensor = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
    if logits.dtype in (torch.bfloat16, torch.float16):
        logits = logits.float()
    if labels.ndim and logits.ndim == 2 and logits.shape[1] == 1 and len(logits) == 2 * len(labels):
        return logits.reshape(2, -1).T
    if not labels.ndim or logits.ndim != 2 or len(logits) != len(labels):
        raise ShapeError(
            f"logits have shape {tuple(logits.shape)} and labels {tuple(labels.shape)}; expected logits "
            "[examples, classes] and one label an example, or for pairs logits [2 examples, 1], slot a first."
        )
    return logits


def _targets(labels: Tensor, logits: Tensor) -> tuple[Float[Tensor, "examples classes"], Tensor]:
    """Turn labels into distributions, and say which rows are padding."""
    if labels.ndim == 2:
        if labels.shape != logits.shape:
            raise ShapeError(f"labels have shape {tuple(labels.shape)}, logits {tuple(logits.shape)}; expected equal.")
        padding = (labels == IGNORED).all(-1)
        targets = labels.to(logits)
        # A label in half precision sums to 1 only so far.
        rounding = torch.finfo(labels.dtype).eps if labels.is_floating_point() else 0.0
        off = (targets.sum(-1) - 1.0).abs() > max(SUM_TOLERANCE, rounding)
        outside = ~((targets >= 0.0) & (targets <= 1.0 + SUM_TOLERANCE)).all(-1)  # NaN is outside too
        _refuse(
            (off | outside) & ~padding,
            labels,
            "which is no distribution; expected probabilities that sum to 1, or a row of -100 for padding. Divide "
            "percentages by 100.",
        )
        return targets, padding
    n_classes = logits.shape[-1]
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ShapeError(
            f"labels have shape {tuple(labels.shape)} and type {labels.dtype}; expected classes [examples] as whole "
            f"numbers, or probabilities [examples, {n_classes} classes]."
        )
    padding = labels == IGNORED
    classes = torch.where(padding, 0, labels.long())
    _refuse(
        (classes < 0) | (classes >= n_classes),
        labels,
        f"expected a class from 0 to {n_classes - 1}, as the model has {n_classes}, or -100 for padding. Number the "
        "classes from 0, or give the model as many.",
    )
    return torch.nn.functional.one_hot(classes, n_classes).to(logits), padding


def _refuse(wrong: Tensor, labels: Tensor, expected: str) -> None:
    """Raise for the first wrong example: one look at the device where none is."""
    if bool(wrong.any()):
        example = int(wrong.nonzero()[0])
        raise DomainError(f"labels[{example}] is {labels[example].tolist()}, {expected}")
