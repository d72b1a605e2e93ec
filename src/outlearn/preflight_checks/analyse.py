"""Will my student beat my labeler? Read weak labels before anything is trained on them, with few true labels or none.

What is identifiable, and under which assumption, is in docs/will-my-student-beat-my-labeler.md; the mathematics is in
`outlearn.core.labelers.labeler_agreement`, `shared_answer` and `crossed_gain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.intervals import check_level
from outlearn.core.labelers.label_variance import label_variance
from outlearn.core.randomness import generator
from outlearn.data.copies import about_copies, families_of
from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.data.task import ROUNDED, SUM_TOLERANCE
from outlearn.encoders.points import Texts
from outlearn.errors import ConfigError, DataError, ShapeError
from outlearn.preflight_checks.assumptions import assumptions, classes_in_words, doubts
from outlearn.preflight_checks.check_labels import MIN_TRUE_LABELS, check_labels, n_true_labels
from outlearn.preflight_checks.features import StudentFeatures, encoded
from outlearn.preflight_checks.inheritance import inheritance
from outlearn.preflight_checks.label_gain import gain_of_next_labels
from outlearn.preflight_checks.measures import NO_MORE_THAN_CHANCE, ONE_LABELER, LabelMeasures
from outlearn.preflight_checks.next_labels import check_aim, next_labels
from outlearn.preflight_checks.points import points_to_check
from outlearn.preflight_checks.rates import Rates, check_rate
from outlearn.preflight_checks.student_measures import (
    MIN_HABIT_EXCESS,
    StudentMeasures,
    habits,
    judged_by_truth,
    student_by_truth,
    student_products,
)
from outlearn.preflight_checks.students import MIN_POINTS_TO_TRAIN, CrossFit, cross_fit, pools
from outlearn.preflight_checks.verdict import NoStudents, decide
from outlearn.preflight_checks.worth import worth_of_labels
from outlearn.progress import Progress, Silent
from outlearn.results.label_gain import LabelGain
from outlearn.results.measurement import Withheld
from outlearn.results.next_labels import NextLabels
from outlearn.results.preflight import Preflight
from outlearn.results.preflight_parts import StudentReport
from outlearn.results.preflight_worth import LabelsWorth
from outlearn.results.shares import one_minus

__all__ = ["analyse_table", "preflight"]

FOLDS = 5
UNJUDGED = NoStudents("one labeler, asked once, and no true label", "")


def preflight(
    labels: Int[np.ndarray, "labelers points"] | Float[np.ndarray, "labelers points classes"],
    *,
    texts: Sequence[str] | None = None,
    features: Float[np.ndarray, "points features"] | None = None,
    true_labels: Int[np.ndarray, " points"] | None = None,
    segments: Sequence[str] | None = None,
    rate: Sequence[str] = (),
    asked_twice: bool = False,
    names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    encoder: Mapping[str, Any] | None = None,
    largest_bias: float = 0.25,
    level: float = 0.95,
    seed: int = 0,
    label_next: int | None = None,
    aim: str = "accuracy",
    progress: Progress | None = None,
) -> Preflight:
    """Say how much of the labels' error is variance, whether a student will gain, and what would tell more.

    Args:
        labels: whole numbers of classes from 0, -1 where a labeler gave none; a row a labeler, or a row each time that
            one labeler was asked. Or distributions over the classes, nan where it gave none: votes are taken from them
            (a tie is none), and what is in nats or squared loss is of them.
        texts, features: of the points; with either, students are trained (on points they are not judged on).
        true_labels: of a random sample of the points, -1 elsewhere.
        segments: of the points: rates are given, and labels compared, by these too.
        rate: classes whose joint share of the points is asked for, beside that of each.
        asked_twice: the rows are one labeler, asked again independently.
        names: of the labelers.
        class_names: of the classes.
        ids: of the points.
        encoder: turns texts into features, as in a configuration; TF-IDF reduced to at most 256 dimensions by default.
        largest_bias: the shared bias to allow for in the bounds of the gain, in [0, 0.5).
        level: of intervals.
        seed: of the folds and the sample of points to check.
        label_next: draw so many points to give true labels next; None draws none.
        aim: what those are to measure: "accuracy" of a label, "gain" of the student over a labeler, or "student", its
            accuracy.
        progress: where to show what is done.

    Returns:
        The report; print() it.

    Raises:
        ConfigError: if an option is not allowed.
        DataError, ShapeError: if the labels, texts or features cannot be used.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> shared = rng.integers(0, 2, 2000)
        >>> labels = np.where(rng.random((2, 2000)) < 0.2, 1 - shared, shared)
        >>> report = preflight(labels, asked_twice=True)
        >>> print(report.missed)
        0.2102 [0.1926, 0.2282]
        >>> report.verdict.key
        'no students'
    """
    array, probs = np.asarray(labels), None
    if array.ndim == 3 and array.dtype.kind == "f":
        probs = _distributions(array)
        array = np.where(np.isnan(probs[..., 0]), UNLABELED, np.nan_to_num(probs).argmax(axis=2))
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise ShapeError(
            f"labels have shape {array.shape} and dtype {array.dtype}; expected whole numbers [labelers, points], -1 "
            "for no label, or distributions [labelers, points, classes], nan for no label."
        )
    if class_names is None:
        most = max(int(array.max(initial=1)), 1 if true_labels is None else int(np.max(true_labels, initial=1)))
        class_names = [str(k) for k in range(most + 1 if probs is None else probs.shape[2])]
    table = check_labels(
        LabelTable(
            names=tuple(names or (f"labeler {j + 1}" for j in range(len(array)))),
            labels=array.astype(np.int64),
            class_names=tuple(class_names),
            probs=probs,
            ids=tuple(ids or map(str, range(1, array.shape[1] + 1))),
            texts=None if texts is None else tuple(texts),
            has_ids=ids is not None,
            true_labels=None if true_labels is None else np.asarray(true_labels, dtype=np.int64),
            segments=None if segments is None else tuple(map(str, segments)),
        ).with_ties_as_gaps(),
        to_label_next=label_next is not None,
    )
    return analyse_table(
        table, features=features, rate=rate, asked_twice=asked_twice, encoder=encoder, largest_bias=largest_bias,
        level=level, seed=seed, label_next=label_next, aim=aim, progress=progress,
    )  # fmt: skip


def _distributions(probs: np.ndarray) -> np.ndarray:
    """Check that rows sum to 1, and make the sums exact."""
    given = ~np.isnan(probs).any(axis=2)
    sums = probs.sum(axis=2)
    wrong = given & ((np.abs(sums - 1) > ROUNDED + SUM_TOLERANCE) | (probs < 0).any(axis=2))
    if wrong.any():
        labeler, point = np.argwhere(wrong)[0].tolist()
        raise DataError(
            f"{int(wrong.sum())} distributions do not sum to 1, or hold a negative number: the first is of labeler "
            f"{labeler}, point {point}: {probs[labeler, point].tolist()}. Divide each by its sum."
        )
    return np.asarray(np.where(given[..., None], probs / np.where(given, sums, 1.0)[..., None], np.nan))


def analyse_table(
    table: LabelTable,
    *,
    features: Float[np.ndarray, "points features"] | None = None,
    rate: Sequence[str] = (),
    asked_twice: bool = False,
    encoder: Mapping[str, Any] | None = None,
    largest_bias: float = 0.25,
    level: float = 0.95,
    seed: int = 0,
    label_next: int | None = None,
    aim: str = "accuracy",
    progress: Progress | None = None,
) -> Preflight:
    """Report on a table; see `preflight` for the arguments."""
    check_level(level)
    if label_next is not None:
        check_aim(aim, label_next)
    if not 0 <= largest_bias < 0.5:
        raise ConfigError(f"the largest shared bias is {largest_bias!r}; expected at least 0 and below 0.5.")
    if features is not None and (features.ndim != 2 or len(features) != table.n_points):
        raise ShapeError(f"features have shape {features.shape}; expected [{table.n_points} points, features].")
    if features is not None and not np.isfinite(features).all():
        raise DataError("features hold nan or infinite numbers; expected finite ones.")
    show = progress or Silent()
    of_classes = check_rate(rate, table.class_names)
    seen = _what_students_see(table, features, encoder, show)
    groups, single, pooled = pools(len(table.names)), None, None
    if isinstance(seen, StudentFeatures):
        with show.bar("training students") as advance:
            single, pooled = _students(table, seen.values, groups, seed, advance)
        seen = replace(seen, words=f"{seen.words}; linear head, C = {single.strength:g}")
    alone = len(table.names) == 1
    products = None if single is None or alone else student_products(table, single)
    excess = 0.0 if products is None or asked_twice else habits(products)
    if excess > MIN_HABIT_EXCESS and len(table.names) == 2:
        pooled = None  # it has learned its judges' habits
    answering = single if alone or pooled is None else pooled
    answers = None if answering is None else answering.probs[1.0].mean(axis=0)
    labels = LabelMeasures(table, asked_twice, level, products, seed, answers)
    measured = None
    if single is not None and labels.judges:
        measured = StudentMeasures(labels, largest_bias, single, pooled, tuple(groups))
    students = () if measured is None else measured.reports()
    if alone or not labels.judges:  # no two labels of a point can be compared: true labels judge, or nothing does
        pooled, reason = None, ONE_LABELER if alone else NO_MORE_THAN_CHANCE
        by_truth = n_true_labels(table) >= MIN_TRUE_LABELS if alone else bool(labels.right_more_than_chance)
        judged = single is not None and by_truth
        students = (student_by_truth(labels, single, reason),) if judged and single is not None else ()
    student: StudentReport | NoStudents | None = None
    if labels.judges or alone or labels.right_more_than_chance:
        student = students[-1] if students else UNJUDGED
        student = seen if isinstance(seen, NoStudents) else student
    last_doubling, pooling = (
        (Withheld("there are no students"),) * 2 if measured is None else (measured.last_doubling(), measured.pooling())
    )
    missed, truth, best = labels.missed_interval(), labels.truth(), pooled or single
    planned: NextLabels | Withheld = Withheld("no points to label next were asked for")
    label_gain: LabelGain | Withheld = Withheld("no points to label next were asked for")
    if label_next is not None:
        judged_by = None if single is None else judged_by_truth(labels, single)
        planned = next_labels(
            labels,
            judged_by if measured is None else measured.best_judged(),
            n_labels=label_next,
            aim=aim,
            rng=generator(seed, "next labels"),
        )
        label_gain = (
            gain_of_next_labels(
                seen.values.astype(np.float32, copy=False), table, label_next, level=level,
                rng=generator(seed, "gain of the next labels"),
            )
            if isinstance(seen, StudentFeatures)
            else Withheld("there are no students")
        )  # fmt: skip
    return Preflight(
        source=table.source,
        n_points=table.n_points,
        class_names=table.class_names,
        level=level,
        seed=seed,
        asked_twice=asked_twice,
        verdict=decide(
            student, truth, largest_bias=largest_bias, last_doubling=last_doubling, pooling=pooling,
            one_class=classes_in_words(labels), listed=label_next is not None,
        ),
        labelers=labels.labelers(),
        disagreement=labels.disagreement_interval(),
        least_error=labels.disagreement_interval(0.5),
        noise=labels.noise_report(),
        missed=missed,
        missed_bounds=labels.missed_bounds(),
        ceiling=one_minus(missed),
        truth=truth,
        label_variance=Withheld("the labels are votes")
        if table.probs is None
        else label_variance(table.probs, table.true_labels, level=level),
        rates=Rates(table, level, seed, of_classes, None if answers is None else labels.guess).report(),
        largest_bias=largest_bias,
        encoder=seen.words if isinstance(seen, StudentFeatures) else Withheld(seen.reason),
        students=students,
        inheritance=Withheld("there are no students")
        if single is None
        else inheritance(table, single, pooled, level=level),
        more_labels=() if measured is None else measured.learning_curve(),
        last_doubling=last_doubling,
        vote_curve=labels.vote_curve(),
        pooling=pooling,
        worth=_worth(table, seen, best, level, seed),
        points_to_check=points_to_check(
            table, None if best is None else best.probs[1.0].mean(axis=0), generator(seed, "points to check")
        ),
        warnings=(*about_copies(table.texts), *doubts(labels, excess)),
        assumptions=assumptions(labels, single, largest_bias),
        notes=table.notes,
        next_labels=planned,
        label_gain=label_gain,
    )  # fmt: skip


def _worth(
    table: LabelTable, seen: StudentFeatures | NoStudents, best: CrossFit | None, level: float, seed: int
) -> LabelsWorth | Withheld:
    if isinstance(seen, NoStudents) or best is None:
        return Withheld("there are no students")
    features = seen.values.astype(np.float32, copy=False)
    return worth_of_labels(features, table, best, level=level, rng=generator(seed, "worth of the labels"))


def _what_students_see(
    table: LabelTable, features: np.ndarray | None, encoder: Mapping[str, Any] | None, show: Progress
) -> StudentFeatures | NoStudents:
    if table.n_points < MIN_POINTS_TO_TRAIN:
        return NoStudents(
            f"{table.n_points} points are too few to train and judge students ({MIN_POINTS_TO_TRAIN})",
            "Label more points.",
        )
    if features is not None:
        return StudentFeatures(features, f"given features, {features.shape[1]} dimensions")
    if table.texts is None:
        return NoStudents(
            "there are no texts or features",
            "Add the texts (a column text, or TEXTS), or features of the points as a .npy file.",
        )
    with show.bar("encoding texts") as advance:
        return encoded(Texts(table.source, table.texts), encoder, advance)


def _students(
    table: LabelTable, features: np.ndarray, groups: Sequence[tuple[int, ...]], seed: int, advance: Any
) -> tuple[CrossFit, CrossFit]:
    """Train a student of each labeler, and one of each group of labelers."""
    n = len(table.names)
    fit = cross_fit(
        features.astype(np.float32, copy=False),
        table.labels,
        [*((j,) for j in range(n)), *groups],
        table.n_classes,
        folds=FOLDS,
        rng=generator(seed, "folds"),
        first=families_of(table.texts),
        progress=advance,
    )
    return fit.of(slice(n)), fit.of(slice(n, None))
