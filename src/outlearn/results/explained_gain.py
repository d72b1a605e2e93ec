"""What every explanation holds, of classes and of numbers: the gap, its parts, and posterior means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import indent

from outlearn.core.decomposition.ledger import SliceTable
from outlearn.core.decomposition.risk_gap import RiskGapSummary
from outlearn.core.intervals import Interval
from outlearn.core.orders import Directions
from outlearn.core.text import bullets, preformatted, wrapped
from outlearn.core.verdict import standing
from outlearn.results.explanation_parts import (
    WHO_IS_BETTER,
    Decomposition,
    EnsembleRisk,
    GainSplit,
    PosteriorMeanSummary,
    bias_variance_section,
    gap_sentences,
)
from outlearn.results.measurement import Withheld

__all__ = ["POINTS", "ExplainedGain", "section"]

POINTS = "Points where students gain most, and lose most"


@dataclass(frozen=True)
class ExplainedGain(ABC):
    """Where the students' gain comes from, in the terms that any Bregman divergence has; print() it.

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

    @property
    @abstractmethod
    def sentences(self) -> tuple[str, ...]:
        """Say what was found, one sentence each."""

    @abstractmethod
    def __str__(self) -> str: ...

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def _in_short(self, of_teachers: str | None, of_control: str | None, *beyond: str) -> Iterator[str]:
        """Say who is better, how the teachers err, what their students did with it, and what would do as well."""
        who, *others = gap_sentences(self.summary, self.gap_of_these_models)
        of_gain = self.gain.sentence if isinstance(self.gain, GainSplit) else None
        yield from filter(None, (who, of_teachers, of_gain, *others, of_control, *beyond))

    def _written(self, control: object, points: object, *, beyond: Iterable[str] = ()) -> str:
        """Write every section; `beyond` are those that only this kind of predictions has."""
        sections = [
            bullets("In short", self.sentences),
            str(self.summary),
            self._gain_section(),
            bias_variance_section(self.directions.order, self.level, self.decompositions, self.ensembles),
            self._posterior_section(),
            section("Is this only denoising?", control),
            *beyond,
            *(f"Slices by {table.by.replace('_', ' ')}\n{table}" for table in self.slices),
            f"{POINTS} (means over teachers and their students)\n{points}",
        ]
        if self.notes:
            sections.append(bullets("Notes", self.notes))
        return "\n\n".join(sections)

    def _gain_section(self) -> str:
        """Write the gap as bias and variance removed."""
        title = "The gap once more: gap = bias removed + variance removed"
        if isinstance(self.gain, GainSplit):
            title += " (teachers less their students, corrected by the jackknife)"
        return section(title, self.gain)

    def _posterior_section(self) -> str:
        """Write the misfit split about the posterior-mean teacher, by every method."""
        mean = self.directions.posterior_mean
        title = f"Posterior-mean teacher, the {mean} mean of the teacher given its student"
        return "\n".join([title, *map(str, self.posterior)])


def section(title: str, part: object) -> str:
    """Write a part indented below its title, or why it is withheld."""
    if isinstance(part, Withheld):
        return f"{title}\n{wrapped(f'not given: {part.reason}', first='  ', rest='  ')}"
    return f"{title}\n{indent(str(part), '  ')}"
