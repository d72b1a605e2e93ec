"""The parts of an explanation: results of `outlearn.core` with a name, or the reason why a part cannot be given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from outlearn.core.bias_variance import BiasVarianceSummary
from outlearn.core.denoising import DenoisingControl
from outlearn.core.intervals import Interval

__all__ = ["Control", "Decomposition", "EnsembleRisk", "GainSplit", "PosteriorMeanSummary", "Refused"]


@dataclass(frozen=True)
class Refused:
    """Say why a part cannot be given."""

    reason: str


@dataclass(frozen=True)
class GainSplit:
    """The gap once more: gap = bias removed + variance removed, paired by teacher and corrected by the jackknife.

    Attributes:
        bias_removed: bias of the teachers less that of their students.
        variance_removed: variance of the teachers less that of their students.
    """

    bias_removed: Interval
    variance_removed: Interval


@dataclass(frozen=True)
class Decomposition:
    """Risk, noise, bias and variance of one kind of model.

    Attributes:
        name: "teachers", "mean ensembles", "dual-mean ensembles" or "students".
        size: teachers in one of these models; 1 for single ones.
        summary: the parts.
    """

    name: str
    size: int
    summary: BiasVarianceSummary | Refused


@dataclass(frozen=True)
class EnsembleRisk:
    """Risk of the ensemble of all teachers; the interval is over points, for this very ensemble."""

    name: str
    risk: Interval | Refused


@dataclass(frozen=True)
class PosteriorMeanSummary:
    """The misfit split about the posterior-mean teacher, by one method.

    Attributes:
        method, assumption: what was done, and what it takes for granted.
        terms: name of a term of `PosteriorMean` -> its interval; empty if refused.
        refused: why the method cannot be used here, or None.
    """

    method: str
    assumption: str
    terms: Mapping[str, Interval] = field(default_factory=dict)
    refused: str | None = None


@dataclass(frozen=True)
class Control:
    """Is the gain only denoising? The table, and what its labels and its best teacher are."""

    table: DenoisingControl
    labels: str
    best_teacher: str
