"""What a loss asks of its targets before training: values that are distributions, and thresholds taken once.

Losses do not read values while they train; this is the place where a wrong label table is refused with its row named.
"""

from __future__ import annotations

from jaxtyping import Float

from outlearn.errors import DomainError, ShapeError
from outlearn.lazy_torch import Tensor
from outlearn.losses.distributions import DEFAULT_SMOOTHING
from outlearn.losses.loss import Loss
from outlearn.losses.numbers import NumberLoss

__all__ = ["check_targets", "resolve"]

# Probabilities stored as float32, or printed with six digits, sum to 1 within this.
SUM_TOLERANCE = 1e-4


def check_targets(loss: Loss, targets: Float[Tensor, "*batch classes"]) -> None:
    """Raise unless every target is a distribution, or of a loss of numbers a number, that this loss can take.

    Args:
        loss: the loss that will train on them.
        targets: teacher distributions, class axis last.

    Raises:
        ShapeError: if there is no class axis of length 2 or more.
        DomainError: if a value is not a probability, a row does not sum to 1 (within 1e-4), or the loss takes log t
            with smoothing 0 and a probability is 0.

    Examples:
        >>> import torch
        >>> from outlearn.losses import ReverseCE
        >>> check_targets(ReverseCE(smoothing=0.0), torch.tensor([[1.0, 0.0]]))
        Traceback (most recent call last):
        ...
        outlearn.errors.DomainError: ReverseCE takes log t with smoothing 0, but the target at [0] has a zero: ...
    """
    if isinstance(loss, NumberLoss):
        loss.check_targets(targets)
        return
    if targets.ndim < 1 or targets.shape[-1] < 2:
        raise ShapeError(f"targets have shape {tuple(targets.shape)}; expected [..., classes] with 2 or more classes.")
    values = targets.detach().double()
    outside = ~((values >= 0.0) & (values <= 1.0 + SUM_TOLERANCE))  # NaN is outside too
    _refuse(outside.any(-1), values, "is not made of probabilities in [0, 1]")
    _refuse((values.sum(-1) - 1.0).abs() > SUM_TOLERANCE, values, "does not sum to 1")
    if loss.smoothing_before_log == 0.0:
        zero = (values == 0.0).any(-1)
        if bool(zero.any()):
            where = zero.nonzero()[0].tolist()
            raise DomainError(
                f"{type(loss).__name__} takes log t with smoothing 0, but the target at {where} has a zero: the loss "
                f"is infinite there. Hard labels need smoothing above 0 (the default is {DEFAULT_SMOOTHING:g})."
            )


def resolve(loss: Loss, targets: Float[Tensor, "*batch classes"]) -> Loss:
    """Settle what a loss takes from its training labels: the quantile of CACE becomes a threshold.

    Call it once, with all labels that the student trains on, pooled over every axis but the classes. Other losses come
    back as they are; inside `Regularised` it works too.

    Args:
        loss: any loss.
        targets: all training labels of the student, class axis last.

    Returns:
        The loss to train with.

    Examples:
        >>> import torch
        >>> from outlearn.losses import CACE
        >>> labels = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
        >>> round(resolve(CACE(quantile=0.5), labels).threshold, 6)
        0.7
    """
    return loss.settle(targets)


def _refuse(bad: Tensor, values: Tensor, problem: str) -> None:
    """Raise DomainError naming the first bad row."""
    if bool(bad.any()):
        where = bad.nonzero()[0].tolist()
        row = [round(v, 6) for v in values[tuple(where)].tolist()]
        raise DomainError(
            f"the target at {where} is {row}, which {problem} ({int(bad.sum())} of {bad.numel()} rows are wrong). "
            "Expected teacher probabilities, not logits or percentages."
        )
