"""Baselines that resist label noise by their shape: MAE and generalized CE, Brier, and the product of both opinions.

Most of what reverse cross-entropy gains comes from a bounded shape and from hardening, so these belong in every table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from jaxtyping import Float

from outlearn.errors import ConfigError
from outlearn.lazy_torch import Tensor, torch
from outlearn.losses.closed_forms import ClassStudent, ClosedForm, MarginStudent, Mixture, OfTargets, Parts
from outlearn.losses.cross_entropy import cross_entropy
from outlearn.losses.distributions import hardened, project
from outlearn.losses.loss import Loss, NonNegative, PerClass, PerExample, PositiveShare

__all__ = ["MAE", "Brier", "GeneralizedCE", "Product"]


@dataclass(frozen=True)
class MAE(Loss):
    """Compute 1 - s at the teacher's largest class (ties: the first): bounded by 1; gradient s_y (s - e); a vertex.

    Half the absolute error |s - e|_1 to the hardened label e.

    Examples:
        >>> MAE()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.5000])

    Source: Ghosh, Kumar, Sastry, Robust Loss Functions under Label Noise for Deep Neural Networks, AAAI 2017. There
    without the factor one half.
    """

    name: ClassVar[str] = "mae"
    label: ClassVar[str] = "mean absolute error"
    formula: ClassVar[str] = "1 - s_y"
    gradient_formula: ClassVar[str] = "s_y (s - e)"
    minimiser: ClassVar[str] = "vertex y"

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        """Compute 1 - s_y, as the sum over the other classes: exact where s_y is near 1."""
        return (logits.softmax(-1) * (1.0 - hardened(targets))).sum(-1)

    def closed_form(self) -> ClosedForm:
        return Mixture(cost=lambda t: -hardened(t, axis=0))


@dataclass(frozen=True)
class GeneralizedCE(Loss):
    """Compute (1 - s_y^q) / q at the teacher's largest class y; gradient s_y^q (s - e).

    q = 1 is MAE; q towards 0 is hard CE.

    Args:
        q: in (0, 1].

    Examples:
        >>> GeneralizedCE(q=1.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.5000])

    Source: Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, 2018.
    """

    name: ClassVar[str] = "gce"
    label: ClassVar[str] = "generalized cross-entropy"
    formula: ClassVar[str] = "(1 - s_y^q) / q"
    gradient_formula: ClassVar[str] = "s_y^q (s - e)"
    minimiser: ClassVar[str] = "vertex y"

    q: PositiveShare = 0.7

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        log_s_y = (logits.log_softmax(-1) * hardened(targets)).sum(-1)
        return -torch.expm1(self.q * log_s_y) / self.q  # expm1: a small q keeps its digits

    def closed_form(self) -> ClosedForm:
        return _GeneralizedCEForm(self.q)


@dataclass(frozen=True)
class Brier(Loss):
    """Compute sum (s - t)^2 over the classes; gradient 2 J(s) (s - t); minimiser t; bounded by 2.

    Examples:
        >>> Brier()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.3200])
    """

    name: ClassVar[str] = "brier"
    label: ClassVar[str] = "Brier score"
    formula: ClassVar[str] = "sum (s - t)^2"
    gradient_formula: ClassVar[str] = "2 J(s) (s - t)"
    minimiser: ClassVar[str] = "t"

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        return (logits.softmax(-1) - targets).square().sum(-1)

    def closed_form(self) -> ClosedForm:
        return _BrierForm()


@dataclass(frozen=True)
class Product(Loss):
    """Compute CE at the target proportional to s^b t^a, detached: what teacher and student agree on, sharpened.

    Gradient s - target. The target moves with the student, so there is no fixed function that is minimised.

    Args:
        a: power of the teacher, at least 0.
        b: power of the student, at least 0.

    Examples:
        >>> Product()(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.9, 0.1]]))
        tensor([0.6931])
    """

    name: ClassVar[str] = "product"
    label: ClassVar[str] = "product of both opinions"
    formula: ClassVar[str] = "CE at the target proportional to s^b t^a, held fixed"
    gradient_formula: ClassVar[str] = "s - target"
    minimiser: ClassVar[str] = "none fixed: a sharpened consensus"

    a: NonNegative = 1.0
    b: NonNegative = 1.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        if self.a == 0.0 and self.b == 0.0:
            raise ConfigError("product.a and product.b are both 0, which makes every target uniform; raise one.")

    def teacher_score(self, targets: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
        """Compute a log t, with 0 log 0 = 0; -inf where a > 0 and t = 0, which gives that class no weight."""
        return torch.special.xlogy(torch.as_tensor(self.a, dtype=targets.dtype, device=targets.device), targets)

    def per_example(self, logits: PerClass, targets: PerClass, progress: float) -> PerExample:
        log_s = logits.log_softmax(-1)
        agreed = (self.b * log_s.detach() + self.teacher_score(targets)).softmax(-1)
        return cross_entropy(log_s, agreed)

    def closed_form(self) -> ClosedForm:
        return _ProductForm(self)


@final
@dataclass(frozen=True)
class _GeneralizedCEForm(ClosedForm):
    q: float

    def class_parts(self, t: Tensor) -> dict[str, Tensor]:
        return {"target": hardened(t, axis=0)}

    def margin_parts(self, t: Tensor) -> dict[str, Tensor]:
        return {"sign": 2.0 * hardened(t, axis=0)[1:] - 1.0}

    def write(self, student: ClassStudent, parts: Parts, progress: float, out: Tensor) -> None:
        scale = (student.log_p * parts["target"]).sum(0, keepdim=True).mul_(self.q).exp_()  # s_y^q
        torch.sub(student.p, parts["target"], out=out)
        out.mul_(scale)

    def write_margin(self, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
        sign = parts["sign"][0]
        towards = student.margin * sign  # the margin in favour of the teacher's class
        torch.sigmoid(-towards, out=out)
        out.mul_(torch.nn.functional.logsigmoid(towards).mul_(self.q).exp_()).mul_(sign).neg_()  # -y s_y^q (1 - s_y)


@final
@dataclass(frozen=True)
class _BrierForm(OfTargets):
    def write(self, student: ClassStudent, parts: Parts, progress: float, out: Tensor) -> None:
        project(student.p, (student.p - parts["target"]).mul_(2.0), out)

    def write_margin(self, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
        torch.sub(student.s, parts["target"][0], out=out)
        out.mul_(student.slope).mul_(4.0)  # 2 J(s) (s - t): both classes contribute the same


@final
@dataclass(frozen=True)
class _ProductForm(ClosedForm):
    loss: Product

    def class_parts(self, t: Tensor) -> dict[str, Tensor]:
        return {"score": self.loss.teacher_score(t)}

    def margin_parts(self, t: Tensor) -> dict[str, Tensor]:
        score = self.loss.teacher_score(t)
        return {"score": score[1:] - score[:1]}

    def write(self, student: ClassStudent, parts: Parts, progress: float, out: Tensor) -> None:
        torch.sub(student.p, (self.loss.b * student.log_p + parts["score"]).softmax(0), out=out)

    def write_margin(self, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
        agreed = torch.add(parts["score"][0], student.margin, alpha=self.loss.b).sigmoid_()
        torch.sub(student.s, agreed, out=out)
