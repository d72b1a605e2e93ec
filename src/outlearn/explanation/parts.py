"""The parts of an explanation that are the same for classes and for numbers: risks, the split gain, posterior means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from outlearn.core.decomposition.bias_variance import (
    BiasVariance,
    BiasVarianceSummary,
    bias_variance,
    variance_pseudo_values,
)
from outlearn.core.decomposition.posterior import METHODS, posterior_mean
from outlearn.core.decomposition.risk_gap import RiskGap
from outlearn.core.generators import BregmanGenerator
from outlearn.core.intervals import Interval
from outlearn.core.mean_intervals import cluster_means, point_interval, two_way_interval
from outlearn.core.numbers import AnyPredictions
from outlearn.core.scales import POSITIVE, SIGNED
from outlearn.errors import DomainError, OutlearnError
from outlearn.results.explanation_parts import GainSplit, PosteriorMeanSummary, PosteriorMeanTerms
from outlearn.results.measurement import Withheld

__all__ = ["BLOCKS", "POSTERIOR_METHODS", "Risk", "gain_split", "or_withheld", "posterior_part"]

# "discrete" is for students of several teachers at once: those have no gap to one teacher of their own.
POSTERIOR_METHODS = ("pooled", "regression")
BLOCKS = 4  # of teachers, each averaged into an ensemble: a variance shows between several only

Part = TypeVar("Part")


@dataclass(frozen=True)
class Risk:
    """How risk is measured: against which target, in which divergence, with intervals at which level."""

    target: np.ndarray
    generator: BregmanGenerator
    order: str
    draws: bool
    level: float

    def decomposed(self, models: Callable[[], AnyPredictions]) -> BiasVarianceSummary | Withheld:
        """Split the risk of models into noise, bias and variance."""
        return or_withheld(lambda: self._bias_variance(models()).summary(level=self.level))

    def of_one(self, model: Callable[[], AnyPredictions]) -> Interval | Withheld:
        """Measure the risk of one model, over points."""
        return or_withheld(lambda: point_interval(self._bias_variance(model()).total[None], self.level, scale=POSITIVE))

    def _bias_variance(self, models: AnyPredictions) -> BiasVariance:
        return bias_variance(self.target, models, generator=self.generator, order=self.order, draws=self.draws)


def or_withheld(part: Callable[[], Part]) -> Part | Withheld:
    """Compute one part; keep the reason where these arrays do not allow it."""
    try:
        return part()
    except OutlearnError as error:
        return Withheld(str(error))


def gain_split(gap: RiskGap, teacher: AnyPredictions, student: AnyPredictions, level: float) -> GainSplit:
    """Split the gap into bias and variance removed; noise is the same for both sides and drops out."""
    own = gap.teacher_of
    used = np.unique(own)
    if len(used) < 2:
        raise DomainError("only one teacher has students, and one teacher shows no variance; train at least two.")
    t = teacher.duals(gap.generator, argument="teacher")[used]
    s = student.duals(gap.generator, argument="student")
    removed = variance_pseudo_values(t, used, gap.generator, gap.order) - variance_pseudo_values(
        s, own, gap.generator, gap.order
    )
    return GainSplit(
        bias_removed=two_way_interval(cluster_means(gap.gap, own) - removed, level, scale=SIGNED),
        variance_removed=two_way_interval(removed, level, scale=SIGNED),
    )


def posterior_part(method: str, teacher: AnyPredictions, student: AnyPredictions, risk: Risk) -> PosteriorMeanSummary:
    """Split the misfit about the posterior-mean teacher by one method."""

    def terms() -> PosteriorMeanTerms:
        found = posterior_mean(
            teacher,
            student,
            method=method,
            order=risk.order,
            generator=risk.generator,
            target=risk.target,
            draws=risk.draws,
        )
        names = (field.name for field in fields(PosteriorMeanTerms))
        return PosteriorMeanTerms(**{name: found.interval(name, risk.level) for name in names})

    return PosteriorMeanSummary(method, METHODS[method], or_withheld(terms))
