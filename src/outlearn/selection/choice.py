"""What was chosen, from what, and, once it is chosen, how good that was by true labels of other points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Float, Int, Integer

from outlearn.core.ranks import mid_ranks
from outlearn.core.students.agreement import kappa_matrix
from outlearn.core.students.criteria import CRITERIA, check_criterion
from outlearn.core.top_class import hard_votes
from outlearn.errors import ConfigError
from outlearn.results import selection as results
from outlearn.selection.candidates import Candidate
from outlearn.selection.class_shares import shares_of_weak_labels
from outlearn.selection.labelers import Labelings

__all__ = ["MEMBERS", "Choice", "Facts", "best_of", "ranked", "recorded", "trust"]

MEMBERS = 20  # of the answer: more include bad candidates, fewer are at the mercy of the criterion (docs/auto.md)
HARD, FACT = "hard/", "fact/"  # prefixes of the arrays that are stored
POOLED = "pooled_consensus"  # the default, which gives way where labelers err independently
INDEPENDENT = 0.9  # cosine: students then explain four fifths of what labelers share (docs/auto.md)
NOISY = 2 / 3  # kappa between labelers over that between students: above it there is little chance to average away
TRUE_LABELS_FOR_HALF = 100  # so many weigh as much as what is known without them (docs/auto.md)


@dataclass(frozen=True, eq=False)
class Facts:
    """What tells whether the assumptions of the choice hold.

    Attributes:
        weak_shares: mean probability of each class in the labels that the answer learns from.
        labelers_agree: share of points at which all labelers that are compared say the same; nan where no two of them
            say something of one point.
        labelers_kappa: mean kappa between those that are compared.
        most_named: the largest share of points that one class has in a labeling that is compared.
        shares: that students were brought to; empty if they were not.
    """

    weak_shares: Float[np.ndarray, " classes"]
    labelers_agree: float
    labelers_kappa: float
    most_named: float
    shares: Float[np.ndarray, " classes"]

    @classmethod
    def of(cls, labelings: Labelings, shares: Float[np.ndarray, " classes"] | None) -> Facts:
        """Take them from the labels of the student split."""
        who = labelings.compared("student")
        compared = hard_votes(who)
        kappa = float(kappa_matrix(who, who)[~np.eye(who.n_models, dtype=bool)].mean())
        said, classes = compared.any(axis=-1).sum(axis=0), compared.sum(axis=0)
        both = said > 1
        agree = float((classes[both].max(axis=-1) >= said[both] - 1e-9).mean()) if both.any() else np.nan
        named = compared.sum(axis=1)
        most = float((named / np.maximum(named.sum(axis=-1, keepdims=True), 1)).max())
        weak = shares_of_weak_labels(labelings.learned("student"))
        return cls(weak.values, agree, kappa, most, np.empty(0) if shares is None else np.asarray(shares))


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen, from what.

    Attributes:
        candidates: all of them.
        values: in the order of `CRITERIA`; nan where a criterion cannot be told.
        criterion: the one that was asked for; `ranked_by` is the one that chose.
        hard: name of a set of points -> the most probable class of each candidate's students of the labelings that the
            answer learns from, as the answer uses them; for sets that were predicted and not measured.
        facts: on the assumptions.
        n_trained: how many students were made.
        truth: kappa of each candidate's students with true labels that none has learned; empty where none are used.
        n_true: how many true labels.
    """

    candidates: tuple[Candidate, ...]
    values: Float[np.ndarray, "candidates criteria"]
    criterion: str
    hard: Mapping[str, Integer[np.ndarray, "candidates labelings _"]]
    facts: Facts
    n_trained: int
    truth: Float[np.ndarray, " candidates"] = field(default_factory=lambda: np.empty(0))
    n_true: int = 0

    @property
    def alignment(self) -> float:
        """Cosine between what students share and what labelers share, nan where either is nothing.

            A = kx / sqrt(ks kl),    kx = <sigma, tau>, ks = |sigma|^2, kl = |tau|^2,

        kl the kappa between labelers; the root mean square over the candidates that the pooled consensus puts first.
        """
        kx, ks = self._of_first("crossed_kappa"), self._of_first("student_kappa")
        kl = self.facts.labelers_kappa
        told = (kx > 0) & (ks > 0)
        if not told.any() or not kl > 0:
            return math.nan
        return math.sqrt(float((kx[told] ** 2 / ks[told]).mean()) / kl)

    @property
    def ranked_by(self) -> str:
        """The criterion that chose: kappa with labelers in place of the pool, where labelers err by chance.

        tau = t y + b. Students that hold all that labelers share (A near 1) leave nothing of b that they do not hold,
        and where labelers agree much less than students do, most of their errors are each one's own. Then kx = a t
        ranks students as accuracy does, and the habits of the pool only disturb it.
        """
        by_chance = self.alignment >= INDEPENDENT and (
            self.facts.labelers_kappa <= NOISY * float(self._of_first("student_kappa").mean())
        )
        return "crossed_kappa" if self.criterion == POOLED and by_chance else self.criterion

    def _of_first(self, criterion: str) -> Float[np.ndarray, " members"]:
        """Read a criterion of the candidates that the pooled consensus puts first."""
        told = np.isfinite(_of(self.values, POOLED)).any()
        return _of(self.values, criterion)[ranked(self.values, POOLED)[:MEMBERS] if told else []]

    @property
    def order(self) -> list[int]:
        """The candidates, the best first: by `ranked_by`, or with true labels by what both say."""
        if not self.n_true:
            return ranked(self.values, self.ranked_by)
        # w kappa + (1 - w) s: the few true labels are noise, the criterion is biased
        weight = trust(self.n_true)
        signed = _higher_is_better(self.values, self.ranked_by)
        mixed = weight * self.truth + (1 - weight) * np.where(np.isfinite(signed), signed, -np.inf)
        return [int(i) for i in np.argsort(-mixed, kind="stable") if np.isfinite(mixed[i])]

    @property
    def index(self) -> int:
        """The candidate that comes first."""
        return self.order[0]

    @property
    def chosen(self) -> Candidate:
        """The same candidate."""
        return self.candidates[self.index]

    @property
    def members(self) -> tuple[Candidate, ...]:
        """The best candidates, whose mean is the answer."""
        return tuple(self.candidates[i] for i in self.order[:MEMBERS])

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what there is to store; `from_arrays` is the way back."""
        return {
            "values": self.values,
            "trained": np.array([self.n_trained]),
            "truth": self.truth,
            "n_true": np.array([self.n_true]),
            **{HARD + name: labels for name, labels in self.hard.items()},
            **{FACT + each.name: np.atleast_1d(getattr(self.facts, each.name)) for each in fields(Facts)},
        }

    @classmethod
    def from_arrays(cls, candidates: Sequence[Candidate], criterion: str, arrays: Mapping[str, np.ndarray]) -> Choice:
        """Choose again, by any criterion, from stored values."""

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): each for name, each in arrays.items() if name.startswith(prefix)}

        facts = part(FACT)
        best_of(arrays["values"], criterion)  # refuses a criterion without values
        return cls(
            tuple(candidates),
            arrays["values"],
            criterion,
            part(HARD),
            Facts(
                facts["weak_shares"],
                facts["labelers_agree"].item(),
                facts["labelers_kappa"].item(),
                facts["most_named"].item(),
                facts["shares"],
            ),
            arrays["trained"].item(),
            arrays["truth"],
            arrays["n_true"].item(),
        )

    def tried(self) -> tuple[results.TriedCandidate, ...]:
        """Write all candidates, with what each criterion says of them; no true label has entered."""
        return tuple(
            results.TriedCandidate(
                **recorded(candidate).model_dump(), values=dict(zip(CRITERIA, row.tolist(), strict=True))
            )
            for candidate, row in zip(self.candidates, self.values, strict=True)
        )

    def judged(
        self, labels: Int[np.ndarray, " points"], answer_accuracy: float, points: str = "test"
    ) -> results.Judged:
        """Say how good the choice was, by true labels of points that no criterion has seen.

        Args:
            labels: true classes.
            answer_accuracy: of the answer on these points.
            points: which set of `hard` they are of.

        Returns:
            Accuracy of each candidate (mean over labelings), of the answer and of the best; their difference as
            `regret`; what each criterion would have put first, and its rank correlation with accuracy, its sign such
            that 1 is best.
        """
        accuracy = (self.hard[points] == labels).mean(axis=(1, 2))
        best = int(accuracy.argmax())

        def chosen_by(criterion: str) -> results.CriterionChoice:
            signed, index = _higher_is_better(self.values, criterion), best_of(self.values, criterion)
            told = np.isfinite(signed)
            return results.CriterionChoice(
                chosen=recorded(self.candidates[index]),
                accuracy=float(accuracy[index]),
                rank_correlation=_rank_correlation(signed[told], accuracy[told]),
            )

        return results.Judged(
            accuracy=tuple(accuracy.tolist()),
            best=results.JudgedCandidate(
                **recorded(self.candidates[best]).model_dump(), accuracy=float(accuracy[best])
            ),
            chosen_accuracy=float(accuracy[self.index]),
            answer_accuracy=answer_accuracy,
            regret=float(accuracy[best] - answer_accuracy),
            by_criterion={
                name: chosen_by(name) for k, name in enumerate(CRITERIA) if np.isfinite(self.values[:, k]).any()
            },
        )


def trust(n_true: int) -> float:
    """Return w = n / (n + 100), the weight of what n true labels say beside what all the weak ones do.

    Examples:
        >>> trust(0), trust(100)
        (0.0, 0.5)
    """
    return n_true / (n_true + TRUE_LABELS_FOR_HALF)


def recorded(candidate: Candidate) -> results.Candidate:
    """Write a candidate for results."""
    return results.Candidate(
        name=str(candidate), family=candidate.family, kind=candidate.kind, settings=candidate.record()
    )


def best_of(values: Float[np.ndarray, "candidates criteria"], criterion: str) -> int:
    """Return the candidate with the best value; the first of equals, and one without a value never.

    Raises:
        ConfigError: if the criterion is unknown, or has no value for any candidate.
    """
    return ranked(values, criterion)[0]


def ranked(values: Float[np.ndarray, "candidates criteria"], criterion: str) -> list[int]:
    """Return the candidates that have a value, the best first, equals in their order; errors as for `best_of`."""
    check_criterion(criterion)
    signed = _higher_is_better(values, criterion)
    if not np.isfinite(signed).any():
        raise ConfigError(f"the criterion {criterion} has no value for any candidate; choose another criterion.")
    order = np.argsort(-np.where(np.isfinite(signed), signed, -np.inf), kind="stable")
    return [int(i) for i in order if np.isfinite(signed[i])]


def _higher_is_better(values: np.ndarray, criterion: str) -> np.ndarray:
    column = _of(values, criterion)
    return np.asarray(column if CRITERIA[criterion].higher_is_better else -column)


def _of(values: np.ndarray, criterion: str) -> np.ndarray:
    return np.asarray(values[:, list(CRITERIA).index(criterion)])


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return Spearman's correlation, None where one of both is constant."""
    a, b = mid_ranks(first), mid_ranks(second)
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else None
