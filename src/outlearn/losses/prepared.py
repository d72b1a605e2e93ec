"""What the gradient of a loss needs from its targets, computed once for the whole training set and then only indexed.

Hot loops are class-major: `[classes, examples, models]`, the models innermost, so that each operation runs along long
rows. `prepare` turns targets into the few tensors that the loss's closed form reads (log-odds, one-hot classes, CACE's
mask); for two classes each is one row instead of two, because everything depends on the margin z_1 - z_0 only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from outlearn.errors import ShapeError
from outlearn.losses.base import Loss
from outlearn.losses.class_forms import CLASS_FORMS
from outlearn.losses.confidence import Regularised
from outlearn.losses.margin_forms import MARGIN_FORMS

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """Hold the target side of a loss's gradient, for a training set or for a minibatch of it.

    Attributes:
        loss: the loss it was prepared for.
        n_classes: the number of classes.
        form: which formula reads it: "margin" (two classes), "classes", or "autograd" (no closed form known).
        parts: named tensors, `[1 or classes, examples, models]`; the models axis may have length 1 and broadcast.
    """

    loss: Loss
    n_classes: int
    form: str
    parts: Mapping[str, Tensor]

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
        return Prepared(self.loss, self.n_classes, self.form, parts)


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

    Example:
        >>> import torch
        >>> from outlearn.losses import ReverseCE, logit_gradient
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
    inner = loss
    while isinstance(inner, Regularised):  # the entropy term reads nothing from the targets
        inner = inner.loss
    n_classes = targets.shape[0]
    targets = targets.detach()
    if n_classes == 2 and type(inner) in MARGIN_FORMS:
        form, parts = "margin", MARGIN_FORMS[type(inner)].prepare(inner, targets)
    elif type(inner) in CLASS_FORMS:
        form, parts = "classes", CLASS_FORMS[type(inner)].prepare(inner, targets)
    else:
        form, parts = "autograd", {"targets": targets}
    return Prepared(loss, n_classes, form, {name: part.contiguous() for name, part in parts.items()})
