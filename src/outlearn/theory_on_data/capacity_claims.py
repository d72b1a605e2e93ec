"""What the capacity experiment claims, and the curves behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from outlearn.results.theory import Claim
from outlearn.theory.experiments.base import relative_claim, sign_claim, worst
from outlearn.theory.sampling import interval_columns, mean_interval
from outlearn.theory_on_data.capacity_measures import TERMS
from outlearn.theory_on_data.capacity_settings import RealCapacitySettings
from outlearn.theory_on_data.capacity_students import STUDENTS

__all__ = ["Capacity", "claims_of_capacity", "curves_of_capacity"]

IDENTITY_TOLERANCE = 1e-9  # float64, relative to the larger of misfit and risk
CLEAR = 2.4  # standard errors from 0: with 8 splits, a 95% interval that excludes it
COPIED = 0.05  # of the teachers' variance: what a student that copies may still miss
EQUIVALENT_TOLERANCE = 0.1  # real inputs are not Gaussian, and what is not linear in them is no independent noise

ONE_SMALL, ONE_OWN, ONE_OTHERS, _, MEAN_OWN = (kind.name for kind in STUDENTS)


@dataclass
class Capacity:
    """Collect what the splits of one task gave: every array ends in `[widths, splits]` or `[splits]`.

    Attributes:
        task: its name.
        nested: whether a student can say all that a teacher says.
        sizes: points, weak features, strong features.
        values: by kind of student, then by term.
        linear: measured and predicted terms of the linear student.
        ceiling: risk of the student trained on true labels.
        teacher_risk: mean over teachers.
        variance: of teachers about their mean: the misfit and the gap of a student that is this mean.
    """

    task: str
    settings: RealCapacitySettings
    nested: bool
    sizes: tuple[int, int, int]
    values: dict[str, dict[str, np.ndarray]] = field(init=False)
    linear: dict[str, np.ndarray] = field(init=False)
    ceiling: np.ndarray = field(init=False)
    teacher_risk: np.ndarray = field(init=False)
    variance: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.settings.widths), self.settings.splits)
        self.values = {kind.name: {term: np.empty(shape) for term in TERMS} for kind in STUDENTS}
        self.linear = {name: np.empty(shape) for name in ("misfit", "misfit_predicted", "gap", "gap_predicted")}
        self.ceiling = np.empty(shape)
        self.teacher_risk, self.variance = np.empty(shape[1]), np.empty(shape[1])

    @property
    def note(self) -> str:
        """Say what the task is and how good its teachers are."""
        points, weak, strong = self.sizes
        return (
            f"{self.task}: {points} points; teachers see {self.settings.weak_features} of {weak} weak features, "
            f"students random features of {strong} strong ones. Teachers' risk {mean_interval(self.teacher_risk)}, of "
            f"which their variance about the posterior-mean teacher is {mean_interval(self.variance)}. Intervals are "
            "over splits of these points."
        )

    def change(self, kind: str, term: str) -> np.ndarray:
        """Return the term at the largest width less that at the smallest, `[splits]`."""
        return self.values[kind][term][-1] - self.values[kind][term][0]

    def widest(self, kind: str, term: str) -> np.ndarray:
        """Return a term at the largest width, `[splits]`."""
        return self.values[kind][term][-1]


def claims_of_capacity(found: Sequence[Capacity]) -> tuple[Claim, ...]:
    """Claim of every task what theory says of it, and that the closed form holds where it should."""
    claims = [_identity_claim(found)]
    for each in found:
        claims += _claims_of_task(each)
    for each in found:
        claims.append(_equivalent_claim(each))
    return tuple(claims)


def _identity_claim(found: Sequence[Capacity]) -> Claim:
    largest, count = 0.0, 0
    for each in found:
        for terms in each.values.values():
            error = np.abs(terms["gap"] - terms["misfit"] - terms["residual"])
            largest = max(largest, float((error / np.maximum(terms["misfit"], terms["risk"])).max()))
            count += error.size
    text = "Of every student of every task, gap = misfit + residual (largest relative error)"
    return relative_claim(text, largest, 0.0, IDENTITY_TOLERANCE, count)


def _claims_of_task(found: Capacity) -> list[Claim]:
    def claim(text: str, values: np.ndarray, sign: float) -> Claim:
        return sign_claim(f"{found.task}: {text}", mean_interval(values), sign, CLEAR)

    widths = f"width {found.settings.widths[-1]} less width {found.settings.widths[0]}"
    narrow, wide = (np.abs(found.values[MEAN_OWN]["residual"][at]) for at in (0, -1))
    claims = [
        claim(
            "capacity takes the student of one teacher, its penalty chosen by its own held-out labels, away from the "
            f"posterior-mean teacher: its distance grows ({widths})",
            found.change(ONE_OWN, "distance"),
            1.0,
        ),
        claim(
            f"a wider student of the mean of teachers comes closer to the posterior-mean teacher ({widths})",
            found.change(MEAN_OWN, "distance"),
            -1.0,
        ),
        claim(
            "at the largest width, a penalty chosen by other teachers brings the student of one teacher closer to the "
            "posterior-mean teacher than a penalty chosen by its own labels",
            found.widest(ONE_OTHERS, "distance") - found.widest(ONE_OWN, "distance"),
            -1.0,
        ),
        claim(
            "at the largest width the misfit of this student stays clearly above 0",
            found.widest(ONE_OTHERS, "misfit"),
            1.0,
        ),
        claim(
            f"a wider student of the mean of teachers has a gap closer to its misfit: |residual| falls ({widths})",
            wide - narrow,
            -1.0,
        ),
        claim(
            "but the gap stays below the misfit: its residual at the largest width is negative",
            found.widest(MEAN_OWN, "residual"),
            -1.0,
        ),
    ]
    if found.nested:
        text = (
            f"{found.task}: the widest student of one teacher copies it, since its features hold the teacher's: misfit "
            "as a share of the teachers' variance"
        )
        share = (found.widest(ONE_OWN, "misfit") / found.variance).mean()
        claims.append(relative_claim(text, share, 0.0, COPIED, found.settings.splits))
    return claims


def _equivalent_claim(found: Capacity) -> Claim:
    text = f"{found.task}: misfit of linear random features against its deterministic equivalent"
    measured, predicted = (found.linear[name].mean(axis=1) for name in ("misfit", "misfit_predicted"))
    return worst(
        [
            relative_claim(
                f"{text} (worst of {len(measured)} widths, {width})",
                each,
                value,
                EQUIVALENT_TOLERANCE,
                found.settings.splits,
            )
            for width, each, value in zip(found.settings.widths, measured, predicted, strict=True)
        ]
    )


def curves_of_capacity(found: Sequence[Capacity]) -> dict[str, dict[str, np.ndarray]]:
    """Return the curves: of students, of what they are compared with, and of the closed form."""
    return {
        "students": _joined([_student_rows(each, kind.name) for each in found for kind in STUDENTS]),
        "tasks": _joined([_task_rows(each) for each in found]),
        "closed_form": _joined([_linear_rows(each) for each in found]),
    }


def _student_rows(found: Capacity, kind: str) -> dict[str, np.ndarray]:
    columns = {**_keys(found), "student": np.full(len(found.settings.widths), kind)}
    for term in TERMS:
        values = found.values[kind][term]
        if np.isnan(values).all():  # students of a mean have no teacher of their own to be conditioned on
            nothing = np.full(len(values), np.nan)
            columns |= {term: nothing, f"{term}_low": nothing, f"{term}_high": nothing}
        else:
            columns |= interval_columns(term, [mean_interval(row) for row in values])
    return columns


def _task_rows(found: Capacity) -> dict[str, np.ndarray]:
    count = len(found.settings.widths)
    return {
        **_keys(found),
        **interval_columns("teacher_risk", [mean_interval(found.teacher_risk)] * count),
        **interval_columns("variance", [mean_interval(found.variance)] * count),
        **interval_columns("ceiling", [mean_interval(row) for row in found.ceiling]),
    }


def _linear_rows(found: Capacity) -> dict[str, np.ndarray]:
    columns = _keys(found)
    for name, values in found.linear.items():
        columns |= interval_columns(name, [mean_interval(row) for row in values])
    return columns


def _keys(found: Capacity) -> dict[str, np.ndarray]:
    widths = np.array(found.settings.widths)
    return {"task": np.full(widths.size, found.task), "width": widths}


def _joined(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
