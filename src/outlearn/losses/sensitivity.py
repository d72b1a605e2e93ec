"""How sensitive a loss is to its teacher: the derivative of the student's gradient in the teacher's logits.

With g the gradient in the student's logits and u the teacher's logits, t = softmax(u): forward CE has dg/du = -J(t),
set by the teacher's own uncertainty; reverse CE has dg/du = -J(s), set by the student's confidence alone. In
probability space, for two classes, these are -1 and -s(1-s) / (t(1-t)): reverse CE is the less sensitive one only
where the student is more confident than the teacher, s(1-s) < t(1-t).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from outlearn.errors import DomainError, ShapeError
from outlearn.lazy_torch import Tensor, torch
from outlearn.losses.loss import Loss

__all__ = ["SensitivityTable", "sensitivity_table", "teacher_sensitivity"]


def teacher_sensitivity(
    loss: Loss,
    logits: Float[Tensor, "*batch classes"],
    teacher_logits: Float[Tensor, "*batch classes"],
    *,
    progress: float = 1.0,
) -> Float[Tensor, "*batch classes classes"]:
    """Compute dg/du by differentiating the loss twice.

    Args:
        loss: any loss. A switch on max t (CACE without temperature) counts as constant.
        logits: student logits, `[*batch, examples, classes]`.
        teacher_logits: teacher logits u, of the same shape.
        progress: fraction of the training that is done.

    Returns:
        Entry [..., k, l] is the derivative in u_l of the loss's gradient in z_k.

    Raises:
        ShapeError: if the two shapes differ.

    Examples:
        >>> from outlearn.losses import ForwardCE
        >>> teacher_sensitivity(ForwardCE(), torch.zeros(1, 2), torch.tensor([[0.0, 0.0]]))
        tensor([[[-0.2500,  0.2500],
                 [ 0.2500, -0.2500]]])
    """
    if logits.shape != teacher_logits.shape or logits.ndim < 1 or logits.shape[-1] < 2:
        raise ShapeError(
            f"student logits {tuple(logits.shape)} and teacher logits {tuple(teacher_logits.shape)}; "
            "expected the same shape [*batch, examples, classes] with 2 or more classes."
        )
    with torch.enable_grad():
        z = logits.detach().requires_grad_()
        u = teacher_logits.detach().requires_grad_()
        total = loss(z, u.softmax(-1), progress=progress).sum()
        (g,) = torch.autograd.grad(total, z, create_graph=True)
        rows = []
        for k in range(z.shape[-1]):
            row = None
            if g.requires_grad:
                (row,) = torch.autograd.grad(g[..., k].sum(), u, retain_graph=True, allow_unused=True)
            rows.append(torch.zeros_like(u) if row is None else row)
    return torch.stack(rows, dim=-2).detach()


@dataclass(frozen=True)
class SensitivityTable:
    """Hold the sensitivity of a two-class loss over the teacher's confidence, the student's being fixed.

    Attributes:
        loss: the loss.
        student_confidence: the student's probability of the class that the teacher prefers.
        teacher_confidence: `[points]`, the teacher's probability of it.
        per_logit: `[points]`, derivative of the student's gradient dL/dm in the teacher's log-odds.
        per_probability: `[points]`, the same in the teacher's probability.
    """

    loss: Loss
    student_confidence: float
    teacher_confidence: Float[Tensor, "points"]
    per_logit: Float[Tensor, "points"]
    per_probability: Float[Tensor, "points"]


def sensitivity_table(
    loss: Loss, teacher_confidence: Sequence[float], *, student_confidence: float, progress: float = 1.0
) -> SensitivityTable:
    """Tabulate the sensitivity of a loss for two classes, in float64.

    Raises:
        DomainError: if a confidence is not strictly between 0 and 1.

    Examples:
        >>> from outlearn.losses import ReverseCE
        >>> table = sensitivity_table(ReverseCE(smoothing=0.0), [0.6, 0.9, 0.99], student_confidence=0.8)
        >>> [round(x, 2) for x in table.per_logit.tolist()], [round(x, 2) for x in table.per_probability.tolist()]
        ([-0.16, -0.16, -0.16], [-0.67, -1.78, -16.16])
    """
    for name, values in (("teacher_confidence", teacher_confidence), ("student_confidence", [student_confidence])):
        for value in values:
            if not 0.0 < value < 1.0:
                raise DomainError(f"{name} has {value!r}; expected probabilities strictly between 0 and 1.")
    t = torch.tensor([float(c) for c in teacher_confidence], dtype=torch.float64)
    s = torch.full_like(t, student_confidence)
    zero = torch.zeros_like(t)
    jacobian = teacher_sensitivity(
        loss, torch.stack([zero, s.logit()], -1), torch.stack([zero, t.logit()], -1), progress=progress
    )
    per_logit = jacobian[:, 1, 1]
    return SensitivityTable(loss, student_confidence, t, per_logit, per_logit / (t * (1.0 - t)))
