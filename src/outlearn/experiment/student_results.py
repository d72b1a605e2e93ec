"""What is measured of the students of one loss: scores, PGR, the decomposition of the gain, comparisons, the path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.decomposition.posterior import posterior_mean
from outlearn.core.decomposition.risk_gap import RiskGap, risk_gap
from outlearn.core.decomposition.total_variance import total_variance
from outlearn.core.gaps import NEEDS_EVERY_ANSWER, over_answered
from outlearn.core.intervals import Interval
from outlearn.core.mean_intervals import cluster_means, point_interval
from outlearn.core.metrics import METRICS, Metric, accuracy, scorecard
from outlearn.core.numbers import AnyPredictions
from outlearn.core.point_models import labeled_by
from outlearn.core.predictions import Predictions
from outlearn.core.scales import POSITIVE, SHARE, SIGNED, Scale
from outlearn.core.students.agreement import agreement, consensus
from outlearn.core.students.blind_spots import MEANS, blind_spots, halfway_to_certainty
from outlearn.core.students.recovery import performance_gap_recovered
from outlearn.core.students.sharpening import sharpening
from outlearn.errors import OutlearnError
from outlearn.experiment.config import Config
from outlearn.experiment.evaluation import Evaluation
from outlearn.results.measurement import Withheld, each_model, mean_of, means, measured, ratio_of_means
from outlearn.results.run import BiasVariance, BlindSpots, PathPoint, PosteriorMean, Recovery, Student

__all__ = ["PointScores", "all_pairs", "measure_bias_variance", "measure_posterior_mean", "measure_student"]


@dataclass(frozen=True, eq=False)
class PointScores:
    """One score of everybody on every point, for differences that are paired by point; nan at a gap.

    Attributes:
        metric: the score.
        labelers: of each labeler.
        own_labels: of the strong model on each labeler's own true labels; None where there is none.
        fixed: name -> one row for all students: a single predictor, or the mean of several ceilings.
        control: loss -> students of the teachers' plain mean, seeds averaged.
        students: loss -> its students.
        own: loss -> whose labels each of them learned, counted among its own labelers.
        foreign: losses whose students learn from other labelers than the run's.
        of_these: whether differences are for new points and these very labelers and students. So they are where the
            labelers were given: the question is what to do with these labels, as `preflight` answers it, and two or
            three labelers that somebody chose say little about others.
    """

    metric: Metric
    labelers: Float[np.ndarray, "labelers points"]
    own_labels: Float[np.ndarray, "labelers points"] | None
    fixed: Mapping[str, Float[np.ndarray, " points"]]
    control: Mapping[str, Float[np.ndarray, " points"]]
    students: Mapping[str, Float[np.ndarray, "students points"]]
    own: Mapping[str, Int[np.ndarray, " students"]]
    foreign: frozenset[str]
    of_these: bool

    @classmethod
    def of(
        cls,
        metric: Metric,
        test: Evaluation,
        fixed: Mapping[str, Float[np.ndarray, " points"]],
        *,
        of_these: bool,
    ) -> PointScores:
        """Score everybody once."""
        own_labels = None if test.own_labels is None else metric(test.own_labels, test.truth)
        if own_labels is not None and test.source is not test.teachers:  # one labeler, a combination of all teachers
            own_labels = own_labels.mean(axis=0, keepdims=True)
        students, own = {}, {}
        for loss in test.students:
            student = test.final(loss)
            students[loss], own[loss] = metric(student, test.truth), labeled_by(test.labelers[loss], student)
        return cls(
            metric,
            metric(test.source, test.truth),
            own_labels,
            fixed,
            {loss: metric(control, test.truth).mean(axis=0) for loss, control in test.control.items()},
            students,
            own,
            frozenset(loss for loss, labeler in test.labelers.items() if labeler is not test.source),
            of_these,
        )

    def differences(self, loss: str, level: float) -> dict[str, Interval | Withheld]:
        """Measure the score of a loss's students less that of everybody they are compared with, where these answer.

        Where one side is students of a single labeling, those of the other are compared with their mean, labeler by
        labeler.
        """
        mine, own = self.students[loss], self.own[loss]
        fixed = dict(self.fixed) | ({"student_of_mean": self.control[loss]} if loss in self.control else {})
        found = {"teacher": self._from_labelers(loss, self.labelers, level)}
        if self.own_labels is not None:
            found["own_labels"] = self._from_labelers(loss, self.own_labels, level)
        found |= {name: self._difference(mine - other, other, own, level) for name, other in fixed.items()}
        for name, other in self.students.items():
            if name == loss:
                continue
            if np.array_equal(own, self.own[name]):
                found[name] = self._difference(mine - other, other, own, level)
            elif len(np.unique(self.own[name])) == 1:
                found[name] = self._difference(mine - other.mean(axis=0), other.mean(axis=0), own, level)
            else:
                found[name] = self._difference(mine.mean(axis=0) - other, other, self.own[name], level)
        return found

    def _from_labelers(
        self, loss: str, others: Float[np.ndarray, "labelers points"], level: float
    ) -> Interval | Withheld:
        """Compare students with rows of the run's labelers: with their own, or, having none there, with all."""
        mine, own = self.students[loss], self.own[loss]
        if loss not in self.foreign:
            return self._difference(mine - others[own], others[own], own, level)
        labeler, student = all_pairs(len(others), len(mine))
        clusters = labeler if len(others) > 1 else own[student]
        return self._difference(mine[student] - others[labeler], others[labeler], clusters, level)

    def _difference(
        self, difference: Float[np.ndarray, "models points"], other: np.ndarray, clusters: np.ndarray, level: float
    ) -> Interval | Withheld:
        """Average a difference where the other side answers."""
        answered = np.broadcast_to(~np.isnan(other), difference.shape)
        values, scale = over_answered(difference, answered), self.metric.difference_scale
        if self.of_these:
            return measured(point_interval(cluster_means(values, clusters), level, scale=scale))
        return mean_of(values, level, clusters, scale=scale)


def all_pairs(n_labelers: int, n_students: int) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """List every labeler with every student."""
    return np.repeat(np.arange(n_labelers), n_students), np.tile(np.arange(n_students), n_labelers)


def measure_student(loss: str, test: Evaluation, right: PointScores, log_loss: PointScores, config: Config) -> Student:
    """Measure the students of one loss; `right` and `log_loss` are everybody's, point by point."""
    level = config.measure.level
    students, chosen = test.students[loss], test.chosen[loss]
    student = test.final(loss)
    labeler = test.labelers[loss]
    own = labeled_by(labeler, student)
    gap = _gap(student, labeler, test, config)
    summary = gap.summary(level)
    heard = None if labeler.answered is None else labeler.answered[own]

    def mean(values: Float[np.ndarray, "students points"], scale: Scale) -> Interval | Withheld:
        return mean_of(over_answered(values, heard), level, own, scale=scale)

    agree = agreement(labeler, student)
    teacher_wrong = 1.0 - accuracy(labeler, test.truth)[own]
    one_seed = students.seed_of == 0
    of_draw = measure_bias_variance(
        test.target, Predictions.from_logits(student.log_probs[one_seed], teacher_of=own[one_seed]), config
    )
    card = scorecard(student, test.truth, level)
    return Student(
        scores=means(card),
        each=each_model(card),
        loss=students.config,
        source=students.source,
        models=student.n_models,
        epoch=students.checkpoints[chosen],
        recovery=_recovery(loss, student, test, level),
        agreement=mean(agree, SHARE),
        # Repeats its teacher, less those where both are right: what both get wrong in the same way.
        agreement_when_teacher_wrong=ratio_of_means(
            over_answered(agree - right.students[loss] * (1.0 - teacher_wrong), heard),
            over_answered(teacher_wrong, heard),
            level,
            own,
        ),
        gap=mean(gap.gap, SIGNED),
        misfit=mean(gap.misfit, POSITIVE),
        residual=mean(gap.residual, SIGNED),
        crossed_misfit=measured(summary.crossed_misfit),
        overfit_covariance=measured(summary.overfit_covariance),
        identity_error=gap.identity_error,
        entropy_excess=measured(sharpening(test.target, student, level=level).interval),
        differences=right.differences(loss, level),
        log_loss_differences=log_loss.differences(loss, level),
        blind_spots=_blind_spots(labeler, test, student, level),
        path=tuple(
            _path_point(epoch, student, gap, labeler, test)
            if at == chosen
            else _checkpoint(epoch, test.at(loss, at), labeler, test, config)
            for at, epoch in enumerate(students.checkpoints)
        ),
        bias=of_draw.bias,
        variance=of_draw.variance,
        variance_between_teachers=_share_between_teachers(student, own, config),
        posterior_mean=measure_posterior_mean(labeler, test.target, student, own, config),
    )


def _recovery(loss: str, student: Predictions, test: Evaluation, level: float) -> Recovery:
    if test.labelers[loss] is not test.source:  # PGR starts from the run's labelers for all students
        teacher, of = all_pairs(test.source.n_models, student.n_models)
        student = replace(student, log_probs=student.log_probs[of], teacher_of=teacher)
    found = performance_gap_recovered(
        test.truth, teacher=test.source, student=student, ceiling=test.ceilings, level=level
    )
    return Recovery.of(found)


def _gap(student: Predictions, labeler: Predictions, test: Evaluation, config: Config) -> RiskGap:
    return risk_gap(
        test.target,
        teacher=labeler,
        student=student,
        generator=config.measure.generator,
        order=config.measure.order,
    )


def _blind_spots(labeler: Predictions, test: Evaluation, student: Predictions, level: float) -> BlindSpots:
    if labeler.answered is not None:
        threshold = halfway_to_certainty(student.n_classes)
        return BlindSpots(threshold=threshold, **dict.fromkeys(MEANS, Withheld(NEEDS_EVERY_ANSWER)))
    found = blind_spots(test.labels, teacher=labeler, student=student).summary(level)
    return BlindSpots(threshold=found.threshold, **{name: measured(getattr(found, name)) for name in MEANS})


def _checkpoint(
    epoch: float, student: Predictions, labeler: Predictions, test: Evaluation, config: Config
) -> PathPoint:
    return _path_point(epoch, student, _gap(student, labeler, test, config), labeler, test)


def _path_point(epoch: float, student: Predictions, gap: RiskGap, labeler: Predictions, test: Evaluation) -> PathPoint:
    """Measure one checkpoint of one loss: what can be told with labels, and what can be told without."""
    label_free = consensus(labeler, student)
    heard = ~np.isnan(gap.gap)
    return PathPoint(
        epoch=epoch,
        **{name: float(METRICS[name](student, test.truth).mean()) for name in ("accuracy", "log_loss", "entropy")},
        **{term: float(over_answered(getattr(gap, term), heard).mean()) for term in ("gap", "misfit", "residual")},
        crossed_misfit=gap.crossed_misfit,
        overfit_covariance=gap.overfit_covariance,
        crossed_kappa=label_free.crossed_kappa,
        consensus_kappa=label_free.consensus,
    )


def _share_between_teachers(student: Predictions, own: Int[np.ndarray, " students"], config: Config) -> float | None:
    """Return the share of the students' variance that their teachers' draws make; seeds make the rest. Plug-in."""
    if len(np.unique(own)) in (1, len(own)):
        return None
    how = {"generator": config.measure.generator, "order": config.measure.order}
    return float(total_variance(student, own, **how).share_between)


def measure_posterior_mean(
    labeler: AnyPredictions,
    target: np.ndarray,
    student: AnyPredictions,
    own: Int[np.ndarray, " students"],
    config: Config,
) -> PosteriorMean:
    """Measure how far the students are from their posterior-mean teacher, or say why that cannot be told."""
    if labeler.answered is not None:
        return PosteriorMean(method="regression", reason=NEEDS_EVERY_ANSWER)
    try:
        found = posterior_mean(
            labeler,
            student,
            method="regression",
            order=config.measure.order,
            generator=config.measure.generator,
            target=target,
        )
    except OutlearnError as refused:
        return PosteriorMean(method="regression", reason=str(refused))
    level, bound = config.measure.level, found.residual_bound
    return PosteriorMean(
        method=found.method,
        conditional_variance=mean_of(found.conditional_variance, level, own, scale=POSITIVE),
        distance=mean_of(found.distance, level, own, scale=POSITIVE),
        residual_bound=None if bound is None else mean_of(bound, level, own, scale=POSITIVE),
    )


def measure_bias_variance(target: np.ndarray, predictions: AnyPredictions, config: Config) -> BiasVariance:
    """Decompose the risk, corrected for the number of models by the jackknife."""
    terms = ("total", "noise", "bias", "variance")
    if predictions.answered is not None:
        return BiasVariance(**dict.fromkeys(terms, Withheld(NEEDS_EVERY_ANSWER)), correction="jackknife")
    found = bias_variance(target, predictions, generator=config.measure.generator, order=config.measure.order).summary(
        correction="jackknife", level=config.measure.level
    )
    return BiasVariance(**{name: measured(getattr(found, name)) for name in terms}, correction=found.correction)
