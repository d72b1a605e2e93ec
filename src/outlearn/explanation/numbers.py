"""Explain predicted numbers: where does the student's gain over its teacher come from? Nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Shaped

from outlearn.core.decomposition.ledger import NumberLedger
from outlearn.core.decomposition.risk_gap import RiskGap, risk_gap
from outlearn.core.gaps import over_answered
from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.mean_intervals import point_interval, two_way_interval
from outlearn.core.number_metrics import number_scorecard
from outlearn.core.numbers import Numbers
from outlearn.core.point_models import check_every_answer
from outlearn.core.scales import SIGNED
from outlearn.core.targets import read_target
from outlearn.errors import DomainError
from outlearn.explanation.parts import BLOCKS, POSTERIOR_METHODS, Risk, gain_split, or_withheld, posterior_part
from outlearn.progress import Progress, Silent
from outlearn.results.explanation_parts import Decomposition, EnsembleRisk, GainSplit
from outlearn.results.number_explanation import NumberControl, NumberExplanation, NumberPointOfGain, NumberScores

__all__ = ["PointwiseNumberExplanation", "explain_numbers"]

POINTS_KEPT = 20  # with the largest gain, and with the least


@dataclass(frozen=True, kw_only=True, eq=False)
class PointwiseNumberExplanation(NumberExplanation):
    """An explanation with the arrays that it was computed from, which results.json does not hold.

    Attributes:
        gap: every term for every student and point.
        ledger: one row a point.
    """

    gap: RiskGap
    ledger: NumberLedger


def explain_numbers(
    target: Shaped[np.ndarray, "..."],
    *,
    teacher: Numbers,
    student: Numbers,
    generator: str | BregmanGenerator | None = None,
    order: str = "target_first",
    level: float = 0.95,
    notes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> PointwiseNumberExplanation:
    """Say of numbers what `explain` says of classes; see there.

    Args:
        target: `[points]`, or several raters' draws of it, `[draws, points]`.
        teacher, student: `[models, points]`; nan is a gap of a teacher.
        generator: squared_euclidean if None.
        order, level, notes, progress: as for `explain`.
    """
    show = progress or Silent()
    risk = Risk(target, get_generator(generator or Numbers.default_generator), order, False, level)
    with show.bar("risk gap"):
        gap = risk_gap(target, teacher=teacher, student=student, generator=risk.generator, order=order)
        summary, ledger = gap.summary(level), gap.number_ledger()
    paired = replace(student, teacher_of=gap.teacher_of)
    with show.bar("bias and variance"):
        decompositions = (
            Decomposition("teachers", 1, risk.decomposed(lambda: teacher)),
            *_ensembles(teacher, risk),
            Decomposition("students", 1, risk.decomposed(lambda: paired)),
        )
        gain = or_withheld(lambda: _gain(gap, teacher, student, level))
    with show.bar("posterior mean"):
        posterior = tuple(posterior_part(method, teacher, paired, risk) for method in POSTERIOR_METHODS)
    with show.bar("controls"):
        control = or_withheld(lambda: _control(risk, teacher, paired))
    by_gap = np.argsort(-np.nan_to_num(ledger.gap, nan=0.0), kind="stable")
    return PointwiseNumberExplanation(
        level=level,
        summary=summary,
        gap_of_these_models=point_interval(over_answered(gap.gap, ~np.isnan(gap.gap)), level, scale=SIGNED),
        gain=gain,
        decompositions=decompositions,
        ensembles=(
            EnsembleRisk("mean", risk.of_one(teacher.mean)),
            EnsembleRisk("median", risk.of_one(teacher.median)),
        ),
        posterior=posterior,
        slices=(gap.slices("target", level),),
        notes=notes,
        control=control,
        best=tuple(_points(ledger, by_gap)),
        worst=tuple(_points(ledger, by_gap[::-1])),
        gap=gap,
        ledger=ledger,
    )


def _ensembles(teacher: Numbers, risk: Risk) -> Iterator[Decomposition]:
    """Decompose the means of blocks of teachers: several ensembles show their variance."""
    size = max(2, teacher.n_models // BLOCKS)
    count = teacher.n_models // size
    if count < 2:
        return

    def means() -> Numbers:
        check_every_answer(teacher)
        blocks = teacher.values[: count * size].reshape(count, size, -1)
        return Numbers(blocks.mean(axis=1), teacher.point_ids)

    yield Decomposition("mean ensembles", size, risk.decomposed(means))


def _gain(gap: RiskGap, teacher: Numbers, student: Numbers, level: float) -> GainSplit:
    check_every_answer(teacher)
    return gain_split(gap, teacher, student, level)


def _control(risk: Risk, teacher: Numbers, student: Numbers) -> NumberControl:
    """Ask whether the gain is only denoising: teachers, the mean of them, and students in one table."""
    if teacher.n_models < 2:
        raise DomainError("one teacher has no ensemble to compare its student with; train at least two.")
    check_every_answer(teacher)
    truth = read_target(risk.target, teacher).coordinates[..., 0].mean(axis=0)
    own, mean = student.teacher_of, student.mean()
    rows = {
        "teachers": teacher,
        "mean teacher": teacher.mean(),
        "median teacher": teacher.median(),
        "students": student,
        "mean student": mean,
    }

    def over(models: Numbers) -> np.ndarray:
        """Return the risk of the mean teacher less that of these models, `[models, points]`."""
        of_mean = replace(models, teacher_of=np.zeros(models.n_models, dtype=np.int64))
        found = risk_gap(
            risk.target, teacher=teacher.mean(), student=of_mean, generator=risk.generator, order=risk.order
        )
        return found.gap

    return NumberControl(
        tuple(_scores(name, models, truth, risk.level) for name, models in rows.items()),
        student_over=two_way_interval(over(student), risk.level, clusters=own, scale=SIGNED),
        mean_student_over=point_interval(over(mean), risk.level, scale=SIGNED),
    )


def _scores(name: str, models: Numbers, truth: np.ndarray, level: float) -> NumberScores:
    card = number_scorecard(models, truth, level)
    return NumberScores(name, *(card[metric].interval for metric in ("mse", "mae", "r2", "spearman")))


def _points(ledger: NumberLedger, rows: np.ndarray) -> Iterator[NumberPointOfGain]:
    columns = ledger.columns()
    ids = columns.pop("point_ids")
    for row in rows[:POINTS_KEPT]:
        yield NumberPointOfGain(ids[row].item(), **{name: column[row].item() for name, column in columns.items()})
