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

from dataclasses import dataclass, replace

from jaxtyping import Float

from outlearn.errors import ConfigError, ShapeError
from outlearn.lazy_torch import Tensor, no_grad, torch
from outlearn.losses.closed_forms import ClassStudent, ClosedForm, MarginStudent, Parts
from outlearn.losses.loss import Loss

__all__ = ["Prepared", "logit_gradient", "margin_gradient", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """Hold the target side of a loss's gradient, for a training set or for a minibatch of it.

    Attributes:
        loss: the loss it was prepared for.
        n_classes: the number of classes.
        closed_form: what reads it; None leaves the gradient to autograd, which reads `targets`.
        parts: named tensors, `[1 or classes, examples, models]`; the models axis may have length 1 and broadcast.
    """

    loss: Loss
    n_classes: int
    closed_form: ClosedForm | None
    parts: Parts

    @property
    def form(self) -> str:
        """Name the formula that reads it: "margin" (two classes), "classes" or "autograd"."""
        return "autograd" if self.closed_form is None else "margin" if self.n_classes == 2 else "classes"

    @property
    def n_examples(self) -> int:
        """Return the number of examples held."""
        return next(iter(self.parts.values())).shape[1]

    def take(self, examples: Tensor | slice) -> Prepared:
        """Return the minibatch of these examples: `parts` indexed on axis 1 (a slice copies nothing)."""
        if isinstance(examples, slice):
            parts = {name: part[:, examples] for name, part in self.parts.items()}
        else:
            parts = {name: part.index_select(1, examples) for name, part in self.parts.items()}
        return replace(self, parts=parts)


def prepare(loss: Loss, targets: Float[Tensor, "classes examples models"]) -> Prepared:
    """Compute once, for all training examples, what the gradient of a loss needs from the targets.

    A quantile of CACE is settled here, over the examples given, separately for each model: pass the whole training
    set, not a minibatch.

    Args:
        loss: any loss.
        targets: teacher distributions, class-major `[classes, examples, models]`, in the dtype and on the device of
            the logits that will come; the models axis may have length 1 if all models share their labels.

    Returns:
        The bundle; `prepared.take(indices)` is the minibatch for `logit_gradient`.

    Raises:
        ShapeError: if targets do not have three axes and two classes or more.
        DomainError: if the loss takes log t with smoothing 0 and a target probability is 0.

    Examples:
        >>> from outlearn.losses import ReverseCE
        >>> prepared = prepare(ReverseCE(), torch.tensor([[[0.9], [0.2]], [[0.1], [0.8]]]))  # 2 classes, 2 examples
        >>> batch = prepared.take(torch.tensor([1]))
        >>> logit_gradient(prepared.loss, torch.zeros(2, 1, 1), batch).flatten()
        tensor([ 0.3465, -0.3465])
    """
    if targets.ndim != 3 or targets.shape[0] < 2 or not targets.is_floating_point():
        raise ShapeError(
            f"targets have shape {tuple(targets.shape)} and dtype {targets.dtype}; "
            "expected a float tensor [classes, examples, models] with 2 or more classes."
        )
    n_classes, targets, closed_form = targets.shape[0], targets.detach(), loss.closed_form()
    if closed_form is None:
        parts = {"targets": targets}
    else:
        parts = closed_form.margin_parts(targets) if n_classes == 2 else closed_form.class_parts(targets)
    return Prepared(loss, n_classes, closed_form, {name: part.contiguous() for name, part in parts.items()})


@no_grad()
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

    Examples:
        >>> from outlearn.losses import ForwardCE
        >>> logit_gradient(ForwardCE(), torch.zeros(2, 1, 1), torch.tensor([[[0.9]], [[0.1]]])).flatten()
        tensor([-0.4000,  0.4000])
    """
    batch = _batch(loss, targets)
    _check(batch, logits.shape[0], logits.shape[1:], progress)
    out = torch.empty_like(logits) if out is None else out
    if batch.closed_form is None:
        return out.copy_(_autograd(loss, logits, batch.parts["targets"], progress))
    if batch.n_classes == 2:
        batch.closed_form.write_margin(MarginStudent(logits[1] - logits[0]), batch.parts, progress, out[1])
        torch.neg(out[1], out=out[0])
    else:
        batch.closed_form.write(ClassStudent(logits), batch.parts, progress, out)
    return out


@no_grad()
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

    Examples:
        >>> from outlearn.losses import ForwardCE
        >>> margin_gradient(ForwardCE(), torch.zeros(1, 1), torch.tensor([[[0.9]], [[0.1]]]))
        tensor([[0.4000]])
    """
    batch = _batch(loss, targets)
    _check(batch, 2, margin.shape, progress)
    out = torch.empty_like(margin) if out is None else out
    if batch.closed_form is None:
        logits = torch.stack([torch.zeros_like(margin), margin])
        return out.copy_(_autograd(loss, logits, batch.parts["targets"], progress)[1])
    batch.closed_form.write_margin(MarginStudent(margin), batch.parts, progress, out)
    return out


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
    if loss.needs_all_labels:
        raise ConfigError(
            f"{loss!r} takes a quantile, which must be taken over the whole training set, not over a batch. "
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
