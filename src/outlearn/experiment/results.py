"""From predictions to results: the comparison and the decomposition.

Everything is measured on the test split, with its true labels; what is chosen (the best single teacher, an epoch) is
chosen on the validation split. Differences are paired: student with its own teacher, loss with loss, on the same
points.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from outlearn.core.gaps import over_answered
from outlearn.core.generators import get_generator
from outlearn.core.intervals import Interval
from outlearn.core.metrics import METRICS, accuracy, majority_accuracy, scorecard
from outlearn.core.orders import directions
from outlearn.core.predictions import Predictions
from outlearn.core.top_class import hits, top_class
from outlearn.data.task import Task
from outlearn.experiment.config import MeasureSection
from outlearn.experiment.evaluation import Evaluation
from outlearn.experiment.plan import Plan
from outlearn.experiment.stages.ceilings import ceiling_notes, ceiling_points
from outlearn.experiment.student_results import PointScores, measure_bias_variance, measure_student
from outlearn.experiment.true_label_results import (
    exceeding,
    measure_ceiling,
    measure_controls,
    measure_equivalents,
    measure_untuned,
    without_pgr,
)
from outlearn.experiment.tuned_results import measure_tuned
from outlearn.results.measurement import Withheld, each_model, means
from outlearn.results.run import (
    BestTeacher,
    Controls,
    Labeler,
    Majority,
    Measures,
    RunResults,
    StageUse,
    TaskFacts,
    Teachers,
)
from outlearn.results.scored import Scored
from outlearn.results.selection import Selection
from outlearn.store.store import Entry
from outlearn.version import __version__

__all__ = ["describe_measures", "measure"]

# What the spread of teachers that were drawn so can speak of: those that share their labels vary less than new ones.
POPULATIONS = {
    "disjoint": "new teachers",
    "bootstrap": "this pool of labels redrawn",
    "seeds": "other seeds of these teachers",
}
GIVEN = "labelers like these"


def measure(
    test: Evaluation,
    validation: Evaluation,
    plan: Plan,
    *,
    caveats: tuple[str, ...],
    selections: Mapping[str, Selection],
    entries: Mapping[str, Entry],
) -> RunResults:
    """Measure everybody; validation serves to choose the best teacher only.

    `seconds` of the results is empty as long as the run goes on; `caveats` are what a reader should know before the
    numbers, in sentences; `entries` are the stages of the run by name.
    """
    task, splits, config = plan.task, plan.splits, plan.config
    level = config.measure.level
    right_on_validation = accuracy(validation.teachers, validation.truth)
    best = int(over_answered(right_on_validation, validation.teachers.answered).mean(axis=1).argmax())
    best_teacher = test.teachers.only(best)
    seen = task.labels[splits.teacher if len(splits.teacher) else ceiling_points(task, splits, seed=config.seed)]
    majority = top_class(np.bincount(seen, minlength=task.n_classes))

    def scores(predictions: Predictions) -> dict[str, Interval | Withheld]:
        return means(scorecard(predictions, test.truth, level))

    references = {
        "best_teacher": best_teacher,
        **{f"ensemble_{name}": ensemble for name, ensemble in test.ensembles.items()},
        "ceiling": test.ceilings,
        **({} if test.all_labels is None else {"all_labels": test.all_labels}),
    }
    fixed = {name: accuracy(reference, test.truth).mean(axis=0) for name, reference in references.items()}
    of_majority = hits(np.tile(majority, (len(test.labels), 1)), test.truth)
    right = PointScores.of(
        METRICS["accuracy"],
        test,
        fixed | {"majority": of_majority},
        of_these=plan.labelers_given,
    )
    costs = PointScores.of(METRICS["log_loss"], test, {}, of_these=plan.labelers_given)
    students = {loss: measure_student(loss, test, right, costs, config) for loss in test.students}
    exceeded_by = exceeding(test, right, level)
    students = {loss: without_pgr(student, exceeded_by) for loss, student in students.items()}
    teachers = scorecard(test.teachers, test.truth, level)
    return RunResults(
        outlearn=__version__,
        config_key=plan.key,
        task=_task(plan, caveats),
        measure=describe_measures(config.measure, max(student.identity_error for student in students.values())),
        teacher=Teachers(
            models=test.teachers.n_models,
            population=GIVEN if plan.labelers_given else POPULATIONS[config.teacher.draw],
            given=plan.labelers_given,
            scores=means(teachers),
            each=each_model(teachers),
        ),
        labeler=Labeler(
            source=config.weak_labels.source,
            scores=means(teachers) if test.source is test.teachers else scores(test.source),
        ),
        ensembles={name: Scored(scores=scores(ensemble)) for name, ensemble in test.ensembles.items()},
        controls=Controls(
            best_teacher=BestTeacher(model=best, chosen_on="validation", scores=scores(best_teacher)),
            student_of_mean={loss: Scored(scores=scores(control)) for loss, control in test.control.items()},
            **measure_controls(test, plan, entries),
        ),
        ceiling=measure_ceiling(test, plan, entries, exceeded_by),
        ceiling_untuned=measure_untuned(test, plan),
        equivalents=measure_equivalents(test, plan, entries, right),
        majority=Majority(name=_names(majority, task), accuracy=majority_accuracy(test.labels, seen)),
        students=students,
        teacher_bias_variance=measure_bias_variance(test.target, test.teachers, config),
        selections=selections,
        tuned_baselines=measure_tuned(test, plan, entries, right),
        seconds={},
        stages={name: StageUse(key=entry.key, cached=entry.cached) for name, entry in entries.items()},
    )


def _names(majority: Float[np.ndarray, " classes"], task: Task) -> str:
    """Name the most common class, or all that are equally common."""
    return " or ".join(name for name, share in zip(task.class_names, majority, strict=True) if share)


def _task(plan: Plan, caveats: tuple[str, ...]) -> TaskFacts:
    task, splits = plan.task, plan.splits
    return TaskFacts(
        name=task.name,
        kind=task.kind,
        **{f"n_{name}": size for name, size in splits.sizes().items()},
        n_unlabeled=int((~task.labeled[splits.student]).sum()),
        n_classes=task.n_classes,
        class_names=task.class_names,
        source=task.source,
        licence=task.licence,
        splits=str(splits),
        notes=(*task.notes, *splits.notes, *ceiling_notes(task, splits)),
        caveats=caveats,
    )


def describe_measures(how: MeasureSection, identity_error: float) -> Measures:
    """Say how a run measures: its unit, its words, and which metric is the risk of one model, if any is."""
    generator = get_generator(how.generator)
    words = directions(generator, how.order)
    # A Bregman divergence is symmetric if and only if its gradient is linear, so that both means are one.
    symmetric = generator.dual_mean_name == generator.primal_mean_name
    of_labels = how.target == "labels" and not how.smoothing and (how.order == "target_first" or symmetric)
    return Measures(
        **how.model_dump(),
        unit=generator.unit,
        risk_metric=generator.risk_metric if of_labels else None,
        misfit=words.misfit,
        posterior_mean=words.posterior_mean,
        identity_error=identity_error,
    )
