"""How far do labelers' numbers differ, how far are they wrong together, and what does a student of them gain?

What is identifiable, and under which assumption, is in `outlearn.core.labelers.number_spread`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Real

from outlearn.core.gaps import mean_of_known
from outlearn.core.intervals import Interval, check_level
from outlearn.core.labelers.number_spread import pair_products, spread
from outlearn.core.labelers.strata import DrawnStrata
from outlearn.core.mean_intervals import point_interval, ratio_interval
from outlearn.core.number_intervals import NumberIntervals
from outlearn.core.ranges import Range
from outlearn.core.scales import DIFFERENCE, POSITIVE, SIGNED, Scale
from outlearn.data.copies import about_copies, families_of
from outlearn.data.number_table import NumberTable
from outlearn.data.rated_table import RatedTable
from outlearn.encoders.points import Texts
from outlearn.errors import DataError, ShapeError
from outlearn.preflight_checks.check_labels import MIN_POINTS, MIN_TRUE_LABELS
from outlearn.preflight_checks.features import encoded
from outlearn.preflight_checks.next_labels import check_aim
from outlearn.preflight_checks.number_next_labels import next_true_numbers
from outlearn.preflight_checks.number_students import NumberFits, cross_fit_numbers, crossed_gains, mean_square
from outlearn.preflight_checks.number_truth import mean_of_true, r2_of_true, truth_of_numbers
from outlearn.preflight_checks.number_verdict import decide_numbers
from outlearn.preflight_checks.students import MIN_POINTS_TO_TRAIN
from outlearn.progress import Progress, Silent
from outlearn.results.interval_calibration import IntervalCalibration
from outlearn.results.measured_intervals import interval_calibration
from outlearn.results.measurement import Withheld
from outlearn.results.next_labels import NUMBER_AIMS
from outlearn.results.number_preflight import Averaged, NumberLabeler, NumberPreflight, NumberStudent, NumberTruth

__all__ = ["analyse_numbers", "preflight_numbers"]

SIZES = (1, 2, 4, 8, 16)  # of averages, beside the number of labelers that there are
ONE = "one labeler: nothing says how far others differ"
INDEPENDENT = (
    "Taken for granted: labelers err independently of each other given the point. What several of them share, a habit "
    "or a source, counts as the shared answer: variance is then too small, and shared bias too large."
)
NOT_AT_RANDOM = (
    "Intervals are not checked: the true numbers were drawn by strata, where labelers are uncertain, and how many "
    "intervals hold the truth there is not how many do. Points drawn at random tell it (--true FILE)."
)
OF_THESE = "Intervals are over points, for these very labelers."


def preflight_numbers(
    numbers: Real[np.ndarray, "labelers points"],
    *,
    texts: Sequence[str] | None = None,
    features: Float[np.ndarray, "points features"] | None = None,
    true_numbers: Real[np.ndarray, " points"] | None = None,
    intervals: NumberIntervals | None = None,
    names: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    encoder: Mapping[str, Any] | None = None,
    level: float = 0.95,
    seed: int = 0,
    label_next: int | None = None,
    aim: str = "error",
    progress: Progress | None = None,
) -> NumberPreflight:
    """Say how much of the labelers' squared error is variance, what averaging leaves, and what a student gains.

    Args:
        numbers: a row a labeler, nan where it says nothing.
        texts, features: of the points; with either, ridge students are trained, on points they are not judged on.
        true_numbers: of a random sample of the points, nan elsewhere.
        intervals: in which labelers say that the truth lies, `[labelers, points]`: checked by the true numbers.
        names: of the labelers.
        ids: of the points.
        encoder: turns texts into features, as in a configuration; TF-IDF of at most 256 dimensions by default.
        level: of intervals.
        seed: of the folds, and of what is drawn.
        label_next: how many points to draw that say most about `aim` once they have a true number; None for none.
        aim: "error" (of a number), "gain" or "student" (its error).
        progress: where to show what is done.

    Returns:
        The report; print() it.

    Raises:
        DataError, ShapeError: if the numbers cannot be used. ConfigError: for an unknown aim, or too many points.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> answer = rng.normal(size=500)
        >>> report = preflight_numbers(answer + rng.normal(size=(3, 500)), true_numbers=answer)
        >>> print(report.variance)
        0.9647 [0.8891, 1.0467]
        >>> print(report.truth.shared_bias)
        0.0275 [-0.0225, 0.1230]
    """
    Range(0, whole=True).check("seed", seed)
    values = np.asarray(numbers, dtype=np.float64)
    if values.ndim != 2:
        raise ShapeError(f"numbers have shape {values.shape}; expected [labelers, points], nan where one says nothing.")
    n_labelers, n_points = values.shape
    known = tuple(map(str, range(1, n_points + 1))) if ids is None else tuple(ids)
    called = tuple(f"labeler {m + 1}" for m in range(n_labelers)) if names is None else tuple(names)
    truth = None if true_numbers is None else np.asarray(true_numbers, dtype=np.float64)
    lengths = {"ids": len(known), "true numbers": n_points if truth is None else truth.size}
    lengths |= {"texts": n_points if texts is None else len(texts)}
    lengths |= {"features": n_points if features is None else len(features)}
    for what, length in lengths.items():
        if length != n_points:
            raise ShapeError(f"{length} {what} for {n_points} points. Give one for each point.")
    if len(called) != n_labelers:
        raise ShapeError(f"{len(called)} names for {n_labelers} labelers.")
    if intervals is not None and intervals.low.shape != values.shape:
        raise ShapeError(f"intervals {intervals.low.shape} for numbers {values.shape}. Give one for each, or nan.")
    said = NumberTable(called, values, known, intervals=intervals)
    return analyse_numbers(
        RatedTable(said, truth, None if texts is None else tuple(texts)), features=features, encoder=encoder,
        level=level, seed=seed, label_next=label_next, aim=aim, progress=progress,
    )  # fmt: skip


def analyse_numbers(
    table: RatedTable,
    *,
    features: Float[np.ndarray, "points features"] | None = None,
    encoder: Mapping[str, Any] | None = None,
    level: float = 0.95,
    seed: int = 0,
    label_next: int | None = None,
    aim: str = "error",
    progress: Progress | None = None,
) -> NumberPreflight:
    """Analyse a table of numbers; see `preflight_numbers`."""
    check_level(level)
    if label_next is not None:
        check_aim(aim, label_next, NUMBER_AIMS)
    show = progress or Silent()
    values, names, strata = table.numbers.values, table.numbers.names, table.true_strata
    n_labelers, n_points = values.shape
    true = np.full(n_points, np.nan) if table.true is None else table.true
    _check(table, true, to_label_next=label_next is not None)
    errors = values - true
    truth = truth_of_numbers(values, true, strata, level, one=ONE)
    variance: Interval | Withheld = Withheld(ONE)
    agreement: Interval | Withheld = Withheld(ONE)
    if n_labelers > 1:
        variance = _over_points(spread(values), level, POSITIVE)
        agreement = _agreement(values, level)
    what, fits = _fits(table, features, encoder, seed, show)
    students = () if fits is None else _judged(fits, values, true, strata, level)
    why_none = what.reason if isinstance(what, Withheld) else "nobody can judge it: give true numbers"
    notes = (*about_copies(table.texts), *((INDEPENDENT,) if n_labelers > 1 else ()), OF_THESE)
    if table.numbers.intervals is not None and strata is not None:
        notes = (NOT_AT_RANDOM, *notes)
    return NumberPreflight(
        source=table.numbers.source,
        n_points=n_points,
        level=level,
        seed=seed,
        verdict=decide_numbers(
            students, truth, variance, agreement, why_none=why_none, listed=label_next is not None
        ),
        labelers=tuple(_labeler(m, names[m], values, errors, strata, level) for m in range(n_labelers)),
        variance=variance,
        agreement=agreement,
        truth=truth,
        averaged=_averages(n_labelers, variance, agreement, truth),
        encoder=what,
        students=students,
        intervals=tuple(_intervals(table, true, level)),
        notes=(*table.numbers.notes, *notes),
        next_labels=Withheld("none were asked for")
        if label_next is None
        else next_true_numbers(
            table, None if fits is None else fits.mean, n_labels=label_next, aim=aim, level=level,
            rng=np.random.default_rng(seed),
        ),
    )  # fmt: skip


def _intervals(table: RatedTable, true: np.ndarray, level: float) -> Iterator[IntervalCalibration]:
    """Check the intervals of each labeler that gives some; truth drawn by strata is no random sample of them."""
    said = table.numbers.intervals
    if said is None or table.true_strata is not None:
        return
    for m, name in enumerate(table.numbers.names):
        if said.given[m].any():
            yield interval_calibration(true, said.only(m), of=name, level=level)


def _check(table: RatedTable, true: np.ndarray, *, to_label_next: bool) -> None:
    """Refuse what says nothing: too few points, a labeler without numbers or with one alone, one labeler unjudged."""
    values, source = table.numbers.values, table.numbers.source
    n_labelers, n_points = values.shape
    if np.isinf(values).any() or np.isinf(true).any():
        raise DataError(f"{source}: numbers must be finite; nan stands for none.")
    if n_points < MIN_POINTS:
        raise DataError(f"{source}: {n_points} points; expected at least {MIN_POINTS}. Fewer say nothing.")
    for name, row in zip(table.numbers.names, values, strict=True):
        given = row[~np.isnan(row)]
        if len(given) < MIN_POINTS:
            raise DataError(
                f"{source}: labeler {name!r} has {len(given)} numbers; expected at least {MIN_POINTS}. Leave it out."
            )
        if np.ptp(given) == 0:
            raise DataError(f"{source}: labeler {name!r} always says {given[0]:g}. Leave it out (--labelers NAMES).")
    n_true = int((~np.isnan(true) & ~np.isnan(values).all(axis=0)).sum())
    if n_labelers < 2 and n_true < MIN_TRUE_LABELS and not to_label_next:
        raise DataError(
            f"{source}: 1 labeler ({table.numbers.names[0]!r}) and {n_true} true numbers of its points; expected "
            f"{MIN_TRUE_LABELS} of them, of points drawn at random (--true FILE, --true-column), or a second labeler. "
            "One answer a point says nothing about its error."
        )
    if n_labelers > 1 and int((~np.isnan(spread(values))).sum()) < MIN_POINTS:
        raise DataError(
            f"{source}: fewer than {MIN_POINTS} points have numbers of two labelers. Let two label the same."
        )


def _over_points(values: Float[np.ndarray, " points"], level: float, scale: Scale) -> Interval:
    """Average over the points that are known."""
    return point_interval(values[~np.isnan(values)][None], level, scale=scale)


def _agreement(values: np.ndarray, level: float) -> Interval:
    """Measure the intraclass correlation: products of two labelers' centred numbers over their squares."""
    centred = values - np.nanmean(values)
    shared = pair_products(centred)
    known = ~np.isnan(shared)
    return ratio_interval(shared[known][None], mean_square(centred)[known][None], level, scale=DIFFERENCE)


def _labeler(
    m: int, name: str, values: np.ndarray, errors: np.ndarray, strata: DrawnStrata | None, level: float
) -> NumberLabeler:
    own, others = values[m], mean_of_known(np.delete(values, m, axis=0)) if len(values) > 1 else values[m] * np.nan
    n_judged = int((~np.isnan(errors[m])).sum())
    few = Withheld(f"{n_judged} true numbers of its points, fewer than {MIN_TRUE_LABELS}")
    enough = n_judged >= MIN_TRUE_LABELS
    both = ~np.isnan(own) & ~np.isnan(others)
    return NumberLabeler(
        name=name,
        n_points=int((~np.isnan(own)).sum()),
        mean=float(np.nanmean(own)),
        deviation=float(np.nanstd(own, ddof=1)),
        offset=float((own - others)[both].mean()) if both.any() else math.nan,
        correlation=_correlation(own[both], others[both]),
        mse=mean_of_true(np.square(errors[m]), strata, level, POSITIVE) if enough else few,
        bias=mean_of_true(errors[m], strata, level, SIGNED) if enough else few,
    )


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _averages(
    n_labelers: int, variance: Interval | Withheld, agreement: Interval | Withheld, truth: NumberTruth | Withheld
) -> tuple[Averaged, ...]:
    if isinstance(variance, Withheld) or isinstance(agreement, Withheld):
        return ()
    r = min(max(agreement.mean, 0.0), 1.0)
    bias = truth if isinstance(truth, Withheld) else truth.shared_bias

    def at(size: int) -> Averaged:
        left = variance.mean / size
        error = bias if isinstance(bias, Withheld) else bias.mean + left
        # Spearman 1910 and Brown 1910: the reliability of the mean of `size` answers.
        return Averaged(size, left, error, size * r / (1 + (size - 1) * r))

    return tuple(at(size) for size in sorted({*SIZES, n_labelers}))


def _fits(
    table: RatedTable, features: np.ndarray | None, encoder: Mapping[str, Any] | None, seed: int, show: Progress
) -> tuple[str | Withheld, NumberFits | None]:
    """Train students where there is something that they see, and enough of it; and say what they see."""
    values = table.numbers.values
    if features is None and table.texts is None:
        return Withheld("no texts and no features: give texts, in a column text or as a second file"), None
    if values.shape[1] < MIN_POINTS_TO_TRAIN:
        return Withheld(f"{values.shape[1]} points, fewer than {MIN_POINTS_TO_TRAIN}"), None
    with show.bar("students") as advance:
        if features is not None:
            seen, words = np.asarray(features, dtype=np.float64), f"given features, {features.shape[1]} dimensions"
        else:
            assert table.texts is not None  # as there are no features
            found = encoded(Texts(table.numbers.source, table.texts), encoder, advance)
            seen, words = found.values, found.words
        return words, cross_fit_numbers(seen, values, seed=seed, first=families_of(table.texts))


def _judged(
    fits: NumberFits, values: np.ndarray, true: np.ndarray, strata: DrawnStrata | None, level: float
) -> tuple[NumberStudent, ...]:
    nobody = Withheld("a labeler is needed that the student did not learn from")
    one, mean = crossed_gains(fits, values) if len(values) > 1 else (None, None)
    average, of_labeler = mean_of_known(values), mean_square(values - true)
    few = Withheld(f"fewer than {MIN_TRUE_LABELS} true numbers")
    known = ~np.isnan(true) & ~np.isnan(average)
    enough = int(known.sum()) >= MIN_TRUE_LABELS
    # A student of one labeler is judged where that labeler answered, so that both are of the same labelers and points.
    single = np.where(np.isnan(values), np.nan, fits.single)
    kinds = [("one labeler", one, of_labeler, mean_square(single - true))]
    if len(values) > 1:
        kinds.append(("the mean of all", mean, np.square(average - true), np.square(fits.mean - true)))

    def of_true(added: np.ndarray, scale: Scale) -> Interval | Withheld:
        return mean_of_true(np.where(known, added, np.nan), strata, level, scale) if enough else few

    return tuple(
        NumberStudent(
            of=name,
            from_shared=nobody if crossed is None else _over_points(crossed.from_shared, level, SIGNED),
            gain=nobody if crossed is None else _over_points(crossed.gain, level, SIGNED),
            over_labeler=nobody if crossed is None else _over_points(crossed.over_labeler, level, SIGNED),
            error=of_true(of_students, POSITIVE),
            r2=r2_of_true(np.where(known, of_students, np.nan), true, strata, level) if enough else few,
            true_gain=of_true(of_labels - of_students, SIGNED),
            true_over_labeler=of_true(of_labeler - of_students, SIGNED),
        )
        for name, crossed, of_labels, of_students in kinds
    )
