"""Closed-form gradients for two classes, in the margin m = z_1 - z_0, `[examples, models]`.

Every loss depends on the logits through m only, so dL/dz_1 = dL/dm = -dL/dz_0: half the work, and a head with one
logit suffices. s = sigmoid(m) is the probability of class 1, and the linear cost a has gradient s (1 - s) (a_1 - a_0).
Parts are `[1, examples, models]`; the same derivations as in `class_forms` with K = 2 (theory.md, section 4.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from outlearn.losses.base import Loss, log_smoothed
from outlearn.losses.class_forms import Parts, PrepareParts, cace_weight, sorted_over_examples
from outlearn.losses.confidence import CACE, AuxConf, ConfidenceWindow, quantile_of_sorted
from outlearn.losses.cross_entropy import ForwardCE, ForwardKL, HardCE, ReverseCE, ReverseKL, SymmetricCE
from outlearn.losses.robust import MAE, Brier, GeneralizedCE, Product

__all__ = ["MARGIN_FORMS", "MarginForm", "MarginStudent", "add_margin_entropy_gradient"]


class MarginStudent:
    """Hold the margin of a student and what is computed from it, each at most once."""

    def __init__(self, margin: Tensor) -> None:
        self.margin = margin

    @cached_property
    def s(self) -> Tensor:
        """Return the probability of class 1."""
        return self.margin.sigmoid()

    @cached_property
    def slope(self) -> Tensor:
        """Return s (1 - s)."""
        return torch.addcmul(self.s, self.s, self.s, value=-1.0)


@dataclass(frozen=True)
class MarginForm:
    """Pair what is prepared from the targets with the function that writes dL/dm into `out`."""

    prepare: PrepareParts
    gradient: Callable[[Any, MarginStudent, Parts, float, Tensor], None]


def add_margin_entropy_gradient(weight: float, student: MarginStudent, out: Tensor) -> None:
    """Add weight * dH/dm = -weight s (1 - s) m."""
    out.addcmul_(student.slope, student.margin, value=-weight)


# Pulls: s - t_1


def _target(loss: Loss, t: Tensor) -> dict[str, Tensor]:
    return {"target": t[1:]}


def _hard_target(loss: Loss, t: Tensor) -> dict[str, Tensor]:
    return {"target": (t[1:] > t[:1]).to(t.dtype)}  # a tie goes to class 0


def _pull(loss: Loss, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    torch.sub(student.s, parts["target"][0], out=out)


# Linear costs: s (1 - s) cost, with cost = a_1 - a_0


def _cost(loss: Any, t: Tensor) -> Tensor:
    """Compute log t'_0 - log t'_1."""
    log_t = log_smoothed(t, loss.smoothing, n_classes=2)
    return log_t[:1] - log_t[1:]


def _reverse_parts(loss: ReverseCE | ReverseKL, t: Tensor) -> dict[str, Tensor]:
    return {"cost": _cost(loss, t)}


def _mae_parts(loss: MAE, t: Tensor) -> dict[str, Tensor]:
    return {"cost": 1.0 - 2.0 * _hard_target(loss, t)["target"]}


def _linear(loss: Loss, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    torch.mul(student.slope, parts["cost"][0], out=out)


def _reverse_kl(loss: ReverseKL, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    torch.add(student.margin, parts["cost"][0], out=out)
    out.mul_(student.slope)


def _brier(loss: Brier, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    torch.sub(student.s, parts["target"][0], out=out)
    out.mul_(student.slope).mul_(4.0)  # 2 J(s) (s - t): both classes contribute the same


# Both: weight (s - t_1) + s (1 - s) cost


def _symmetric_parts(loss: SymmetricCE, t: Tensor) -> dict[str, Tensor]:
    return {"target": loss.alpha * t[1:], "cost": loss.beta * _cost(loss, t)}


def _symmetric(loss: SymmetricCE, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    torch.mul(student.slope, parts["cost"][0], out=out)
    out.add_(student.s, alpha=loss.alpha).sub_(parts["target"][0])


def _cace_parts(loss: CACE, t: Tensor) -> dict[str, Tensor]:
    weight = cace_weight(loss, t)
    return {"weight": weight, "target": weight * t[1:], "cost": (1.0 - weight) * _cost(loss, t)}


def _cace(loss: CACE, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    torch.mul(student.slope, parts["cost"][0], out=out)
    out.addcmul_(student.s, parts["weight"][0]).sub_(parts["target"][0])


# Others


def _sign_parts(loss: GeneralizedCE, t: Tensor) -> dict[str, Tensor]:
    return {"sign": 2.0 * _hard_target(loss, t)["target"] - 1.0}


def _gce(loss: GeneralizedCE, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    sign = parts["sign"][0]
    towards = student.margin * sign  # the margin in favour of the teacher's class
    torch.sigmoid(-towards, out=out)
    out.mul_(torch.nn.functional.logsigmoid(towards).mul_(loss.q).exp_()).mul_(sign).neg_()  # -y s_y^q (1 - s_y)


def _aux_conf(loss: AuxConf, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    a = loss.coefficient(progress)
    target = parts["target"][0]
    torch.sub(student.s, target, alpha=1.0 - a, out=out)
    if student.margin.shape[0] < 2:  # a single example has no quantiles: its own argmax
        out.sub_((student.margin > 0.0).to(out.dtype), alpha=a)
        return
    # The rule of prior_matched_classes: class 0 where z_0 - z_1 reaches its quantile at the prior of class 1.
    prior = target.mean(0).clamp(0.0, 1.0).expand(student.margin.shape[1])
    threshold = quantile_of_sorted(sorted_over_examples(-student.margin), prior)
    out.sub_((-student.margin < threshold).to(out.dtype), alpha=a)


def _product_parts(loss: Product, t: Tensor) -> dict[str, Tensor]:
    score = loss.teacher_score(t)
    return {"score": score[1:] - score[:1]}


def _product(loss: Product, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    agreed = torch.add(parts["score"][0], student.margin, alpha=loss.b).sigmoid_()
    torch.sub(student.s, agreed, out=out)


def _window(loss: ConfidenceWindow, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
    inside = torch.maximum(student.s, 1.0 - student.s) < 0.5 + loss.radius
    torch.sub(student.s, parts["target"][0], out=out)
    out.mul_(inside)


MARGIN_FORMS: dict[type[Loss], MarginForm] = {
    ForwardCE: MarginForm(_target, _pull),
    ForwardKL: MarginForm(_target, _pull),
    HardCE: MarginForm(_hard_target, _pull),
    ReverseCE: MarginForm(_reverse_parts, _linear),
    ReverseKL: MarginForm(_reverse_parts, _reverse_kl),
    SymmetricCE: MarginForm(_symmetric_parts, _symmetric),
    CACE: MarginForm(_cace_parts, _cace),
    AuxConf: MarginForm(_target, _aux_conf),
    MAE: MarginForm(_mae_parts, _linear),
    GeneralizedCE: MarginForm(_sign_parts, _gce),
    Brier: MarginForm(_target, _brier),
    Product: MarginForm(_product_parts, _product),
    ConfidenceWindow: MarginForm(_target, _window),
}
