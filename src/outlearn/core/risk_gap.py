"""The gain of a student over its teacher, split into misfit and residual, in any Bregman divergence and both orders.

    target_first:      D(Y, t) - D(Y, s) = D(s, t) + <grad phi(s) - grad phi(t), Y - s>
    prediction_first:  D(t, Y) - D(s, Y) = D(t, s) + <grad phi(s) - grad phi(Y), t - s>
                       gap                 misfit    residual

t is the teacher, s the student it labelled, Y the target. Both lines hold for every student and point. On average the
residual is 0 where the student is the posterior mean of its teacher: the dual mean in the first order, the arithmetic
one in the second. Residual and gap are computed by their own formulas, and the largest disagreement is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Integer, Shaped

from outlearn.core.crossed import CrossedMisfit, crossed_misfit
from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.ledger import Ledger, SliceTable, make_ledger, make_slices
from outlearn.core.orders import directions, mean_risk
from outlearn.core.predictions import Predictions, labelled_by
from outlearn.core.risk_gap_summary import RiskGapSummary, summarise
from outlearn.core.targets import Target, read_target, target_duals
from outlearn.errors import DomainError

__all__ = ["RiskGap", "risk_gap"]


@dataclass(frozen=True, eq=False)
class RiskGap:
    """Risks of students and their teachers with gap = misfit + residual, point by point; print() gives the summary.

    Attributes:
        teacher_risk, student_risk: `[students, points]`, averaged over draws of the target; row s of `teacher_risk` is
            the risk of the teacher that labelled student s.
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
    _teacher: Predictions = field(repr=False)
    _student: Predictions = field(repr=False)
    _target: Target = field(repr=False)

    def summary(self, level: float = 0.95) -> RiskGapSummary:
        """Average over students and points, with intervals for new teachers and new points.

        Students are averaged within their teacher first; every teacher weighs the same.

        Returns:
            Means with two-way intervals; print() names the order, the direction of the misfit and the posterior mean.
        """
        return summarise(
            {name: getattr(self, name) for name in ("teacher_risk", "student_risk", "gap", "misfit", "residual")},
            self.teacher_of,
            self._crossed,
            directions(self.generator, self.order),
            self.identity_error,
            level,
        )

    def ledger(self) -> Ledger:
        """List the points with their mean gap, misfit and residual, and both sides' confidence and correctness."""
        return make_ledger(self, self._teacher, self._student, self._target)

    def slices(self, by: str | Shaped[np.ndarray, "points"], level: float = 0.95) -> SliceTable:
        """Summarise slices of the points apart: where does the gain come from?

        Args:
            by: "teacher_confidence" (ten groups of about equal size by the teachers' mean confidence), "class" (the
                target's most probable class), or one group name per point.
            level: of the intervals.
        """
        return make_slices(self, self.ledger(), by, level)

    def __str__(self) -> str:
        return str(self.summary())


def risk_gap(
    target: Shaped[np.ndarray, "..."] | Predictions,
    *,
    teacher: Predictions,
    student: Predictions,
    generator: str | BregmanGenerator = "negative_entropy",
    order: str = "target_first",
    draws: bool = False,
) -> RiskGap:
    """Split the student's gain in risk over its teacher into misfit and residual.

    Args:
        target: int labels `[points]`; a distribution `[points, classes]`; or draws of the target, `[draws, points]` int
            (with `draws=True`) or `[draws, points, classes]`.
        teacher: `[teachers, points, classes]`.
        student: `[students, points, classes]`, with `teacher_of` unless there is one teacher or one student a teacher.
        generator: a name of `GENERATORS` or an instance.
        order: "target_first" measures risk D(target, prediction) and misfit D(student, teacher); "prediction_first"
            measures risk D(prediction, target) and misfit D(teacher, student).
        draws: say that the first axis of an integer target is draws.

    Returns:
        Every term for every student and point.

    Raises:
        ConfigError: for an unknown generator or order.
        AlignmentError: if teacher and student have different points, or the pairing is not said.
        ShapeError: for a target that does not fit or is ambiguous.
        DomainError: for values outside the generator's domain, and where a risk or misfit is infinite, so that gap and
            residual have no value; the message gives the place.

    Example:
        >>> t = Predictions.from_probs(np.array([[0.6, 0.4], [0.7, 0.3]]))
        >>> s = Predictions.from_probs(np.array([[0.8, 0.2], [0.6, 0.4]]))
        >>> gap = risk_gap(np.array([0, 0]), teacher=t, student=s)
        >>> gap.gap.round(4), gap.misfit.round(4), gap.residual.round(4)
        (array([[ 0.2877, -0.1542]]), array([[0.0915, 0.0226]]), array([[ 0.1962, -0.1767]]))

    Source: Xu et al., Weak-to-Strong Generalization via Bregman Bias-Variance Decomposition, 2025, states the
    inequality in expectation; the pointwise identity with its residual, in both orders, is ours.
    """
    own = labelled_by(teacher, student)
    chosen = get_generator(generator)
    read = read_target(target, teacher, draws=draws)
    y = target_duals(read, teacher, chosen, order)
    if order == "prediction_first":
        target_duals(read, student, chosen, order)  # the student may reach classes that the teacher does not
    t = chosen.dual_from_log_probs(teacher.log_probs, argument="teacher")
    of_teacher = mean_risk(y, t, chosen, order)
    centre = read.probs.mean(axis=0) if order == "target_first" else y.mean(axis=0)

    shape = (student.n_models, student.n_points)
    student_risk, misfit, residual = np.empty(shape), np.empty(shape), np.empty(shape)
    for row, m in enumerate(own):  # one student at a time: memory does not grow with their number
        s = chosen.dual_from_log_probs(student.log_probs[row], argument="student")
        student_risk[row] = mean_risk(y, s[None], chosen, order)[0]
        s_probs = np.exp(student.log_probs[row])
        if order == "target_first":
            misfit[row] = chosen.divergence_from_dual(s, t[m])
            residual[row] = _inner(s, t[m], centre - s_probs)
        else:
            misfit[row] = chosen.divergence_from_dual(t[m], s)
            residual[row] = _inner(s, centre, np.exp(teacher.log_probs[m]) - s_probs)
    teacher_risk = of_teacher[own]
    _refuse_infinite(teacher_risk, student_risk, misfit, teacher, student, own, order)
    gap = teacher_risk - student_risk
    crossed = crossed_misfit(teacher.log_probs, student.log_probs, own, chosen, order)
    return RiskGap(
        teacher_risk=teacher_risk,
        student_risk=student_risk,
        gap=gap,
        misfit=misfit,
        residual=residual,
        identity_error=float(np.abs(gap - (misfit + residual)).max()),
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


def _inner(first: np.ndarray, second: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Compute <first - second, step> over the last axis; a coordinate without a step adds 0, however far the duals."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(step == 0.0, 0.0, (first - second) * step).sum(axis=-1))


def _refuse_infinite(
    teacher_risk: np.ndarray,
    student_risk: np.ndarray,
    misfit: np.ndarray,
    teacher: Predictions,
    student: Predictions,
    own: np.ndarray,
    order: str,
) -> None:
    finite = np.isfinite(teacher_risk) & np.isfinite(student_risk) & np.isfinite(misfit)
    if finite.all():
        return
    row, point = (int(i) for i in np.argwhere(~finite)[0])
    values = {"teacher risk": teacher_risk, "student risk": student_risk, "misfit": misfit}
    what = ", ".join(name for name, value in values.items() if not np.isfinite(value[row, point]))
    raise DomainError(
        f"{what} infinite at point {student.point_ids.tolist()[point]!r} for student {row} of teacher {own[row]} "
        f"(order {order!r}): a probability of 0 stands where it must be positive, teacher "
        f"{np.exp(teacher.log_probs[own[row], point]).round(6).tolist()}, student "
        f"{np.exp(student.log_probs[row, point]).round(6).tolist()}. Pass logits, which do not round to 0, or mix the "
        "predictions with a little of the uniform distribution."
    )
