"""Gradients of the losses with respect to class-major logits, without an autograd graph: the hot loop of the heads.

Use, for hundreds of models at once:

    prepared = prepare(loss, targets)                      # once; targets [classes, examples, models]
    batch = prepared.take(indices)                         # each step: a minibatch of the examples
    g = logit_gradient(loss, logits, batch, progress=p)    # logits and g: [classes, batch, models]

Entry [k, i, m] of g is the derivative of example i's loss under model m with respect to that model's logit k: nothing
is averaged, so the caller divides by the batch size and multiplies by weights and masks. For two classes
`margin_gradient` takes z_1 - z_0, `[batch, models]`, and returns its derivative, which is all of it: g = (-g_1, g_1).
Any loss works: one without a closed form falls back to autograd.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from outlearn.errors import ConfigError, ShapeError
from outlearn.losses.base import Loss
from outlearn.losses.class_forms import CLASS_FORMS, Student, add_entropy_gradient
from outlearn.losses.confidence import CACE, Regularised
from outlearn.losses.margin_forms import MARGIN_FORMS, MarginStudent, add_margin_entropy_gradient
from outlearn.losses.prepared import Prepared, prepare

__all__ = ["Prepared", "logit_gradient", "margin_gradient", "prepare"]


@torch.no_grad()
def logit_gradient(
    loss: Loss,
    logits: Float[Tensor, "classes examples models"],
    targets: Prepared | Float[Tensor, "classes examples #models"],
    *,
    progress: float = 1.0,
    out: Float[Tensor, "classes examples models"] | None = None,
) -> Float[Tensor, "classes examples models"]:
    """Compute the gradient of each example's loss with respect to its logits.

    Args:
        loss: the loss; the one that `targets` were prepared for.
        logits: student logits, class-major.
        targets: a minibatch `prepared.take(indices)`, or plain targets (then prepared on the spot).
        progress: fraction of the training that is done, in [0, 1].
        out: write here instead of to new memory; it may be a slice of a larger tensor, but not the logits.

    Returns:
        The gradient, of the shape and dtype of the logits.

    Raises:
        ShapeError: if logits and targets do not fit.
        ConfigError: if the targets were prepared for another loss, or progress is outside [0, 1].

    Example:
        >>> from outlearn.losses import ForwardCE
        >>> logit_gradient(ForwardCE(), torch.zeros(2, 1, 1), torch.tensor([[[0.9]], [[0.1]]])).flatten()
        tensor([-0.4000,  0.4000])
    """
    batch = _batch(loss, targets)
    _check(batch, logits.shape[0], logits.shape[1:], progress)
    out = torch.empty_like(logits) if out is None else out
    if batch.form == "autograd":
        return out.copy_(_autograd(loss, logits, batch.parts["targets"], progress))
    if batch.form == "margin":
        _write_margin(loss, MarginStudent(logits[1] - logits[0]), batch, progress, out[1])
        torch.neg(out[1], out=out[0])
    else:
        _write_classes(loss, Student(logits), batch, progress, out)
    return out


@torch.no_grad()
def margin_gradient(
    loss: Loss,
    margin: Float[Tensor, "examples models"],
    targets: Prepared | Float[Tensor, "2 examples #models"],
    *,
    progress: float = 1.0,
    out: Float[Tensor, "examples models"] | None = None,
) -> Float[Tensor, "examples models"]:
    """Compute the derivative of each example's loss with respect to the margin z_1 - z_0, for two classes.

    Args:
        loss: the loss; the one that `targets` were prepared for.
        margin: z_1 - z_0 of every student.
        targets: a minibatch `prepared.take(indices)` of two classes, or plain targets.
        progress: fraction of the training that is done, in [0, 1].
        out: write here instead of to new memory; not the margin itself.

    Returns:
        The derivative, of the shape and dtype of the margin.

    Raises:
        ShapeError: if margin and targets do not fit, or there are more than two classes.
        ConfigError: if the targets were prepared for another loss, or progress is outside [0, 1].

    Example:
        >>> from outlearn.losses import ForwardCE
        >>> margin_gradient(ForwardCE(), torch.zeros(1, 1), torch.tensor([[[0.9]], [[0.1]]]))
        tensor([[0.4000]])
    """
    batch = _batch(loss, targets)
    _check(batch, 2, margin.shape, progress)
    out = torch.empty_like(margin) if out is None else out
    if batch.form == "autograd":
        logits = torch.stack([torch.zeros_like(margin), margin])
        return out.copy_(_autograd(loss, logits, batch.parts["targets"], progress)[1])
    _write_margin(loss, MarginStudent(margin), batch, progress, out)
    return out


def _write_margin(loss: Loss, student: MarginStudent, batch: Prepared, progress: float, out: Tensor) -> None:
    """Write dL/dm; a regularised loss adds its entropy term to that of the inner loss."""
    if isinstance(loss, Regularised):
        _write_margin(loss.loss, student, batch, progress, out)
        add_margin_entropy_gradient(loss.entropy, student, out)
    else:
        MARGIN_FORMS[type(loss)].gradient(loss, student, batch.parts, progress, out)


def _write_classes(loss: Loss, student: Student, batch: Prepared, progress: float, out: Tensor) -> None:
    """Write dL/dz; a regularised loss adds its entropy term to that of the inner loss."""
    if isinstance(loss, Regularised):
        _write_classes(loss.loss, student, batch, progress, out)
        add_entropy_gradient(loss.entropy, student, out)
    else:
        CLASS_FORMS[type(loss)].gradient(loss, student, batch.parts, progress, out)


def _autograd(loss: Loss, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
    """Differentiate the loss itself, for losses without a closed form."""
    with torch.enable_grad():
        z = logits.detach().permute(2, 1, 0).requires_grad_()  # [models, examples, classes], as a loss takes it
        (gradient,) = torch.autograd.grad(loss(z, targets.permute(2, 1, 0), progress=progress).sum(), z)
    return gradient.permute(2, 1, 0)


def _batch(loss: Loss, targets: Prepared | Tensor) -> Prepared:
    """Return prepared targets for this loss."""
    if isinstance(targets, Prepared):
        if targets.loss is not loss and targets.loss != loss:
            raise ConfigError(f"the targets were prepared for {targets.loss!r}, not for {loss!r}; prepare them again.")
        return targets
    inner = loss
    while isinstance(inner, Regularised):
        inner = inner.loss
    if isinstance(inner, CACE) and inner.quantile is not None:
        raise ConfigError(
            f"cace has quantile={inner.quantile:g}, which must be taken over the whole training set, not over a batch. "
            "Call prepare(loss, all_targets) once and pass prepared.take(indices), or resolve(loss, labels) first."
        )
    return prepare(loss, targets)


def _check(batch: Prepared, n_classes: int, shape: torch.Size, progress: float) -> None:
    """Raise unless the prepared targets fit logits of this many classes, examples and models."""
    if not 0.0 <= progress <= 1.0:
        raise ConfigError(f"progress is {progress!r}; expected the fraction of training done, a number in [0, 1].")
    part = next(iter(batch.parts.values()))
    if batch.n_classes != n_classes or part.shape[1] != shape[0] or part.shape[2] not in (1, shape[1]):
        raise ShapeError(
            f"targets are for {batch.n_classes} classes, {part.shape[1]} examples and {part.shape[2]} models, "
            f"logits for {n_classes}, {shape[0]} and {shape[1]}; expected the same (or 1 model in the targets)."
        )
