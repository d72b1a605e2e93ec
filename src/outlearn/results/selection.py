"""What `loss: auto` chose, from what, by which criterion; and how good that was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outlearn.results.measurement import Number
from outlearn.results.serialization import Record

__all__ = ["Candidate", "CriterionChoice", "Judged", "JudgedCandidate", "Selection", "TriedCandidate"]


class Candidate(Record):
    """One way to train a student that `auto` may choose."""

    name: str
    loss: Mapping[str, Any]
    epochs: float
    weight_decay: float
    rounds: int


class TriedCandidate(Candidate):
    """A candidate with what each criterion says of it, without a true label; nan where it cannot tell."""

    values: Mapping[str, Number]


class JudgedCandidate(Candidate):
    """A candidate with the accuracy of its students on the test points."""

    accuracy: float


class CriterionChoice(Record):
    """What one criterion would have chosen, and its rank correlation with accuracy, 1 at best."""

    chosen: Candidate
    accuracy: float
    rank_correlation: Number | None


class Judged(Record):
    """How good the choice was, by true labels that no criterion saw; one seed, no interval.

    Attributes:
        accuracy: of each candidate, in their order.
        best: the most accurate one.
        chosen_accuracy: of the chosen one.
        regret: accuracy of the best less that of the chosen.
        by_criterion: what each would have chosen.
    """

    accuracy: tuple[float, ...]
    best: JudgedCandidate
    chosen_accuracy: float
    regret: float
    by_criterion: Mapping[str, CriterionChoice]


class Selection(Record):
    """What `loss: auto` chose, from what, by which criterion, and how good that was."""

    criterion: str
    chosen: Candidate
    candidates: tuple[TriedCandidate, ...]
    judged: Judged
