"""The predictions of a run on disk, with the points they are of: a report or another program needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from outlearn.core.labelers.combinations import EACH
from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.evaluation import Evaluation
from outlearn.results.array_files import Blocks
from outlearn.results.writing import RunWriter

__all__ = ["write_predictions"]


def write_predictions(
    writer: RunWriter, splits_of: Mapping[str, Evaluation], task: Task, splits: Splits, teacher_names: Sequence[str]
) -> None:
    """Write `predictions/`: everybody's as float64 log-probabilities, and `points.jsonl`.

    What learned from true labels has files of its own: `ceilings`, `ceilings_untuned`, and the controls `own_labels`
    and `all_labels`, of the teachers' true labels.

    Students of the plain mean of the teachers, the control, are in `control.safetensors`, seeds of one loss after
    those of another. Where a teacher leaves points out, `answered` says which it answers. Where students learned from a
    combination of the teachers, `labeler-NAME.safetensors` holds it: weights and confusions come from the student
    split, whose predictions are not written.
    """
    first = next(iter(splits_of.values()))
    losses = list(first.students)
    students = list(first.students.values())

    def finals(evaluation: Evaluation) -> Blocks:
        models = sum(len(each.seed_of) for each in students)
        shape = (models, *evaluation.teachers.log_probs.shape[1:])
        return Blocks(shape, (evaluation.final(loss).log_probs for loss in losses))

    def log_probs(of: Callable[[Evaluation], Sequence[Predictions]]) -> dict[str, np.ndarray]:
        return {
            f"{split}.log_probs": np.concatenate([predictions.log_probs for predictions in of(evaluation)])
            for split, evaluation in splits_of.items()
        }

    def labelers(of: Callable[[Evaluation], Predictions]) -> dict[str, np.ndarray]:
        masks = {f"{split}.answered": of(evaluation).answered for split, evaluation in splits_of.items()}
        given = {name: mask.astype(np.uint8) for name, mask in masks.items() if mask is not None}
        return log_probs(lambda evaluation: [of(evaluation)]) | given

    teachers = labelers(lambda evaluation: evaluation.teachers)
    writer.arrays("predictions/teachers.safetensors", teachers, {"models": teacher_names})
    for name, loss in {each.source: each.loss for each in students if each.source != EACH}.items():
        combination = labelers(partial(_labeler, loss))
        writer.arrays(f"predictions/labeler-{name}.safetensors", combination, {"models": [name]})
    writer.arrays(
        "predictions/students.safetensors",
        {
            **{f"{split}.log_probs": finals(evaluation) for split, evaluation in splits_of.items()},
            "teacher_of": np.concatenate([each.labeling_of for each in students]),
            "loss_of": np.repeat(np.arange(len(losses)), [len(each.seed_of) for each in students]),
            "seed_of": np.concatenate([each.seed_of for each in students]),
        },
        {"losses": losses, "sources": [each.source for each in students]},
    )
    if first.control:
        control = list(first.control.values())
        arrays = log_probs(lambda evaluation: list(evaluation.control.values()))
        arrays["loss_of"] = np.repeat(np.arange(len(control)), [p.n_models for p in control])
        writer.arrays("predictions/control.safetensors", arrays, {"losses": list(first.control)})
    files: tuple[tuple[str, str, Callable[[Evaluation], Predictions | None]], ...] = (
        ("ceilings", "ceiling", lambda evaluation: evaluation.ceilings),
        ("ceilings_untuned", "ceiling, untuned,", lambda evaluation: evaluation.untuned),
        ("own_labels", "on the labels of teacher", lambda evaluation: evaluation.own_labels),
        ("all_labels", "on the labels of all teachers,", lambda evaluation: evaluation.all_labels),
    )
    for file, model, of in files:
        found = {split: of(evaluation) for split, evaluation in splits_of.items()}
        arrays = {f"{split}.log_probs": each.log_probs for split, each in found.items() if each is not None}
        if arrays:
            names = [f"{model} {r}" for r in range(len(next(iter(arrays.values()))))]
            writer.arrays(f"predictions/{file}.safetensors", arrays, {"models": names})
    writer.lines(
        "predictions/points.jsonl",
        [
            {
                "split": split,
                "id": task.ids[i],
                "label": int(task.labels[i]),
                "target": None if task.target is None else task.target[i].tolist(),
                "text": None if task.texts is None else task.texts[i],
                "pair": None if task.pairs is None else list(task.pairs[i]),
                "group": None if task.groups is None else task.groups[i],
            }
            for split in splits_of
            for i in getattr(splits, split).tolist()
        ],
    )


def _labeler(loss: str, evaluation: Evaluation) -> Predictions:
    return evaluation.labelers[loss]
