"""The predictions of a run on disk, with the points they are of: a report or another program needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.evaluation import Evaluation
from outlearn.results.writing import RunWriter

__all__ = ["write_predictions"]


def write_predictions(
    writer: RunWriter, splits_of: Mapping[str, Evaluation], task: Task, splits: Splits, teacher_names: Sequence[str]
) -> None:
    """Write `predictions/`: teachers, students and ceilings as float64 log-probabilities, and `points.jsonl`.

    Students of the plain mean of the teachers, the control, are in `control.safetensors`, seeds of one loss after
    those of another. Where a teacher leaves points out, `answered` says which it answers. Where teachers were combined,
    `labeler.safetensors` holds the combination: weights and confusions come from the student split, whose predictions
    are not written.

    Args:
        writer: of the run folder.
        splits_of: split -> predictions.
        task, splits: what the points are.
        teacher_names: one a teacher.
    """
    first = next(iter(splits_of.values()))
    losses = list(first.students)
    finals = {split: [evaluation.final(loss) for loss in losses] for split, evaluation in splits_of.items()}
    per_loss = [predictions.n_models for predictions in next(iter(finals.values()))]
    labelled = [
        np.zeros(0, dtype=np.int64),
        *(p.teacher_of for p in next(iter(finals.values())) if p.teacher_of is not None),
    ]
    writer.arrays(
        "predictions/teachers.safetensors",
        _labelers({split: evaluation.teachers for split, evaluation in splits_of.items()}),
        {"models": teacher_names},
    )
    if first.source is not first.teachers:
        writer.arrays(
            "predictions/labeler.safetensors",
            _labelers({split: evaluation.source for split, evaluation in splits_of.items()}),
            {"models": ["labeler"]},
        )
    writer.arrays(
        "predictions/students.safetensors",
        {
            **{f"{split}.log_probs": np.concatenate([p.log_probs for p in final]) for split, final in finals.items()},
            "teacher_of": np.concatenate(labelled).astype(np.int64),
            "loss_of": np.repeat(np.arange(len(losses)), per_loss),
            "seed_of": np.tile(first.seeds, len(losses)),
        },
        {"losses": losses},
    )
    if first.control:
        writer.arrays(
            "predictions/control.safetensors",
            {
                f"{split}.log_probs": np.concatenate([evaluation.control[loss].log_probs for loss in first.control])
                for split, evaluation in splits_of.items()
            }
            | {"loss_of": np.repeat(np.arange(len(first.control)), [p.n_models for p in first.control.values()])},
            {"losses": list(first.control)},
        )
    writer.arrays(
        "predictions/ceilings.safetensors",
        {f"{split}.log_probs": evaluation.ceilings.log_probs for split, evaluation in splits_of.items()},
        {"models": [f"ceiling {r}" for r in range(first.ceilings.n_models)]},
    )
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


def _labelers(splits_of: Mapping[str, Predictions]) -> dict[str, np.ndarray]:
    """Give the arrays of who labels: log-probabilities, and where there are gaps, which points are answered."""
    logs = {f"{split}.log_probs": predictions.log_probs for split, predictions in splits_of.items()}
    masks = {f"{split}.answered": predictions.answered for split, predictions in splits_of.items()}
    return logs | {name: mask.astype(np.uint8) for name, mask in masks.items() if mask is not None}
