"""What an explanation found: where the students' gain comes from, in sentences, then every number with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from outlearn.core.students.blind_spots import BlindSpotSummary
from outlearn.core.text import bullets, preformatted
from outlearn.results.explained_gain import ExplainedGain, section
from outlearn.results.explanation_parts import (
    Control,
    GainSplit,
    SharpeningOfBoth,
    bias_variance_section,
    gap_sentences,
)
from outlearn.results.explanation_points import PointsOfGain
from outlearn.results.measurement import Withheld
from outlearn.results.report_folder import ReportFolder

__all__ = ["EXPLANATIONS", "Explanation", "load_explanation"]


@dataclass(frozen=True)
class Explanation(ExplainedGain):
    """Where the students' gain comes from; print() it.

    Attributes:
        control: teachers, ensembles and students in one table of accuracies.
        sharpening: entropy against cross-entropy of teachers and students.
        blind_spots: where students are surely wrong and their teachers unsure.
        points: where students gain most and least.
    """

    control: Control | Withheld
    sharpening: SharpeningOfBoth
    blind_spots: BlindSpotSummary | Withheld
    points: PointsOfGain

    def __str__(self) -> str:
        words = self.directions
        sharper = "Would sharper predictions have a lower log loss? Only where entropy is above cross-entropy"
        blind = "Blind spots: where students are surely wrong and their teachers, which might have warned, unsure"
        points = "Points where students gain most, and lose most (means over teachers and their students)"
        sections = [
            bullets("In short", self.sentences),
            str(self.summary),
            self.gain_section(),
            bias_variance_section(words.order, self.level, self.decompositions, self.ensembles),
            self.posterior_section(),
            section("Is this only denoising?", self.control),
            f"{sharper}\n{self.sharpening}",
            section(blind, self.blind_spots),
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


EXPLANATIONS = ReportFolder("explanation", "explain", "explanation", Explanation, schema=2, table="ledger.csv")
"""How an explanation is kept on disk. Schema 1 had the terms of the gap at the top, and slices row by row."""

load_explanation = EXPLANATIONS.read
