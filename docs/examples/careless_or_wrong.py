"""A careless teacher against a wrong one, and what their students do with each.

Both kinds label handwritten digits from a coarse view, every second pixel. Careless teachers learn from 40 labels
each, all of them right: they err in different places. Wrong teachers learn from 50 labels each, but whoever wrote the
labels takes every 7 for a 1 and every 9 for a 4: they err in the same places. Students see all pixels and no label at
all, only what their teacher says of 600 digits.

    python careless_or_wrong.py [FOLDER]

writes the predictions on 397 test digits to FOLDER and runs `outlearn explain` on them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from outlearn.data import load_task
from outlearn.learners import HeadJob, HeadSettings, fit_predict
from outlearn.losses import get_loss

TEACHERS = 16
COARSE = np.arange(64).reshape(8, 8)[::2, ::2].ravel()
MISREAD = {7: 1, 9: 4}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    task = load_task(name="digits")
    order = np.random.default_rng(0).permutation(task.n_points)
    taught, unlabeled, test = order[:800], order[800:1400], order[1400:]
    pixels, digits = task.features, task.labels
    np.save(folder / "labels.npy", digits[test])
    misread = np.array([MISREAD.get(digit, digit) for digit in range(10)])
    for name, n_labels, written in (("careless", 40, digits), ("wrong", 50, misread[digits])):
        draws = taught[: TEACHERS * n_labels].reshape(TEACHERS, n_labels)  # no label is used twice
        teachers = [teach(pixels[draw][:, COARSE], written[draw]) for draw in draws]
        weak_labels = np.stack([predict(teacher, pixels[unlabeled][:, COARSE]) for teacher in teachers])
        fit = fit_predict(
            pixels[unlabeled],
            weak_labels,
            [HeadJob(labeling=m, loss=get_loss("forward_ce"), seed=m) for m in range(TEACHERS)],
            {"test": pixels[test]},
            settings=HeadSettings(epochs=20, batch_size=32),
        )
        said = np.stack([predict(teacher, pixels[test][:, COARSE]) for teacher in teachers])
        np.save(folder / f"{name}_teachers.npy", said)
        np.save(folder / f"{name}_students.npy", fit.logits["test"][-1])
        print(f"\n=== {name} teachers ===\n", flush=True)
        explain(folder, name)


def teach(pixels: np.ndarray, labels: np.ndarray) -> Pipeline:
    # C=10 shrinks little: teachers of few labels that are sure of themselves.
    return make_pipeline(StandardScaler(), LogisticRegression(C=10, max_iter=1000)).fit(pixels, labels)


def predict(teacher: Pipeline, pixels: np.ndarray) -> np.ndarray:
    """Return probabilities of all ten digits, 0.01 of them spread evenly: a teacher may not have seen every digit."""
    probs = np.full((len(pixels), 10), 0.001)
    probs[:, teacher.classes_] += 0.99 * teacher.predict_proba(pixels)
    return probs


def explain(folder: Path, name: str) -> None:
    subprocess.run(
        [
            *(Path(sys.executable).with_name("outlearn"), "explain"),
            *("--teacher", folder / f"{name}_teachers.npy", "--teacher-kind", "probs"),
            *("--student", folder / f"{name}_students.npy"),
            *("--target", folder / "labels.npy"),
            *("--out", folder / name),
        ],
        check=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "careless_or_wrong"))
