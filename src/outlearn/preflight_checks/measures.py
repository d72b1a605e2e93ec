"""From a table of labels to the numbers of a report: agreement, skills, variance, and what true labels add."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.gaps import mean_of_known
from outlearn.core.intervals import Interval
from outlearn.core.labelers.accounts import interval_of_accounts
from outlearn.core.labelers.agreement_coefficients import class_counts
from outlearn.core.labelers.crossed_gain import vote_shares
from outlearn.core.labelers.exchangeable_classes import Exchangeable, exchangeable_classes
from outlearn.core.labelers.guessed_truth import guessed_truth
from outlearn.core.labelers.influence import LinearisedEstimate, weighted_average, with_controls
from outlearn.core.labelers.labeler_agreement import (
    PairTable,
    chance_corrected,
    least_miss_rate,
    mean_disagreement,
    pair_table,
)
from outlearn.core.labelers.shared_answer import (
    Skills,
    miss_rate,
    shared_bias,
    skills_of_draws,
    skills_of_labelers,
    skills_of_two,
    unrelated,
)
from outlearn.core.labelers.strata import DrawnStrata, mean_of_drawn, over_all_less_drawn
from outlearn.data.label_table import LabelTable
from outlearn.preflight_checks.check_labels import MIN_POINTS, MIN_TRUE_LABELS
from outlearn.preflight_checks.noise import Noise
from outlearn.results.measurement import Withheld
from outlearn.results.preflight_noise import NoiseReport, VoteCurvePoint
from outlearn.results.preflight_parts import Bounds, LabelerReport, TruthReport

__all__ = ["NO_MORE_THAN_CHANCE", "ONE_LABELER", "LabelMeasures", "Products"]

ONE_LABELER = "one labeler, asked once: no two labels of a point can be compared"
NO_MORE_THAN_CHANCE = "the labelers agree no more than chance"
Products = Sequence[Sequence[LinearisedEstimate]]


@dataclass(frozen=True, eq=False)
class LabelMeasures:
    """Compute what the labels themselves say.

    Attributes:
        table: the labels.
        asked_twice: the columns are one labeler, asked again.
        level: of intervals.
        students: q of each labeler's student with each labeler, `[students][labelers]`; None without students.
        seed: of what is drawn to fit the noise.
        answers: of students on points that they did not see, `[points, classes]`; None without students.
    """

    table: LabelTable
    asked_twice: bool
    level: float
    students: Products | None = None
    seed: int = 0
    answers: Float[np.ndarray, "points classes"] | None = None

    @property
    def n_classes(self) -> int:
        """Count the classes."""
        return self.table.n_classes

    @cached_property
    def agreements(self) -> PairTable:
        """Agreement of every pair of labelers."""
        return pair_table(self.table.labels)

    @cached_property
    def skills(self) -> Skills:
        """Skill of each labeler for the shared answer."""
        products = {pair: chance_corrected(a, self.n_classes) for pair, a in self.agreements.items()}
        n = len(self.table.names)
        if self.asked_twice:
            return skills_of_draws(products, n)
        if n == 1:
            return Skills({})
        if n == 2:
            return skills_of_two(products[0, 1], self._ratio(0, 1))
        skills = skills_of_labelers(products, n)
        rest = [j for j in range(n) if j not in skills.left_out]
        if skills.each or len(rest) != 2:
            return skills
        first, second = rest
        of_two = skills_of_two(products[first, second], self._ratio(first, second))
        return replace(of_two, each={rest[k]: skill for k, skill in of_two.each.items()}, left_out=skills.left_out)

    @cached_property
    def one_class(self) -> tuple[Exchangeable, ...]:
        """Sets of classes that labelers take for one another."""
        return exchangeable_classes(self.table.labels, self.n_classes)

    @property
    def disagreement(self) -> LinearisedEstimate:
        """How often two labels of a point differ, mean over pairs of labelers; there must be one."""
        return mean_disagreement(self.agreements)

    def disagreement_interval(self, share: float = 1.0) -> Interval:
        """Give the interval of a share of `disagreement`, or the reason why there is none."""
        if not self.agreements:
            return self.no_interval(self.table.n_points, ONE_LABELER)
        return self.rate(self.disagreement * share)

    @property
    def judges(self) -> list[int]:
        """List the labelers whose skill is known."""
        return sorted(self.skills.each)

    def rate(self, value: LinearisedEstimate) -> Interval:
        """Give the interval of a share: cut to [0, 1]."""
        return value.interval(self.level, low=0.0, high=1.0)

    @cached_property
    def noise(self) -> Noise:
        """How the labelers that are judged miss the shared answer."""
        return Noise(self.table.labels[self.judges], self.n_classes, self.seed)

    def noise_report(self) -> NoiseReport | Withheld:
        """Say which model of noise the numbers are under."""
        if not self.judges:
            return Withheld("the labels share no answer that can be judged")
        return self.noise.report("it takes four labels of each of 20 points to test that")

    def missed(self) -> LinearisedEstimate:
        """Estimate how often a labeler misses the shared answer, mean."""
        return self._missed_accounts[0]

    @cached_property
    def _missed_accounts(self) -> list[LinearisedEstimate]:
        """Estimate it by each account of who shares errors; where points differ there is one, of labelers alike."""
        if self.noise.difficulty is not None:
            return [self.noise.missed()]
        means = (miss_rate(mean, self.n_classes) for mean in (self.skills.mean, *self.skills.other_means))
        return [self.noise.widened(mean, mean) for mean in means]

    @cached_property
    def guess(self) -> Float[np.ndarray, "points classes"]:
        """How likely each class is to be the true one, from labels and students; nan where nobody said anything."""
        given = mean_of_known(self.table.distributions)
        missed = self.missed().value if self.judges else None
        return guessed_truth(given, self.answers, missed=missed)

    def missed_interval(self) -> Interval:
        """Give the interval of `missed`, or the reason why there is none."""
        if not self.judges:
            alone = len(self.table.names) == 1
            return self.no_interval(self.table.n_points, ONE_LABELER if alone else NO_MORE_THAN_CHANCE)
        return self._by_accounts(self._missed_accounts)

    def _by_accounts(self, accounts: Sequence[LinearisedEstimate]) -> Interval:
        return interval_of_accounts(accounts[0], accounts[1:], self.level, low=0.0, high=1.0)

    def missed_bounds(self) -> Bounds:
        """Bound it whatever the noise: [D/2, D]; below by `least_miss_rate` for one labeler asked again."""
        interval = self.disagreement_interval()
        least = (
            least_miss_rate(interval.low, self.n_classes)
            if self.asked_twice and not math.isnan(interval.low)
            else interval.low / 2
        )
        return Bounds(least, interval.high)

    def has_few_labels(self, j: int) -> bool:
        """Say whether a labeler shares too few points with each other one for its agreement to be told from chance."""
        shared = [agreement.n_points for pair, agreement in self.agreements.items() if j in pair]
        return max(shared, default=0) < MIN_POINTS

    def labelers(self) -> tuple[LabelerReport, ...]:
        """Report each labeler."""
        return tuple(self._labeler(j, name) for j, name in enumerate(self.table.names))

    def _labeler(self, j: int, name: str) -> LabelerReport:
        given, truth = self.table.labels[j], self.table.true_labels
        pairs = [agreement for pair, agreement in self.agreements.items() if j in pair]
        agreement = self.no_interval(0, "it shares no point with another labeler")
        if pairs:
            agreement = self.rate(weighted_average(pairs))
        few = self.has_few_labels(j)
        reason = "it shares too few points with the others" if few else "it agrees with the others no more than chance"
        missed = self.no_interval(self.table.n_points, reason)
        if j in self.skills.each:
            missed = self._by_accounts(self._missed_by(j))
        error: Interval | Withheld = Withheld("there is no true label of a point that it labeled")
        if truth is not None and ((truth >= 0) & (given >= 0)).any():
            others = [(j, i) for i in range(len(self.table.labels)) if i != j]
            guessed = 1.0 - self.guess[np.arange(len(given)), np.maximum(given, 0)]
            controls = self._controls(others, np.where(given >= 0, guessed, np.nan), truth, self.table.true_strata)
            error = self.rate(with_controls(1.0 - self.right(j), controls))
        return LabelerReport(name, int((given >= 0).sum()), agreement, missed, error)

    def _missed_by(self, j: int) -> list[LinearisedEstimate]:
        """Estimate how often a labeler misses the shared answer, by each account that cannot be ruled out."""
        skills = (self.skills.each[j], *self.skills.others.get(j, ()))
        if self.noise.difficulty is not None:
            return [account for skill in skills for account in self.noise.missed_by(skill / self.skills.mean)]
        mean = miss_rate(self.skills.mean, self.n_classes)
        return [self.noise.widened(miss_rate(skill, self.n_classes), mean) for skill in skills]

    @cached_property
    def right_more_than_chance(self) -> list[int]:
        """List the labelers whom true labels show to be better than guessing; none where they are fewer than 20."""
        truth = self.table.true_labels
        if truth is None:
            return []
        known = {j: (given >= 0) & (truth >= 0) for j, given in enumerate(self.table.labels)}
        return [
            j
            for j, both in known.items()
            if both.sum() >= MIN_TRUE_LABELS and not unrelated(chance_corrected(self.right(j), self.n_classes))
        ]

    def vote_curve(self) -> tuple[VoteCurvePoint, ...]:
        """Say what a vote of 1, 2, ... labelers like these is worth, under the model of noise that fits."""
        if not self.judges:
            return ()
        return self.noise.vote_curve(self.missed().value, self.disagreement.value, self.level)

    def right(self, j: int) -> LinearisedEstimate:
        """Estimate how often a labeler is right, from the true labels of points that it labeled; there must be one."""
        given, truth, strata = self.table.labels[j], self.table.true_labels, self.table.true_strata
        assert truth is not None
        both = (given >= 0) & (truth >= 0)
        return mean_of_drawn((given == truth).astype(np.float64), both, strata)

    def error(self) -> LinearisedEstimate:
        """Estimate how often a label is wrong, from the true labels of the table; there must be some."""
        truth = self.table.true_labels
        assert truth is not None
        return self.error_by(truth, self.table.true_strata)

    def error_by(self, truth: Int[np.ndarray, " points"], strata: DrawnStrata | None) -> LinearisedEstimate:
        """Estimate how often a label is wrong, of all labels of points of known truth, which were drawn as is said."""
        given = self.table.answered
        count = given.sum(axis=0).astype(np.float64)
        wrong = (given & (self.table.labels != truth)).sum(axis=0).astype(np.float64)
        known = (truth >= 0) & (count > 0)
        labels = mean_of_drawn(count, known, strata, ends=())
        most, least = (pick(class_counts(self.table.labels, self.n_classes), axis=1) for pick in (np.max, np.min))
        error = mean_of_drawn(wrong, known, strata, ends=(count - most, count - least)) / labels
        pairs = list(combinations(range(len(self.table.labels)), 2))
        return with_controls(error, self._controls(pairs, self._guessed_error, truth, strata))

    @cached_property
    def _guessed_error(self) -> Float[np.ndarray, " points"]:
        """The share of a point's labels that is wrong if the truth is as is guessed; nan where nobody said anything."""
        shares = vote_shares(self.table.labels, self.n_classes, plurality=False)
        return np.asarray(1.0 - (self.guess * shares).sum(axis=1))

    def truth(self) -> TruthReport | Withheld:
        """Say what true labels add."""
        labels, true_labels, k = self.table.labels, self.table.true_labels, self.n_classes
        known: list[int] = []
        if true_labels is not None:
            known = [j for j in range(len(labels)) if ((labels[j] >= 0) & (true_labels >= 0)).any()]
        if true_labels is None or not known:
            return Withheld("not identifiable without true labels")
        rights = {j: self.right(j) for j in known}
        error = self.error()
        judges = [j for j in self.judges if j in rights]
        n = int((true_labels >= 0).sum())
        if len(labels) == 1:
            unknown = self.no_interval(n, ONE_LABELER)
            return TruthReport(n, self.rate(error), unknown, unknown, unknown)
        # E[(p_i - y) . (p_j - y)] / 2 over pairs of labelers: y is a vertex of the simplex, so that none is below 0.
        squared = self.rate(error - self.disagreement / 2)
        if not judges:
            unknown = self.no_interval(n, f"{NO_MORE_THAN_CHANCE}, so that they share no answer")
            return TruthReport(n, self.rate(error), unknown, unknown, squared)
        if self.noise.difficulty is not None:
            unknown = self.no_interval(n, "where points differ in difficulty, no class is surely the shared answer")
            # What of the error is variance is known all the same, in squared loss: disagreement / 2
            removable = self._share_of(self.disagreement / 2, error, n)
            return TruthReport(n, self.rate(error), unknown, removable, squared)
        bias = shared_bias({j: chance_corrected(rights[j], k) for j in judges}, self.skills, k)
        pairs = [(i, j) for i in judges for j in judges if j < i]
        bias = with_controls(bias, self._controls(pairs, self._guessed_error, true_labels, self.table.true_strata))
        removable = self._share_of(error - bias, error, n)
        return TruthReport(n, self.rate(error), self.rate(bias), removable, squared)

    def _share_of(self, part: LinearisedEstimate, error: LinearisedEstimate, n_true: int) -> Interval:
        """Give the share of the error that a part of it is; none where there is next to no error."""
        if error.value > error.standard_error:
            return (part / error).interval(self.level, high=1.0)
        return self.no_interval(n_true, "the labels have next to no error")

    def _ratio(self, first: int, second: int) -> LinearisedEstimate | None:
        """Estimate the ratio of two labelers' skills by how well students of both agree with each.

        The geometric mean over both students: what a student learned of its own labeler's habits cancels where they are
        alike. None without students, or if an agreement is not told apart from chance.
        """
        if self.students is None:
            return None
        q = [self.students[s][labeler] for labeler in (first, second) for s in (first, second)]
        if any(map(unrelated, q)):
            return None
        return ((q[0].log() + q[1].log() - q[2].log() - q[3].log()) / 2).exp()

    def _controls(
        self, pairs: Sequence[tuple[int, int]], guessed: np.ndarray, truth: np.ndarray, strata: DrawnStrata | None
    ) -> list[LinearisedEstimate]:
        """Controls of an error: agreement, and the error that is guessed if students add to what agreement tells."""
        known = truth >= 0
        agreement = self._agreement_controls(pairs, truth, strata)
        if self.answers is None or known.sum() < MIN_TRUE_LABELS:
            return agreement
        return [*agreement, *over_all_less_drawn(guessed, known, strata)]

    def _agreement_controls(
        self, pairs: Sequence[tuple[int, int]], truth: np.ndarray, strata: DrawnStrata | None
    ) -> list[LinearisedEstimate]:
        """Controls: how often these pairs of labelers agree, over all points less over those of known truth."""
        labels = self.table.labels
        if not pairs:
            return []
        both = [(labels[i] >= 0) & (labels[j] >= 0) for i, j in pairs]
        equal = [labels[i] == labels[j] for i, j in pairs]
        count = np.sum(both, axis=0)
        share = np.sum([b & e for b, e in zip(both, equal, strict=True)], axis=0) / np.maximum(count, 1)
        if ((truth >= 0) & (count > 0)).sum() < MIN_TRUE_LABELS:
            return []
        return list(over_all_less_drawn(np.where(count > 0, share, np.nan), truth >= 0, strata))

    def no_interval(self, n_points: int, reason: str) -> Interval:
        """Give nan and the reason."""
        return Interval.missing(reason, n_models=1, n_points=n_points, level=self.level, over="points")
