"""Closed-form gradients with respect to class-major logits `[classes, examples, models]`, for any number of classes.

Each form is two functions: `prepare` computes from the targets what does not change during training, `gradient`
writes the gradient. p is the student's softmax over axis 0, J(p) = diag(p) - p p^T (theory.md, section 4.2). Most
losses are a pull, p - target, or a linear cost a in p, whose gradient is J(p) a = p (a - <p, a>), or both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from outlearn.losses.base import Loss, hardened, log_smoothed
from outlearn.losses.confidence import CACE, AuxConf, ConfidenceWindow, quantile_of_sorted
from outlearn.losses.cross_entropy import ForwardCE, ForwardKL, HardCE, ReverseCE, ReverseKL, SymmetricCE
from outlearn.losses.robust import MAE, Brier, GeneralizedCE, Product
from outlearn.losses.targets import confidence_quantile

__all__ = ["CLASS_FORMS", "ClassForm", "Student", "add_entropy_gradient"]


class Student:
    """Hold a student's logits and what is computed from them, each at most once."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    @cached_property
    def p(self) -> Tensor:
        """Return the probabilities."""
        return self.logits.softmax(0)

    @cached_property
    def log_p(self) -> Tensor:
        """Return the log-probabilities."""
        return self.logits.log_softmax(0)


# A form is written for its own loss type: the tables below are keyed by it, which no static type can express.
Parts = Mapping[str, Tensor]
PrepareParts = Callable[[Any, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class ClassForm:
    """Pair what is prepared from the targets with the function that writes the gradient into `out`."""

    prepare: PrepareParts
    gradient: Callable[[Any, Student, Parts, float, Tensor], None]


def project(p: Tensor, a: Tensor, out: Tensor) -> None:
    """Write J(p) a = p a - p <p, a>."""
    torch.mul(p, a, out=out)
    out.addcmul_(p, out.sum(0, keepdim=True), value=-1.0)


def add_entropy_gradient(weight: float, student: Student, out: Tensor) -> None:
    """Add weight * dH/dz = -weight J(p) log p."""
    term = torch.empty_like(out)
    project(student.p, student.log_p, term)
    out.sub_(term, alpha=weight)


# Pulls: p - target


def _target(loss: Loss, t: Tensor) -> dict[str, Tensor]:
    return {"target": t}


def _hard_target(loss: Loss, t: Tensor) -> dict[str, Tensor]:
    return {"target": hardened(t, axis=0)}


def _pull(loss: Loss, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    torch.sub(student.p, parts["target"], out=out)


# Linear costs: J(p) a


def _cost(loss: Any, t: Tensor) -> Tensor:
    """Compute a = -log t'."""
    return -log_smoothed(t, loss.smoothing, n_classes=t.shape[0])


def _reverse_parts(loss: ReverseCE | ReverseKL, t: Tensor) -> dict[str, Tensor]:
    return {"cost": _cost(loss, t)}


def _mae_parts(loss: MAE, t: Tensor) -> dict[str, Tensor]:
    return {"cost": -hardened(t, axis=0)}


def _linear(loss: Loss, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    project(student.p, parts["cost"], out)


def _reverse_kl(loss: ReverseKL, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    project(student.p, student.log_p + parts["cost"], out)


def _brier(loss: Brier, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    project(student.p, (student.p - parts["target"]).mul_(2.0), out)


# Both: weight (p - target) + J(p) a


def _symmetric_parts(loss: SymmetricCE, t: Tensor) -> dict[str, Tensor]:
    return {"target": loss.alpha * t, "cost": loss.beta * _cost(loss, t)}


def _symmetric(loss: SymmetricCE, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    project(student.p, parts["cost"], out)
    out.add_(student.p, alpha=loss.alpha).sub_(parts["target"])


def cace_weight(loss: CACE, t: Tensor) -> Tensor:
    """Compute the weight of CE, `[1, examples, models]`, settling a quantile over the examples of each model."""
    threshold = None if loss.quantile is None else confidence_quantile(t, loss.quantile)
    return loss.forward_weight(t, axis=0, threshold=threshold)


def _cace_parts(loss: CACE, t: Tensor) -> dict[str, Tensor]:
    weight = cace_weight(loss, t)
    return {"weight": weight, "target": weight * t, "cost": (1.0 - weight) * _cost(loss, t)}


def _cace(loss: CACE, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    project(student.p, parts["cost"], out)
    out.addcmul_(student.p, parts["weight"]).sub_(parts["target"])


# Others


def _gce(loss: GeneralizedCE, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    scale = (student.log_p * parts["target"]).sum(0, keepdim=True).mul_(loss.q).exp_()  # p_y^q
    torch.sub(student.p, parts["target"], out=out)
    out.mul_(scale)


def _aux_conf(loss: AuxConf, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    a, target = loss.coefficient(progress), parts["target"]
    torch.sub(student.p, target, alpha=1.0 - a, out=out)
    if out.shape[1] < 2:  # a single example has no quantiles: its own argmax
        out.sub_(hardened(student.p, axis=0), alpha=a)
        return
    # The rule of prior_matched_classes, class-major.
    prior = target.mean(1).clamp(0.0, 1.0).expand(out.shape[0], out.shape[2])
    thresholds = quantile_of_sorted(sorted_over_examples(student.p), 1.0 - prior)
    out.sub_(hardened(student.p - thresholds.unsqueeze(1), axis=0), alpha=a)


def sorted_over_examples(values: Tensor) -> Tensor:
    """Sort over the examples, `[*rest, examples, models] -> [*rest, models, examples]`, in new memory."""
    rows = values.transpose(-1, -2).clone(memory_format=torch.contiguous_format)
    if rows.device.type == "cpu" and rows.dtype in (torch.float32, torch.float64):
        rows.numpy().sort(axis=-1)  # twenty times faster than torch.sort, which also orders the indices
        return rows
    return rows.sort(dim=-1).values


def _product_parts(loss: Product, t: Tensor) -> dict[str, Tensor]:
    return {"score": loss.teacher_score(t)}


def _product(loss: Product, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    torch.sub(student.p, (loss.b * student.log_p + parts["score"]).softmax(0), out=out)


def _window(loss: ConfidenceWindow, student: Student, parts: Parts, progress: float, out: Tensor) -> None:
    inside = student.p.amax(0, keepdim=True) < 0.5 + loss.radius
    torch.sub(student.p, parts["target"], out=out)
    out.mul_(inside)


CLASS_FORMS: dict[type[Loss], ClassForm] = {
    ForwardCE: ClassForm(_target, _pull),
    ForwardKL: ClassForm(_target, _pull),
    HardCE: ClassForm(_hard_target, _pull),
    ReverseCE: ClassForm(_reverse_parts, _linear),
    ReverseKL: ClassForm(_reverse_parts, _reverse_kl),
    SymmetricCE: ClassForm(_symmetric_parts, _symmetric),
    CACE: ClassForm(_cace_parts, _cace),
    AuxConf: ClassForm(_target, _aux_conf),
    MAE: ClassForm(_mae_parts, _linear),
    GeneralizedCE: ClassForm(_hard_target, _gce),
    Brier: ClassForm(_target, _brier),
    Product: ClassForm(_product_parts, _product),
    ConfidenceWindow: ClassForm(_target, _window),
}
