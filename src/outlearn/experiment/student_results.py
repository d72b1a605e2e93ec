"""What is measured of the students of one loss: scores, PGR, the decomposition of the gain, comparisons, the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.decomposition.posterior import posterior_mean
from outlearn.core.decomposition.risk_gap import RiskGap, risk_gap
from outlearn.core.decomposition.total_variance import total_variance
from outlearn.core.metrics import METRICS, accuracy, log_loss, scorecard
from outlearn.core.predictions import Predictions, labelled_by
from outlearn.core.students.agreement import agreement, consensus
from outlearn.core.students.blind_spots import MEANS, blind_spots
from outlearn.core.students.recovery import performance_gap_recovered
from outlearn.core.students.sharpening import sharpening
from outlearn.errors import OutlearnError
from outlearn.experiment.config import Config
from outlearn.experiment.evaluation import Evaluation
from outlearn.results.estimates import estimate, mean_of, number, ratio_of_means, score_record

__all__ = ["bias_variance_record", "student_record"]


def student_record(
    loss: str,
    test: Evaluation,
    references: Mapping[str, Predictions],
    majority: Float[np.ndarray, " classes"],
    config: Config,
) -> dict[str, Any]:
    """Measure the students of one loss."""
    level = config.measure.level
    student = test.final(loss)
    own = labelled_by(test.source, student)
    gap = _gap(student, test, config)
    summary = gap.summary(level)
    recovery = performance_gap_recovered(
        test.labels, teacher=test.source, student=student, ceiling=test.ceilings, level=level
    )
    agree = agreement(test.source, student)
    wrong = 1.0 - accuracy(test.source, test.labels)[own]
    right = accuracy(student, test.labels)
    one_seed = test.seeds == 0
    of_draw = Predictions.from_logits(student.log_probs[one_seed], teacher_of=own[one_seed])
    record: dict[str, Any] = {
        "loss": test.losses[loss],
        "models": student.n_models,
        "epoch": test.checkpoints[loss][test.chosen[loss]],
        **score_record(scorecard(student, test.labels, level), each=True),
        "pgr": {
            "value": recovery.value,
            "low": recovery.low,
            "high": recovery.high,
            "reason": recovery.reason,
            "over": recovery.gain.over,
            "gain": estimate(recovery.gain),
            "room": estimate(recovery.room),
        },
        "agreement": mean_of(agree, level, own),
        "agreement_when_teacher_wrong": ratio_of_means(agree - right * (1.0 - wrong), wrong, level, own),
        "gap": mean_of(gap.gap, level, own),
        "misfit": mean_of(gap.misfit, level, own),
        "residual": mean_of(gap.residual, level, own),
        "crossed_misfit": estimate(summary.crossed_misfit),
        "overfit_covariance": estimate(summary.overfit_covariance),
        "identity_error": gap.identity_error,
        "entropy_excess": estimate(sharpening(test.target, student, level=level).interval),
        "differences": _differences(right, loss, test, references, majority, level, own),
        "log_loss_differences": _log_loss_differences(loss, test, level, own),
        "blind_spots": _blind_spots_record(test, student, level),
        "path": [
            _path(epoch, at, gap if at is student else _gap(at, test, config), test)
            for epoch, at in zip(test.checkpoints[loss], test.students[loss], strict=True)
        ],
    }
    split = bias_variance_record(test.target, of_draw, config)
    return {
        **record,
        "bias": split["bias"],
        "variance": split["variance"],
        "variance_between_teachers": _share_between_teachers(student, own, config),
        "posterior_mean": _posterior_record(test, student, config),
    }


def _differences(
    right: Float[np.ndarray, "students points"],
    loss: str,
    test: Evaluation,
    references: Mapping[str, Predictions],
    majority: Float[np.ndarray, " classes"],
    level: float,
    own: Int[np.ndarray, " students"],
) -> dict[str, Any]:
    """Measure the student's accuracy less that of everything it is compared with, point by point."""
    others = {"teacher": accuracy(test.source, test.labels)[own]}
    # One row for all: a fixed reference, or the mean of several ceilings.
    others |= {name: accuracy(reference, test.labels).mean(axis=0) for name, reference in references.items()}
    others["majority"] = majority[test.labels]
    if loss in test.control:  # its seeds averaged: one row for the students of all teachers
        others["student_of_mean"] = accuracy(test.control[loss], test.labels).mean(axis=0)
    others |= {name: accuracy(test.final(name), test.labels) for name in test.students if name != loss}
    return {name: mean_of(right - other, level, own) for name, other in others.items()}


def _log_loss_differences(
    loss: str, test: Evaluation, level: float, own: Int[np.ndarray, " students"]
) -> dict[str, Any]:
    """Measure the student's log loss less that of its labeller and of the other losses' students, point by point."""
    mine = log_loss(test.final(loss), test.labels)
    others = {"teacher": log_loss(test.source, test.labels)[own]}
    if loss in test.control:
        others["student_of_mean"] = log_loss(test.control[loss], test.labels).mean(axis=0)
    others |= {name: log_loss(test.final(name), test.labels) for name in test.students if name != loss}
    return {name: mean_of(mine - other, level, own) for name, other in others.items()}


def _gap(student: Predictions, test: Evaluation, config: Config) -> RiskGap:
    return risk_gap(
        test.target,
        teacher=test.source,
        student=student,
        generator=config.measure.generator,
        order=config.measure.order,
    )


def _blind_spots_record(test: Evaluation, student: Predictions, level: float) -> dict[str, Any]:
    """Measure where the students are surely wrong and their own teachers unsure."""
    found = blind_spots(test.labels, teacher=test.source, student=student).summary(level)
    return {"threshold": found.threshold, **{name: estimate(getattr(found, name)) for name in MEANS}}


def _path(epoch: float, student: Predictions, gap: RiskGap, test: Evaluation) -> dict[str, Any]:
    """Measure one checkpoint of one loss: what can be told with labels, and what can be told without."""
    label_free = consensus(test.source, student)
    return {
        "epoch": epoch,
        **{name: number(METRICS[name](student, test.labels).mean()) for name in ("accuracy", "log_loss", "entropy")},
        "gap": number(gap.gap.mean()),
        "misfit": number(gap.misfit.mean()),
        "residual": number(gap.residual.mean()),
        "crossed_misfit": number(gap.crossed_misfit),
        "overfit_covariance": number(gap.overfit_covariance),
        "crossed_kappa": number(label_free.crossed_kappa),
        "consensus_kappa": number(label_free.consensus),
    }


def _share_between_teachers(student: Predictions, own: Int[np.ndarray, " students"], config: Config) -> float | None:
    """Return the share of the students' variance that their teachers' draws make; seeds make the rest. Plug-in."""
    if len(np.unique(own)) in (1, len(own)):
        return None
    how = {"generator": config.measure.generator, "order": config.measure.order}
    return number(total_variance(student, own, **how).share_between)


def _posterior_record(test: Evaluation, student: Predictions, config: Config) -> dict[str, Any]:
    """Measure how far the students are from their posterior-mean teacher, or say why that cannot be told."""
    try:
        found = posterior_mean(
            test.source,
            student,
            method="regression",
            order=config.measure.order,
            generator=config.measure.generator,
            target=test.target,
        )
    except OutlearnError as refused:
        return {"method": "regression", "reason": str(refused)}
    own = labelled_by(test.source, student)
    terms = {"conditional_variance": found.conditional_variance, "distance": found.distance}
    if found.residual_bound is not None:
        terms["residual_bound"] = found.residual_bound
    return {"method": found.method, **{name: mean_of(term, config.measure.level, own) for name, term in terms.items()}}


def bias_variance_record(target: np.ndarray, predictions: Predictions, config: Config) -> dict[str, Any]:
    """Decompose the risk, corrected for the number of models by the jackknife."""
    summary = bias_variance(
        target, predictions, generator=config.measure.generator, order=config.measure.order
    ).summary(correction="jackknife", level=config.measure.level)
    parts = {name: estimate(getattr(summary, name)) for name in ("total", "noise", "bias", "variance")}
    return {**parts, "correction": "jackknife"}
