"""Check what a caller hands to a learner, once, and turn it into the tensors that training reads.

Every error names the argument, what came and what to do. Features are standardised with the training features' own
mean and standard deviation, over all rows whatever their weights, and get a last column of ones for the bias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.ranges import Range
from outlearn.errors import ConfigError, DataError, DomainError, ShapeError
from outlearn.lazy_torch import Tensor, torch
from outlearn.learners.jobs import HeadJob
from outlearn.learners.rows import Rows, is_sparse, moments, standardised
from outlearn.learners.units import Units, units_of
from outlearn.losses.cross_entropy import ForwardCE
from outlearn.losses.loss import Loss
from outlearn.losses.targets import check_targets

__all__ = ["Inputs", "check_inputs", "check_labeling"]


@dataclass(frozen=True)
class Inputs:
    """Hold checked inputs.

    Attributes:
        features: standardised, `[examples, features (+ 1 for the bias)]`.
        points: the same for each named set of points.
        targets: `[labelings, examples, outputs]`.
        weights: `[weightings, examples]` with mean 1 in each row, or None.
        totals: the sum of each row of the weights as given, `[weightings]`.
        mean: subtracted from the features.
        scale: the features were divided by it.
        units: of the jobs' numbers; None for classes.
    """

    features: Rows
    points: dict[str, Rows]
    targets: Tensor
    weights: Tensor | None
    totals: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    units: Units | None

    @property
    def n_examples(self) -> int:
        """Return the number of training examples."""
        return self.features.shape[0]

    @property
    def n_outputs(self) -> int:
        """Return the number of outputs of a head: one a class, or one number."""
        return self.targets.shape[2]


def check_inputs(
    features: Any,
    targets: Any,
    jobs: Sequence[HeadJob],
    points: Mapping[str, Any],
    weights: Any,
    *,
    bias: bool,
    standardise: bool,
    dtype: torch.dtype,
) -> Inputs:
    """Check all arguments of a fit.

    Raises:
        ShapeError, DomainError, DataError, ConfigError: see the message.
    """
    x = _matrix(features, "features", "[examples, features]")
    if not (x.shape[0] and x.shape[1]):
        raise DataError(f"features have shape {x.shape}; expected at least one example and one feature.")
    target_tensor, w, totals = check_labeling(targets, jobs, weights, n_examples=x.shape[0], dtype=dtype)
    mean, scale = moments(x) if standardise else (np.zeros(x.shape[1]), np.ones(x.shape[1]))
    if not bias:
        # A subtracted mean would be a bias in disguise: a preference head must give 0 for two equal texts.
        mean = np.zeros_like(mean)
    named = {}
    for name, rows in points.items():
        p = _matrix(rows, f"points[{name!r}]", f"[points, {x.shape[1]}]")
        if p.shape[1] != x.shape[1]:
            raise ShapeError(f"points[{name!r}] have {p.shape[1]} features, the training features {x.shape[1]}.")
        named[name] = standardised(p, mean, scale, bias=bias, dtype=dtype)
    return Inputs(
        features=standardised(x, mean, scale, bias=bias, dtype=dtype),
        points=named,
        targets=target_tensor,
        weights=None if w is None else torch.from_numpy(w / (totals[:, None] / x.shape[0])).to(dtype),
        totals=totals,
        units=units_of(np.asarray(targets, dtype=np.float64), jobs, w, bias=bias),
        mean=mean,
        scale=scale,
    )


def check_labeling(
    targets: Any, jobs: Sequence[HeadJob], weights: Any, *, n_examples: int, dtype: torch.dtype
) -> tuple[Tensor, np.ndarray | None, np.ndarray]:
    """Check what does not touch the features: targets, weights, and the jobs that point into them.

    Returns:
        The targets as a tensor; the weights in float64, or None; their totals.

    Raises:
        ShapeError, DomainError, DataError, ConfigError: see the message.
    """
    t = _finite(np.asarray(targets), "targets")
    n_outputs = next((job.loss.n_outputs for job in jobs if isinstance(getattr(job, "loss", None), Loss)), None)
    fits = t.shape[-1:] == (n_outputs,) if n_outputs else t.shape[-1:] >= (2,)
    if t.ndim != 3 or t.shape[1] != n_examples or not fits or not len(t):
        hint = " For one labeling pass targets[None]." if t.ndim == 2 else ""
        outputs = "classes] with at least one labeling and two classes" if n_outputs is None else "1] of numbers"
        raise ShapeError(f"targets have shape {t.shape}; expected [labelings, {n_examples} examples, {outputs}.{hint}")
    target_tensor = torch.from_numpy(np.array(t, dtype=np.float64)).to(dtype)
    w, totals = _check_weights(weights, n_examples)
    _check_jobs(jobs, n_labelings=len(t), n_weightings=len(totals))
    if n_outputs is None:  # `units_of` looks at numbers, each with the loss and the weights that it is learned by
        check_targets(ForwardCE(), target_tensor)
    return target_tensor, w, totals


def _matrix(values: Any, name: str, shape: str) -> FeatureMatrix:
    """Return a finite two-dimensional array; what is sparse stays so."""
    if is_sparse(values):
        sparse = csr_array(values)
        sparse.sum_duplicates()
        _finite(sparse.data, name)
        return sparse
    array = np.asarray(values)
    if array.ndim != 2:
        raise ShapeError(f"{name} have shape {array.shape}; expected {shape}.")
    return _finite(array, name)


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    """Return the array if it is numeric and finite."""
    if array.dtype.kind not in "fiub":
        raise ShapeError(f"{name} have the type {array.dtype}; expected numbers.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))
        first = tuple(where[0].tolist())
        raise DomainError(
            f"{name} have {len(where)} values that are not finite, the first is {array[first]} at {list(first)}. "
            "Impute or drop them."
        )
    return array


def _check_weights(weights: Any, n_examples: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the weights in float64 and their totals."""
    if weights is None:
        return None, np.empty(0)
    w = _finite(np.asarray(weights), "weights").astype(np.float64)
    if w.ndim != 2 or w.shape[1] != n_examples:
        raise ShapeError(f"weights have shape {w.shape}; expected [weightings, {n_examples} examples].")
    if w.size and w.min() < 0:
        row, column = np.argwhere(w < 0)[0].tolist()
        raise DomainError(f"weights[{row}, {column}] is {w[row, column]:g}; expected weights of at least 0.")
    totals = w.sum(1)
    if w.size and not totals.min() > 0:
        raise DataError(
            f"weights[{int(totals.argmin())}] is 0 for every example, so there is nothing to learn from. Give at least "
            "one example a weight above 0, or leave the job out."
        )
    return w, totals


def _check_jobs(jobs: Sequence[HeadJob], *, n_labelings: int, n_weightings: int) -> None:
    """Raise unless every job points at labels and weights that exist."""
    if not len(jobs):
        raise ConfigError("jobs is empty; expected at least one head to train.")
    for i, job in enumerate(jobs):
        if not isinstance(job, HeadJob) or not isinstance(job.loss, Loss):
            raise ConfigError(f"jobs[{i}] is {job!r}; expected a HeadJob whose loss is a Loss, as get_loss gives it.")
        if not _is_index(job.labeling, n_labelings):
            raise ConfigError(f"jobs[{i}].labeling is {job.labeling!r}; expected an index into {n_labelings} targets.")
        if job.weighting is not None and not _is_index(job.weighting, n_weightings):
            raise ConfigError(
                f"jobs[{i}].weighting is {job.weighting!r}; expected None or an index into {n_weightings} weights."
            )
        Range(0, whole=True).check(f"jobs[{i}].seed", job.seed)
        if job.loss.n_outputs != jobs[0].loss.n_outputs:
            raise ConfigError(
                f"jobs[{i}].loss is {job.loss.name}, and jobs[0].loss {jobs[0].loss.name}: one is of numbers, the "
                "other of classes. Train them by calls of their own."
            )


def _is_index(value: object, length: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= int(value) < length
