"""What an explanation found: where the students' gain comes from, in sentences, then every number with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import indent

from outlearn.core.decomposition.risk_gap import RiskGapSummary, SliceTable
from outlearn.core.intervals import Interval
from outlearn.core.orders import Directions
from outlearn.core.students.blind_spots import BlindSpotSummary
from outlearn.core.text import bullets, preformatted, wrapped
from outlearn.core.verdict import standing
from outlearn.results.explanation_parts import (
    WHO_IS_BETTER,
    Control,
    Decomposition,
    EnsembleRisk,
    GainSplit,
    PosteriorMeanSummary,
    SharpeningOfBoth,
    bias_variance_section,
    gap_sentences,
)
from outlearn.results.explanation_points import PointsOfGain
from outlearn.results.measurement import Withheld
from outlearn.results.report_folder import ReportFolder

__all__ = ["EXPLANATIONS", "Explanation", "load_explanation"]


@dataclass(frozen=True)
class Explanation:
    """Where the students' gain comes from; print() it.

    Attributes:
        level: of all intervals.
        summary: means of every term of the gap.
        gap_of_these_models: the mean gap with its interval over points alone, for these very models.
        gain: the gap as bias and variance removed.
        decompositions: bias and variance of teachers, ensembles and students.
        ensembles: risk of the ensembles of all teachers.
        posterior: the posterior-mean teacher, by several methods.
        control: teachers, ensembles and students in one table of accuracies.
        sharpening: entropy against cross-entropy of teachers and students.
        blind_spots: where students are surely wrong and their teachers unsure.
        slices: by the teachers' confidence, and by class.
        points: where students gain most and least.
        notes: what a reader should know of the input, in sentences.
    """

    level: float
    summary: RiskGapSummary
    gap_of_these_models: Interval
    gain: GainSplit | Withheld
    decompositions: tuple[Decomposition, ...]
    ensembles: tuple[EnsembleRisk, ...]
    posterior: tuple[PosteriorMeanSummary, ...]
    control: Control | Withheld
    sharpening: SharpeningOfBoth
    blind_spots: BlindSpotSummary | Withheld
    slices: tuple[SliceTable, ...]
    points: PointsOfGain
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

    def __str__(self) -> str:
        words = self.directions
        posterior = f"Posterior-mean teacher, the {words.posterior_mean} mean of the teacher given its student"
        sharper = "Would sharper predictions have a lower log loss? Only where entropy is above cross-entropy"
        blind = "Blind spots: where students are surely wrong and their teachers, which might have warned, unsure"
        points = "Points where students gain most, and lose most (means over teachers and their students)"
        sections = [
            bullets("In short", self.sentences),
            str(self.summary),
            self._gain(),
            bias_variance_section(words.order, self.level, self.decompositions, self.ensembles),
            "\n".join([posterior, *map(str, self.posterior)]),
            _section("Is this only denoising?", self.control),
            f"{sharper}\n{self.sharpening}",
            _section(blind, self.blind_spots),
            *(f"Slices by {table.by.replace('_', ' ')}\n{table}" for table in self.slices),
            f"{points}\n{self.points}",
        ]
        if self.notes:
            sections.append(bullets("Notes", self.notes))
        return "\n\n".join(sections)

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what was found, one sentence each."""
        return tuple(self._sentences())

    def _sentences(self) -> Iterator[str]:
        """Say who is better, how the teachers err, what their students did with it, and what would do as well."""
        who, *others = gap_sentences(self.summary, self.gap_of_these_models)
        yield who
        if of_teachers := self.decompositions[0].sentence:
            yield of_teachers
        if isinstance(self.gain, GainSplit):
            yield self.gain.sentence
        yield from others
        if isinstance(self.control, Control):
            yield self.control.sentence
        if of_sharpening := self.sharpening.sentence:
            yield of_sharpening

    def _gain(self) -> str:
        title = "The gap once more: gap = bias removed + variance removed"
        if isinstance(self.gain, GainSplit):
            title += " (teachers less their students, corrected by the jackknife)"
        return _section(title, self.gain)


def _section(title: str, part: object) -> str:
    """Write a part indented below its title, or why it is withheld."""
    if isinstance(part, Withheld):
        return f"{title}\n{wrapped(f'not given: {part.reason}', first='  ', rest='  ')}"
    return f"{title}\n{indent(str(part), '  ')}"


EXPLANATIONS = ReportFolder("explanation", "explain", "explanation", Explanation, schema=2, table="ledger.csv")
"""How an explanation is kept on disk. Schema 1 had the terms of the gap at the top, and slices row by row."""

load_explanation = EXPLANATIONS.read
