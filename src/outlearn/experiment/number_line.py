"""The end of a run of numbers: from stages to predictions, results, and the files of its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from outlearn.core.numbers import Numbers
from outlearn.experiment.number_evaluation import NumberEvaluation, evaluate_numbers
from outlearn.experiment.number_plan import NumberPlan
from outlearn.experiment.number_results import measure_numbers
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.stages.number_auto import AUTO
from outlearn.experiment.stages.students import read_students
from outlearn.experiment.stages.teachers import number_predictions
from outlearn.progress import Progress
from outlearn.results.numbers import NumberResults
from outlearn.results.writing import RunWriter
from outlearn.store.stage import Stage
from outlearn.store.store import Entry

__all__ = ["finish_numbers"]


def finish_numbers(
    plan: NumberPlan,
    entries: Mapping[str, Entry],
    writer: RunWriter,
    progress: Progress,
    lap: Callable[[str], None],
    stored: Callable[[Stage], Entry],
) -> NumberResults:
    """Measure everybody, and write predictions and the student to use; `stored` gives the entry of a stage."""
    labels = next(entry for entry in entries.values() if entry.key == plan.labeling.teachers.key)
    teachers = number_predictions(labels, plan.task, plan.splits)
    features = entries.get("student features")  # fine-tuned models have none
    students = read_students(entries["students"], plan.labeling, features) if "students" in entries else []
    if plan.auto is not None and features is not None:
        students.append(plan.auto.students(entries[AUTO], features))
    evaluations = {split: evaluate_numbers(split, plan, teachers, students, entries) for split in EVALUATED}
    with progress.bar("measuring"):
        results = measure_numbers(evaluations["test"], evaluations["validation"], plan, entries)
    lap("measuring")
    _write_predictions(writer, evaluations["test"], plan)
    from outlearn.experiment.kept_numbers import keep_numbers  # scikit-learn, a second that no other run need wait

    with progress.bar("keeping the student"):
        keep_numbers(writer, plan, stored, students, evaluations, results)
    return results


def _write_predictions(writer: RunWriter, test: NumberEvaluation, plan: NumberPlan) -> None:
    """Write `predictions/`: everybody's numbers on the test points as `numbers.safetensors`, and `points.jsonl`.

    Arrays are `[models, points]`: teachers, students (those of one loss after those of another), ceilings, the
    controls; where a labeler leaves points out, `answered` beside it; and `target`, `[draws, points]`.
    """
    losses, sources = list(test.students), {each.source for each in test.details.values()} - {"each"}
    labelers = {f"labeler-{name}": _labeler_of(test, name) for name in sorted(sources)}
    models = {
        "teachers": test.teachers,
        **labelers,
        "ceilings": test.ceilings,
        "own_labels": test.own_labels,
        "all_labels": test.all_labels,
    }
    arrays = {name: each.values for name, each in models.items() if each is not None}
    arrays |= {
        f"{name}.answered": each.answered.astype(np.uint8)
        for name, each in models.items()
        if each is not None and each.answered is not None
    }
    students = [test.students[loss] for loss in losses]
    arrays["students"] = np.concatenate([each.values for each in students])
    arrays["teacher_of"] = np.concatenate([test.details[loss].labeling_of for loss in losses])
    arrays["loss_of"] = np.repeat(np.arange(len(losses)), [each.n_models for each in students])
    arrays["target"] = np.ascontiguousarray(test.target)
    names = {"models": plan.teacher_names, "losses": losses, "sources": [test.details[loss].source for loss in losses]}
    writer.arrays("predictions/numbers.safetensors", arrays, names)
    task = plan.task
    assert task.numbers is not None  # a plan of numbers
    writer.lines(
        "predictions/points.jsonl",
        [
            {
                "split": "test",
                "id": task.ids[i],
                "label": float(task.numbers[i]),
                "ratings": None if task.ratings is None else [_number(v) for v in task.ratings[i].tolist()],
                "text": None if task.texts is None else task.texts[i],
                "group": None if task.groups is None else task.groups[i],
            }
            for i in plan.splits.test.tolist()
        ],
    )


def _labeler_of(test: NumberEvaluation, source: str) -> Numbers:
    return next(test.labelers[loss] for loss, each in test.details.items() if each.source == source)


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
