"""What an explanation found: where the students' gain comes from, in sentences, then every number with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from outlearn.core.students.blind_spots import BlindSpotSummary
from outlearn.results.explained_gain import ExplainedGain, section
from outlearn.results.explanation_parts import Control, SharpeningOfBoth
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
        sharper = "Would sharper predictions have a lower log loss? Only where entropy is above cross-entropy"
        blind = "Blind spots: where students are surely wrong and their teachers, which might have warned, unsure"
        beyond = (f"{sharper}\n{self.sharpening}", section(blind, self.blind_spots))
        return self._written(self.control, self.points, beyond=beyond)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what was found, one sentence each."""
        of_control = self.control.sentence if isinstance(self.control, Control) else None
        return tuple(self._in_short(self.decompositions[0].sentence, of_control, self.sharpening.sentence))


EXPLANATIONS = ReportFolder("explanation", "explain", "explanation", Explanation, schema=2, table="ledger.csv")
"""How an explanation is kept on disk. Schema 1 had the terms of the gap at the top, and slices row by row."""

load_explanation = EXPLANATIONS.read
