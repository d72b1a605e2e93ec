"""What losses do to distributions: smooth, harden, multiply by J(p) = diag(p) - p p^T, take quantiles."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.errors import DomainError, ShapeError
from outlearn.lazy_torch import Tensor, torch

__all__ = [
    "DEFAULT_SMOOTHING",
    "confidence_quantile",
    "hardened",
    "log_smoothed",
    "project",
    "quantile_of_sorted",
    "smoothed",
    "sorted_over_examples",
]

# Weight of the uniform distribution mixed into the targets of losses that take log t: the infinity at t = 0 becomes
# -log(1e-4 / K), about 10 nats.
DEFAULT_SMOOTHING = 1e-4


def smoothed(targets: Float[Tensor, "*axes"], smoothing: float, *, n_classes: int) -> Float[Tensor, "*axes"]:
    """Mix the targets with the uniform distribution: t' = (1 - e) t + e / K, with e the smoothing."""
    return targets if smoothing == 0.0 else targets * (1.0 - smoothing) + smoothing / n_classes


def log_smoothed(targets: Float[Tensor, "*axes"], smoothing: float, *, n_classes: int) -> Float[Tensor, "*axes"]:
    """Compute log t' of the smoothed targets; the class axis may be anywhere.

    Raises:
        DomainError: if smoothing is 0 and a target probability is 0 (not seen under `torch.vmap`: call
            `check_targets` before).
    """
    if smoothing == 0.0:
        _require_positive(targets)
    return smoothed(targets, smoothing, n_classes=n_classes).log()


def hardened(targets: Float[Tensor, "*axes"], *, axis: int = -1) -> Float[Tensor, "*axes"]:
    """Replace each distribution by the one-hot vector of its largest class; ties go to the first class."""
    classes = torch.arange(targets.shape[axis], device=targets.device)
    shape = [1] * targets.ndim
    shape[axis] = -1
    largest = targets.max(dim=axis, keepdim=True).indices  # the first of equals; argmax is ten times slower on axis 0
    return (largest == classes.view(shape)).to(targets.dtype)


def project(p: Tensor, a: Tensor, out: Tensor) -> None:
    """Write J(p) a = p a - p <p, a>, the gradient of the linear cost <p, a>, with the classes on axis 0."""
    torch.mul(p, a, out=out)
    out.addcmul_(p, out.sum(0, keepdim=True), value=-1.0)


def confidence_quantile(
    targets: Float[Tensor, "classes examples models"], quantile: float
) -> Float[Tensor, "1 1 models"]:
    """Compute a quantile of the confidence max t over the examples, one threshold for each model.

    Taken in float64 with linear interpolation, so that a threshold that falls on a label is exactly that label's.
    """
    if targets.shape[1] == 0:
        raise ShapeError("there are no training labels; expected at least one to take a quantile of the confidence.")
    confidence = targets.detach().amax(dim=0, keepdim=True).double().cpu().numpy()
    thresholds = np.minimum(np.quantile(confidence, quantile, axis=1, keepdims=True), 1.0)
    return torch.from_numpy(thresholds).to(targets)


def quantile_of_sorted(ordered: Float[Tensor, "*batch n"], q: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Compute the linearly interpolated quantile of rows in ascending order, of two values or more, at each row's q."""
    last = ordered.shape[-1] - 1
    position = (q * last).unsqueeze(-1)
    below = position.floor().clamp(max=last - 1)
    low = ordered.gather(-1, below.long())
    high = ordered.gather(-1, below.long() + 1)
    return torch.lerp(low, high, position - below).squeeze(-1)


def sorted_over_examples(values: Tensor) -> Tensor:
    """Sort over the examples, `[*rest, examples, models] -> [*rest, models, examples]`, in new memory."""
    rows = values.transpose(-1, -2).clone(memory_format=torch.contiguous_format)
    if rows.device.type == "cpu" and rows.dtype in (torch.float32, torch.float64):
        rows.numpy().sort(axis=-1)  # twenty times faster than torch.sort, which also orders the indices
        return rows
    return rows.sort(dim=-1).values


def _require_positive(targets: Tensor) -> None:
    """Raise DomainError if a target probability is zero, where its value can be seen."""
    try:
        smallest = float(targets.detach().amin()) if targets.numel() else 1.0
    except RuntimeError:  # under torch.vmap no value can be read
        return
    if not smallest > 0.0:
        raise DomainError(
            f"this loss takes the logarithm of the targets, has smoothing 0, and the smallest target probability is "
            f"{smallest:g}. Hard labels need smoothing above 0 (the default is {DEFAULT_SMOOTHING:g})."
        )
