"""From students' answers to the numbers of a report: who follows the shared answer better, and by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
from outlearn.preflight_checks.label_table import LabelTable
from outlearn.preflight_checks.measures import LabelMeasures, Products
from outlearn.preflight_checks.result import StudentReport
from outlearn.preflight_checks.students import CrossFit

__all__ = ["HABIT", "StudentMeasures", "habits", "student_products"]

HABIT = 3.0  # standard errors from which labelers are said to have habits of their own


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
        found = [self._report("of one labeler", self._single_judged(1.0), None)]
        if self.pooled is not None:
            judged = self._pooled_judged(self.pooled, 1.0)
            votes = None if len(self.labels.table.names) < 3 else self._votes(judged.judges)
            found.append(self._report("of all labelers", judged, votes))
        return tuple(found)

    def pooling(self) -> Interval | None:
        """Estimate how much more often a student of several labelers gives the shared answer than one of one."""
        if self.pooled is None:
            return None
        several, one = self._accuracy(self._pooled_judged(self.pooled, 1.0)), self._accuracy(self._single_judged(1.0))
        return (several - one).interval(self.labels.level)

    def learning_curve(self) -> tuple[tuple[tuple[int, Interval], ...], Interval]:
        """Say how often a student gives the shared answer by the points it saw, and what the last doubling added.

        Students of all labelers where there are any, else of one.
        """
        found = {
            fraction: self._accuracy(
                self._single_judged(fraction) if self.pooled is None else self._pooled_judged(self.pooled, fraction)
            )
            for fraction in sorted(self.single.probs)
        }
        n_seen = self.labels.table.n_points * (1 - 1 / self.single.folds)
        curve = tuple((round(n_seen * fraction), self.labels.rate(e)) for fraction, e in found.items())
        return curve, (found[1.0] - found[0.5]).interval(self.labels.level)

    def _hard(self, probs: np.ndarray) -> np.ndarray:
        return top_class(probs)

    def _one_hot(self, labeler: int) -> np.ndarray:
        given = self.labels.table.labels[labeler]
        return np.where(given[:, None] >= 0, np.eye(self.labels.n_classes)[np.maximum(given, 0)], math.nan)

    def _pairs(self) -> list[tuple[int, int]]:
        """List (labeler, judge): each labeler judged by each other one."""
        both = [(a, b) for b in self.labels.judges for a in self.labels.judges if a != b]
        return [(a, b) for a, b in both if (min(a, b), max(a, b)) in self.labels.agreements]

    def _accuracy(self, judged: Judged) -> LinearisedEstimate:
        return accuracy_for(judged, self.labels.table.labels, self.labels.skills, self.labels.n_classes)

    def _single_judged(self, fraction: float) -> Judged:
        answers = self._hard(self.single.probs[fraction])
        pairs = self._pairs()
        rivals = [self._one_hot(a) for a in range(len(answers))]
        return Judged(
            tuple(b for _, b in pairs), tuple(answers[a] for a, _ in pairs), tuple(rivals[a] for a, _ in pairs)
        )

    def _pooled_judged(self, pooled: CrossFit, fraction: float) -> Judged:
        answers = self._hard(pooled.probs[fraction])
        rivals = {}
        for judge in self.labels.judges:
            others = [j for j in self.groups[judge] if j != judge]
            rivals[judge] = vote_shares(self.labels.table.labels[others], self.labels.n_classes, plurality=False)
        return Judged(tuple(rivals), tuple(answers[judge] for judge in rivals), tuple(rivals.values()))

    def _votes(self, judges: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        others = [[j for j in self.groups[judge] if j != judge] for judge in judges]
        return tuple(
            vote_shares(self.labels.table.labels[rows], self.labels.n_classes, plurality=True) for rows in others
        )

    def _report(self, name: str, judged: Judged, votes: tuple[np.ndarray, ...] | None) -> StudentReport:
        level = self.labels.level
        given, truth = self.labels.table.labels, self.labels.table.true_labels
        gain = crossed_gain(judged, given, self.labels.skills)
        rate = self.labels.missed()
        lower, upper = gain_bounds(gain, rate, self.largest_bias, self.labels.n_classes)
        break_even = math.nan
        if gain.interval(level).excludes_zero and rate.value > 0:
            break_even = max(break_even_bias(gain, rate, self.labels.n_classes).interval(level).low, 0.0)
        over = None if votes is None else Judged(judged.judges, judged.answers, votes)
        true, off, true_over, correct = None, None, None, None
        if truth is not None and (truth >= 0).any():
            found = true_gain(judged, given, truth)
            against_nothing = Judged(judged.judges, judged.answers, tuple(map(np.zeros_like, judged.answers)))
            correct = self.labels.rate(true_gain(against_nothing, given, truth))
            true, off = found.interval(level), (found - gain).interval(level)
            true_over = None if over is None else true_gain(over, given, truth).interval(level)
        return StudentReport(
            name=name,
            accuracy=self.labels.rate(self._accuracy(judged)),
            gain=gain.interval(level),
            low=lower.interval(level).low,
            high=upper.interval(level).high,
            break_even=break_even,
            over_vote=None if over is None else crossed_gain(over, given, self.labels.skills).interval(level),
            true_accuracy=correct,
            true_gain=true,
            true_over_vote=true_over,
            off=off,
        )
