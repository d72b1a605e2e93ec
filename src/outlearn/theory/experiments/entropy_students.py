"""Students whose entropy is judged: those of a run folder, or heads on scikit-learn's digits at several lengths."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outlearn.errors import DataError
from outlearn.theory.softmax_regression import descend, fit_softmax, predict_softmax

__all__ = ["Students", "students_of_digits", "students_of_run"]

SPLIT = "test"
RATE = 0.1


@dataclass(frozen=True)
class Students:
    """Hold groups of students with the teacher of each, on the same points.

    Attributes:
        names: one a group, such as a loss.
        steps: of training, one a group; 0 where it is not known.
        log_probs: one array `[models, points, classes]` a group.
        teachers: the teachers of each group's models, `[models, points, classes]`.
        clusters: the index of these teachers, `[models]`, one array a group.
        labels: `[points]`.
        source: in words.
    """

    names: tuple[str, ...]
    steps: tuple[int, ...]
    log_probs: tuple[np.ndarray, ...]
    teachers: tuple[np.ndarray, ...]
    clusters: tuple[np.ndarray, ...]
    labels: np.ndarray
    source: str


def students_of_digits(
    *, teachers: int, teacher_examples: int, student_examples: int, steps: tuple[int, ...], rng: np.random.Generator
) -> Students:
    """Train weak classifiers, odd or even, on a few digits each, and heads on 200 random features on their labels."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    pixels, odd = pixels / 16, digits % 2
    order = rng.permutation(len(odd))
    used = teachers * teacher_examples + student_examples
    if used > len(odd) - 100:
        raise DataError(
            f"{teachers} teachers on {teacher_examples} examples and a student on {student_examples} leave less than "
            f"100 of {len(odd)} digits to test on; lower one of them"
        )
    labelled, unlabelled, test = np.split(order, [teachers * teacher_examples, used])
    heads = [
        fit_softmax(pixels[own], np.eye(2)[odd[own]], penalty=1e-2)
        for own in labelled.reshape(teachers, teacher_examples)
    ]
    weights = rng.standard_normal((pixels.shape[1], 200)) / np.sqrt(pixels.shape[1])
    features = np.maximum((pixels - pixels.mean()) @ weights, 0)
    weak_labels = np.array([predict_softmax(pixels[unlabelled], head) for head in heads])
    on_test = np.array([predict_softmax(pixels[test], head) for head in heads])
    names, lengths, log_probs = [], [], []
    for reverse in (False, True):
        path = descend(features[unlabelled], weak_labels, reverse=reverse, rate=RATE, steps=steps[-1])
        for step, head in enumerate(path, start=1):
            if step in steps:
                names.append("reverse CE" if reverse else "forward CE")
                lengths.append(step)
                log_probs.append(predict_softmax(features[test], head))
    count = len(names)
    return Students(
        names=tuple(names),
        steps=tuple(lengths),
        log_probs=tuple(log_probs),
        teachers=(on_test,) * count,
        clusters=(np.arange(teachers),) * count,
        labels=odd[test],
        source=f"{teachers} teachers on {teacher_examples} digits each (odd or even), tested on {len(test)}",
    )


def students_of_run(folder: Path) -> Students:
    """Read the students of a run, one group a loss, on its test points.

    Raises:
        DataError: if the folder holds no predictions of a run, or not those of one.
    """
    from safetensors import SafetensorError, safe_open

    predictions = folder / "predictions"
    try:
        with safe_open(str(predictions / "students.safetensors"), framework="numpy") as file:
            losses = json.loads(file.metadata()["losses"])
            student = file.get_tensor(f"{SPLIT}.log_probs")
            teacher_of, loss_of = file.get_tensor("teacher_of"), file.get_tensor("loss_of")
        with safe_open(str(predictions / "teachers.safetensors"), framework="numpy") as file:
            teacher = file.get_tensor(f"{SPLIT}.log_probs")
        with (predictions / "points.jsonl").open(encoding="utf-8") as lines:
            points = [json.loads(line) for line in lines]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"run={str(folder)!r} does not hold the predictions of a run ({type(error).__name__}: {error}); give the "
            "folder that `outlearn run` wrote, or leave it out"
        ) from None
    labels = np.array([point["label"] for point in points if point["split"] == SPLIT], dtype=np.int64)
    if student.shape[1] != len(labels) or teacher.shape[1:] != student.shape[1:] or len(teacher_of) != len(student):
        raise DataError(
            f"the predictions in {str(folder)!r} do not fit together: students {student.shape}, teachers "
            f"{teacher.shape}, {len(labels)} test labels; run it again"
        )
    groups = [loss_of == index for index in range(len(losses))]
    return Students(
        names=tuple(losses),
        steps=(0,) * len(losses),
        log_probs=tuple(student[group] for group in groups),
        teachers=tuple(teacher[teacher_of[group]] for group in groups),
        clusters=tuple(teacher_of[group] for group in groups),
        labels=labels,
        source=f"the run {folder.name}, {len(teacher)} teachers, tested on {len(labels)} points",
    )
