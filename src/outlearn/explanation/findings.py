"""What an explanation says, in sentences with numbers.

Rules of speech as in the report: a direction is claimed only where the interval excludes 0; otherwise the two "cannot
be told apart", with the interval; where there is none, the number is given for these very models, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from outlearn.core.intervals import Interval, point_interval
from outlearn.explanation.parts import Refused

if TYPE_CHECKING:
    from outlearn.explanation.result import Explanation

__all__ = ["findings"]


def findings(found: Explanation) -> tuple[str, ...]:
    """Say who is better, how the teachers err, what their students did with it, and what would do as well."""
    parts = (_who(found), _teachers(found), _removed(found), _residual(found), _copied(found), _denoising(found))
    return tuple(part for part in (*parts, _sharpness(found)) if part)


def _who(found: Explanation) -> str:
    gap, of_risk = found.summary.gap, f"{found.directions.risk}"
    teacher, student = found.summary.teacher_risk.mean, found.summary.student_risk.mean
    risks = f"mean {of_risk} {student:.4f} against {teacher:.4f}"
    if gap.n_models < 2:
        here = point_interval(found.gap.gap, found.level)
        verdict = "are better" if here.low > 0 else "are worse" if here.high < 0 else "cannot be told apart from it"
        return (
            f"One teacher, so this is about these very models only: the students {verdict} ({risks}; gap {here}, "
            "interval over points)."
        )
    if gap.excludes_zero:
        return f"Students {'beat' if gap.mean > 0 else 'lose to'} the teachers that labelled them: {risks}; gap {gap}."
    return f"Students and their teachers cannot be told apart: {risks}; gap {gap}."


def _teachers(found: Explanation) -> str:
    summary = found.decompositions[0].summary
    if isinstance(summary, Refused) or np.isnan(summary.variance.low):
        return ""
    bias, variance = summary.bias, summary.variance
    numbers = f"bias {bias}, variance {variance}"
    if variance.low > bias.high:
        return f"Most of the teachers' risk is variance: careless teachers, each errs in its own places ({numbers})."
    if bias.low > variance.high:
        return (
            "Most of the teachers' risk is bias, which all share and no average of them removes: wrong answers, or "
            f"answers less sure than they could be ({numbers})."
        )
    return f"The teachers' bias and variance are of a size, or too uncertain to rank ({numbers})."


def _removed(found: Explanation) -> str:
    if isinstance(found.gain, Refused):
        return ""
    return (
        f"Compared with their teachers, the students {_change(found.gain.variance_removed, 'variance')}, and "
        f"{_change(found.gain.bias_removed, 'bias')}."
    )


def _change(removed: Interval, what: str) -> str:
    if not removed.excludes_zero:
        return f"have {what} that cannot be told apart from theirs (removed {removed})"
    if removed.mean > 0:
        return f"removed {what}, {removed}"
    return f"added {what}, {-removed.mean:.4f} [{-removed.high:.4f}, {-removed.low:.4f}]"


def _residual(found: Explanation) -> str:
    misfit, residual = found.summary.misfit, found.summary.residual
    words = found.directions
    head = f"Misfit {words.misfit} is {misfit.mean:.4f}"
    if residual.excludes_zero:
        verb = "understates" if residual.mean > 0 else "overstates"
        return (
            f"{head} and {verb} the gap: the residual is {residual}, so students are not the {words.posterior_mean} "
            "posterior mean of their teachers."
        )
    if np.isnan(residual.low):
        return f"{head}, the residual {residual.mean:.4f} (no interval: {residual.reason})."
    return f"{head}; the residual cannot be told apart from 0 ({residual}), so misfit alone tells the gap."


def _copied(found: Explanation) -> str:
    copied = found.summary.overfit_covariance
    if copied.excludes_zero and copied.mean > 0:
        return f"Students copy part of their own teacher's error: overfit covariance {copied}."
    return ""


def _denoising(found: Explanation) -> str:
    return "" if isinstance(found.control, Refused) else f"Is this only denoising? {found.control.table.answer}"


def _sharpness(found: Explanation) -> str:
    students = found.sharpening["students"]
    if isinstance(students, Refused) or students.direction == "undecided":
        return ""
    sure = "less" if students.direction == "sharpen" else "more"
    helps = "sharper" if students.direction == "sharpen" else "softer"
    return (
        f"The students are {sure} sure than they are right (entropy less cross-entropy {students.interval}): {helps} "
        f"predictions would have a lower log loss, best at power {students.median_power:.2g}."
    )
