"""Which points to give true numbers next: strata by how uncertain the wanted number is at each point.

The truth at point i is guessed as normal, y_i ~ N(u_i, s_i^2). Given y each wanted number adds a polynomial of it, so
that its spread is known in closed form, with m_i the mean of the labelers and f_i what the student says:

    squared error of a label       mean_k (l_k - y)^2               sqrt(2 s^4 + 4 s^2 (u - m)^2)
    squared error of the student   (f - y)^2                        sqrt(2 s^4 + 4 s^2 (u - f)^2)
    gain over a labeler            the first less the second        2 s |f - m|

The gain is known without any truth where the student says what the labelers say on average. The guess decides where
labels are drawn, and nothing else: means are weighted by the chances to be drawn (`core.labelers.strata`), so that a
bad guess makes them wide and never wrong. Widths to expect are simulated: truth is drawn from the guess, points in both
ways, and the interval is the one that the report would print.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from outlearn.core.gaps import mean_of_known
from outlearn.core.labelers.allocation import allocate, strata_of_spread
from outlearn.core.labelers.number_spread import pair_products, spread
from outlearn.core.labelers.strata import LEAST_DRAWN, DrawnStrata
from outlearn.core.scales import POSITIVE, SIGNED
from outlearn.data.label_table import UNLABELED
from outlearn.data.rated_table import RatedTable
from outlearn.errors import ConfigError
from outlearn.preflight_checks.next_labels import (
    LABELS_A_STRATUM,
    LEAST_LABELS,
    MAX_STRATA,
    REPEATS,
    Drawing,
    check_aim,
    planned,
)
from outlearn.preflight_checks.number_truth import mean_of_true
from outlearn.results.next_labels import NUMBER_AIMS, ExpectedWidth, NumberNextLabels

__all__ = ["next_true_numbers"]

LEAST_DISTANCE = 0.05  # of a labeler's variance: no student is taken to be nearer to the shared answer
OWN_SHARE = 0.5  # of a point's own variance in its guess: that of few labelers is uncertain itself


def next_true_numbers(
    table: RatedTable,
    student: Float[np.ndarray, " points"] | None,
    *,
    n_labels: int,
    aim: str,
    level: float,
    rng: np.random.Generator,
) -> NumberNextLabels:
    """Draw points to give true numbers, and say how narrow the interval will be.

    Args:
        table: of the labelers' numbers.
        student: what the student of the mean of all says of each point, on points it did not see; None without one.
        n_labels: how many to draw, beside the true numbers that are there.
        aim: a key of `NUMBER_AIMS`.
        level: of the interval.
        rng: draws.

    Raises:
        ConfigError: if the aim needs a student and there is none, or there are not as many points without a true
            number.
    """
    check_aim(aim, n_labels, NUMBER_AIMS)
    if aim != "error" and student is None:
        raise ConfigError(
            f"the next labels are to measure {NUMBER_AIMS[aim]} (--aim {aim}), and there is no student. Add texts or "
            "features, or take --aim error."
        )
    population = _Population(table, student, aim, level)
    return planned(NumberNextLabels, population, table.numbers.ids, n_labels, level, rng)


@dataclass(frozen=True, eq=False)
class _Population:
    """The points that a labeler gave a number, and what is guessed of them."""

    table: RatedTable
    student: np.ndarray | None
    aim: str
    level: float

    @cached_property
    def values(self) -> np.ndarray:
        return self.table.numbers.values

    @cached_property
    def points(self) -> np.ndarray:
        answered = self.table.numbers.answered.any(axis=0)
        return np.flatnonzero(answered if self.table.true_strata is None else answered & np.isnan(self.true))

    @cached_property
    def true(self) -> np.ndarray:
        truth = self.table.true
        return np.full(self.values.shape[1], np.nan) if truth is None else truth

    @cached_property
    def known(self) -> np.ndarray:
        return ~np.isnan(self.true[self.points])

    @cached_property
    def guess(self) -> tuple[np.ndarray, np.ndarray]:
        """The guessed mean and standard deviation of the truth at each point of the table, nan where nobody answered.

        u_i weighs the mean of the labelers and the student by their precisions about the shared answer, v / M there and
        d = mean (f - m)^2 - v / M: what was learned from other points knows nothing of the error at this one. s_i^2 is
        what both leave, and the squared shared bias: as true numbers say, where there are any; else as large as the
        variance of a labeler.
        """
        mean, own = mean_of_known(self.values), spread(self.values)
        count = np.maximum((~np.isnan(self.values)).sum(axis=0), 1)
        known = np.square(self.true - mean)
        known = known[~np.isnan(known)]
        if np.isnan(own).all():  # one labeler: its squared error, if it is known, else the variance of what it says
            error = known.mean() if len(known) else float(np.nanvar(mean))
            return mean, np.where(np.isnan(mean), np.nan, np.sqrt(error))
        typical = float(np.nanmean(own))
        variance = np.where(np.isnan(own), typical, OWN_SHARE * own + (1 - OWN_SHARE) * typical)
        pairs = pair_products(self.values - self.true)
        pairs = pairs[~np.isnan(pairs)]
        bias = typical if len(pairs) < LEAST_LABELS else max(float(pairs.mean()), 0.0)
        own_mean = variance / count
        if self.student is None:
            return mean, np.where(np.isnan(mean), np.nan, np.sqrt(own_mean + bias))
        apart = float(np.nanmean(np.square(self.student - mean) - own_mean))
        distance = max(apart, LEAST_DISTANCE * typical)
        weight = distance / (distance + own_mean)
        left = own_mean * weight + bias
        return weight * mean + (1 - weight) * self.student, np.where(np.isnan(mean), np.nan, np.sqrt(left))

    def wanted(self, truth: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
        """Return what each point adds to the wanted number, given the truth there."""
        of_labels = mean_of_known(np.square(self.values - truth))
        if self.aim == "error" or self.student is None:
            return of_labels
        of_student = np.square(self.student - truth)
        return of_student if self.aim == "student" else of_labels - of_student

    @cached_property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """The guessed mean and standard deviation of what each point adds."""
        guess, deviation = (part[self.points] for part in self.guess)
        said, mean = self.values[:, self.points], mean_of_known(self.values[:, self.points])

        def of_square(centre: np.ndarray) -> np.ndarray:
            return np.asarray(np.sqrt(2 * deviation**4 + 4 * np.square(deviation * (guess - centre))))

        of_labels = mean_of_known(np.square(said - guess)) + np.square(deviation)
        if self.aim == "error" or self.student is None:
            return of_labels, of_square(mean)
        student = self.student[self.points]
        of_student = np.square(student - guess) + np.square(deviation)
        if self.aim == "student":
            return of_student, of_square(student)
        return of_labels - of_student, 2 * deviation * np.abs(student - mean)

    def drawing(self, n_labels: int) -> Drawing:
        """Cut the points into strata, and say how many of each to draw."""
        means, spread_of = self.moments
        n_strata = min(MAX_STRATA, max((n_labels + int(self.known.sum())) // LABELS_A_STRATUM, 1))
        stratum = strata_of_spread(spread_of, means, n_strata, least=max(LABELS_A_STRATUM, LEAST_DRAWN))
        sizes = np.bincount(stratum)
        # Means differ within a stratum too: both make what it adds vary.
        centre = np.bincount(stratum, means) / sizes
        within = np.bincount(stratum, np.square(spread_of) + np.square(means - centre[stratum])) / sizes
        known = np.bincount(stratum[self.known], minlength=len(sizes))
        counts = allocate(n_labels, sizes.tolist(), np.sqrt(within).tolist(), known.tolist())
        everywhere = np.full(self.values.shape[1], UNLABELED)
        everywhere[self.points] = stratum
        known_points = ~np.isnan(self.true) & self.table.numbers.answered.any(axis=0)
        spreads = tuple(np.sqrt(within).tolist())
        return Drawing(everywhere, known_points, tuple(sizes.tolist()), counts, spreads, self.table.true_strata)

    def expected(self, n_labels: int, rng: np.random.Generator) -> ExpectedWidth:
        """Simulate truth and both draws, and average the widths of the intervals."""
        drawing = self.drawing(n_labels)
        unknown = self.points[~self.known]
        mean, deviation = self.guess
        widths = []
        for _ in range(REPEATS):
            guessed = mean + deviation * rng.normal(size=len(mean))
            added = self.wanted(np.where(np.isnan(self.true), guessed, self.true))
            both = rng.choice(unknown, n_labels, replace=False), drawing.drawn(rng)
            how = drawing.at_random(both[0]), drawing.strata(both[1])
            widths.append(
                [
                    self._half_width(added, drawing.with_known(points), strata)
                    for points, strata in zip(both, how, strict=True)
                ]
            )
        random, allocated = np.mean(widths, axis=0).tolist()
        return ExpectedWidth(n_labels, random, allocated)

    def _half_width(self, added: np.ndarray, marked: np.ndarray, strata: DrawnStrata | None) -> float:
        scale = SIGNED if self.aim == "gain" else POSITIVE
        found = mean_of_true(np.where(marked, added, np.nan), strata, self.level, scale)
        return (found.high - found.low) / 2
