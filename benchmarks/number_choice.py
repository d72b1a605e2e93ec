"""What `auto` chooses by for numbers, against the best that it could have chosen: the table of docs/regression.md.

Teachers are ridge heads on few labels; for each split the risk of the student of their mean at every penalty is
measured on test points, which nothing was chosen on, beside the penalty that each label-free criterion names.

    python benchmarks/number_choice.py            # some minutes on one core
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from outlearn.core.numbers import Numbers
from outlearn.data import load_task, make_splits
from outlearn.data.built_in import lexicon_points, read_lexicon
from outlearn.data.draws import draw_teachers
from outlearn.data.number_task import make_number_task
from outlearn.data.task import Task
from outlearn.encoders.registry import get_encoder
from outlearn.learners.ridge_heads import PENALTIES, fit_ridge
from outlearn.selection.number_choice import choose_penalty, reliability
from outlearn.selection.number_tuning import TUNED_PENALTIES, held_out_predictions

SPLITS = (0, 1, 2)


def encoded(task: Task, **encoder: object) -> np.ndarray:
    """Return the features of every point."""
    found = get_encoder(encoder).encode(task, np.arange(task.n_points), np.arange(task.n_points))
    return np.asarray(found, dtype=np.float64)


def measure(task: Task, weak: np.ndarray, strong: np.ndarray, models: int, labels: int, seed: int) -> dict[str, float]:
    """Measure one split: mean squared errors on its test points, and how the criteria rank the penalties."""
    splits, y = make_splits(task, seed=seed), task.numbers
    assert y is not None  # tasks of numbers
    draws = draw_teachers(task.labels[splits.teacher], models=models, size=labels, draw="disjoint", seed=seed)
    own = np.tile(y[splits.teacher], (models, 1))
    fitted = fit_ridge(weak[splits.teacher], own, PENALTIES, weights=draws, standardise=True, held_out=True)
    fitted = fitted.at(fitted.best())
    said, of_test = (fitted.predict(weak[points])[0] for points in (splits.student, splits.test))
    teachers, x, truth = Numbers.from_values(said), strong[splits.student], y[splits.test]
    nothing = np.zeros(len(x), dtype=np.int64)
    held_out = held_out_predictions(
        x, said, np.ones(said.shape), nothing, groups=task.groups_of(splits.student), seed=seed
    )
    mean = fit_ridge(x, said.mean(axis=0)[None], TUNED_PENALTIES, standardise=True, held_out=True)
    predicted = mean.predict(strong[splits.test])[:, 0]
    risk = np.square(predicted - truth).mean(axis=1)
    found = {
        "teacher": float(np.square(of_test - truth).mean()),
        "mean of teachers": float(np.square(of_test.mean(axis=0) - truth).mean()),
        "own leave-one-out": float(risk[mean.best()[0]]),
        "best penalty": float(risk.min()),
    }
    shared = reliability(teachers) or 1.0
    for name, sign in (("crossed_misfit", 1), ("concordance", -1)):
        choice = choose_penalty(teachers, held_out, name)
        moved = said.mean() + (predicted[choice.chosen] - said.mean()) / shared
        found |= {
            name: float(risk[choice.chosen]),
            f"{name}, spread": float(np.square(moved - truth).mean()),
            f"{name}, rank correlation": float(spearmanr(sign * choice.criteria[name], risk).statistic),
        }
    return found


def main() -> None:
    """Print one line a task: means over the splits."""
    words, ratings = read_lexicon()
    valence = load_task(name="vader-valence")
    intensity = make_number_task(name="intensity", numbers=np.abs(ratings).mean(axis=1), **lexicon_points(words))
    digits, diabetes = load_task(name="digits"), load_task(name="diabetes")
    pixels, measures = np.asarray(digits.features, np.float64), np.asarray(diabetes.features, np.float64)
    digit = make_number_task(name="digit", numbers=digits.labels.astype(np.float64), features=digits.features)
    weak, strong = encoded(valence, kind="wordllama"), encoded(valence, kind="hf", model="minilm")
    centre = encoded(digits, kind="array", columns="centre:16")
    tasks = (
        ("valence, 200 labels", valence, weak, strong, 8, 200),
        ("valence, 50 labels", valence, weak, strong, 8, 50),
        ("intensity, 200 labels", intensity, weak, strong, 8, 200),
        ("the digit as a number, 60", digit, centre, pixels, 8, 60),
        ("diabetes, 38", diabetes, measures[:, :4], measures, 4, 38),
    )
    for name, task, of_teacher, of_student, models, labels in tasks:
        rows = [measure(task, of_teacher, of_student, models, labels, seed) for seed in SPLITS]
        means = {key: np.mean([row[key] for row in rows]) for key in rows[0]}
        print(name, ", ".join(f"{key} {value:.4g}" for key, value in means.items()), sep=": ", flush=True)


if __name__ == "__main__":
    main()
