"""What a training loss is: a frozen dataclass that gives one number per example, unreduced.

Convention: `t` is the teacher's distribution (the target), `s = softmax(z)` the student's prediction with logits `z`;
the class axis is last, `[*batch, examples, classes] -> [*batch, examples]`; nats. Nothing is averaged: the learner
that knows the batch, the sample weights and the ranks divides. Formulas and gradients: docs/losses.md.

A new loss is one frozen dataclass with `per_example`, and one line in the table of `registry.py`.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, final

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from outlearn.errors import ConfigError, DomainError, ShapeError

__all__ = ["DEFAULT_SMOOTHING", "Loss", "Number", "check_number", "hardened", "log_smoothed", "smoothed"]

# What a parameter may be given as; it is stored as a float, so that equal losses have equal configurations.
Number: TypeAlias = float | int

# Weight of the uniform distribution mixed into the targets of losses that take log t: the infinity at t = 0 becomes
# -log(1e-4 / K), about 10 nats.
DEFAULT_SMOOTHING = 1e-4


@dataclass(frozen=True)
class Loss(ABC):
    """Map student logits and teacher distributions to one loss per example.

    Subclasses are frozen dataclasses whose fields are numbers (or another loss) checked at construction: then equal
    losses are equal values, with equal cache keys.

    Attributes:
        batch_coupled: True if an example's loss depends on the other examples of its batch (a threshold over the
            batch), so that splitting a batch changes the result.
    """

    batch_coupled: ClassVar[bool] = False

    @final
    def __call__(
        self,
        logits: Shaped[Tensor, "*batch_and_examples classes"],
        targets: Shaped[Tensor, "*batch_or_examples classes_of_targets"],
        *,
        progress: float = 1.0,
    ) -> Float[Tensor, "*batch_and_examples_out"]:
        """Compute the loss of every example, in the dtype of the logits.

        Args:
            logits: student logits, `[*batch, examples, classes]`, any float dtype. A single example, `[classes]`, is
                allowed unless the loss is batch-coupled.
            targets: teacher distributions, soft or one-hot, of the same shape or broadcastable to it; the class axis
                must match. Values are not checked here (see `check_targets`).
            progress: fraction of the training that is done, in [0, 1]; only losses with a warm-up use it.

        Returns:
            Losses in nats, `[*batch, examples]`.

        Raises:
            ShapeError: if the shapes do not fit or the tensors are not of a float dtype.
            ConfigError: if progress is outside [0, 1].
            DomainError: if a loss that takes log t has smoothing 0 and a target probability is 0.
        """
        _check_tensors(logits, targets, needs_examples=self.batch_coupled)
        if not 0.0 <= progress <= 1.0:
            raise ConfigError(f"progress is {progress!r}; expected the fraction of training done, a number in [0, 1].")
        logits, targets = torch.broadcast_tensors(logits, targets.to(logits.dtype))  # type: ignore[no-untyped-call]
        return self.per_example(logits, targets, progress)

    @abstractmethod
    def per_example(
        self,
        logits: Float[Tensor, "*batch classes"],
        targets: Float[Tensor, "*batch classes"],
        progress: float,
    ) -> Float[Tensor, "*batch"]:
        """Compute the loss; shapes and dtypes are already equal. The last axis of `batch` is the examples."""


def smoothed(targets: Float[Tensor, "*axes"], smoothing: float, *, n_classes: int) -> Float[Tensor, "*axes"]:
    """Mix the targets with the uniform distribution: t' = (1 - e) t + e / K, with e the smoothing."""
    return targets if smoothing == 0.0 else targets * (1.0 - smoothing) + smoothing / n_classes


def log_smoothed(targets: Float[Tensor, "*axes"], smoothing: float, *, n_classes: int) -> Float[Tensor, "*axes"]:
    """Compute log t' of the smoothed targets; the class axis may be anywhere.

    Raises:
        DomainError: if smoothing is 0 and a target probability is 0 (not seen under `torch.vmap`: call
            `check_targets` before).
    """
    if smoothing == 0.0:
        _require_positive(targets)
    return smoothed(targets, smoothing, n_classes=n_classes).log()


def hardened(targets: Float[Tensor, "*axes"], *, axis: int = -1) -> Float[Tensor, "*axes"]:
    """Replace each distribution by the one-hot vector of its largest class; ties go to the first class."""
    classes = torch.arange(targets.shape[axis], device=targets.device)
    shape = [1] * targets.ndim
    shape[axis] = -1
    largest = targets.max(dim=axis, keepdim=True).indices  # the first of equals; argmax is ten times slower on axis 0
    return (largest == classes.view(shape)).to(targets.dtype)


def check_number(
    owner: str,
    parameter: str,
    value: object,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return the value as a float, or say which parameter of which loss it is and what is allowed.

    Raises:
        ConfigError: if the value is not a finite number within the bounds.
    """
    left, right = ("(" if open_low else "["), (")" if open_high else "]")
    if math.isinf(low) and math.isinf(high):
        allowed = "a finite number"
    elif math.isinf(high):
        allowed = f"a number {'above' if open_low else 'of at least'} {low:g}"
    else:
        allowed = f"a number in {left}{low:g}, {high:g}{right}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        hint = ""
        if isinstance(value, str):
            hint = " It is text: in YAML write 1.0e-4 with a dot, since 1e-4 is read as text."
        raise ConfigError(f"{owner}.{parameter} is {value!r}; expected {allowed}.{hint}")
    number = float(value)
    too_low = number <= low if open_low else number < low
    too_high = number >= high if open_high else number > high
    if not math.isfinite(number) or too_low or too_high:
        raise ConfigError(f"{owner}.{parameter} is {value!r}; expected {allowed}.")
    return number


def _check_tensors(logits: Tensor, targets: Tensor, *, needs_examples: bool) -> None:
    """Raise ShapeError unless the two are float tensors of fitting shapes."""
    for name, tensor in (("logits", logits), ("targets", targets)):
        if not tensor.is_floating_point():
            hint = " For integer labels use torch.nn.functional.one_hot(labels, n_classes).float()."
            raise ShapeError(
                f"{name} have dtype {tensor.dtype}; expected a float dtype.{hint if name == 'targets' else ''}"
            )
    shapes = f"logits {tuple(logits.shape)} and targets {tuple(targets.shape)}"
    if logits.ndim < 1 + needs_examples:
        axes = "[*batch, examples, classes]" if needs_examples else "[*batch, examples, classes] or [classes]"
        raise ShapeError(f"logits have shape {tuple(logits.shape)}; expected {axes}.")
    if logits.shape[-1] < 2:
        raise ShapeError(f"logits have {logits.shape[-1]} class; expected at least 2 on the last axis: got {shapes}.")
    if targets.ndim == 0 or targets.shape[-1] != logits.shape[-1]:
        raise ShapeError(f"{shapes} differ on the class axis (the last); expected distributions over the same classes.")
    try:
        torch.broadcast_shapes(logits.shape, targets.shape)  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ShapeError(f"{shapes} do not broadcast; expected [*batch, examples, classes] for both.") from error


def _require_positive(targets: Tensor) -> None:
    """Raise DomainError if a target probability is zero, where its value can be seen."""
    try:
        smallest = float(targets.detach().amin()) if targets.numel() else 1.0
    except RuntimeError:  # under torch.vmap no value can be read
        return
    if not smallest > 0.0:
        raise DomainError(
            f"this loss takes the logarithm of the targets, has smoothing 0, and the smallest target probability is "
            f"{smallest:g}. Hard labels need smoothing above 0 (the default is {DEFAULT_SMOOTHING:g})."
        )
