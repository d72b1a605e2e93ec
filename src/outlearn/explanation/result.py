"""What an explanation holds: one line per part, each a result of `outlearn.core` or the reason why it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from outlearn.core.blind_spots import BlindSpotSummary
from outlearn.core.entropy import Sharpening
from outlearn.core.orders import Directions
from outlearn.core.risk_gap import Ledger, RiskGap, RiskGapSummary, SliceTable
from outlearn.explanation.parts import (
    Control,
    Decomposition,
    EnsembleRisk,
    GainSplit,
    PosteriorMeanSummary,
    Refused,
)
from outlearn.explanation.text import explanation_text

__all__ = ["Explanation"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where the students' gain comes from; print() it.

    Attributes:
        gap: every term for every student and point.
        summary: their means.
        gain: the gap as bias and variance removed.
        decompositions: bias and variance of teachers, ensembles and students.
        ensembles: risk of the ensembles of all teachers.
        posterior: the posterior-mean teacher, by several methods.
        control: teachers, ensembles and students in one table of accuracies.
        sharpening: "teachers" and "students" -> entropy against cross-entropy.
        blind_spots: where students are surely wrong and their teachers unsure.
        slices: by the teachers' confidence, and by class.
        ledger: one row a point.
        level: of all intervals.
        notes: what a reader should know of the input, in sentences.
    """

    gap: RiskGap
    summary: RiskGapSummary
    gain: GainSplit | Refused
    decompositions: tuple[Decomposition, ...]
    ensembles: tuple[EnsembleRisk, ...]
    posterior: tuple[PosteriorMeanSummary, ...]
    control: Control | Refused
    sharpening: Mapping[str, Sharpening | Refused]
    blind_spots: BlindSpotSummary | Refused
    slices: tuple[SliceTable, ...]
    ledger: Ledger
    level: float
    notes: tuple[str, ...] = ()

    @property
    def directions(self) -> Directions:
        """The words of the order: which risk, which misfit, which mean."""
        return self.summary.directions

    @property
    def by_gap(self) -> Int[np.ndarray, " points"]:
        """Rows of the ledger, largest mean gap first."""
        return np.argsort(-self.ledger.gap, kind="stable")

    def __str__(self) -> str:
        return explanation_text(self)
