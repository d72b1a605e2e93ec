"""From students' answers to the numbers of a report: who follows the shared answer better, and by how much."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from outlearn.core.intervals import Interval
from outlearn.core.labelers.crossed_gain import (
    Judged,
    accuracy_for,
    break_even_bias,
    crossed_gain,
    gain_bounds,
    true_gain,
    vote_shares,
)
from outlearn.core.labelers.influence import LinearisedEstimate, average
from outlearn.core.labelers.labeler_agreement import agreement_of, chance_corrected
from outlearn.core.labelers.shared_answer import unrelated
from outlearn.core.top_class import top_class
from outlearn.core.verdict import excludes_zero
from outlearn.data.label_table import LabelTable
from outlearn.preflight_checks.measures import LabelMeasures, Products
from outlearn.preflight_checks.students import CrossFit
from outlearn.results.measurement import Withheld
from outlearn.results.preflight_parts import Bounds, LearningCurvePoint, StudentReport

__all__ = [
    "MIN_HABIT_EXCESS",
    "StudentMeasures",
    "habits",
    "judged_by_truth",
    "over_nothing",
    "student_by_truth",
    "student_products",
]

MIN_HABIT_EXCESS = 3.0  # standard errors from which labelers are said to have habits of their own


def student_products(table: LabelTable, single: CrossFit) -> Products:
    """Estimate q of each labeler's student with each labeler, `[students][labelers]`, on points it did not see."""
    answers = single.probs[1.0].argmax(axis=2)
    return [[chance_corrected(agreement_of(a, row), table.n_classes) for row in table.labels] for a in answers]


def habits(q: Products) -> float:
    """Test whether students agree with their own labeler more than skills explain, in standard errors.

    For students s_A, s_B of labelers A, B and labels of points they did not see, log q(s_A, A) + log q(s_B, B) -
    log q(s_A, B) - log q(s_B, A) is 0 if both learned the shared answer, above 0 if each also learned what is only its
    own labeler's. Averaged over pairs; 0 where it cannot be tested.
    """
    excess = [
        q[i][i].log() + q[j][j].log() - q[i][j].log() - q[j][i].log()
        for i, j in combinations(range(len(q)), 2)
        if not any(unrelated(value) for value in (q[i][i], q[j][j], q[i][j], q[j][i]))
    ]
    if not excess:
        return 0.0
    mean = average(excess)
    return mean.value / mean.standard_error if mean.standard_error > 0 else 0.0


def student_by_truth(labels: LabelMeasures, single: CrossFit, reason: str) -> StudentReport:
    """Report the students of single labelers that true labels alone can judge, mean over the labelers.

    Args:
        labels: with true labels; see check_labels.
        single: a student of each labeler.
        reason: why labels cannot judge them.
    """
    given, truth = labels.table.labels, labels.table.true_labels
    assert truth is not None
    judged = judged_by_truth(labels, single)
    against_nothing = over_nothing(judged)
    unknown, withheld = labels.no_interval(labels.table.n_points, reason), Withheld(reason)
    return StudentReport(
        name="of one labeler",
        accuracy=unknown,
        gain=unknown,
        accuracy_gain=Bounds(math.nan, math.nan),
        break_even=withheld,
        over_vote=Withheld("one labeler is no vote"),
        true_accuracy=labels.rate(true_gain(against_nothing, given, truth, labels.table.true_strata, labels.guess)),
        true_gain=true_gain(judged, given, truth, labels.table.true_strata, labels.guess).interval(labels.level),
        true_over_vote=Withheld("one labeler is no vote"),
        off=withheld,
    )


def judged_by_truth(labels: LabelMeasures, single: CrossFit) -> Judged:
    """Compare the student of each labeler with that labeler; who judges plays no part, since truth does."""
    rivals = tuple(one_hot_or_nan(row, labels.n_classes) for row in labels.table.labels)
    return Judged(tuple(range(len(rivals))), tuple(top_class(single.probs[1.0])), rivals)


def over_nothing(judged: Judged) -> Judged:
    """Compare the answers with none, so that their gain is how often they are right."""
    return replace(judged, rivals=tuple(map(np.zeros_like, judged.answers)))


def one_hot_or_nan(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Write labels as distributions `[points, classes]`, nan where there is none."""
    return np.where(labels[:, None] >= 0, np.eye(n_classes)[np.maximum(labels, 0)], math.nan)


@dataclass(frozen=True, eq=False)
class StudentMeasures:
    """Compare students with labelers and votes, judged by labelers that did not label for them.

    Attributes:
        labels: what the labels say; it must have judges.
        largest_bias: shared bias to allow for.
        single: students of each labeler.
        pooled: students of several labelers, one a judge; or None.
        groups: whose labels the latter learned from.
    """

    labels: LabelMeasures
    largest_bias: float
    single: CrossFit
    pooled: CrossFit | None = None
    groups: tuple[tuple[int, ...], ...] = ()

    def reports(self) -> tuple[StudentReport, ...]:
        """Report the students of one labeler, and of several."""
        found = [self._report("of one labeler", self._single_judged(1.0), Withheld("one labeler is no vote"))]
        if self.pooled is not None:
            judged = self._pooled_judged(self.pooled, 1.0)
            votes: Judged | Withheld = Withheld("of two labelers one judges, and the other is no vote")
            if len(self.labels.table.names) > 2:
                votes = replace(judged, rivals=tuple(self._others(judge, plurality=True) for judge in judged.judges))
            found.append(self._report("of all labelers", judged, votes))
        return tuple(found)

    def best_judged(self) -> Judged:
        """Compare the students that are reported last with single labelers."""
        return self._single_judged(1.0) if self.pooled is None else self._pooled_judged(self.pooled, 1.0)

    def pooling(self) -> Interval | Withheld:
        """Estimate how much more often a student of several labelers gives the shared answer than one of one."""
        if self.pooled is None:
            return Withheld("there is no student of several labelers")
        several, one = self._accuracy(self._pooled_judged(self.pooled, 1.0)), self._accuracy(self._single_judged(1.0))
        return (several - one).interval(self.labels.level)

    def learning_curve(self) -> tuple[LearningCurvePoint, ...]:
        """Say how often a student gives the shared answer by the points it saw."""
        return tuple(
            LearningCurvePoint(round(self.single.n_seen * fraction), self.labels.rate(accuracy))
            for fraction, accuracy in self._accuracies.items()
        )

    def last_doubling(self) -> Interval:
        """Estimate what seeing all points instead of half of them added."""
        return (self._accuracies[1.0] - self._accuracies[0.5]).interval(self.labels.level)

    @cached_property
    def _accuracies(self) -> Mapping[float, LinearisedEstimate]:
        """For each fraction of the points how often students give the shared answer: of all labelers, else of one."""
        return {
            fraction: self._accuracy(
                self._single_judged(fraction) if self.pooled is None else self._pooled_judged(self.pooled, fraction)
            )
            for fraction in sorted(self.single.probs)
        }

    def _pairs(self) -> list[tuple[int, int]]:
        """List (labeler, judge): each labeler judged by each other one."""
        both = [(a, b) for b in self.labels.judges for a in self.labels.judges if a != b]
        return [(a, b) for a, b in both if (min(a, b), max(a, b)) in self.labels.agreements]

    def _accuracy(self, judged: Judged) -> LinearisedEstimate:
        return accuracy_for(judged, self.labels.table.labels, self.labels.skills, self.labels.n_classes)

    def _single_judged(self, fraction: float) -> Judged:
        answers = top_class(self.single.probs[fraction])
        pairs = self._pairs()
        rivals = [one_hot_or_nan(row, self.labels.n_classes) for row in self.labels.table.labels]
        return Judged(
            tuple(b for _, b in pairs), tuple(answers[a] for a, _ in pairs), tuple(rivals[a] for a, _ in pairs)
        )

    def _pooled_judged(self, pooled: CrossFit, fraction: float) -> Judged:
        answers = top_class(pooled.probs[fraction])
        rivals = {judge: self._others(judge, plurality=False) for judge in self.labels.judges}
        return Judged(tuple(rivals), tuple(answers[judge] for judge in rivals), tuple(rivals.values()))

    def _others(self, judge: int, *, plurality: bool) -> np.ndarray:
        """Return the shares, or the vote, of those whose labels a student that this labeler judges learned from."""
        others = [j for j in self.groups[judge] if j != judge]
        return vote_shares(self.labels.table.labels[others], self.labels.n_classes, plurality=plurality)

    def _report(self, name: str, judged: Judged, votes: Judged | Withheld) -> StudentReport:
        level = self.labels.level
        given, truth = self.labels.table.labels, self.labels.table.true_labels
        strata = self.labels.table.true_strata
        gain = crossed_gain(judged, given, self.labels.skills)
        rate = self.labels.missed()
        lower, upper = gain_bounds(gain, rate, self.largest_bias, self.labels.n_classes)
        break_even: float | Withheld = Withheld("the sign of the gain is not told")
        if excludes_zero(gain.interval(level)) and rate.value > 0:
            break_even = max(break_even_bias(gain, rate, self.labels.n_classes).interval(level).low, 0.0)

        def over(rivals: Judged | Withheld, measure: Callable[[Judged], LinearisedEstimate]) -> Interval | Withheld:
            return rivals if isinstance(rivals, Withheld) else measure(rivals).interval(level)

        with_truth: dict[str, Interval | Withheld] = dict.fromkeys(
            ("true_accuracy", "true_gain", "true_over_vote", "off"), Withheld("there are no true labels")
        )
        if truth is not None and (truth >= 0).any():
            guess = self.labels.guess
            against_truth = true_gain(judged, given, truth, strata, guess)
            against_nothing = over_nothing(judged)
            with_truth = {
                "true_accuracy": self.labels.rate(true_gain(against_nothing, given, truth, strata, guess)),
                "true_gain": against_truth.interval(level),
                "true_over_vote": over(votes, lambda rivals: true_gain(rivals, given, truth, strata, guess)),
                "off": (against_truth - gain).interval(level),
            }
        return StudentReport(
            name=name,
            accuracy=self.labels.rate(self._accuracy(judged)),
            gain=gain.interval(level),
            accuracy_gain=Bounds(lower.interval(level).low, upper.interval(level).high),
            break_even=break_even,
            over_vote=over(votes, lambda rivals: crossed_gain(rivals, given, self.labels.skills)),
            **with_truth,
        )
