"""Which points to give true labels next: strata by how uncertain the wanted number is at each point.

At point i the wanted mean adds v_i(k) if k is the true class, which the table says for every k; how likely each k is
is guessed from the labels and the students. The guess decides where labels are drawn, and nothing else: the mean is
weighted by the chances to be drawn (`core.labelers.strata`), so that a bad guess makes it wide and never wrong. True
labels play no part in it: those there are stay a random sample of each stratum.

Widths to expect come from the table at hand: truth is drawn from the guess, points are drawn in both ways, and the
interval is the one that the report would print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int

from outlearn.core.intervals import Interval
from outlearn.core.labelers.allocation import allocate, strata_of_spread
from outlearn.core.labelers.crossed_gain import Judged, true_gain, values_by_class, vote_shares
from outlearn.core.labelers.strata import LEAST_DRAWN, DrawnStrata
from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.errors import ConfigError, suggest
from outlearn.preflight_checks.measures import LabelMeasures
from outlearn.preflight_checks.student_measures import over_nothing
from outlearn.results.next_labels import AIMS, DrawnPoint, ExpectedWidth, NextLabels, Stratum

__all__ = [
    "LEAST_LABELS", "Drawable", "Drawing", "Population", "check_aim", "next_labels", "planned", "strata_of_list",
]  # fmt: skip

Plan = TypeVar("Plan", bound=NextLabels)

LEAST_LABELS = 20  # as many as a report asks for at least
MAX_STRATA = 5  # more gain next to nothing (Cochran 1977, section 5A.8), and need labels each
LABELS_A_STRATUM = 16  # at least, so that its spread is measured
NUMBERS = (0.5, 1, 2, 4)  # times the number wanted: the widths that are shown
REPEATS = 20  # of each simulated draw: the mean width is known to a few percent


def check_aim(aim: str, n_labels: int, aims: Mapping[str, str] = AIMS) -> None:
    """Check what was asked for, before anything is computed.

    Raises:
        ConfigError: for an unknown aim or too few labels.
    """
    if aim not in aims:
        raise ConfigError(f"the aim of the next labels (--aim) is {aim!r}; {suggest(aim, aims)}")
    if n_labels < LEAST_LABELS:
        raise ConfigError(
            f"{n_labels} next labels (--label-next) are asked for; expected {LEAST_LABELS} or more: fewer make no "
            "interval that says anything."
        )


def next_labels(
    labels: LabelMeasures,
    judged: Judged | None,
    *,
    n_labels: int,
    aim: str,
    rng: np.random.Generator,
) -> NextLabels:
    """Draw points to label, and say how narrow the interval will be.

    Args:
        labels: of the table.
        judged: the students compared with the labelers; None without students.
        n_labels: how many to draw, beside the true labels that are there.
        aim: a key of `AIMS`.
        rng: draws.

    Raises:
        ConfigError: if the aim needs students and there are none, or there are not as many points without a true
            label.
    """
    check_aim(aim, n_labels)
    table = labels.table
    if aim != "accuracy" and judged is None:
        raise ConfigError(
            f"the next labels are to measure {AIMS[aim]} (--aim {aim}), and there are no students. Add texts or "
            "features, or take --aim accuracy."
        )
    return planned(NextLabels, Population(labels, judged, aim), table.ids, n_labels, labels.level, rng)


@runtime_checkable
class Drawable(Protocol):
    """Points of which some are to be labeled, and what is guessed of them."""

    @property
    def aim(self) -> str:
        """What they are to measure."""

    @property
    def known(self) -> np.ndarray:
        """Which of the points have a true label, or number, already."""

    def drawing(self, n_labels: int) -> Drawing:
        """Cut the points into strata, and say how many of each to draw."""

    def expected(self, n_labels: int, rng: np.random.Generator) -> ExpectedWidth:
        """Simulate how narrow the interval will be."""


def planned(
    kind: type[Plan], population: Drawable, ids: Sequence[str], n_labels: int, level: float, rng: np.random.Generator
) -> Plan:
    """Draw from a population, and simulate how narrow the interval will be for about as many labels.

    Raises:
        ConfigError: if there are not as many points without a true label, or number.
    """
    free = int((~population.known).sum())
    if n_labels > free:
        raise ConfigError(
            f"{n_labels:,} next labels are asked for, and {free:,} points have {kind.given} and no true one. Ask for "
            "fewer."
        )
    drawing = population.drawing(n_labels)
    counts = sorted({round(n_labels * times) for times in NUMBERS if LEAST_LABELS <= n_labels * times <= free})
    widths = tuple(population.expected(count, rng) for count in counts)
    drawn = drawing.drawn(rng, in_turn=True)
    return kind(
        aim=population.aim,
        n_labels=n_labels,
        level=level,
        widths=widths,
        strata=drawing.described(drawn),
        points=drawing.listed(ids, drawn, drawn),
        known=drawing.listed(ids, np.flatnonzero(drawing.is_known), drawn),
    )


@dataclass(frozen=True, eq=False)
class Population:
    """The points that a labeler labeled, and what is guessed of them.

    True labels of a random sample stay one within strata, so that strata are of all points. Where they were drawn by
    strata themselves, new ones are of the points without a true label, and the draws are joined.
    """

    labels: LabelMeasures
    judged: Judged | None
    aim: str

    @property
    def table(self) -> LabelTable:
        return self.labels.table

    @cached_property
    def points(self) -> np.ndarray:
        answered = self.table.answered.any(axis=0)
        return np.flatnonzero(answered if self.table.true_strata is None else answered & ~self._is_known)

    @cached_property
    def known(self) -> np.ndarray:
        truth = self.table.true_labels
        return np.zeros(len(self.points), dtype=bool) if truth is None else truth[self.points] >= 0

    @property
    def guess(self) -> np.ndarray:
        """How likely each class is to be the true one, `[points, classes]`."""
        return self.labels.guess[self.points]

    @cached_property
    def values(self) -> np.ndarray:
        """What each point adds to the wanted mean, were each class the true one, `[points, classes]`."""
        if self.aim == "accuracy" or self.judged is None:
            return vote_shares(self.table.labels[:, self.points], self.table.n_classes, plurality=False)
        judged = self.judged if self.aim == "gain" else over_nothing(self.judged)
        return np.nan_to_num(values_by_class(judged)[self.points])

    @cached_property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """The guessed mean and standard deviation of what each point adds."""
        values = self.values
        means = (self.guess * values).sum(axis=1)
        spread = np.sqrt((self.guess * np.square(values - means[:, None])).sum(axis=1))
        return means, np.where(np.ptp(values, axis=1) == 0, 0.0, spread)

    def drawing(self, n_labels: int) -> Drawing:
        """Cut the points into strata, and say how many of each to draw."""
        means, spread = self.moments
        n_strata = min(MAX_STRATA, max((n_labels + int(self.known.sum())) // LABELS_A_STRATUM, 1))
        stratum = strata_of_spread(spread, means, n_strata, least=max(LABELS_A_STRATUM, LEAST_DRAWN))
        sizes = tuple(np.bincount(stratum).tolist())
        spreads = np.sqrt(np.bincount(stratum, np.square(spread)) / sizes)
        known = np.bincount(stratum[self.known], minlength=len(sizes))
        counts = allocate(n_labels, sizes, spreads.tolist(), known.tolist())
        everywhere = np.full(self.table.n_points, UNLABELED)
        everywhere[self.points] = stratum
        return Drawing(everywhere, self._is_known, sizes, counts, tuple(spreads.tolist()), self.table.true_strata)

    @cached_property
    def _is_known(self) -> np.ndarray:
        truth = self.table.true_labels
        return (
            np.zeros(self.table.n_points, dtype=bool)
            if truth is None
            else self.table.answered.any(axis=0) & (truth >= 0)
        )

    def expected(self, n_labels: int, rng: np.random.Generator) -> ExpectedWidth:
        """Simulate truth and both draws, and average the widths of the intervals."""
        drawing = self.drawing(n_labels)
        unknown = self.points[~self.known]
        widths = []
        for _ in range(REPEATS):
            truth = self.drawn_truth(rng)
            both = rng.choice(unknown, n_labels, replace=False), drawing.drawn(rng)
            how = drawing.at_random(both[0]), drawing.strata(both[1])
            widths.append(
                [
                    self._half_width(np.where(drawing.with_known(points), truth, UNLABELED), strata)
                    for points, strata in zip(both, how, strict=True)
                ]
            )
        random, allocated = np.mean(widths, axis=0).tolist()
        return ExpectedWidth(n_labels, random, allocated)

    def drawn_truth(self, rng: np.random.Generator) -> Int[np.ndarray, " points"]:
        """Draw a true class for each point from the guess; one that is known stays."""
        truth = np.full(self.table.n_points, UNLABELED)
        below = np.cumsum(self.guess, axis=1)[:, :-1] < rng.random((len(self.points), 1))
        truth[self.points] = below.sum(axis=1)
        known = self.table.true_labels
        return truth if known is None else np.where(known >= 0, known, truth)

    def _half_width(self, truth: np.ndarray, strata: DrawnStrata | None) -> float:
        found = self.measured(truth, strata)
        return (found.high - found.low) / 2

    def measured(self, truth: np.ndarray, strata: DrawnStrata | None) -> Interval:
        """Measure the wanted number as the report does."""
        labels = self.labels
        if self.aim == "accuracy" or self.judged is None:
            return labels.rate(labels.error_by(truth, strata))
        judged = self.judged if self.aim == "gain" else over_nothing(self.judged)
        gain = true_gain(judged, self.table.labels, truth, strata, labels.guess)
        return gain.interval(labels.level) if self.aim == "gain" else labels.rate(gain)


def strata_of_list(drawn: NextLabels, n_points: int, before: DrawnStrata | None) -> DrawnStrata:
    """Say how the points of a list were drawn, those of earlier draws as `before` says."""
    of_point = np.full(n_points, UNLABELED)
    for point in drawn.points if before is not None else (*drawn.known, *drawn.points):
        of_point[point.index] = point.stratum - 1
    sizes = tuple(each.n_points for each in drawn.strata)
    return DrawnStrata(of_point, sizes) if before is None else before.joined(of_point, sizes)


@dataclass(frozen=True, eq=False)
class Drawing:
    """Strata, and how many points of each are to be drawn.

    Attributes:
        stratum: of each point of the table; -1 where no labeler said anything, or that an earlier draw has drawn.
        is_known: which points have a true label.
        sizes, counts, spreads: of each stratum its points, how many are drawn, and the guessed spread.
        before: how the points of known truth were drawn, if by strata.
    """

    stratum: np.ndarray
    is_known: np.ndarray
    sizes: tuple[int, ...]
    counts: tuple[int, ...]
    spreads: Sequence[float]
    before: DrawnStrata | None = None

    def drawn(self, rng: np.random.Generator, *, in_turn: bool = False) -> np.ndarray:
        """Draw points at random within each stratum; `in_turn` mixes them so that a part of them is spread alike."""
        found, turns = [], []
        for h, count in enumerate(self.counts):
            free = np.flatnonzero((self.stratum == h) & ~self.is_known)
            found.append(rng.choice(free, count, replace=False))
            turns.append((np.arange(count) + rng.random()) / max(count, 1))
        points = np.concatenate(found)
        return points[np.argsort(np.concatenate(turns), kind="stable")] if in_turn else points

    def with_known(self, points: np.ndarray) -> np.ndarray:
        """Mark these points, and those known."""
        marked = self.is_known.copy()
        marked[points] = True
        return marked

    def strata(self, points: np.ndarray) -> DrawnStrata:
        """Say how these points, drawn by strata, and those known were drawn."""
        of_point = np.where(self.with_known(points), self.stratum, UNLABELED)
        return DrawnStrata(of_point, self.sizes) if self.before is None else self.before.joined(of_point, self.sizes)

    def at_random(self, points: np.ndarray) -> DrawnStrata | None:
        """Say how these points, drawn at random from those not known, and those known were drawn; None: all alike."""
        if self.before is None:
            return None
        of_point = np.full(len(self.stratum), UNLABELED)
        of_point[points] = 0
        return self.before.joined(of_point, (sum(self.sizes),))

    def listed(self, ids: Sequence[str], points: np.ndarray, drawn: np.ndarray) -> tuple[DrawnPoint, ...]:
        """Say of these points where they were drawn, `drawn` being those of this draw."""
        strata = self.strata(drawn)
        number, draw = strata.within_draw + 1, strata.draws + 1
        of_point = strata.of_point[points].tolist()
        return tuple(
            DrawnPoint(i, ids[i], int(number[h]), int(draw[h])) for i, h in zip(points.tolist(), of_point, strict=True)
        )

    def described(self, drawn: np.ndarray) -> tuple[Stratum, ...]:
        """Describe the strata of this draw."""
        known = np.bincount(self.stratum[self.is_known & (self.stratum >= 0)], minlength=len(self.sizes)).tolist()
        share = float(self.strata(drawn).shares[-1])
        return tuple(
            Stratum(size, n_known, count, spread, share)
            for size, n_known, count, spread in zip(self.sizes, known, self.counts, self.spreads, strict=True)
        )
