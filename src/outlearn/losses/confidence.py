"""Losses that switch by confidence, the teacher's (CACE) or the student's own (the window).

The teacher's confidence is max t, in [1/K, 1]. The first paper on confidence-adaptive cross-entropy states its
threshold on |t - 0.5| of a binary label: its `CACE_0.1` is `CACE(threshold=0.6)` here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from jaxtyping import Float

from outlearn.errors import ConfigError
from outlearn.lazy_torch import Tensor, torch
from outlearn.losses.closed_forms import ClassStudent, ClosedForm, MarginStudent, Mixture, OfTargets, Parts
from outlearn.losses.cross_entropy import cross_entropy, reverse_cost, reverse_cross_entropy
from outlearn.losses.distributions import DEFAULT_SMOOTHING, confidence_quantile
from outlearn.losses.loss import Loss, Number, PerClass, PerExample, Positive, PositiveShare, Range, Share, Smoothing

__all__ = ["CACE", "ConfidenceWindow"]

DEFAULT_THRESHOLD = 0.6


@dataclass(frozen=True)
class CACE(Loss):
    """Compute CE where the teacher is confident, max t >= threshold, and RCE where it is not.

    With a temperature the switch is smooth: w CE + (1 - w) RCE, w = sigmoid((max t - threshold) / temperature). The
    hard switch jumps in value and gradient at the threshold; equality goes to CE.

    Args:
        threshold: on max t, in (0, 1]; the default is 0.6 if no quantile is given.
        quantile: in [0, 1]; the threshold is this quantile of max t over the student's training labels. Turn it into
            a threshold once, with `resolve(loss, labels)`; it is never taken per batch.
        temperature: above 0, or None for the hard switch.
        smoothing: e in [0, 1) of t' = (1 - e) t + e / K, in the reverse part only.

    Examples:
        >>> CACE(threshold=0.6, smoothing=0.0)(torch.zeros(2, 2), torch.tensor([[0.9, 0.1], [0.55, 0.45]]))
        tensor([0.6931, 0.6982])
    """

    name: ClassVar[str] = "cace"
    label: ClassVar[str] = "confidence-adaptive cross-entropy"
    formula: ClassVar[str] = "CE where max t >= threshold, else RCE"
    gradient_formula: ClassVar[str] = "by the mask"
    minimiser: ClassVar[str] = "depends on the example"
    takes_log_of_targets: ClassVar[bool] = True

    threshold: PositiveShare | None = None
    quantile: Share | None = None
    temperature: Positive | None = None
    smoothing: Smoothing = DEFAULT_SMOOTHING

    def __post_init__(self) -> None:
        """Check the parameters, and take the default threshold where there is no quantile."""
        if self.quantile is not None and self.threshold is not None:
            raise ConfigError(
                f"cace has both threshold={self.threshold!r} and quantile={self.quantile!r}; expected only one."
            )
        if self.quantile is None and self.threshold is None:
            object.__setattr__(self, "threshold", DEFAULT_THRESHOLD)
        super().__post_init__()

    def forward_weight(
        self, targets: Float[Tensor, "*axes"], *, axis: int = -1, threshold: Tensor | float | None = None
    ) -> Float[Tensor, "*axes_with_one_class"]:
        """Compute the weight of CE for each example; the class axis is kept, with length 1.

        Args:
            targets: teacher distributions with the classes on `axis`.
            axis: the class axis.
            threshold: use this (a number, or a tensor that broadcasts) instead of the loss's own.

        Raises:
            ConfigError: if the loss still has a quantile and no threshold is given.
        """
        threshold = self.threshold if threshold is None else threshold
        if threshold is None:
            raise ConfigError(
                f"cace has quantile={self.quantile:g}, which is not a threshold yet. Call resolve(loss, labels) once, "
                "with all training labels of the student, and train with the loss it returns."
            )
        confidence = targets.amax(dim=axis, keepdim=True)
        if self.temperature is None:
            return (confidence >= threshold).to(targets.dtype)
        return ((confidence - threshold) / self.temperature).sigmoid()

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        weight = self.forward_weight(targets).squeeze(-1)
        log_s = logits.log_softmax(-1)
        reverse = reverse_cross_entropy(log_s, targets, self.smoothing)
        return weight * cross_entropy(log_s, targets) + (1.0 - weight) * reverse

    def closed_form(self) -> ClosedForm:
        """Share pull and tilt by the weight of CE, settling a quantile over the examples of each model."""
        return Mixture(pull=1.0, cost=reverse_cost(self.smoothing), share=self._share)

    def _share(self, t: Tensor) -> Tensor:
        threshold = None if self.quantile is None else confidence_quantile(t, self.quantile)
        return self.forward_weight(t, axis=0, threshold=threshold)

    @property
    def needs_all_labels(self) -> bool:
        return self.quantile is not None

    def settle(self, targets: PerClass) -> Loss:
        if self.quantile is None:
            return self
        flat = targets.reshape(-1, targets.shape[-1])
        threshold = float(confidence_quantile(flat.T.unsqueeze(-1), self.quantile))
        return replace(self, quantile=None, threshold=threshold)


@dataclass(frozen=True)
class ConfidenceWindow(Loss):
    """Compute CE where the student is still unsure, max s < 0.5 + radius, and 0 (with gradient 0) elsewhere.

    Args:
        radius: in (0, 0.5]; 0.5 keeps every example whose probability is below 1.

    Examples:
        >>> ConfidenceWindow(radius=0.15)(torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.2, 0.8]]))
        tensor([0.6931, 0.0000])
    """

    name: ClassVar[str] = "confidence_window"
    label: ClassVar[str] = "confidence window"
    formula: ClassVar[str] = "CE where max s < 0.5 + radius, else 0"
    gradient_formula: ClassVar[str] = "s - t under the mask"

    radius: Annotated[Number, Range(0.0, 0.5, open_low=True)] = 0.15

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        log_s = logits.log_softmax(-1)
        inside = log_s.detach().amax(-1).exp() < 0.5 + self.radius
        return torch.where(inside, cross_entropy(log_s, targets), 0.0)

    def closed_form(self) -> ClosedForm:
        return _WindowForm(self.radius)


@final
@dataclass(frozen=True)
class _WindowForm(OfTargets):
    radius: float

    def write(self, student: ClassStudent, parts: Parts, progress: float, out: Tensor) -> None:
        inside = student.p.amax(0, keepdim=True) < 0.5 + self.radius
        torch.sub(student.p, parts["target"], out=out)
        out.mul_(inside)

    def write_margin(self, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
        inside = torch.maximum(student.s, 1.0 - student.s) < 0.5 + self.radius
        torch.sub(student.s, parts["target"][0], out=out)
        out.mul_(inside)
