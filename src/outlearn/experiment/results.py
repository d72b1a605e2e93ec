"""From predictions to results.json: the comparison and the decomposition.

Everything is measured on the test split, with its true labels; what is chosen (the best single teacher, an epoch) is
chosen on the validation split. Differences are paired: student with its own teacher, loss with loss, on the same
points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from outlearn.core.metrics import accuracy, majority_accuracy, scorecard
from outlearn.core.predictions import Predictions
from outlearn.core.top_class import top_class
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.config import Config
from outlearn.experiment.evaluation import Evaluation
from outlearn.experiment.stages.ceilings import ceiling_notes, ceiling_points
from outlearn.experiment.student_results import bias_variance_record, student_record
from outlearn.results.estimates import score_record
from outlearn.version import __version__

__all__ = ["measure"]

SCHEMA = 1


def measure(test: Evaluation, validation: Evaluation, *, task: Task, splits: Splits, config: Config) -> dict[str, Any]:
    """Compute the content of results.json, except what only the pipeline knows (keys and times).

    Args:
        test, validation: the predictions; validation serves to choose the best teacher only.
        task, splits, config: what was run.
    """
    level = config.measure.level
    best = int(accuracy(validation.teachers, validation.labels).mean(axis=1).argmax())
    best_teacher = Predictions.from_logits(test.teachers.log_probs[best], point_ids=test.teachers.point_ids)
    references = {
        "best_teacher": best_teacher,
        **{f"ensemble_{name}": ensemble for name, ensemble in test.ensembles.items()},
        "ceiling": test.ceilings,
    }
    seen = task.labels[splits.teacher]
    majority = top_class(np.bincount(seen, minlength=task.n_classes))
    students = {loss: student_record(loss, test, references, majority, config) for loss in test.students}
    return {
        "schema": SCHEMA,
        "outlearn": __version__,
        "task": _task_record(task, splits),
        "measure": _measure_record(config, max(record["identity_error"] for record in students.values())),
        "teacher": {
            "models": test.teachers.n_models,
            **score_record(scorecard(test.teachers, test.labels, level), each=True),
        },
        "labeller": {"source": config.weak_labels.source, **_scores(test.source, test, level)},
        "ensembles": {name: _scores(ensemble, test, level) for name, ensemble in test.ensembles.items()},
        "controls": {
            "best_teacher": {"model": best, "chosen_on": "validation", **_scores(best_teacher, test, level)},
            "student_of_mean": {loss: _scores(students, test, level) for loss, students in test.control.items()},
        },
        "ceiling": {
            "models": test.ceilings.n_models,
            "labels": len(ceiling_points(task, splits, seed=config.seed)),
            **_scores(test.ceilings, test, level),
        },
        "majority": {"class": _names(majority, task), "accuracy": majority_accuracy(test.labels, seen)},
        "students": students,
        "teacher_bias_variance": bias_variance_record(test.target, test.teachers, config),
    }


def _names(majority: Float[np.ndarray, " classes"], task: Task) -> str:
    """Name the most common class, or all that are equally common."""
    return " or ".join(name for name, share in zip(task.class_names, majority, strict=True) if share)


def _scores(predictions: Predictions, test: Evaluation, level: float) -> dict[str, Any]:
    return score_record(scorecard(predictions, test.labels, level), each=False)


def _task_record(task: Task, splits: Splits) -> dict[str, Any]:
    return {
        "name": task.name,
        "task": task.kind,
        **{f"n_{name}": size for name, size in splits.sizes().items()},
        "n_unlabelled": int((~task.labelled[splits.student]).sum()),
        "n_classes": task.n_classes,
        "class_names": list(task.class_names),
        "source": task.source,
        "licence": task.licence,
        "splits": str(splits),
        "notes": [*task.notes, *splits.notes, *ceiling_notes(task, splits)],
    }


def _measure_record(config: Config, identity_error: float) -> dict[str, Any]:
    first = config.measure.order == "target_first"
    of = "KL" if config.measure.generator == "negative_entropy" else "D"
    return {
        **config.measure.model_dump(),
        "misfit": f"{of}(student || teacher)" if first else f"{of}(teacher || student)",
        "posterior_mean": "dual (geometric)" if first else "primal (arithmetic)",
        "identity_error": identity_error,
    }
