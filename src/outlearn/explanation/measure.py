"""Explain given predictions: where does the student's gain over its teacher come from? Nothing is trained.

One straight line: risk gap -> bias and variance of everybody, and of the gain -> posterior-mean teacher -> denoising
control -> sharpening -> blind spots -> slices. Each part is one result of `outlearn.core`; a part that the arrays do
not identify is not left out but says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from jaxtyping import Int, Shaped

from outlearn.core.decomposition.ledger import Ledger
from outlearn.core.decomposition.risk_gap import RiskGap, risk_gap
from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.intervals import check_level
from outlearn.core.mean_intervals import point_interval
from outlearn.core.numbers import AnyPredictions, Numbers, check_models
from outlearn.core.predictions import Predictions
from outlearn.core.scales import SIGNED
from outlearn.core.students.blind_spots import blind_spots
from outlearn.core.students.denoising import denoising_control
from outlearn.core.students.sharpening import sharpening
from outlearn.core.targets import read_target
from outlearn.errors import ConfigError, DomainError
from outlearn.explanation.numbers import PointwiseNumberExplanation, explain_numbers
from outlearn.explanation.parts import BLOCKS, POSTERIOR_METHODS, Risk, gain_split, or_withheld, posterior_part
from outlearn.progress import Progress, Silent
from outlearn.results.explanation import Explanation
from outlearn.results.explanation_parts import Control, Decomposition, EnsembleRisk, SharpeningOfBoth
from outlearn.results.explanation_points import PointOfGain, PointsOfGain

__all__ = ["PointwiseExplanation", "explain", "smoothed"]

POINTS_KEPT = 20  # with the largest gain, and with the least


@dataclass(frozen=True, kw_only=True, eq=False)
class PointwiseExplanation(Explanation):
    """An explanation with the arrays that it was computed from, which results.json does not hold.

    Attributes:
        gap: every term for every student and point.
        ledger: one row a point.
    """

    gap: RiskGap
    ledger: Ledger


@overload
def explain(
    target: Shaped[np.ndarray, "..."],
    *,
    teacher: Predictions,
    student: Predictions,
    generator: str | BregmanGenerator | None = None,
    order: str = "target_first",
    draws: bool = False,
    level: float = 0.95,
    validation: tuple[Predictions, Int[np.ndarray, " validation_points"]] | None = None,
    notes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> PointwiseExplanation: ...


@overload
def explain(
    target: Shaped[np.ndarray, "..."],
    *,
    teacher: Numbers,
    student: Numbers,
    generator: str | BregmanGenerator | None = None,
    order: str = "target_first",
    draws: bool = False,
    level: float = 0.95,
    validation: None = None,
    notes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> PointwiseNumberExplanation: ...


def explain(
    target: Shaped[np.ndarray, "..."],
    *,
    teacher: AnyPredictions,
    student: AnyPredictions,
    generator: str | BregmanGenerator | None = None,
    order: str = "target_first",
    draws: bool = False,
    level: float = 0.95,
    validation: tuple[Predictions, Int[np.ndarray, " validation_points"]] | None = None,
    notes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> PointwiseExplanation | PointwiseNumberExplanation:
    """Say how much of the students' gain is misfit, how much bias and variance they removed, and what else would do.

    Args:
        target: as for `risk_gap`.
        teacher: `[teachers, points, classes]`, or `Numbers`.
        student: `[students, points, classes]`, or `Numbers`, with `teacher_of` unless there is one teacher or
            one student a teacher.
        generator, order, draws: as for `risk_gap`.
        level: of all intervals.
        validation: the same teachers on other points, and the labels there, to choose the best teacher on; without
            them it is chosen on one half of the points and measured on the other. Not for numbers.
        notes: sentences to keep with the results.
        progress: where to show what is done.

    Returns:
        Everything measured; print() it.

    Raises:
        ConfigError: for an unknown generator or order, or a level outside (0, 1).
        AlignmentError, ShapeError, DomainError: as for `risk_gap`. What one part alone cannot use is refused there.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.integers(0, 2, 200)
        >>> signal = np.stack([0.5 - truth, truth - 0.5], axis=-1)
        >>> teachers = Predictions.from_logits(signal + rng.normal(size=(6, 200, 2)))
        >>> students = Predictions.from_logits(signal + 0.1 * rng.normal(size=(6, 200, 2)))
        >>> found = explain(truth, teacher=teachers, student=students)
        >>> found.gain.variance_removed.low > 0, found.gain.bias_removed.low > 0
        (True, False)
    """
    check_level(level)
    check_models(teacher=teacher, student=student)
    if isinstance(teacher, Numbers) and isinstance(student, Numbers):
        if validation is not None:
            raise ConfigError("validation chooses the best teacher among classifiers; leave it out for numbers.")
        return explain_numbers(
            target, teacher=teacher, student=student, generator=generator, order=order, level=level, notes=notes,
            progress=progress,
        )  # fmt: skip
    assert isinstance(teacher, Predictions)  # as `check_models` found
    assert isinstance(student, Predictions)
    show = progress or Silent()
    risk = Risk(target, get_generator(generator or teacher.default_generator), order, draws, level)
    with show.bar("risk gap"):
        gap = risk_gap(target, teacher=teacher, student=student, generator=risk.generator, order=order, draws=draws)
        summary, ledger = gap.summary(level), gap.ledger()
    paired = replace(student, teacher_of=gap.teacher_of)
    with show.bar("bias and variance"):
        decompositions = (
            Decomposition("teachers", 1, risk.decomposed(lambda: teacher)),
            *_ensembles(teacher, risk),
            Decomposition("students", 1, risk.decomposed(lambda: paired)),
        )
        gain = or_withheld(lambda: gain_split(gap, teacher, student, level))
        ensembles = (
            EnsembleRisk("mean", risk.of_one(teacher.mean)),
            EnsembleRisk("dual_mean", risk.of_one(teacher.dual_mean)),
        )
    with show.bar("posterior mean"):
        posterior = tuple(posterior_part(method, teacher, paired, risk) for method in POSTERIOR_METHODS)
    with show.bar("controls"):
        labels, labels_are = _labels(risk, teacher)
        control = or_withheld(lambda: _control(labels, labels_are, teacher, paired, validation, level))
        sharp = SharpeningOfBoth(
            or_withheld(lambda: sharpening(target, teacher, level=level, draws=draws).summary()),
            or_withheld(lambda: sharpening(target, paired, level=level, draws=draws).summary()),
        )
        blind = or_withheld(lambda: blind_spots(labels, teacher=teacher, student=paired).summary(level))
    with show.bar("slices"):
        slices = (gap.slices("teacher_confidence", level), gap.slices("class", level))
    return PointwiseExplanation(
        level=level,
        summary=summary,
        gap_of_these_models=point_interval(gap.gap, level, scale=SIGNED),
        gain=gain,
        decompositions=decompositions,
        ensembles=ensembles,
        posterior=posterior,
        control=control,
        sharpening=sharp,
        blind_spots=blind,
        slices=slices,
        points=_points(ledger),
        notes=notes,
        gap=gap,
        ledger=ledger,
    )


def smoothed(predictions: Predictions, share: float) -> Predictions:
    """Mix a share of the uniform distribution into predictions, so that none says 0: votes and trees do.

    Args:
        predictions: of any models.
        share: in [0, 1); 0 changes nothing.

    Examples:
        >>> smoothed(Predictions.from_probs(np.array([[1.0, 0.0]])), 0.1).probs.round(3)
        array([[[0.95, 0.05]]])
    """
    if not 0 <= share < 1:
        raise ConfigError(f"the share of the uniform distribution is {share!r}; expected at least 0 and below 1.")
    if share == 0:
        return predictions
    # log((1 - e) p + e / K) from log p: no probability is formed that could round to 0.
    mixed = np.logaddexp(np.log1p(-share) + predictions.log_probs, np.log(share / predictions.n_classes))
    return replace(predictions, log_probs=mixed)


def _labels(risk: Risk, models: Predictions) -> tuple[np.ndarray, str]:
    """Return the labels that classes are scored against, and what they are in words."""
    read = read_target(risk.target, models, draws=risk.draws)
    given = risk.target.dtype.kind in "iu" and read.n_draws == 1
    words = "the labels" if given else "the most probable class of the target"
    return read.coordinates.mean(axis=0).argmax(axis=-1), words


def _ensembles(teacher: Predictions, risk: Risk) -> Iterator[Decomposition]:
    """Decompose the averages of blocks of teachers, in both ways: several ensembles show their variance."""
    size = max(2, teacher.n_models // BLOCKS)
    count = teacher.n_models // size
    if count < 2:
        return
    blocks = [replace(teacher, log_probs=teacher.log_probs[k * size : (k + 1) * size]) for k in range(count)]

    def joined(means: Iterable[Predictions]) -> Predictions:
        return replace(teacher, log_probs=np.concatenate([mean.log_probs for mean in means]))

    yield Decomposition("mean ensembles", size, risk.decomposed(lambda: joined(block.mean() for block in blocks)))
    yield Decomposition(
        "dual-mean ensembles", size, risk.decomposed(lambda: joined(block.dual_mean() for block in blocks))
    )


def _control(
    labels: np.ndarray,
    labels_are: str,
    teacher: Predictions,
    student: Predictions,
    validation: tuple[Predictions, np.ndarray] | None,
    level: float,
) -> Control:
    """Ask whether the gain is only denoising: teachers, ensembles of them and students in one table of accuracies."""
    if teacher.n_models < 2:
        raise DomainError("one teacher has no ensemble to compare its student with; train at least two.")
    models, truth = validation or (None, None)
    table = denoising_control(
        labels, teacher=teacher, student=student, validation_teacher=models, validation_labels=truth, level=level
    )
    how = "chosen on a random half of the points, measured on the other half"
    return Control(table, labels_are, how if validation is None else "chosen on the validation points")


def _points(ledger: Ledger) -> PointsOfGain:
    """Pick the points of the largest mean gain and of the least, from rows sorted by it."""
    by_gap = np.argsort(-ledger.gap, kind="stable")
    columns = ledger.columns()
    ids = columns.pop("point_ids")

    def picked(rows: np.ndarray) -> tuple[PointOfGain, ...]:
        return tuple(
            PointOfGain(ids[row].item(), **{name: column[row].item() for name, column in columns.items()})
            for row in rows[:POINTS_KEPT]
        )

    return PointsOfGain(picked(by_gap), picked(by_gap[::-1]))
