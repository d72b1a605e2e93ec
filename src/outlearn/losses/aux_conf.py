"""AuxConf: the student's own hardened prediction, matched to the class prior of the labels, joins its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from jaxtyping import Float

from outlearn.lazy_torch import Tensor, torch
from outlearn.losses.closed_forms import ClassStudent, ClosedForm, MarginStudent, OfTargets, Parts
from outlearn.losses.cross_entropy import cross_entropy
from outlearn.losses.distributions import hardened, quantile_of_sorted, sorted_over_examples
from outlearn.losses.loss import Loss, PerClass, PerExample, Share

__all__ = ["AuxConf", "prior_matched_classes"]


@dataclass(frozen=True)
class AuxConf(Loss):
    """Compute CE at (1 - a) t + a h: the student's own hardened prediction h joins the target, detached.

    The weight a = weight * min(1, progress / warmup) grows linearly from 0, without a jump. h is matched to the class
    prior of t over the examples axis, separately for each batch element (see `prior_matched_classes`), so that an
    example's loss depends on its batch. For tiny micro-batches use `against` with a window of recent examples.

    Args:
        weight: the final a, in [0, 1].
        warmup: the fraction of training over which a grows, in [0, 1]; 0 starts at the full weight.

    Examples:
        >>> AuxConf(weight=0.5)(torch.tensor([[2.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.5, 0.5], [0.5, 0.5]]))
        tensor([0.6269, 1.0633])

    Source: Burns et al., Weak-to-Strong Generalization, 2023, section 4.3.2 and the code of its release. There the
    weight during warm-up is the training fraction itself, which jumps at its end, and there are two classes only.
    """

    name: ClassVar[str] = "aux_conf"
    label: ClassVar[str] = "auxiliary confidence loss"
    formula: ClassVar[str] = "CE at (1 - a) t + a h"
    gradient_formula: ClassVar[str] = "s - target"
    minimiser: ClassVar[str] = "none fixed: h is the student's own"

    batch_coupled: ClassVar[bool] = True

    weight: Share = 0.5
    warmup: Share = 0.2

    def coefficient(self, progress: float) -> float:
        """Compute the weight a of the student's own prediction at this fraction of training."""
        return self.weight if progress >= self.warmup else self.weight * progress / self.warmup

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
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

    def closed_form(self) -> ClosedForm:
        return _AuxConfForm(self)


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


@final
@dataclass(frozen=True)
class _AuxConfForm(OfTargets):
    loss: AuxConf

    def write(self, student: ClassStudent, parts: Parts, progress: float, out: Tensor) -> None:
        a, target = self.loss.coefficient(progress), parts["target"]
        torch.sub(student.p, target, alpha=1.0 - a, out=out)
        if out.shape[1] < 2:  # a single example has no quantiles: its own argmax
            out.sub_(hardened(student.p, axis=0), alpha=a)
            return
        # The rule of prior_matched_classes, class-major.
        prior = target.mean(1).clamp(0.0, 1.0).expand(out.shape[0], out.shape[2])
        thresholds = quantile_of_sorted(sorted_over_examples(student.p), 1.0 - prior)
        out.sub_(hardened(student.p - thresholds.unsqueeze(1), axis=0), alpha=a)

    def write_margin(self, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
        a, target = self.loss.coefficient(progress), parts["target"][0]
        torch.sub(student.s, target, alpha=1.0 - a, out=out)
        if student.margin.shape[0] < 2:
            out.sub_((student.margin > 0.0).to(out.dtype), alpha=a)
            return
        # The rule of prior_matched_classes: class 0 where z_0 - z_1 reaches its quantile at the prior of class 1.
        prior = target.mean(0).clamp(0.0, 1.0).expand(student.margin.shape[1])
        threshold = quantile_of_sorted(sorted_over_examples(-student.margin), prior)
        out.sub_((-student.margin < threshold).to(out.dtype), alpha=a)
