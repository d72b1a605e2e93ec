"""The units in which a trained model learns numbers: their own, so that one learning rate fits ratings and prices.

AdamW moves a weight by about the learning rate a step, however large the numbers are: from its start near 0 a head of
house prices would never arrive. Each model therefore learns its labels t measured in the units of these very labels,
weights counted,

    s = z, any number:           t' = (t - mean) / deviation,        z = mean + deviation z',
    log s = z, numbers above 0:  t' = t / mean,                      z = log mean + z',

and its output z' is brought back. Each divergence is then its own multiple: (t - s)^2 = deviation^2 (t' - s')^2, the
generalised KL divergence is mean times that of t' and s', and Itakura-Saito's is the same. So the minimiser is too, and
weight decay pulls towards saying the mean always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from outlearn.lazy_torch import torch
from outlearn.learners.jobs import HeadJob
from outlearn.losses.numbers import NumberLoss
from outlearn.losses.targets import check_targets

__all__ = ["Units", "units_of"]

# Labels that spread by less than this share of their size are one number, and rounding.
CONSTANT = 1e-12


@dataclass(frozen=True, eq=False)
class Units:
    """Hold the labels of some models, each in its units, and the way back.

    Attributes:
        labels: in their units, one row for all models that learn the same in the same units; 1 where nobody looks.
        row: whose labels each model learns, a row of `labels`.
        location, scale: of each model's output, z = location + scale z'.
    """

    labels: Float[np.ndarray, "rows examples"]
    row: Int[np.ndarray, " models"]
    location: Float[np.ndarray, " models"]
    scale: Float[np.ndarray, " models"]


@dataclass
class _Rows:
    labels: list[np.ndarray] = field(default_factory=list)
    location: list[float] = field(default_factory=list)
    scale: list[float] = field(default_factory=list)


def units_of(
    targets: Float[np.ndarray, "labelings examples 1"],
    jobs: Sequence[HeadJob],
    weights: Float[np.ndarray, "weightings examples"] | None,
    *,
    bias: bool = True,
) -> Units | None:
    """Find the units of each job; None for jobs of classes.

    Args:
        targets, jobs, weights: as for `fit_predict`, checked.
        bias: whether a model has a bias to shift its output by; without one only the scale is the labels' own.

    Raises:
        DomainError: for a number of weight above 0 that a loss cannot take.

    Examples:
        >>> from outlearn.losses.numbers import GeneralizedKL, SquaredError
        >>> t = np.array([[[1.0], [3.0]]])
        >>> found = units_of(t, [HeadJob(0, SquaredError()), HeadJob(0, GeneralizedKL())], None)
        >>> found.labels.tolist(), found.location.round(3).tolist(), found.scale.tolist()
        ([[-1.0, 1.0], [0.5, 1.5]], [2.0, 0.693], [1.0, 1.0])
    """
    if not isinstance(jobs[0].loss, NumberLoss):
        return None
    checked: set[tuple[NumberLoss, int, int | None]] = set()
    rows, known, row = _Rows(), {}, []
    for job in jobs:
        loss, weighting = job.loss, None if weights is None else job.weighting
        assert isinstance(loss, NumberLoss)  # all jobs have one number of outputs
        own = np.ones(targets.shape[1]) if weighting is None or weights is None else weights[weighting]
        labels = np.where(own > 0, targets[job.labeling, :, 0], 1.0)  # every divergence takes a 1
        if (loss, job.labeling, weighting) not in checked:
            check_targets(loss, torch.from_numpy(labels[:, None]))
            checked.add((loss, job.labeling, weighting))
        key = (loss.link, job.labeling, weighting)
        if key not in known:
            known[key] = len(rows.labels)
            _add(rows, labels, own, loss, bias=bias)
        row.append(known[key])
    of = np.array(row)
    return Units(np.array(rows.labels), of, np.array(rows.location)[of], np.array(rows.scale)[of])


def _add(rows: _Rows, labels: np.ndarray, weights: np.ndarray, loss: NumberLoss, *, bias: bool) -> None:
    """Append the labels of one job in their units, and the way back."""
    mean = float(np.average(labels, weights=weights))
    centre, location, scale, unit = 0.0, 0.0, 1.0, 1.0
    if loss.link == "identity":
        centre = location = mean if bias else 0.0
        spread = float(np.sqrt(np.average(np.square(labels - centre), weights=weights)))
        unit = scale = spread if spread > CONSTANT * abs(mean) else 1.0
    elif bias and mean > 0:  # counts may all be 0
        unit, location = mean, float(np.log(mean))
    rows.labels.append(np.where(weights > 0, (labels - centre) / unit, 1.0))
    rows.location.append(location)
    rows.scale.append(scale)
