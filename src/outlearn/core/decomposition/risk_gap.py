"""The gain of a student over its teacher, split into misfit and residual, in any Bregman divergence and both orders.

gap = misfit + residual holds for every student and point (`risk_gap`). On average the residual is 0 where the student
is the posterior mean of its teacher: the dual mean in order "target_first", the arithmetic one in "prediction_first".
Residual and gap are computed by their own formulas, and the largest disagreement is reported.
`RiskGap` holds every term, its summary their means, its ledger and slices the points that the gain comes from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped

from outlearn.core.decomposition.crossed_misfit import CrossedMisfit, crossed_misfit
from outlearn.core.decomposition.ledger import TERMS, Ledger, NumberLedger, SliceTable, slice_points
from outlearn.core.gaps import NEEDS_EVERY_ANSWER, mean_of_known, over_answered
from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.log_space import row_max, row_sum
from outlearn.core.mean_intervals import cluster_means, two_way_interval
from outlearn.core.numbers import AnyPredictions, Numbers, check_models
from outlearn.core.orders import Directions, directions, mean_risk, model_blocks
from outlearn.core.point_models import labeled_by
from outlearn.core.predictions import Predictions
from outlearn.core.scales import POSITIVE, SCALES, SIGNED
from outlearn.core.targets import NumberTarget, Target, read_target, target_duals
from outlearn.core.text import preformatted
from outlearn.core.top_class import hits
from outlearn.errors import DomainError

__all__ = ["RiskGap", "RiskGapSummary", "risk_gap"]

DIVERGENCES = ("teacher_risk", "student_risk", "misfit")  # never below 0; the gap and the residual are differences
LABELS = {
    "teacher_risk": "teacher risk",
    "student_risk": "student risk",
    "gap": "gap",
    "misfit": "  = misfit",
    "residual": "  + residual",
    "crossed_misfit": "crossed misfit",
    "overfit_covariance": "overfit covariance",
}


def risk_gap(
    target: Shaped[np.ndarray, "..."] | AnyPredictions,
    *,
    teacher: AnyPredictions,
    student: AnyPredictions,
    generator: str | BregmanGenerator | None = None,
    order: str = "target_first",
    draws: bool = False,
) -> RiskGap:
    """Split the student's gain in risk over its teacher into misfit and residual.

    target_first:      D(Y, t) - D(Y, s) = D(s, t) + <grad phi(s) - grad phi(t), Y - s>
    prediction_first:  D(t, Y) - D(s, Y) = D(t, s) + <grad phi(s) - grad phi(Y), t - s>
                       gap                 misfit    residual

    t is the teacher, s the student it labeled, Y the target.

    Args:
        target: int labels `[points]`; a distribution `[points, classes]`; or draws of the target, `[draws, points]` int
            (with `draws=True`) or `[draws, points, classes]`. For numbers `[points]`, or draws `[draws, points]`.
        teacher: `[teachers, points, classes]`, or `Numbers`.
        student: `[students, points, classes]`, with `teacher_of` unless there is one teacher or one student a teacher.
        generator: a name of `GENERATORS` or an instance; None is negative_entropy for distributions, squared_euclidean
            for numbers.
        order: "target_first" measures risk D(target, prediction) and misfit D(student, teacher); "prediction_first"
            measures risk D(prediction, target) and misfit D(teacher, student).
        draws: say that the first axis of an integer target is draws.

    Returns:
        Every term for every student and point, `[students, points]`, in the generator's unit (nats for the entropies);
        nan where the student's teacher says nothing, and means are over the other points.

    Raises:
        ConfigError: for an unknown generator or order.
        AlignmentError: if teacher and student have different points, or the pairing is not said.
        ShapeError: for a target that does not fit or is ambiguous.
        DomainError: for values outside the generator's domain, and where a risk or misfit is infinite, so that gap and
            residual have no value; the message says where.

    Examples:
        >>> t = Predictions.from_probs(np.array([[0.6, 0.4], [0.7, 0.3]]))
        >>> s = Predictions.from_probs(np.array([[0.8, 0.2], [0.6, 0.4]]))
        >>> gap = risk_gap(np.array([0, 0]), teacher=t, student=s)
        >>> gap.gap.round(4), gap.misfit.round(4), gap.residual.round(4)
        (array([[ 0.2877, -0.1542]]), array([[0.0915, 0.0226]]), array([[ 0.1962, -0.1767]]))

    Source: Xu et al., Weak-to-Strong Generalization via Bregman Bias-Variance Decomposition, 2025, states the
    inequality in expectation; the pointwise identity with its residual, in both orders, is ours.
    """
    check_models(teacher=teacher, student=student)
    own = labeled_by(teacher, student)
    chosen = get_generator(generator or teacher.default_generator)
    read = read_target(target, teacher, draws=draws)
    y = target_duals(read, teacher, chosen, order)
    if order == "prediction_first":
        target_duals(read, student, chosen, order)  # the student may reach classes that the teacher does not
    t = teacher.duals(chosen, argument="teacher")
    of_teacher = mean_risk(y, t, chosen, order)
    centre = read.coordinates.mean(axis=0) if order == "target_first" else y.mean(axis=0)

    t_points = teacher.coordinates()
    shape = (student.n_models, student.n_points)
    student_risk, misfit, residual = np.empty(shape), np.empty(shape), np.empty(shape)
    for rows in model_blocks(student.n_models, y.size):  # memory does not grow with the number of students
        s = student.duals(chosen, argument="student", models=rows)
        s_points, t_own = student.coordinates(rows), t[own[rows]]
        student_risk[rows] = mean_risk(y, s, chosen, order)
        # Each term by its own formula, so that identity_error can tell: gap = misfit + residual is not used here.
        if order == "target_first":  # D(s, t), and <grad phi(s) - grad phi(t), E Y - s>: the gap is affine in Y
            misfit[rows] = chosen.divergence_of_gradients(s, t_own)
            residual[rows] = _inner(s, t_own, centre - s_points)
        else:  # D(t, s), and <grad phi(s) - E grad phi(Y), t - s>
            misfit[rows] = chosen.divergence_of_gradients(t_own, s)
            residual[rows] = _inner(s, centre, t_points[own[rows]] - s_points)
    teacher_risk = of_teacher[own]
    terms = {"teacher risk": teacher_risk, "student risk": student_risk, "misfit": misfit}
    _refuse_infinite(terms, teacher, student, own, order)
    if teacher.answered is None:
        crossed = crossed_misfit(teacher, student, own, chosen, order)
    else:  # what a teacher left out is no answer, and has no risk
        crossed = CrossedMisfit(math.nan, math.nan, None, None, NEEDS_EVERY_ANSWER)
        for term in (teacher_risk, misfit, residual):
            term[~teacher.answered[own]] = math.nan
    gap = teacher_risk - student_risk
    return RiskGap(
        teacher_risk=teacher_risk,
        student_risk=student_risk,
        gap=gap,
        misfit=misfit,
        residual=residual,
        identity_error=float(np.nanmax(np.abs(gap - (misfit + residual)))),
        crossed_misfit=crossed.mean,
        overfit_covariance=crossed.covariance,
        generator=chosen,
        order=order,
        teacher_of=own,
        point_ids=student.point_ids,
        _crossed=crossed,
        _teacher=teacher,
        _student=student,
        _target=read,
    )


@dataclass(frozen=True, eq=False)
class RiskGap:
    """Risks of students and their teachers with gap = misfit + residual, point by point; print() gives the summary.

    Attributes:
        teacher_risk, student_risk: `[students, points]`, averaged over draws of the target; row s of `teacher_risk` is
            the risk of the teacher that labeled student s.
        gap: `[students, points]`, teacher_risk - student_risk; positive where the student is better.
        misfit: `[students, points]`, D(student, teacher) in order "target_first", D(teacher, student) in
            "prediction_first".
        residual: `[students, points]`, from the inner product, not as gap - misfit.
        identity_error: the largest |gap - misfit - residual|, rounding only.
        crossed_misfit: misfit to teachers that did not label the student, over all pairs; nan for one teacher.
        overfit_covariance: crossed_misfit - misfit; nan for one teacher.
        generator, order: what was measured.
        teacher_of: `[students]`, row of each student's teacher.
        point_ids: `[points]`.
    """

    teacher_risk: Float[np.ndarray, "students points"]
    student_risk: Float[np.ndarray, "students points"]
    gap: Float[np.ndarray, "students points"]
    misfit: Float[np.ndarray, "students points"]
    residual: Float[np.ndarray, "students points"]
    identity_error: float
    crossed_misfit: float
    overfit_covariance: float
    generator: BregmanGenerator
    order: str
    teacher_of: Integer[np.ndarray, " students"]
    point_ids: Shaped[np.ndarray, " points"]
    _crossed: CrossedMisfit = field(repr=False)
    _teacher: AnyPredictions = field(repr=False)
    _student: AnyPredictions = field(repr=False)
    _target: Target | NumberTarget = field(repr=False)

    def summary(self, level: float = 0.95) -> RiskGapSummary:
        """Average over students and points, with intervals for new teachers and new points.

        Students are averaged within their teacher first; every teacher weighs the same.

        Returns:
            Means with two-way intervals; print() names the order, the direction of the misfit and the posterior mean.
        """
        means = {name: self.mean(name, level) for name in TERMS}
        crossed = self._crossed
        return RiskGapSummary(
            **means,
            crossed_misfit=_over_pairs(crossed.mean, crossed.mean_pseudo, crossed.reason, means["misfit"]),
            overfit_covariance=_over_pairs(crossed.covariance, crossed.covariance_pseudo, crossed.reason, means["gap"]),
            directions=directions(self.generator, self.order),
            identity_error=self.identity_error,
            n_students=len(self.teacher_of),
        )

    def ledger(self) -> Ledger:
        """List the points with their mean gap, misfit and residual, and both sides' confidence and correctness.

        Raises:
            DomainError: for numbers, which have neither: see `number_ledger`.
        """
        if not (isinstance(self._teacher, Predictions) and isinstance(self._student, Predictions)):
            raise DomainError("numbers have no confidence and are not right or wrong: use number_ledger().")
        assert isinstance(self._target, Target)  # as the predictions are
        label = self._target.probs.mean(axis=0).argmax(axis=-1)
        rows = np.unique(self.teacher_of)
        with_students = self._teacher.log_probs[rows]
        heard = np.ones(with_students.shape[:2]) if self._teacher.answered is None else self._teacher.answered[rows]
        heard = np.where(heard, 1.0, np.nan)  # what a teacher left out has no confidence, and is not right or wrong
        return Ledger(
            point_ids=self.point_ids,
            target_class=label,
            **{term: self._averaged(getattr(self, term)) for term in TERMS},
            teacher_confidence=mean_of_known(heard * np.exp(row_max(with_students))),
            student_confidence=self._averaged(np.exp(row_max(self._student.log_probs))),
            teacher_correct=mean_of_known(heard * hits(with_students, label)),
            student_correct=self._averaged(hits(self._student.log_probs, label)),
        )

    def number_ledger(self) -> NumberLedger:
        """List the points of a numeric target with their mean gap, misfit and residual, and both sides' means.

        Raises:
            DomainError: for distributions over classes: see `ledger`.
        """
        if not (isinstance(self._teacher, Numbers) and isinstance(self._student, Numbers)):
            raise DomainError("distributions over classes have no mean number: use ledger().")
        teacher = self._teacher.coordinates()[np.unique(self.teacher_of), :, 0]
        if self._teacher.answered is not None:
            teacher = np.where(self._teacher.answered[np.unique(self.teacher_of)], teacher, np.nan)
        return NumberLedger(
            point_ids=self.point_ids,
            target=self._target.coordinates[..., 0].mean(axis=0),
            **{term: self._averaged(getattr(self, term)) for term in TERMS},
            teacher=mean_of_known(teacher),
            student=self._averaged(self._student.coordinates()[..., 0]),
        )

    def slices(self, by: str | Shaped[np.ndarray, "points"], level: float = 0.95) -> SliceTable:
        """Summarise slices of the points apart: where does the gain come from?

        Args:
            by: "teacher_confidence" (ten groups of about equal size by the teachers' mean confidence), "class" (the
                target's most probable class), "target" (of numbers, ten groups by it), or one group name per point.
            level: of the intervals.

        Raises:
            ConfigError: for another name. AlignmentError: if the groups are not one for each point.
        """
        ledger = self.number_ledger() if isinstance(self._teacher, Numbers) else self.ledger()
        title, names, of_point = slice_points(ledger, by)
        present = [k for k in range(len(names)) if np.any(of_point == k)]

        def intervals(term: str) -> tuple[Interval, ...]:
            return tuple(self.mean(term, level, of_point == k) for k in present)

        return SliceTable(
            by=title,
            names=tuple(names[k] for k in present),
            n_points=tuple(int(np.sum(of_point == k)) for k in present),
            **{term: intervals(term) for term in TERMS},
        )

    def mean(self, term: str, level: float = 0.95, points: Bool[np.ndarray, " points"] | None = None) -> Interval:
        """Average a term over students and points, or of these points alone, where their teachers say something.

        Args:
            term: "teacher_risk", "student_risk", "gap", "misfit" or "residual".
            level: of the two-way interval.
            points: marks those to average over; all if None.
        """
        values, scale = getattr(self, term), POSITIVE if term in DIVERGENCES else SIGNED
        chosen, heard = (each if points is None else each[:, points] for each in (values, ~np.isnan(self.gap)))
        if not heard.any(axis=1).all():
            n_teachers, reason = len(np.unique(self.teacher_of)), "a teacher says nothing of these points"
            return Interval.missing(reason, n_models=n_teachers, n_points=chosen.shape[1], level=level, scale=scale)
        return two_way_interval(over_answered(chosen, heard), level, clusters=self.teacher_of, scale=scale)

    def _averaged(self, values: Float[np.ndarray, "students points"]) -> Float[np.ndarray, " points"]:
        """Average over the students of each teacher, then over the teachers that say something."""
        return mean_of_known(cluster_means(values, self.teacher_of))

    def __str__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


@dataclass(frozen=True)
class RiskGapSummary:
    """Means over teachers, their students and points, with intervals for new teachers and points; print() it.

    Attributes:
        teacher_risk, student_risk, gap, misfit, residual: gap = teacher_risk - student_risk = misfit + residual.
        crossed_misfit, overfit_covariance: against the teachers that did not label the student.
        directions: the words for order, misfit and posterior mean.
        identity_error: the largest |gap - misfit - residual| of any student and point.
        n_students: in all; the intervals' `n_models` is the number of teachers.
    """

    teacher_risk: Interval
    student_risk: Interval
    gap: Interval
    misfit: Interval
    residual: Interval
    crossed_misfit: Interval
    overfit_covariance: Interval
    directions: Directions
    identity_error: float
    n_students: int

    def __str__(self) -> str:
        rows = [f"  {label:<20}{mean:>10}   {interval}" for label, mean, interval in self._rows()]
        foot = [f"  {line}" for line in self._foot()]
        return "\n".join([f"Risk gap under {self.directions}", "", *rows, *foot])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align: left; white-space: pre'>{label}</th><td>{mean}</td><td>{interval}</td></tr>"
            for label, mean, interval in self._rows()
        )
        foot = "".join(f"<p>{escape(line)}</p>" for line in self._foot())
        return f"{preformatted(f'Risk gap under {self.directions}')}<table>{rows}</table>{foot}"

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        """Yield label, mean and interval of each term, as text."""
        for name, label in LABELS.items():
            interval: Interval = getattr(self, name)
            if math.isnan(interval.low):
                said = f"no interval ({self._reasons().index(str(interval.reason)) + 1})"
            else:
                said = f"[{interval.low:.4f}, {interval.high:.4f}]"
            yield label, f"{interval.mean:.4f}", said

    def _reasons(self) -> list[str]:
        """List why intervals are missing, each reason once."""
        intervals: list[Interval] = [getattr(self, name) for name in LABELS]
        return list(dict.fromkeys(str(i.reason) for i in intervals if math.isnan(i.low)))

    def _foot(self) -> Iterator[str]:
        yield from (f"({number}) {reason}" for number, reason in enumerate(self._reasons(), 1))
        teachers, points = self.gap.n_models, self.gap.n_points
        yield (
            f"{teachers} teacher{'s' * (teachers != 1)}, {self.n_students} student{'s' * (self.n_students != 1)}, "
            f"{points} points; {level_in_words(self.gap.level)} intervals over teachers and points; "
            f"identity off by at most {self.identity_error:.1e}"
        )


def _over_pairs(mean: float, pseudo: np.ndarray | None, reason: str | None, like: Interval) -> Interval:
    if pseudo is None:
        return Interval.missing(
            str(reason),
            mean=mean,
            n_models=like.n_models,
            n_points=like.n_points,
            level=like.level,
            scale=SCALES[like.scale],
        )
    # The jackknife's own centre is the mean itself unless some teachers have no student.
    return two_way_interval(pseudo, like.level, scale=SCALES[like.scale]).moved_to(mean)


def _inner(first: np.ndarray, second: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Compute <first - second, step> over the last axis; a coordinate without a step adds 0, however far the duals."""
    with np.errstate(invalid="ignore"):
        return row_sum(np.where(step == 0.0, 0.0, (first - second) * step))


def _refuse_infinite(
    terms: Mapping[str, np.ndarray], teacher: AnyPredictions, student: AnyPredictions, own: np.ndarray, order: str
) -> None:
    finite = np.all([np.isfinite(values) for values in terms.values()], axis=0)
    if finite.all():
        return
    row, point = (int(i) for i in np.argwhere(~finite)[0])
    what = ", ".join(name for name, value in terms.items() if not np.isfinite(value[row, point]))
    place = f"{what} infinite at point {student.point_ids.tolist()[point]!r} for student {row} of teacher {own[row]}"
    said = [
        each.coordinates(model)[point].round(6).tolist() for each, model in ((teacher, int(own[row])), (student, row))
    ]
    if isinstance(teacher, Numbers):
        raise DomainError(
            f"{place}: the difference between numbers is too large to measure, teacher {said[0]}, student {said[1]}. "
            "Divide teachers', students' and target numbers by one size."
        )
    raise DomainError(
        f"{place} (order {order!r}): a probability of 0 stands where it must be positive, teacher {said[0]}, student "
        f"{said[1]}. Pass logits, which do not round to 0, or mix the predictions with a little of the uniform "
        "distribution."
    )
