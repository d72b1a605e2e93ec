"""How far do labelers' numbers differ, how far are they wrong together, and what does a student of them gain?

What is identifiable, and under which assumption, is in `outlearn.core.labelers.number_spread`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Real

from outlearn.core.gaps import mean_of_known
from outlearn.core.intervals import Interval, check_level
from outlearn.core.labelers.number_spread import pair_products, spread
from outlearn.core.mean_intervals import point_interval, ratio_interval
from outlearn.core.scales import DIFFERENCE, POSITIVE, SIGNED, Scale
from outlearn.data.number_table import NumberTable
from outlearn.data.rated_table import RatedTable
from outlearn.encoders.points import Texts
from outlearn.errors import DataError, ShapeError
from outlearn.preflight_checks.check_labels import MIN_POINTS, MIN_TRUE_LABELS
from outlearn.preflight_checks.features import encoded
from outlearn.preflight_checks.number_students import NumberFits, cross_fit_numbers, crossed_gains, mean_square
from outlearn.preflight_checks.students import MIN_POINTS_TO_TRAIN
from outlearn.progress import Progress, Silent
from outlearn.results.measurement import Withheld
from outlearn.results.number_preflight import Averaged, NumberLabeler, NumberPreflight, NumberStudent, NumberTruth

__all__ = ["analyse_numbers", "preflight_numbers"]

SIZES = (1, 2, 4, 8, 16)  # of averages, beside the number of labelers that there are
ONE = "one labeler: nothing says how far others differ"
INDEPENDENT = (
    "Taken for granted: labelers err independently of each other given the point. What several of them share, a habit "
    "or a source, counts as the shared answer: variance is then too small, and shared bias too large."
)
OF_THESE = "Intervals are over points, for these very labelers."


def preflight_numbers(
    numbers: Real[np.ndarray, "labelers points"],
    *,
    texts: Sequence[str] | None = None,
    features: Float[np.ndarray, "points features"] | None = None,
    true_numbers: Real[np.ndarray, " points"] | None = None,
    names: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    encoder: Mapping[str, Any] | None = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> NumberPreflight:
    """Say how much of the labelers' squared error is variance, what averaging leaves, and what a student gains.

    Args:
        numbers: a row a labeler, nan where it says nothing.
        texts, features: of the points; with either, ridge students are trained, on points they are not judged on.
        true_numbers: of a random sample of the points, nan elsewhere.
        names: of the labelers.
        ids: of the points.
        encoder: turns texts into features, as in a configuration; TF-IDF of at most 256 dimensions by default.
        level: of intervals.
        seed: of the folds.
        progress: where to show what is done.

    Returns:
        The report; print() it.

    Raises:
        DataError, ShapeError: if the numbers cannot be used.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> answer = rng.normal(size=500)
        >>> report = preflight_numbers(answer + rng.normal(size=(3, 500)), true_numbers=answer)
        >>> print(report.variance)
        0.9647 [0.8891, 1.0467]
        >>> print(report.truth.shared_bias)
        0.0275 [-0.0225, 0.1230]
    """
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
    table = RatedTable(NumberTable(called, values, known), truth, None if texts is None else tuple(texts))
    return analyse_numbers(table, features=features, encoder=encoder, level=level, seed=seed, progress=progress)


def analyse_numbers(
    table: RatedTable,
    *,
    features: Float[np.ndarray, "points features"] | None = None,
    encoder: Mapping[str, Any] | None = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> NumberPreflight:
    """Analyse a table of numbers; see `preflight_numbers`."""
    check_level(level)
    show = progress or Silent()
    values, names = table.numbers.values, table.numbers.names
    n_labelers, n_points = values.shape
    true = np.full(n_points, np.nan) if table.true is None else table.true
    _check(table, true)
    errors = values - true
    truth = _truth(values, true, level)
    variance: Interval | Withheld = Withheld(ONE)
    agreement: Interval | Withheld = Withheld(ONE)
    if n_labelers > 1:
        variance = _over_points(spread(values), level, POSITIVE)
        agreement = _agreement(values, level)
    what, students = _students(table, true, features, encoder, level, seed, show)
    return NumberPreflight(
        source=table.numbers.source,
        n_points=n_points,
        level=level,
        seed=seed,
        labelers=tuple(_labeler(m, names[m], values, errors, level) for m in range(n_labelers)),
        variance=variance,
        agreement=agreement,
        truth=truth,
        averaged=_averages(n_labelers, variance, agreement, truth),
        encoder=what,
        students=students,
        notes=(*table.numbers.notes, *((INDEPENDENT,) if n_labelers > 1 else ()), OF_THESE),
    )


def _check(table: RatedTable, true: np.ndarray) -> None:
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
    if n_labelers < 2 and n_true < MIN_TRUE_LABELS:
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


def _labeler(m: int, name: str, values: np.ndarray, errors: np.ndarray, level: float) -> NumberLabeler:
    own, others = values[m], mean_of_known(np.delete(values, m, axis=0)) if len(values) > 1 else values[m] * np.nan
    judged = errors[m][~np.isnan(errors[m])]
    few = Withheld(f"{len(judged)} true numbers of its points, fewer than {MIN_TRUE_LABELS}")
    enough = len(judged) >= MIN_TRUE_LABELS
    both = ~np.isnan(own) & ~np.isnan(others)
    return NumberLabeler(
        name=name,
        n_points=int((~np.isnan(own)).sum()),
        mean=float(np.nanmean(own)),
        deviation=float(np.nanstd(own, ddof=1)),
        offset=float((own - others)[both].mean()) if both.any() else math.nan,
        correlation=_correlation(own[both], others[both]),
        mse=point_interval(np.square(judged)[None], level, scale=POSITIVE) if enough else few,
        bias=point_interval(judged[None], level, scale=SIGNED) if enough else few,
    )


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _truth(values: np.ndarray, true: np.ndarray, level: float) -> NumberTruth | Withheld:
    mean = mean_of_known(values)
    known = ~np.isnan(true) & ~np.isnan(mean)
    n_known = int(known.sum())
    if n_known < MIN_TRUE_LABELS:
        return Withheld(
            f"{n_known} true numbers; {MIN_TRUE_LABELS} of points drawn at random tell it (--true FILE, --true-column)"
        )
    y, errors = true[known], (values - true)[:, known]
    bias: Interval | Withheld = Withheld(ONE)
    pairs = pair_products(errors)
    if int((~np.isnan(pairs)).sum()) >= MIN_TRUE_LABELS:
        bias = _over_points(pairs, level, SIGNED)
    spread_of_mean = float(np.var(mean[known]))
    slope = float(np.cov(mean[known], y, bias=True)[0, 1] / spread_of_mean) if spread_of_mean > 0 else math.nan
    return NumberTruth(
        n_points=n_known,
        error=_over_points(mean_square(errors), level, POSITIVE),
        shared_bias=bias,
        of_mean=_over_points(np.square(mean[known] - y), level, POSITIVE),
        offset=_over_points(mean[known] - y, level, SIGNED),
        slope=slope,
        correlation=_correlation(mean[known], y),
    )


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


def _students(
    table: RatedTable,
    true: np.ndarray,
    features: np.ndarray | None,
    encoder: Mapping[str, Any] | None,
    level: float,
    seed: int,
    show: Progress,
) -> tuple[str | Withheld, tuple[NumberStudent, ...]]:
    """Train students where there is something that they see, and enough of it."""
    values = table.numbers.values
    if features is None and table.texts is None:
        return Withheld("no texts and no features: give texts, in a column text or as a second file"), ()
    if values.shape[1] < MIN_POINTS_TO_TRAIN:
        return Withheld(f"{values.shape[1]} points, fewer than {MIN_POINTS_TO_TRAIN}"), ()
    with show.bar("students") as advance:
        if features is not None:
            seen, words = np.asarray(features, dtype=np.float64), f"given features, {features.shape[1]} dimensions"
        else:
            assert table.texts is not None  # as there are no features
            found = encoded(Texts(table.numbers.source, table.texts), encoder, advance)
            seen, words = found.values, found.words
        fits = cross_fit_numbers(seen, values, seed=seed)
    return words, _judged(fits, values, true, level)


def _judged(fits: NumberFits, values: np.ndarray, true: np.ndarray, level: float) -> tuple[NumberStudent, ...]:
    nobody = Withheld("a labeler is needed that the student did not learn from")
    one, mean = crossed_gains(fits, values) if len(values) > 1 else (None, None)
    average = mean_of_known(values)
    few = Withheld(f"fewer than {MIN_TRUE_LABELS} true numbers")
    known = ~np.isnan(true) & ~np.isnan(average)
    enough = int(known.sum()) >= MIN_TRUE_LABELS
    # A student of one labeler is judged where that labeler answered, so that both are of the same labelers and points.
    single = np.where(np.isnan(values), np.nan, fits.single)
    kinds = [("one labeler", one, mean_square(values - true), mean_square(single - true))]
    if len(values) > 1:
        kinds.append(("the mean of all", mean, np.square(average - true), np.square(fits.mean - true)))
    return tuple(
        NumberStudent(
            of=name,
            from_shared=nobody if crossed is None else _over_points(crossed.from_shared, level, SIGNED),
            gain=nobody if crossed is None else _over_points(crossed.gain, level, SIGNED),
            error=_over_points(of_students[known], level, POSITIVE) if enough else few,
            true_gain=_over_points((of_labels - of_students)[known], level, SIGNED) if enough else few,
        )
        for name, crossed, of_labels, of_students in kinds
    )
