"""Which model of noise fits a table: even noise where it is not rejected, else points that differ in difficulty."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from outlearn.core.labelers.agreement_coefficients import class_counts
from outlearn.core.labelers.difficulty import (
    BOOTSTRAPS,
    Difficulty,
    Patterns,
    error_of_missed,
    fit_difficulty,
    patterns_of,
)
from outlearn.core.labelers.even_noise import EvenNoiseTest, even_noise_test
from outlearn.core.labelers.influence import LinearisedEstimate, mean_estimate
from outlearn.core.labelers.labeler_agreement import plurality_accuracy
from outlearn.core.labelers.split_votes import split_vote_agreement
from outlearn.core.randomness import generator
from outlearn.results.measurement import Withheld
from outlearn.results.preflight_noise import NoiseReport, VoteCurvePoint

__all__ = ["Noise"]

SIGNIFICANT = 0.01  # p-value from which even noise is given up: a wrong model costs more than a larger one
MAX_VOTERS = 15  # of the curve of votes


@dataclass(frozen=True, eq=False)
class Noise:
    """Say how labelers miss the answer that they share.

    Attributes:
        labels: `[labelers, points]`, of the labelers that are judged.
        n_classes: of the task.
        seed: of atoms, draws and the bootstrap.
    """

    labels: np.ndarray
    n_classes: int
    seed: int

    @cached_property
    def test(self) -> EvenNoiseTest | None:
        """The test of even noise; None with too few labels a point."""
        return even_noise_test(self.labels)

    @cached_property
    def counts(self) -> np.ndarray:
        """Count the labels of each class at each point."""
        return class_counts(self.labels, self.n_classes).astype(np.int64)

    @cached_property
    def patterns(self) -> Patterns:
        """Group the points by these counts."""
        return patterns_of(self.counts)

    @cached_property
    def difficulty(self) -> Difficulty | None:
        """The distribution of difficulties; None where even noise is not rejected, or cannot be tested."""
        if self.test is None or self.test.p_value > SIGNIFICANT:
            return None
        return self._fit

    @cached_property
    def _fit(self) -> Difficulty:
        return fit_difficulty(self.patterns.counts, self.patterns.times, seed=self.seed)

    def widened(self, even: LinearisedEstimate, mean: LinearisedEstimate) -> LinearisedEstimate:
        """Widen an estimate under even noise, a labeler's or the `mean`, by what the choice of the model leaves open.

        Tables with few labels a point often pass the test of even noise though points differ. So the mean has at least
        the error of the larger model, and its distance to that model's estimate counts as a further error:
        se^2 <- max(se^2, se_larger^2) + (mean - larger)^2. A labeler's variance grows by as much.
        """
        error = even.standard_error
        if self.test is None or self.difficulty is not None or not error > 0:
            return even
        larger = max(self._error_of_fit**2 - mean.standard_error**2, 0.0)
        return _scaled(even, math.sqrt(error**2 + larger + (mean.value - self._fit.missed) ** 2) / error)

    @cached_property
    def _error_of_fit(self) -> float:
        return error_of_missed(self._fit, self.patterns.counts, self.patterns.times, seed=self.seed)

    @cached_property
    def shared_answer(self) -> np.ndarray:
        """The probability of each class to be a point's shared answer, `[points, classes]`; there must be a fit."""
        assert self.difficulty is not None
        return self.difficulty.shared_answer(self.patterns.counts)[self.patterns.pattern_of]

    def missed_by(self, relative: LinearisedEstimate) -> tuple[LinearisedEstimate, LinearisedEstimate]:
        """Estimate how often one labeler misses the shared answer where points differ in difficulty, by two accounts.

        How good labelers are shows in how often they agree; how a better one is better does not: with M and D the mean
        of misses and disagreement, c = (K - 1) / K and r = 1 - M / c the mean skill,

        - on all points alike, r_j(x) = g_j r(x): M_j = c (1 - r g_j), g_j its skill over the mean of the labelers';
        - at hard points, where it misses less often by the same share, M_j(x) = f_j M(x). There labelers disagree
          whoever is better, so that M_j is further from the mean: M_j - M = (M_j - M of the first) times
          M (c - D) / ((D - M)(c - M)), which is 1 under even noise.

        Args:
            relative: g_j.
        """
        fit, mean = self.difficulty, self.missed()
        assert fit is not None
        chance = (self.n_classes - 1) / self.n_classes
        everywhere = (1.0 - (1.0 - mean / chance) * relative) * chance
        steeper = fit.missed * (chance - fit.disagreement) / ((fit.disagreement - fit.missed) * (chance - fit.missed))
        return everywhere, mean + (everywhere - mean) * max(steeper, 1.0)

    def missed(self) -> LinearisedEstimate:
        """Estimate how often a label misses the shared answer, where points differ in difficulty."""
        assert self.difficulty is not None
        found = _scaled(self._posterior_missed, self._inflation)
        # Its error is that of so many bootstraps: they are its degrees of freedom, plus one.
        return replace(found, value=self.difficulty.missed, n_points=min(found.n_points, BOOTSTRAPS))

    @cached_property
    def _posterior_missed(self) -> LinearisedEstimate:
        total = self.counts.sum(axis=1)
        hit = (self.counts * self.shared_answer).sum(axis=1) / np.maximum(total, 1)
        return mean_estimate(1 - hit, total > 0)

    @cached_property
    def _inflation(self) -> float:
        """How much larger the standard error is than if the distribution of difficulties were known."""
        assert self.difficulty is not None
        known = self._posterior_missed.standard_error
        return max(self._error_of_fit / known, 1.0) if known > 0 else 1.0

    def report(self, why_not_tested: str) -> NoiseReport:
        """Report the model that is used."""
        if self.test is None:
            unknown = Withheld(why_not_tested)
            return NoiseReport("not tested", unknown, unknown, unknown, unknown, mixed=False)
        if self.difficulty is None:
            even = Withheld("even noise is not rejected")
            return NoiseReport("even", self.test.z, self.test.p_value, even, even, mixed=False)
        fit = self.difficulty
        return NoiseReport(
            "difficulty", self.test.z, self.test.p_value, fit.first[0].rate, fit.first[0].concentration, mixed=fit.mixed
        )

    def vote_curve(self, rate: float, disagreement: float, level: float) -> tuple[VoteCurvePoint, ...]:
        """Say what a vote of 1, 2, ... labelers like these is worth.

        Where even noise cannot be tested it gives the most that a vote can do: how often a vote is wrong is convex in
        a point's disagreement. The least is where all of that lies on points at which two classes are as likely.
        """
        rng = generator(self.seed, "votes")
        k = self.n_classes
        found = []
        for size in range(1, min(2 * len(self.labels) + 1, MAX_VOTERS) + 1):
            measured = split_vote_agreement(self.counts, size, rng) if size % 2 else None
            if self.difficulty is not None:
                accuracy, agreement = self.difficulty.votes(size, rng)
            else:
                accuracy = plurality_accuracy(size, min(max(rate, 0.0), (k - 1) / k), k)
                agreement = accuracy**2 + (1 - accuracy) ** 2 / (k - 1)
            found.append(
                VoteCurvePoint(
                    n_labelers=size,
                    accuracy=accuracy,
                    least=float("nan") if self.test is not None else max(1 - disagreement, 1 / k),
                    agreement=agreement,
                    measured=Withheld(f"fewer than {2 * size} labels a point, or an even number of labelers")
                    if measured is None
                    else measured.interval(level, low=0.0, high=1.0),
                )
            )
        return tuple(found)


def _scaled(estimate: LinearisedEstimate, factor: float) -> LinearisedEstimate:
    """Widen an estimate's standard error by a factor."""
    return replace(estimate * factor, value=estimate.value)
