"""What is measured of strong models on true labels: the ceiling, the controls, and what the weak labels are worth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from outlearn.core.gaps import over_answered
from outlearn.core.metrics import accuracy, scorecard
from outlearn.core.scales import DIFFERENCE, SHARE
from outlearn.core.students.equivalents import smoothed_curve, true_label_equivalent
from outlearn.core.top_class import hits
from outlearn.core.verdict import is_above_zero
from outlearn.experiment.evaluation import Evaluation
from outlearn.experiment.plan import Plan
from outlearn.experiment.stages.ceilings import CEILINGS, ceiling_points
from outlearn.experiment.stages.controls import ALL_LABELS, LABEL_CURVE, OWN_LABELS, teachers_labels
from outlearn.experiment.student_results import PointScores
from outlearn.results.measurement import Measurement, each_model, mean_of, means
from outlearn.results.run import Student
from outlearn.results.true_labels import (
    Ceiling,
    CurvePoint,
    Equivalents,
    NotTrained,
    TrueLabelModels,
    Worth,
)
from outlearn.store.store import Entry

__all__ = ["exceeding", "measure_ceiling", "measure_controls", "measure_equivalents", "measure_untuned", "without_pgr"]

NOT_TUNED = (
    "the strong model is fine-tuned as a whole, and a training for every choice would cost more than all the rest of "
    "the run; give student.encoder a frozen encoder for this"
)
TOO_DEAR = (
    "the strong model is fine-tuned as a whole, and one for each teacher would cost as much as all students; it is "
    "trained with two losses or seeds or more"
)
FROM_ELSEWHERE = "the labels come from elsewhere, and which true labels their makers had is not known"


def measure_ceiling(
    test: Evaluation, plan: Plan, entries: Mapping[str, Entry], exceeded_by: Mapping[str, Measurement]
) -> Ceiling:
    """Measure the ceilings, and say how they were chosen."""
    tuned = plan.tuned[CEILINGS].tuning(entries[CEILINGS]) if CEILINGS in plan.tuned else None
    card = scorecard(test.ceilings, test.truth, plan.config.measure.level)
    return Ceiling(
        scores=means(card),
        each=each_model(card),
        models=test.ceilings.n_models,
        labels=_n_labels(plan),
        tuning=tuned,
        exceeded_by=exceeded_by,
    )


def measure_untuned(test: Evaluation, plan: Plan) -> TrueLabelModels | None:
    """Measure the strong model as it is configured, on the labels of the ceilings."""
    if test.untuned is None:
        return None
    card = scorecard(test.untuned, test.truth, plan.config.measure.level)
    return TrueLabelModels(scores=means(card), models=test.untuned.n_models, labels=_n_labels(plan))


def measure_controls(
    test: Evaluation, plan: Plan, entries: Mapping[str, Entry]
) -> dict[str, TrueLabelModels | NotTrained]:
    """Measure the strong model on the teachers' true labels: on each teacher's own, and on all of them."""
    found: dict[str, TrueLabelModels | NotTrained] = {}
    for field, name, predictions in (
        ("own_labels", OWN_LABELS, test.own_labels),
        ("all_labels", ALL_LABELS, test.all_labels),
    ):
        if predictions is None:
            found[field] = NotTrained(reason=TOO_DEAR if "teachers" in plan.stages else FROM_ELSEWHERE)
            continue
        card = scorecard(predictions, test.truth, plan.config.measure.level)
        sets = teachers_labels(plan.task, plan.splits, plan.config.teacher, seed=plan.config.seed)[name]
        found[field] = TrueLabelModels(
            scores=means(card),
            each=each_model(card),
            models=predictions.n_models,
            labels=int(sets.sum(axis=1).min()),
            tuning=plan.tuned[name].tuning(entries[name]) if name in plan.tuned else None,
        )
    return found


def _n_labels(plan: Plan) -> int:
    """Count the true labels that ceilings learn from."""
    return len(ceiling_points(plan.task, plan.splits, seed=plan.config.seed))


def exceeding(test: Evaluation, right: PointScores, level: float) -> dict[str, Measurement]:
    """List who is shown to be above the ceiling: students, then ensembles; by how much, paired by point.

    The ceilings are tunings of one model on one set of labels. Whoever is above the ceiling is above each of them, so
    that the choice is covered; the difference given is the one from the best.
    """
    ceilings = accuracy(test.ceilings, test.truth)
    best = ceilings[int(ceilings.mean(axis=1).argmax())]
    over = {
        loss: mean_of(scores - best, level, right.own[loss], scale=DIFFERENCE)
        for loss, scores in right.students.items()
    }
    for name in test.ensembles:
        ahead = (right.fixed[f"ensemble_{name}"] - best)[None]  # nan where no teacher answers
        over[f"ensemble_{name}"] = mean_of(over_answered(ahead, ~np.isnan(ahead)), level, scale=DIFFERENCE)
    return {name: value for name, value in over.items() if is_above_zero(value)}


def without_pgr(student: Student, exceeded_by: Mapping[str, Measurement]) -> Student:
    """Withhold PGR where the ceiling is none; gain and room stay."""
    if not exceeded_by or student.recovery.value is None:
        return student
    who = ", ".join(exceeded_by)
    reason = f"{who} {'is' if len(exceeded_by) == 1 else 'are'} shown to be above the ceiling, so that it is none"
    withheld = student.recovery.model_copy(update={"value": None, "low": None, "high": None, "reason": reason})
    return student.model_copy(update={"recovery": withheld})


def measure_equivalents(
    test: Evaluation, plan: Plan, entries: Mapping[str, Entry], right: PointScores
) -> Equivalents | NotTrained:
    """Measure the curve of the strong model over n true labels, and where each loss's students cross it."""
    if LABEL_CURVE not in plan.tuned:
        few = f"{_n_labels(plan):,} true labels beside validation and test are too few for a curve over their number"
        return NotTrained(reason=few if plan.tuned else NOT_TUNED)
    curve, level = plan.tuned[LABEL_CURVE], plan.config.measure.level
    sizes = curve.n_labels
    right_at: Float[np.ndarray, "sets points"] = hits(entries[LABEL_CURVE].arrays["test"][-1], test.truth)
    smoothed = smoothed_curve(right_at, sizes)
    return Equivalents(
        curve=tuple(
            CurvePoint(
                labels=n,
                draws=int((sizes == n).sum()),
                accuracy=mean_of(right_at[sizes == n], level, scale=SHARE),
                smoothed=value,
            )
            for n, value in zip(np.unique(sizes).tolist(), smoothed.tolist(), strict=True)
        ),
        worth={loss: _worth(right_at, sizes, right.students[loss], right.own[loss], level) for loss in test.students},
        teacher_labels=plan.config.teacher.labels if "teachers" in plan.stages else None,
    )


def _worth(right_at: np.ndarray, sizes: np.ndarray, student: np.ndarray, own: np.ndarray, level: float) -> Worth:
    found = true_label_equivalent(student, right_at, sizes, clusters=own, level=level)
    return Worth(labels=found.labels, beyond=found.beyond, low=found.low, high=found.high, reason=found.reason)
