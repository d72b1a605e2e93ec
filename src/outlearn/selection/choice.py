"""What was chosen, from what, and, once it is chosen, how good that was by true labels of other points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer
from scipy.stats import rankdata

from outlearn.core.students.criteria import CRITERIA, check_criterion
from outlearn.errors import ConfigError
from outlearn.results import selection as results
from outlearn.selection.candidates import Candidate

__all__ = ["Choice", "best_of"]

HARD = "hard/"  # prefix of the arrays of hard predictions


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen, from what.

    Attributes:
        candidates: all of them.
        values: in the order of `CRITERIA`; nan where a criterion cannot be told.
        criterion: the one that chose.
        index: of the chosen candidate.
        hard: name of a set of points -> the most probable class of each candidate's student of each labeler, for sets
            that were predicted and not measured.
    """

    candidates: tuple[Candidate, ...]
    values: Float[np.ndarray, "candidates criteria"]
    criterion: str
    index: int
    hard: Mapping[str, Integer[np.ndarray, "candidates labelers _"]]

    @property
    def chosen(self) -> Candidate:
        """The candidate that was chosen."""
        return self.candidates[self.index]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what there is to store; `from_arrays` is the way back."""
        return {"values": self.values, **{HARD + name: labels for name, labels in self.hard.items()}}

    @classmethod
    def from_arrays(cls, candidates: Sequence[Candidate], criterion: str, arrays: Mapping[str, np.ndarray]) -> Choice:
        """Choose again, by any criterion, from stored values."""
        values = arrays["values"]
        hard = {name.removeprefix(HARD): labels for name, labels in arrays.items() if name.startswith(HARD)}
        return cls(tuple(candidates), values, criterion, best_of(values, criterion), hard)

    def tried(self) -> tuple[results.TriedCandidate, ...]:
        """Write all candidates, with what each criterion says of them; no true label has entered."""
        return tuple(
            results.TriedCandidate(**candidate.record(), values=dict(zip(CRITERIA, row.tolist(), strict=True)))
            for candidate, row in zip(self.candidates, self.values, strict=True)
        )

    def selection(self, labels: Int[np.ndarray, " points"], points: str = "test") -> results.Selection:
        """Write what was chosen, from what, and how good that was; see `judged` for the arguments."""
        return results.Selection(
            criterion=self.criterion,
            chosen=results.Candidate(**self.chosen.record()),
            candidates=self.tried(),
            judged=self.judged(labels, points),
        )

    def judged(self, labels: Int[np.ndarray, " points"], points: str = "test") -> results.Judged:
        """Say how good the choice was, by true labels of points that no criterion has seen.

        Args:
            labels: true classes.
            points: which set of `hard` they are of.

        Returns:
            Accuracy of each candidate (mean over labelers), of the chosen and of the best; their difference as
            `regret`; what each criterion would have chosen, and its rank correlation with accuracy, its sign such that
            1 is best.
        """
        accuracy = (self.hard[points] == labels).mean(axis=(1, 2))
        best = int(accuracy.argmax())

        def chosen_by(criterion: str) -> results.CriterionChoice:
            signed, index = _higher_is_better(self.values, criterion), best_of(self.values, criterion)
            told = np.isfinite(signed)
            return results.CriterionChoice(
                chosen=results.Candidate(**self.candidates[index].record()),
                accuracy=float(accuracy[index]),
                rank_correlation=_rank_correlation(signed[told], accuracy[told]),
            )

        return results.Judged(
            accuracy=tuple(accuracy.tolist()),
            best=results.JudgedCandidate(**self.candidates[best].record(), accuracy=float(accuracy[best])),
            chosen_accuracy=float(accuracy[self.index]),
            regret=float(accuracy[best] - accuracy[self.index]),
            by_criterion={
                name: chosen_by(name) for k, name in enumerate(CRITERIA) if np.isfinite(self.values[:, k]).any()
            },
        )


def best_of(values: Float[np.ndarray, "candidates criteria"], criterion: str) -> int:
    """Return the candidate with the best value; the first of equals, and one without a value never.

    Raises:
        ConfigError: if the criterion is unknown, or has no value for any candidate.
    """
    check_criterion(criterion)
    signed = _higher_is_better(values, criterion)
    if not np.isfinite(signed).any():
        raise ConfigError(f"the criterion {criterion} has no value for any candidate; choose another criterion.")
    return int(np.where(np.isfinite(signed), signed, -np.inf).argmax())


def _higher_is_better(values: np.ndarray, criterion: str) -> np.ndarray:
    column = values[:, list(CRITERIA).index(criterion)]
    return np.asarray(column if CRITERIA[criterion].higher_is_better else -column)


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return Spearman's correlation, None where one of both is constant."""
    a, b = rankdata(first), rankdata(second)
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else None
