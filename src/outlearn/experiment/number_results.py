"""From predicted numbers to results: the comparison and the decomposition, on the test split.

Differences are paired: student with its own teacher, loss with loss, on the same points. What is compared is the risk
D(target, prediction), or in the other order D(prediction, target): the squared error unless another divergence is
named; of raters the mean is the target, and their spread is noise, which is the same for everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.decomposition.risk_gap import RiskGap, risk_gap
from outlearn.core.gaps import over_answered
from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.intervals import Interval
from outlearn.core.number_metrics import number_scorecard, squared_error
from outlearn.core.numbers import Numbers
from outlearn.core.orders import directions, mean_risk
from outlearn.core.point_models import labeled_by
from outlearn.core.scales import POSITIVE, SIGNED, Scale
from outlearn.core.students.concordance import own_concordance
from outlearn.core.students.equivalents import smoothed_curve, true_label_equivalent
from outlearn.core.students.recovery import recovery_of_scores
from outlearn.core.targets import read_target, target_duals
from outlearn.core.verdict import is_above_zero
from outlearn.experiment.number_evaluation import NumberEvaluation
from outlearn.experiment.number_intervals import conformal_check, held_out_errors
from outlearn.experiment.number_plan import NumberPlan
from outlearn.experiment.results import POPULATIONS
from outlearn.experiment.stages.ceilings import CEILINGS, ceiling_notes, ceiling_points
from outlearn.experiment.stages.controls import ALL_LABELS, LABEL_CURVE, OWN_LABELS, teachers_labels
from outlearn.experiment.student_results import all_pairs, measure_bias_variance, measure_posterior_mean
from outlearn.experiment.true_label_results import FROM_ELSEWHERE, NOT_TUNED, TOO_DEAR
from outlearn.results.interval_calibration import IntervalCalibration
from outlearn.results.measured_intervals import interval_calibration
from outlearn.results.measurement import Withheld, each_model, mean_of, means, measured
from outlearn.results.numbers import (
    NumberEquivalents,
    NumberPathPoint,
    NumberResults,
    NumberStudent,
    NumberTask,
    RiskPoint,
)
from outlearn.results.run import BestTeacher, Controls, Labeler, Measures, Recovery, StageUse, Teachers
from outlearn.results.scored import Scored
from outlearn.results.true_labels import Ceiling, NotTrained, TrueLabelModels, Worth
from outlearn.store.store import Entry
from outlearn.version import __version__

__all__ = ["measure_numbers"]


def measure_numbers(
    test: NumberEvaluation, validation: NumberEvaluation, plan: NumberPlan, entries: Mapping[str, Entry]
) -> NumberResults:
    """Measure everybody; validation serves to choose the best teacher, and for intervals of students, only.

    `seconds` is empty as long as it runs.
    """
    return _Measuring(test, validation, plan, entries).results()


@dataclass(frozen=True, eq=False)
class _Measuring:
    """Measure one run: what is shared between its parts is computed once."""

    test: NumberEvaluation
    validation: NumberEvaluation
    plan: NumberPlan
    entries: Mapping[str, Entry]

    @cached_property
    def generator(self) -> BregmanGenerator:
        return get_generator(self.plan.config.measure.generator)

    @property
    def level(self) -> float:
        return self.plan.config.measure.level

    def risk(self, models: Numbers, at: NumberEvaluation | None = None) -> Float[np.ndarray, "models points"]:
        """Return the risk against the mean of the raters, nan at a gap."""
        order, truth = self.plan.config.measure.order, (at or self.test).truth
        y = target_duals(read_target(truth, models), models, self.generator, order)
        found = mean_risk(y, models.duals(self.generator, argument="predictions"), self.generator, order)
        return found if models.answered is None else np.where(models.answered, found, np.nan)

    @cached_property
    def risks(self) -> dict[str, Float[np.ndarray, "students points"]]:
        return {loss: self.risk(student) for loss, student in self.test.students.items()}

    @cached_property
    def own(self) -> dict[str, Int[np.ndarray, " students"]]:
        return {loss: labeled_by(self.test.labelers[loss], each) for loss, each in self.test.students.items()}

    @cached_property
    def fixed(self) -> dict[str, Float[np.ndarray, " points"]]:
        """The risk of everyone that is one row for all students."""
        test = self.test
        models = {
            "best_teacher": test.teachers.only(self.best),
            **{f"ensemble_{name}": each for name, each in test.ensembles.items()},
            "ceiling": test.ceilings,
            **({} if test.all_labels is None else {"all_labels": test.all_labels}),
            "baseline": self.baseline,
        }
        return {name: self.risk(each).mean(axis=0) for name, each in models.items()}

    @cached_property
    def best(self) -> int:
        at = self.validation
        risk = self.risk(at.teachers, at)
        return int(over_answered(risk, at.teachers.answered).mean(axis=1).argmin())

    @cached_property
    def baseline(self) -> Numbers:
        task, splits = self.plan.task, self.plan.splits
        assert task.numbers is not None
        seen = splits.teacher if len(splits.teacher) else ceiling_points(task, splits, seed=self.plan.config.seed)
        value = float(task.numbers[seen].mean())
        return Numbers(np.full((1, len(self.test.truth)), value), self.test.teachers.point_ids)

    def results(self) -> NumberResults:
        test, config = self.test, self.plan.config
        teachers = number_scorecard(test.teachers, test.truth, self.level)
        exceeded_by = self._exceeding()
        students = {loss: self._student(loss, exceeded_by) for loss in test.students}
        scores = self._scores
        return NumberResults(
            outlearn=__version__,
            config_key=self.plan.key,
            task=self._task(),
            measure=self._measures(max(each.identity_error for each in students.values())),
            teacher=Teachers(
                models=test.teachers.n_models,
                population=POPULATIONS[config.teacher.draw],
                scores=means(teachers),
                each=each_model(teachers),
            ),
            labeler=Labeler(source=config.weak_labels.source, scores=scores(test.source)),
            ensembles={name: Scored(scores=scores(each)) for name, each in test.ensembles.items()},
            controls=Controls(
                best_teacher=BestTeacher(
                    model=self.best, chosen_on="validation", scores=scores(test.teachers.only(self.best))
                ),
                student_of_mean={loss: Scored(scores=scores(each)) for loss, each in test.control.items()},
                own_labels=self._control(OWN_LABELS, test.own_labels),
                all_labels=self._control(ALL_LABELS, test.all_labels),
            ),
            ceiling=Ceiling(**self._true_labels(CEILINGS, test.ceilings), exceeded_by=exceeded_by),
            equivalents=self._equivalents(),
            baseline=Scored(scores=scores(self.baseline)),
            students=students,
            teacher_bias_variance=measure_bias_variance(test.target, test.teachers, config),
            selection=None if self.plan.auto is None else self.plan.auto.selection(self.entries["auto"]),
            intervals=dict(self._intervals()),
            given_intervals=tuple(self._given_intervals()),
            seconds={},
            stages={name: StageUse(key=entry.key, cached=entry.cached) for name, entry in self.entries.items()},
        )

    def _intervals(self) -> Iterator[tuple[str, IntervalCalibration]]:
        """Check the intervals of the students of each loss, where validation has enough true numbers for some."""
        for loss, each in self.test.students.items():
            errors = held_out_errors(self.validation.students[loss], self.validation.truth)
            found = conformal_check(errors, each, self.test.truth, of=f"the student of {loss}", level=self.level)
            if found is not None:
                yield loss, found

    def _given_intervals(self) -> Iterator[IntervalCalibration]:
        """Check the intervals of labelers from elsewhere: raters are draws of the truth where the target is soft."""
        said = self.plan.given_intervals
        for m, name in enumerate(self.plan.teacher_names if said is not None else ()):
            if said is not None and said.given[m].any():
                yield interval_calibration(self.test.target, said.only(m), of=name, level=self.level)

    def _scores(self, models: Numbers) -> dict[str, Interval | Withheld]:
        return means(number_scorecard(models, self.test.truth, self.level))

    def _student(self, loss: str, exceeded_by: Mapping[str, Interval | Withheld]) -> NumberStudent:
        test, config = self.test, self.plan.config
        student, labeler, details, own = test.students[loss], test.labelers[loss], test.details[loss], self.own[loss]
        gap = self._gap(loss, student)
        summary = gap.summary(self.level)
        heard = None if labeler.answered is None else labeler.answered[own]

        def mean(values: Float[np.ndarray, "students points"], scale: Scale) -> Interval | Withheld:
            return mean_of(over_answered(values, heard), self.level, own, scale=scale)

        chosen = test.chosen[loss]
        card = number_scorecard(student, test.truth, self.level)
        parts = measure_bias_variance(test.target, student, config)
        return NumberStudent(
            scores=means(card),
            each=each_model(card),
            loss=details.config,
            source=details.source,
            models=student.n_models,
            epoch=details.checkpoints[chosen],
            risk=mean(self.risks[loss], POSITIVE),
            recovery=self._recovery(loss, exceeded_by),
            concordance=float(own_concordance(labeler, student).mean()),
            gap=mean(gap.gap, SIGNED),
            misfit=mean(gap.misfit, POSITIVE),
            residual=mean(gap.residual, SIGNED),
            crossed_misfit=measured(summary.crossed_misfit),
            overfit_covariance=measured(summary.overfit_covariance),
            identity_error=gap.identity_error,
            differences=self._differences(loss),
            bias=parts.bias,
            variance=parts.variance,
            posterior_mean=measure_posterior_mean(labeler, test.target, student, own, config),
            path=tuple(
                self._path_point(epoch, loss, student, gap)
                if at == chosen
                else self._path_point(epoch, loss, other := test.at(loss, at), self._gap(loss, other))
                for at, epoch in enumerate(details.checkpoints)
            ),
        )

    def _gap(self, loss: str, student: Numbers) -> RiskGap:
        test = self.test
        return risk_gap(
            test.target,
            teacher=test.labelers[loss],
            student=student,
            generator=self.generator,
            order=self.plan.config.measure.order,
        )

    def _path_point(self, epoch: float, loss: str, student: Numbers, gap: RiskGap) -> NumberPathPoint:
        """Measure one checkpoint of one loss, where its labeler says something."""
        heard = ~np.isnan(gap.gap)
        risk = over_answered(self.risk(student), heard)
        return NumberPathPoint(
            epoch=epoch,
            mse=float(squared_error(student, self.test.truth).mean()),
            risk=float(risk.mean()),
            **{term: float(over_answered(getattr(gap, term), heard).mean()) for term in ("gap", "misfit", "residual")},
            crossed_misfit=gap.crossed_misfit,
            overfit_covariance=gap.overfit_covariance,
            concordance=float(own_concordance(self.test.labelers[loss], student).mean()),
        )

    def _recovery(self, loss: str, exceeded_by: Mapping[str, Interval | Withheld]) -> Recovery:
        of_teacher, of_student, own = self.risk(self.test.source), self.risks[loss], self.own[loss]
        if self.test.labelers[loss] is not self.test.source:  # PGR starts from the run's labelers for all students
            own, of = all_pairs(len(of_teacher), len(of_student))
            of_student = of_student[of]
        found = recovery_of_scores(
            -of_teacher,
            -of_student,
            -self.risk(self.test.ceilings),
            own=own,
            answered=self.test.source.answered,
            scale=SIGNED,
            level=self.level,
            write=lambda value, sign=True: f"{value:{'+' if sign else ''}.3g}",
            unit=f"of {self.generator.unit}",
        )
        if exceeded_by and found.value is not None:
            who = ", ".join(exceeded_by)
            reason = f"{who} {'is' if len(exceeded_by) == 1 else 'are'} shown to be better than the ceiling"
            found = replace(found, value=None, low=None, high=None, reason=f"{reason}, so that it is none")
        return Recovery.of(found)

    def _differences(self, loss: str) -> dict[str, Interval | Withheld]:
        """Measure everyone's risk less that of a loss's students: above 0 students are better."""
        mine, own = self.risks[loss], self.own[loss]
        fixed = dict(self.fixed)
        if loss in self.test.control:
            fixed["student_of_mean"] = self.risk(self.test.control[loss]).mean(axis=0)
        found = {"teacher": self._from_labelers(loss, self.risk(self.test.source))}
        if self.test.own_labels is not None:
            others = self.risk(self.test.own_labels)
            found["own_labels"] = self._from_labelers(
                loss, others if self.test.source is self.test.teachers else others.mean(axis=0, keepdims=True)
            )
        found |= {name: self._difference(other - mine, own) for name, other in fixed.items()}
        for name, other in self.risks.items():
            if name == loss:
                continue
            if np.array_equal(own, self.own[name]):
                found[name] = self._difference(other - mine, own)
            elif len(np.unique(self.own[name])) == 1:
                found[name] = self._difference(other.mean(axis=0) - mine, own)
            else:
                found[name] = self._difference(other - mine.mean(axis=0), self.own[name])
        return found

    def _from_labelers(self, loss: str, others: Float[np.ndarray, "labelers points"]) -> Interval | Withheld:
        mine, own = self.risks[loss], self.own[loss]
        if self.test.labelers[loss] is self.test.source:
            return self._difference(others[own] - mine, own)
        labeler, student = all_pairs(len(others), len(mine))
        return self._difference(others[labeler] - mine[student], labeler if len(others) > 1 else own[student])

    def _difference(self, values: Float[np.ndarray, "models points"], clusters: np.ndarray) -> Interval | Withheld:
        return mean_of(over_answered(values, ~np.isnan(values)), self.level, clusters, scale=SIGNED)

    def _exceeding(self) -> dict[str, Interval | Withheld]:
        """List who is shown to be better than the ceiling; the difference is the one from the best of the ceilings."""
        ceilings = self.risk(self.test.ceilings)
        best = ceilings[int(ceilings.mean(axis=1).argmin())]
        over = {loss: self._difference(best - risk, self.own[loss]) for loss, risk in self.risks.items()}
        over |= {
            f"ensemble_{name}": self._difference((best - self.fixed[f"ensemble_{name}"])[None], np.zeros(1, int))
            for name in self.test.ensembles
        }
        return {name: value for name, value in over.items() if is_above_zero(value)}

    def _true_labels(self, stage: str, models: Numbers) -> dict[str, object]:
        card = number_scorecard(models, self.test.truth, self.level)
        tuned = self.plan.tuned.get(stage)
        return {
            "scores": means(card),
            "each": each_model(card),
            "models": models.n_models,
            "labels": self._n_labels(stage) if tuned is None else int(tuned.n_labels.min()),
            "tuning": None if tuned is None else tuned.tuning(self.entries[stage]),
        }

    def _n_labels(self, stage: str) -> int:
        """Count the true labels of a model that is trained as it is configured."""
        task, splits, config = self.plan.task, self.plan.splits, self.plan.config
        if stage == CEILINGS:
            return len(ceiling_points(task, splits, seed=config.seed))
        return int(teachers_labels(task, splits, config.teacher, seed=config.seed)[stage].sum(axis=1).min())

    def _control(self, stage: str, models: Numbers | None) -> TrueLabelModels | NotTrained:
        return (
            NotTrained(reason=TOO_DEAR if "teachers" in self.plan.stages else FROM_ELSEWHERE)
            if models is None
            else TrueLabelModels(**self._true_labels(stage, models))
        )

    def _equivalents(self) -> NumberEquivalents | NotTrained:
        if self.test.curve is None:
            few = f"{self._n_labels(CEILINGS):,} true labels are too few for a curve over their number"
            return NotTrained(reason=few if self.plan.tuned else NOT_TUNED)
        sizes, risk = self.plan.tuned[LABEL_CURVE].n_labels, self.risk(self.test.curve)
        smoothed = -smoothed_curve(-risk, sizes)
        worth = {}
        for loss, mine in self.risks.items():
            at = true_label_equivalent(-mine, -risk, sizes, clusters=self.own[loss], level=self.level)
            worth[loss] = Worth(labels=at.labels, beyond=at.beyond, low=at.low, high=at.high, reason=at.reason)
        return NumberEquivalents(
            curve=tuple(
                RiskPoint(
                    labels=n,
                    draws=int((sizes == n).sum()),
                    mse=mean_of(risk[sizes == n], self.level, scale=POSITIVE),
                    smoothed=value,
                )
                for n, value in zip(np.unique(sizes).tolist(), smoothed.tolist(), strict=True)
            ),
            worth=worth,
            teacher_labels=self.plan.config.teacher.labels if "teachers" in self.plan.stages else None,
        )

    def _measures(self, identity_error: float) -> Measures:
        how = self.plan.config.measure
        words = directions(self.generator, how.order)
        squared = self.generator.name == "squared_euclidean" and len(self.test.target) == 1
        return Measures(
            **how.model_dump(),
            unit=self.generator.unit,
            risk_metric="mse" if squared else None,
            misfit=words.misfit,
            posterior_mean=words.posterior_mean,
            identity_error=identity_error,
        )

    def _task(self) -> NumberTask:
        task, splits, truth = self.plan.task, self.plan.splits, self.test.truth
        return NumberTask(
            name=task.name,
            **{f"n_{name}": size for name, size in splits.sizes().items()},
            n_unlabeled=int((~task.labeled[splits.student]).sum()),
            low=float(truth.min()),
            high=float(truth.max()),
            mean=float(truth.mean()),
            deviation=float(truth.std()),
            n_raters=1 if task.ratings is None else task.ratings.shape[1],
            source=task.source,
            licence=task.licence,
            splits=str(splits),
            notes=(*task.notes, *splits.notes, *ceiling_notes(task, splits)),
            caveats=self.plan.notes,
        )
