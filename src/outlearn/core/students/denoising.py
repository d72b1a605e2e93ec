"""Is the student's gain only denoising? Teachers, their ensembles and the students in one table.

A student of noisy labels averages noise away, and so does an ensemble of teachers. If the mean or the dual-mean teacher
does as well as the students, the gain needs no other explanation. The best single teacher is never chosen on the points
that it is reported on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from outlearn.core.intervals import Interval
from outlearn.core.mean_intervals import two_way_interval
from outlearn.core.metrics import METRICS, accuracy, log_loss, score
from outlearn.core.plain_arrays import plain_array
from outlearn.core.point_models import labeled_by
from outlearn.core.predictions import Predictions, check_predictions
from outlearn.core.randomness import generator as random_generator
from outlearn.core.verdict import standing
from outlearn.errors import AlignmentError, DomainError

__all__ = ["ControlRow", "DenoisingControl", "denoising_control"]

COLUMNS = ("accuracy", "log_loss", "brier")
ENSEMBLES = ("mean teacher", "dual-mean teacher")
STUDENTS = "students"
MIN_HALF = 4  # points that either half needs, to choose the best teacher and to judge it


@dataclass(frozen=True)
class ControlRow:
    """One line of the table: accuracy, log loss (nats) and Brier score with intervals.

    The intervals of a single model or ensemble go over test points only; `interval.over` says so.
    """

    name: str
    accuracy: Interval
    log_loss: Interval
    brier: Interval


@dataclass(frozen=True)
class DenoisingControl:
    """The table, the students' paired differences to each ensemble, and the answer; print() it.

    Attributes:
        rows: teachers, best single teacher, mean teacher, dual-mean teacher, students, mean student.
        best_teacher: row of the teacher that was best where it was chosen.
        accuracy_over, log_loss_below: for "mean teacher" and "dual-mean teacher", how much more accurate the students
            are and how much lower their log loss is, paired by point, over teacher clusters and points for these
            ensembles.
        answer: in words.
    """

    rows: tuple[ControlRow, ...]
    best_teacher: int
    accuracy_over: dict[str, Interval]
    log_loss_below: dict[str, Interval]
    answer: str

    @property
    def students(self) -> ControlRow:
        """Return the row of the students."""
        return next(row for row in self.rows if row.name == STUDENTS)

    @property
    def least_accuracy_over(self) -> Interval:
        """Return the students' gain in accuracy over the ensemble that is harder to beat, by the lower end."""
        return min(self.accuracy_over.values(), key=lambda over: -math.inf if math.isnan(over.low) else over.low)

    def __str__(self) -> str:
        lines = [f"{'':<22}{'accuracy':>26}{'log loss':>26}{'Brier':>26}"]
        lines += [f"{row.name:<22}" + "".join(f"{getattr(row, c)!s:>26}" for c in COLUMNS) for row in self.rows]
        for name in ENSEMBLES:
            lines.append(
                f"students against the {name}: accuracy higher by {self.accuracy_over[name]}, "
                f"log loss lower by {self.log_loss_below[name]}"
            )
        return "\n".join([*lines, self.answer])


def denoising_control(
    labels: Integer[np.ndarray, "points"],
    *,
    teacher: Predictions,
    student: Predictions,
    validation_teacher: Predictions | None = None,
    validation_labels: Integer[np.ndarray, "validation_points"] | None = None,
    level: float = 0.95,
) -> DenoisingControl:
    """Compare students with single teachers and with ensembles of them.

    The ensembles are the arithmetic mean of the teachers' probabilities, and their dual mean, the normalised geometric
    one; a student of many noisy labels can be expected to reach them by averaging alone.

    Args:
        labels: true classes of the test points, `[points]` int.
        teacher: on the test points, `[teachers, points, classes]`.
        student: on the test points, `[students, points, classes]`, with `teacher_of` unless there is one teacher or one
            student a teacher.
        validation_teacher: the same teachers on validation points, `[teachers, validation points, classes]`.
        validation_labels: true classes of these, `[validation points]` int; they choose the best teacher, by accuracy,
            ties by log loss. Without either it is chosen on a random half of the test points and judged on the other.
        level: of the intervals, between 0 and 1.

    Returns:
        The table with an answer: "not only denoising" where the students are more accurate than both ensembles beyond
        their intervals.

    Raises:
        AlignmentError: if points or teachers do not fit, or labels are not one a point.
        DomainError: for labels that are no classes; for fewer than 8 points to choose and judge the best teacher on; if
            the teachers have no dual mean: at some point no class has positive probability under all of them, as where
            two are certain of different classes. There is no table without it, since the answer compares with both
            ensembles; give such teachers as logits.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(0, 2, 60)
        >>> right = lambda n, p: Predictions.from_probs(np.where(
        ...     (np.eye(2)[y] > 0) == (rng.random((n, 60, 1)) < p), 0.9, 0.1))
        >>> t, s, v = right(3, 0.6), right(3, 0.95), right(3, 0.6)
        >>> table = denoising_control(y, teacher=t, student=s, validation_teacher=v, validation_labels=y)
        >>> [row.name for row in table.rows]
        ['teachers', 'best teacher', 'mean teacher', 'dual-mean teacher', 'students', 'mean student']
        >>> table.answer
        'Not only denoising: the students are more accurate than both ensembles of their teachers.'
    """
    check_predictions(teacher=teacher, student=student)
    labels = plain_array(labels, "labels")
    own = labeled_by(teacher, student)
    ids, judged_on = teacher.point_ids, np.arange(teacher.n_points)
    if validation_teacher is None or validation_labels is None:
        if teacher.n_points < 2 * MIN_HALF:
            raise DomainError(f"{teacher.n_points} points are too few to choose the best teacher on one half of them.")
        shuffled = random_generator(0, "halves").permutation(teacher.n_points)
        chosen_on, judged_on = shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]
        validation_teacher, validation_labels = teacher.select(ids[chosen_on]), labels[chosen_on]
    if validation_teacher.n_models != teacher.n_models:
        raise AlignmentError(
            f"validation_teacher must hold the same {teacher.n_models} teachers; got {validation_teacher.n_models}. "
            "Predict every teacher on both splits."
        )
    correct = accuracy(validation_teacher, validation_labels).mean(axis=1)
    loss = log_loss(validation_teacher, validation_labels).mean(axis=1)
    best = int(np.lexsort((loss, -correct))[0])
    single = Predictions.from_logits(teacher.log_probs[best, judged_on], point_ids=ids[judged_on])
    paired_students = Predictions.from_logits(student.log_probs, point_ids=student.point_ids, teacher_of=own)
    ensembles = dict(zip(ENSEMBLES, (teacher.mean(), teacher.dual_mean()), strict=True))
    entries = {"teachers": teacher, "best teacher": single, **ensembles}
    entries |= {STUDENTS: paired_students, "mean student": student.mean()}

    def row(name: str, entry: Predictions) -> ControlRow:
        truth = labels[judged_on] if entry is single else labels
        return ControlRow(name, *(score(column, entry, truth, level).interval for column in COLUMNS))

    rows = tuple(row(name, entry) for name, entry in entries.items())

    def difference(metric: str, name: str, sign: float) -> Interval:
        values = METRICS[metric](student, labels) - METRICS[metric](ensembles[name], labels)
        return two_way_interval(sign * values, level, clusters=own, scale=METRICS[metric].difference_scale)

    accuracy_over = {name: difference("accuracy", name, 1.0) for name in ENSEMBLES}
    log_loss_below = {name: difference("log_loss", name, -1.0) for name in ENSEMBLES}
    return DenoisingControl(rows, best, accuracy_over, log_loss_below, _answer(accuracy_over))


def _answer(over: dict[str, Interval]) -> str:
    found = {name: standing(difference) for name, difference in over.items()}
    outcomes = {each.outcome for each in found.values()}
    if outcomes == {"beats"}:
        return "Not only denoising: the students are more accurate than both ensembles of their teachers."
    if "worse" in outcomes:
        return "Denoising would do: an ensemble of the teachers is more accurate than the students."
    if "not told apart" in outcomes:
        return "Undecided: the students are not told apart from an ensemble of their teachers, which denoises as well."
    reason = next(each.reason for each in found.values() if each.reason)
    return f"Undecided: no interval compares the students with an ensemble of their teachers ({reason})."
