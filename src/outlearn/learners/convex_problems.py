"""Which minimum a job of convex heads asks for: that of the cross-entropy at some targets, under some weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from outlearn.lazy_torch import Tensor
from outlearn.learners.checked_inputs import Inputs
from outlearn.learners.jobs import HeadJob
from outlearn.losses import Loss
from outlearn.losses.closed_forms import Mixture

__all__ = ["Labels", "Problem", "cross_entropy_of", "labels_of", "problem_of"]


class Labels(NamedTuple):
    """Name targets: those of a labeling, or what a loss makes of them before it takes the cross-entropy."""

    labeling: int
    made_by: Callable[[Tensor], Tensor] | None


class Problem(NamedTuple):
    """Name a minimum to find: jobs that differ in their seed only, or in a constant of the loss, share one."""

    labels: Labels
    weighting: int | None


def cross_entropy_of(loss: Loss) -> Mixture | None:
    """Return the closed form of a loss that is a cross-entropy at a fixed target, up to a constant; else None."""
    form = loss.closed_form()
    return form if isinstance(form, Mixture) and form.is_cross_entropy else None


def problem_of(job: HeadJob) -> Problem:
    """Name the minimum that a job asks for."""
    form = cross_entropy_of(job.loss)
    return Problem(Labels(job.labeling, None if form is None else form.target), job.weighting)


def labels_of(data: Inputs, labels: Labels) -> Tensor:
    """Return targets `[examples, classes]`."""
    targets = data.targets[labels.labeling]
    return targets if labels.made_by is None else labels.made_by(targets.T[..., None])[..., 0].T.contiguous()
