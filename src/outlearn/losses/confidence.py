"""Losses that look at confidence, the teacher's or the student's own: CACE, AuxConf, the window, the entropy term.

The teacher's confidence is max t, in [1/K, 1]. The first paper on confidence-adaptive cross-entropy states its
threshold on |t - 0.5| of a binary label: its `CACE_0.1` is `CACE(threshold=0.6)` here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from outlearn.errors import ConfigError
from outlearn.losses.base import DEFAULT_SMOOTHING, Loss, Number, check_number, hardened
from outlearn.losses.cross_entropy import ForwardCE, cross_entropy, reverse_cross_entropy

__all__ = ["CACE", "AuxConf", "ConfidenceWindow", "Regularised", "prior_matched_classes"]

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

    Example:
        >>> CACE(threshold=0.6, smoothing=0.0)(torch.zeros(2, 2), torch.tensor([[0.9, 0.1], [0.55, 0.45]]))
        tensor([0.6931, 0.6982])
    """

    threshold: Number | None = None
    quantile: Number | None = None
    temperature: Number | None = None
    smoothing: Number = DEFAULT_SMOOTHING

    def __post_init__(self) -> None:
        """Check the parameters."""
        if self.quantile is not None:
            if self.threshold is not None:
                raise ConfigError(
                    f"cace has both threshold={self.threshold!r} and quantile={self.quantile!r}; expected only one."
                )
            object.__setattr__(self, "quantile", check_number("cace", "quantile", self.quantile, low=0.0, high=1.0))
        else:
            value = DEFAULT_THRESHOLD if self.threshold is None else self.threshold
            threshold = check_number("cace", "threshold", value, low=0.0, high=1.0, open_low=True)
            object.__setattr__(self, "threshold", threshold)
        if self.temperature is not None:
            temperature = check_number("cace", "temperature", self.temperature, low=0.0, open_low=True)
            object.__setattr__(self, "temperature", temperature)
        smoothing = check_number("cace", "smoothing", self.smoothing, low=0.0, high=1.0, open_high=True)
        object.__setattr__(self, "smoothing", smoothing)

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

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute w CE + (1 - w) RCE."""
        weight = self.forward_weight(targets).squeeze(-1)
        log_s = logits.log_softmax(-1)
        reverse = reverse_cross_entropy(log_s, targets, self.smoothing)
        return weight * cross_entropy(log_s, targets) + (1.0 - weight) * reverse


@dataclass(frozen=True)
class AuxConf(Loss):
    """Compute CE at (1 - a) t + a h: the student's own hardened prediction h joins the target, detached.

    The weight a = weight * min(1, progress / warmup) grows linearly from 0, without a jump. h is matched to the class
    prior of t over the examples axis, separately for each batch element (see `prior_matched_classes`), so that an
    example's loss depends on its batch. For tiny micro-batches use `against` with a window of recent examples.

    Args:
        weight: the final a, in [0, 1].
        warmup: the fraction of training over which a grows, in [0, 1]; 0 starts at the full weight.

    Example:
        >>> AuxConf(weight=0.5)(torch.tensor([[2.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.5, 0.5], [0.5, 0.5]]))
        tensor([0.6269, 1.0633])

    Source: Burns et al., Weak-to-Strong Generalization, 2023, section 4.3.2 and the code of its release. There the
    weight during warm-up is the training fraction itself, which jumps at its end, and there are two classes only.
    """

    batch_coupled: ClassVar[bool] = True

    weight: Number = 0.5
    warmup: Number = 0.2

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "weight", check_number("aux_conf", "weight", self.weight, low=0.0, high=1.0))
        object.__setattr__(self, "warmup", check_number("aux_conf", "warmup", self.warmup, low=0.0, high=1.0))

    def coefficient(self, progress: float) -> float:
        """Compute the weight a of the student's own prediction at this fraction of training."""
        return self.weight if progress >= self.warmup else self.weight * progress / self.warmup

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute CE at the mixed target; the batch is its own reference."""
        return self.against(logits, targets, logits, targets, progress=progress)

    def against(
        self,
        logits: Float[Tensor, "*batch examples classes"],
        targets: Float[Tensor, "*batch examples classes"],
        reference_logits: Float[Tensor, "*batch references classes"],
        reference_targets: Float[Tensor, "*batch references classes"],
        *,
        progress: float = 1.0,
    ) -> Float[Tensor, "*batch examples"]:
        """Compute the loss with thresholds taken from other examples, such as a window of the last micro-batches."""
        a = self.coefficient(progress)
        own = prior_matched_classes(logits.detach(), reference_logits.detach(), reference_targets)
        return cross_entropy(logits.log_softmax(-1), (1.0 - a) * targets + a * own)


def prior_matched_classes(
    logits: Float[Tensor, "*batch examples classes"],
    reference_logits: Float[Tensor, "*batch references classes"],
    reference_targets: Float[Tensor, "*batch references classes"],
) -> Float[Tensor, "*batch examples classes"]:
    """Harden predictions so that each class is chosen about as often as the teacher's labels give it.

    Class k has the threshold c_k = quantile of s_k over the references at 1 - prior_k, where prior_k is the mean of
    t_k over the references (linear interpolation). The class chosen is the one that exceeds its threshold the most,
    argmax_k s_k - c_k; ties go to the first class. For two classes this is the published rule, "class 0 where s_0
    reaches its quantile at prior_1", and the shares match; for more they match roughly, while argmax s would keep the
    student's own bias. With a single reference, which has no quantiles, it is argmax s.

    Args:
        logits: student logits to harden.
        reference_logits: student logits that set the thresholds.
        reference_targets: teacher distributions of the references, which set the prior.

    Returns:
        One-hot distributions `[*batch, examples, classes]`, in the dtype of the logits.
    """
    if reference_logits.shape[-2] < 2:
        return hardened(logits)
    prior = reference_targets.mean(-2).clamp(0.0, 1.0)
    if logits.shape[-1] == 2:
        # The quantile of a monotone function of s_0 splits the examples at the same place, and margins never saturate.
        reference = reference_logits[..., 0] - reference_logits[..., 1]
        threshold = quantile_at(reference, prior[..., 1]).unsqueeze(-1)
        first = logits[..., 0] - logits[..., 1] >= threshold
        return torch.stack([first, ~first], dim=-1).to(logits.dtype)
    thresholds = quantile_at(reference_logits.softmax(-1).transpose(-1, -2), 1.0 - prior)
    return hardened(logits.softmax(-1) - thresholds.unsqueeze(-2))


def quantile_at(values: Float[Tensor, "*batch n"], q: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Compute the linearly interpolated quantile of each row at that row's own q."""
    return quantile_of_sorted(values.sort(dim=-1).values, q)


def quantile_of_sorted(ordered: Float[Tensor, "*batch n"], q: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Compute the quantile of rows that are already in ascending order, of two values or more."""
    last = ordered.shape[-1] - 1
    position = (q * last).unsqueeze(-1)
    below = position.floor().clamp(max=last - 1)
    low = ordered.gather(-1, below.long())
    high = ordered.gather(-1, below.long() + 1)
    return torch.lerp(low, high, position - below).squeeze(-1)


@dataclass(frozen=True)
class ConfidenceWindow(Loss):
    """Compute CE where the student is still unsure, max s < 0.5 + radius, and 0 (with gradient 0) elsewhere.

    Args:
        radius: in (0, 0.5]; 0.5 keeps every example whose probability is below 1.

    Example:
        >>> ConfidenceWindow(radius=0.15)(torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.2, 0.8]]))
        tensor([0.6931, 0.0000])
    """

    radius: Number = 0.15

    def __post_init__(self) -> None:
        """Check the parameters."""
        radius = check_number("confidence_window", "radius", self.radius, low=0.0, high=0.5, open_low=True)
        object.__setattr__(self, "radius", radius)

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute CE under the mask."""
        log_s = logits.log_softmax(-1)
        inside = log_s.detach().amax(-1).exp() < 0.5 + self.radius
        return torch.where(inside, cross_entropy(log_s, targets), 0.0)


@dataclass(frozen=True)
class Regularised(Loss):
    """Compute another loss plus c H(s), the student's entropy: c > 0 sharpens predictions, c < 0 flattens them.

    Gradient of the term: -c s (log s + H(s)).

    Args:
        loss: the loss to add to.
        entropy: the weight c, any finite number.

    Example:
        >>> Regularised(ForwardCE(), entropy=-1.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.])
    """

    loss: Loss = field(default_factory=ForwardCE)
    entropy: Number = 0.1

    def __post_init__(self) -> None:
        """Check the parameters, and be batch-coupled where the inner loss is."""
        if not isinstance(self.loss, Loss):
            raise ConfigError(f"regularised.loss is {self.loss!r}; expected a loss, as get_loss returns it.")
        object.__setattr__(self, "entropy", check_number("regularised", "entropy", self.entropy))
        object.__setattr__(self, "batch_coupled", self.loss.batch_coupled)

    def per_example(
        self, logits: Float[Tensor, "*batch classes"], targets: Float[Tensor, "*batch classes"], progress: float
    ) -> Float[Tensor, "*batch"]:
        """Compute the inner loss plus c H(s)."""
        log_s = logits.log_softmax(-1)
        entropy = -(log_s.exp() * log_s).sum(-1)
        return self.loss.per_example(logits, targets, progress) + self.entropy * entropy
