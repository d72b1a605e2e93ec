"""Students whose entropy is judged: those of a run folder, or heads on scikit-learn's digits at several lengths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outlearn.errors import DataError
from outlearn.results.run_folder import load_run
from outlearn.theory.softmax_regression import descend, fit_softmax, predict_softmax

__all__ = ["Students", "students_of_digits", "students_of_run"]

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

    def at_labels(self, values: np.ndarray) -> np.ndarray:
        """Pick the true class of `[models, points, classes]`: `[models, points]`."""
        return values[:, np.arange(len(self.labels)), self.labels]


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
    labeled, unlabeled, test = np.split(order, [teachers * teacher_examples, used])
    heads = [
        fit_softmax(pixels[own], np.eye(2)[odd[own]], penalty=1e-2)
        for own in labeled.reshape(teachers, teacher_examples)
    ]
    weights = rng.standard_normal((pixels.shape[1], 200)) / np.sqrt(pixels.shape[1])
    features = np.maximum((pixels - pixels.mean()) @ weights, 0)
    weak_labels = np.array([predict_softmax(pixels[unlabeled], head) for head in heads])
    on_test = np.array([predict_softmax(pixels[test], head) for head in heads])
    names, lengths, log_probs = [], [], []
    for reverse in (False, True):
        path = descend(features[unlabeled], weak_labels, reverse=reverse, rate=RATE, steps=steps[-1])
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
        DataError: if the folder holds no run, or its predictions cannot be read.
    """
    predictions = load_run(folder).predictions
    students = tuple(predictions.students.values())
    clusters = tuple(np.asarray(student.teacher_of) for student in students)  # a run's file has them, or is refused
    return Students(
        names=tuple(predictions.students),
        steps=(0,) * len(students),
        log_probs=tuple(student.log_probs for student in students),
        teachers=tuple(
            labeler.log_probs[of] for labeler, of in zip(predictions.labelers.values(), clusters, strict=True)
        ),
        clusters=clusters,
        labels=predictions.labels,
        source=f"the run {folder.name}, {len(predictions.teacher_names)} teachers, tested on "
        f"{len(predictions.labels)} points",
    )
