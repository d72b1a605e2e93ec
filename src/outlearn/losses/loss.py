"""What a training loss is: a frozen dataclass that gives one number per example, unreduced, and its own facts.

Convention: `t` is the teacher's distribution (the target), `s = softmax(z)` the student's prediction with logits `z`;
the class axis is last, `[*batch, examples, classes] -> [*batch, examples]`; nats. Nothing is averaged: the learner
that knows the batch, the sample weights and the ranks divides. Formulas and gradients: docs/losses.md.

A new loss is one frozen dataclass with `per_example`, and one line in the table of `registry.py`. All else that is said
or computed of a loss is an attribute or a method here with a default that is right for a loss that states nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeAlias, final

from jaxtyping import Float, Shaped

from outlearn.core.ranges import Range, fields_of, ranges_of
from outlearn.errors import ConfigError, ShapeError
from outlearn.lazy_torch import Tensor, torch
from outlearn.losses.closed_forms import ClosedForm

__all__ = [
    "AnyNumber",
    "Loss",
    "NonNegative",
    "Number",
    "PerClass",
    "PerExample",
    "Positive",
    "PositiveShare",
    "Range",
    "Share",
    "Smoothing",
]

# Logits or distributions, and a number for each example; the last axis of `batch` is the examples.
PerClass: TypeAlias = Float[Tensor, "*batch classes"]
PerExample: TypeAlias = Float[Tensor, "*batch"]

# What a parameter may be given as; it is stored as a float, so that equal losses have equal configurations.
Number: TypeAlias = float | int


# Parameters that several losses have: `smoothing: Smoothing = DEFAULT_SMOOTHING` declares and checks one.
Smoothing: TypeAlias = Annotated[Number, Range(0.0, 1.0, open_high=True)]
Share: TypeAlias = Annotated[Number, Range(0.0, 1.0)]
PositiveShare: TypeAlias = Annotated[Number, Range(0.0, 1.0, open_low=True)]
NonNegative: TypeAlias = Annotated[Number, Range(0.0)]
Positive: TypeAlias = Annotated[Number, Range(0.0, open_low=True)]
AnyNumber: TypeAlias = Annotated[Number, Range()]


@dataclass(frozen=True)
class Loss(ABC):
    """Map student logits and teacher distributions to one loss per example.

    Subclasses are frozen dataclasses whose fields are numbers with a `Range`, or another loss, checked at construction:
    then equal losses are equal values, with equal cache keys.

    Attributes:
        name: in configurations, cache keys and results; the class name unless the class states one.
        label: for people.
        formula, gradient_formula, minimiser: the row of docs/losses.md, as text.
        batch_coupled: True if an example's loss depends on the other examples of its batch (a threshold over the
            batch), so that splitting a batch changes the result.
        takes_log_of_targets: True if it takes log t; its parameter `smoothing` then keeps it finite at t = 0.
        n_outputs: how many numbers a model gives for a point: None is one a class, two or more.
    """

    name: ClassVar[str]
    label: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    gradient_formula: ClassVar[str] = ""
    minimiser: ClassVar[str] = ""
    batch_coupled: ClassVar[bool] = False
    takes_log_of_targets: ClassVar[bool] = False
    n_outputs: ClassVar[int | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let a subclass inherit no name, and with another formula nothing that was derived from the parent's."""
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        if "per_example" in cls.__dict__:
            for derived in ("label", "formula", "gradient_formula", "minimiser", "closed_form"):
                if derived not in cls.__dict__:
                    setattr(cls, derived, getattr(Loss, derived))

    def __post_init__(self) -> None:
        """Check the parameters.

        Raises:
            ConfigError: names the parameter, what it is and what is allowed.
        """
        for each in fields_of(self.__class__):
            object.__setattr__(self, each.name, self.checked(each.name, getattr(self, each.name)))

    @classmethod
    @final
    def checked(cls, parameter: str, value: Any) -> Any:
        """Return a value of a parameter, as a float if its type states a `Range`; None only if that is the default.

        Raises:
            ConfigError: names the parameter, what it is and what is allowed.
        """
        default = next(each.default for each in fields_of(cls) if each.name == parameter)
        allowed = ranges_of(cls)[parameter]
        if allowed is None or (value is None and default is None):
            return value
        return allowed.check(f"{cls.name}.{parameter}", value)

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
        _check_tensors(logits, targets, needs_examples=self.batch_coupled, least=self.n_outputs or 2)
        if not 0.0 <= progress <= 1.0:
            raise ConfigError(f"progress is {progress!r}; expected the fraction of training done, a number in [0, 1].")
        logits, targets = torch.broadcast_tensors(logits, targets.to(logits.dtype))  # type: ignore[no-untyped-call]
        return self.per_example(logits, targets, progress)

    @abstractmethod
    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        """Compute the loss; shapes and dtypes are already equal."""

    # ---- what a loss may state beside its value; the defaults are right for a loss that states nothing ---------------

    def closed_form(self) -> ClosedForm | None:
        """Return the closed form of the gradient; None leaves it to autograd, right but slower for many heads."""
        return None

    @property
    def smoothing_before_log(self) -> float | None:
        """Return the smoothing of a loss that takes log t; None for a loss that does not."""
        return getattr(self, "smoothing", 0.0) if self.takes_log_of_targets else None

    @property
    def needs_all_labels(self) -> bool:
        """Tell whether the loss still has to take something from all training labels at once (`settle`)."""
        return False

    def settle(self, targets: PerClass) -> Loss:
        """Return the loss with everything settled that it takes from all training labels; itself if that is nothing."""
        return self


def _check_tensors(logits: Tensor, targets: Tensor, *, needs_examples: bool, least: int) -> None:
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
    if logits.shape[-1] < least:
        raise ShapeError(f"logits have {logits.shape[-1]} class; expected at least 2 on the last axis: got {shapes}.")
    if targets.ndim == 0 or targets.shape[-1] != logits.shape[-1]:
        raise ShapeError(f"{shapes} differ on the class axis (the last); expected distributions over the same classes.")
    try:
        torch.broadcast_shapes(logits.shape, targets.shape)  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ShapeError(f"{shapes} do not broadcast; expected [*batch, examples, classes] for both.") from error
