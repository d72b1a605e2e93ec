"""What every explanation holds, of classes and of numbers: the gap, its parts, and posterior means."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

from outlearn.core.decomposition.risk_gap import RiskGapSummary, SliceTable
from outlearn.core.intervals import Interval
from outlearn.core.orders import Directions
from outlearn.core.text import wrapped
from outlearn.core.verdict import standing
from outlearn.results.explanation_parts import (
    WHO_IS_BETTER,
    Decomposition,
    EnsembleRisk,
    GainSplit,
    PosteriorMeanSummary,
)
from outlearn.results.measurement import Withheld

__all__ = ["ExplainedGain", "section"]


@dataclass(frozen=True)
class ExplainedGain:
    """Where the students' gain comes from, in the terms that any Bregman divergence has.

    Attributes:
        level: of all intervals.
        summary: means of every term of the gap.
        gap_of_these_models: the mean gap with its interval over points alone, for these very models.
        gain: the gap as bias and variance removed.
        decompositions: bias and variance of teachers, ensembles and students.
        ensembles: risk of the ensembles of all teachers.
        posterior: the posterior-mean teacher, by several methods.
        slices: of the points: by the teachers' confidence and by class, or by the target.
        notes: what a reader should know of the input, in sentences.
    """

    level: float
    summary: RiskGapSummary
    gap_of_these_models: Interval
    gain: GainSplit | Withheld
    decompositions: tuple[Decomposition, ...]
    ensembles: tuple[EnsembleRisk, ...]
    posterior: tuple[PosteriorMeanSummary, ...]
    slices: tuple[SliceTable, ...]
    notes: tuple[str, ...]

    @property
    def directions(self) -> Directions:
        """The words of the order: which risk, which misfit, which mean."""
        return self.summary.directions

    @property
    def against_teacher(self) -> Interval:
        """The gap that decides who is better: for new teachers and points, or for one teacher for these very models."""
        return self.summary.gap if self.summary.gap.n_models > 1 else self.gap_of_these_models

    @property
    def title(self) -> str:
        """Say who is better, without numbers."""
        return WHO_IS_BETTER[standing(self.against_teacher).outcome]

    def gain_section(self) -> str:
        """Write the gap as bias and variance removed."""
        title = "The gap once more: gap = bias removed + variance removed"
        if isinstance(self.gain, GainSplit):
            title += " (teachers less their students, corrected by the jackknife)"
        return section(title, self.gain)

    def posterior_section(self) -> str:
        """Write the misfit split about the posterior-mean teacher, by every method."""
        mean = self.directions.posterior_mean
        title = f"Posterior-mean teacher, the {mean} mean of the teacher given its student"
        return "\n".join([title, *map(str, self.posterior)])


def section(title: str, part: object) -> str:
    """Write a part indented below its title, or why it is withheld."""
    if isinstance(part, Withheld):
        return f"{title}\n{wrapped(f'not given: {part.reason}', first='  ', rest='  ')}"
    return f"{title}\n{indent(str(part), '  ')}"
