"""Rates of a table corrected by its true labels: how often labels are wrong, class shares, a rate that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from outlearn.core.gaps import mean_of_known
from outlearn.core.intervals import Interval
from outlearn.core.labelers.corrected_rates import difference_between_segments, prediction_powered, rogan_gladen
from outlearn.core.labelers.crossed_gain import vote_shares
from outlearn.core.labelers.influence import SHARE, LinearisedEstimate, mean_estimate
from outlearn.core.labelers.strata import Ends, mean_of_drawn
from outlearn.core.verdict import holm
from outlearn.data.label_table import LabelTable
from outlearn.errors import ConfigError, suggest
from outlearn.preflight_checks.check_labels import MIN_TRUE_LABELS, n_true_labels
from outlearn.results.measurement import Withheld
from outlearn.results.preflight_rates import CorrectedRate, RatesReport, SegmentRates, SegmentTest

__all__ = ["WRONG", "Rates", "check_rate"]

WRONG = "a label is wrong"
MIN_TRUE_OF_SEGMENT = 6  # of a corrected rate: four points for an interval, one for the weight of the labels, one spare
MAX_CLASSES_BY_SEGMENT = 3  # of more, only what was asked for is shown by segment


def check_rate(rate: Sequence[str], class_names: Sequence[str]) -> tuple[int, ...]:
    """Return the classes of a rate that is asked for.

    Raises:
        ConfigError: for a class that there is not, or for all of them.
    """
    for name in rate:
        if name not in class_names:
            raise ConfigError(f"the rate is to be of the class {name!r}; {suggest(name, class_names)}")
    if rate and set(rate) == set(class_names):
        raise ConfigError("the rate is to be of all classes, so that it is 1; name some of them.")
    return tuple(class_names.index(name) for name in rate)


@dataclass(frozen=True, eq=False)
class _Quantity:
    """What a rate is of: at each point the truth, what labels say, and how far they are off; nan where not known.

    `guessed` is what labels and students together say, None without students; `ends` are the least and the largest that
    the truth can be there.
    """

    name: str
    true: np.ndarray
    said: np.ndarray
    off: np.ndarray
    guessed: np.ndarray | None
    ends: Ends = SHARE
    is_error: bool = False


@dataclass(frozen=True, eq=False)
class Rates:
    """Correct the rates of a table.

    Attributes:
        table: with true labels of a random sample.
        level: of the intervals.
        seed: of permutations.
        rate: classes whose joint share is asked for; none: no such rate.
        guess: how likely each class is to be the true one (`guessed_truth`), which narrows the corrected rates; None
            without students, whose answers are what it adds to the labels.
    """

    table: LabelTable
    level: float
    seed: int
    rate: tuple[int, ...] = ()
    guess: Float[np.ndarray, "points classes"] | None = None

    def report(self) -> RatesReport | Withheld:
        """Report all rates; withheld with fewer than 20 true labels."""
        n_true = n_true_labels(self.table)
        if n_true < MIN_TRUE_LABELS:
            return Withheld(f"{n_true} true labels of labeled points; {MIN_TRUE_LABELS} are needed to correct a rate")
        everywhere = np.full(self.table.n_points, True)
        segments = self._segments()
        return RatesReport(
            n_true=n_true,
            level=self.level,
            rates=tuple(self._rate(quantity, everywhere) for quantity in self._quantities),
            segments=tuple(self._segment(name, where) for name, where in segments.items()),
            tests=self._tests(segments),
        )

    @cached_property
    def _quantities(self) -> list[_Quantity]:
        truth, k = self.table.true_labels, self.table.n_classes
        assert truth is not None
        known = truth >= 0
        said = mean_of_known(self.table.distributions)
        votes = vote_shares(self.table.labels, k, plurality=False)
        wrong = np.where(known, 1 - votes[np.arange(len(truth)), np.maximum(truth, 0)], np.nan)
        # What labels say of their own error: how often two of a point differ, or how unsure one is.
        doubt = 1 - np.square(said).sum(axis=1)
        ends = (1 - np.nan_to_num(votes, nan=1.0).max(axis=1), 1 - np.nan_to_num(votes).min(axis=1))
        guessed = None if self.guess is None else 1 - (self.guess * votes).sum(axis=1)
        found = [_Quantity(WRONG, wrong, doubt, wrong, guessed, ends, is_error=True)]
        groups: list[tuple[str, tuple[int, ...]]] = [(name, (c,)) for c, name in enumerate(self.table.class_names)]
        if self.rate:
            groups.append((" or ".join(self.table.class_names[c] for c in self.rate), self.rate))
        for name, classes in groups:
            true = np.where(known, np.isin(truth, classes), np.nan)
            share = said[:, list(classes)].sum(axis=1)
            guessed = None if self.guess is None else self.guess[:, list(classes)].sum(axis=1)
            found.append(_Quantity(name, true, share, share - true, guessed))
        return found

    def _rate(self, quantity: _Quantity, where: np.ndarray) -> CorrectedRate:
        true, said, strata = quantity.true, quantity.said, self.table.true_strata
        given = where & ~np.isnan(said)
        as_labeled: Interval | Withheld = Withheld("labels do not say how often they are wrong")
        by_classes: Interval | Withheld = as_labeled
        if not quantity.is_error:
            as_labeled = self._share(mean_estimate(said, given)) if given.any() else Withheld("there is no label")
            found = rogan_gladen(true, said, where, strata)
            by_classes = Withheld("true labels of points with it and without it do not tell the labels apart")
            if found is not None:
                by_classes = self._share(found)
        return CorrectedRate(
            name=quantity.name,
            as_labeled=as_labeled,
            true_alone=mean_of_drawn(true, where & ~np.isnan(true), strata, ends=quantity.ends).interval(
                self.level, low=0.0, high=1.0, of_share=strata is None and not quantity.is_error
            ),
            corrected=self._share(
                prediction_powered(true, said, where, strata, ends=quantity.ends, also=quantity.guessed)
            ),
            rogan_gladen=by_classes,
        )

    def _share(self, estimate: LinearisedEstimate) -> Interval:
        return estimate.interval(self.level, low=0.0, high=1.0)

    def _segments(self) -> dict[str, np.ndarray]:
        """Mark the points of each segment, the largest first."""
        if self.table.segments is None:
            return {}
        names, inverse, counts = np.unique(np.array(self.table.segments), return_inverse=True, return_counts=True)
        return {str(names[s]): inverse == s for s in np.argsort(-counts, kind="stable")}

    @property
    def _by_segment(self) -> list[_Quantity]:
        classes = self._quantities[1 : 1 + self.table.n_classes]
        asked = self._quantities[1 + self.table.n_classes :]
        few = classes[1:] if len(classes) == 2 else classes  # of two, one share says the other
        return [self._quantities[0], *(few if len(classes) <= MAX_CLASSES_BY_SEGMENT and not asked else []), *asked]

    def _segment(self, name: str, where: np.ndarray) -> SegmentRates:
        n_true = int((where & ~np.isnan(self._quantities[0].true)).sum())
        rates: tuple[CorrectedRate, ...] | Withheld = Withheld(f"fewer than {MIN_TRUE_OF_SEGMENT} true labels")
        if n_true >= MIN_TRUE_OF_SEGMENT:
            rates = tuple(self._rate(quantity, where) for quantity in self._by_segment)
        return SegmentRates(name, int(where.sum()), n_true, rates)

    def _tests(self, segments: dict[str, np.ndarray]) -> tuple[SegmentTest, ...]:
        """Test for each rate whether labels are off alike in the segments with enough true labels."""
        if not segments:
            return ()
        found: list[tuple[str, float | None, str, float]] = []
        for quantity in self._by_segment:
            known = {name: where & ~np.isnan(quantity.off) for name, where in segments.items()}
            enough = {name: at for name, at in known.items() if at.sum() >= MIN_TRUE_OF_SEGMENT}
            off = {name: float(quantity.off[at].mean()) for name, at in enough.items()}
            worst = max(off, key=lambda name: abs(off[name]), default="")
            if len(enough) < 2 or self.table.true_strata is not None:
                found.append((quantity.name, None, worst, off.get(worst, float("nan"))))
                continue
            values = np.concatenate([quantity.off[at] for at in enough.values()])
            index = np.repeat(np.arange(len(enough)), [int(at.sum()) for at in enough.values()])
            p_value = difference_between_segments(values, index, seed=self.seed)
            found.append((quantity.name, p_value, worst, off[worst]))
        adjusted = iter(holm(np.array([p for _, p, _, _ in found if p is not None])).tolist())
        reason = f"fewer than two segments have {MIN_TRUE_OF_SEGMENT} true labels"
        if self.table.true_strata is not None:
            reason = "the true labels were drawn by strata, which the test does not know of"
        return tuple(
            SegmentTest(name, Withheld(reason) if p is None else next(adjusted), worst, off)
            for name, p, worst, off in found
        )
