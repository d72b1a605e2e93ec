"""Teachers that count words are scikit-learn's: TF-IDF and logistic regression, nothing in between."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from outlearn.data.draws import draw_teachers
from outlearn.experiment.load_config import load_config
from outlearn.experiment.plan import make_plan
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.progress import Silent
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store

LIKE_SKLEARN = 0.02  # of accuracy: what is left between two optimisers
CLINC = next(
    (found for above in Path(__file__).parents if (found := above / "shared/data/clinc150/clinc150.csv").exists()), None
)


def made_up(n_classes: int) -> list[tuple[str, str]]:
    """Make sentences in which some words tell the class, most do not, and many occur a few times only."""
    rng = np.random.default_rng(n_classes)
    rows = []
    for _ in range(1500 if n_classes < 10 else 3000):
        k = int(rng.integers(n_classes))
        telling = [f"class{k}word{w}" for w in rng.integers(0, 4, rng.integers(0, 3))]
        common = [f"word{w}" for w in (1500 * rng.random(8) ** 3).astype(int)]
        rows.append((" ".join([*telling, *common]), f"class {k}"))
    return rows


def clinc(n_classes: int) -> list[tuple[str, str]]:
    assert CLINC is not None
    with CLINC.open(newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    kept = sorted({label for _, label in rows})[:n_classes]
    return [(text, label) for text, label in rows if label in kept]


@pytest.mark.parametrize(
    ("texts", "n_classes"),
    [
        (made_up, 2),
        (made_up, 6),
        (made_up, 77),
        pytest.param(clinc, 77, marks=pytest.mark.skipif(CLINC is None, reason="needs the CLINC150 file")),
    ],
)
def test_word_teachers_are_as_good_as_scikit_learns_on_the_same_labels(tmp_path, n_classes, texts):
    path = tmp_path / "task.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *texts(n_classes)])
    config = load_config(
        overrides=[f"data.path={path}", "teacher.models=2", "teacher.labels=160", "student.encoder={kind: tfidf}"]
    )
    plan = make_plan(config)
    stage = plan.stages["teachers"]
    entry = StageRunner(Store(tmp_path / "store"), Silent()).result(stage)
    task, splits = plan.task, plan.splits
    ours = teacher_predictions(entry, task, splits)["test"].probs.argmax(-1) == task.labels[splits.test]

    fit_on = [task.texts[i] for i in splits.teacher]
    words = TfidfVectorizer(max_features=2000, sublinear_tf=True).fit(fit_on)
    x, test = words.transform(fit_on), words.transform([task.texts[i] for i in splits.test])
    labels = task.labels[splits.teacher]
    for model, drawn in enumerate(draw_teachers(labels, models=2, size=160, draw="disjoint", seed=config.seed)):
        reference = LogisticRegression(max_iter=1000).fit(x[drawn > 0], labels[drawn > 0])
        theirs = reference.score(test, task.labels[splits.test])
        assert ours[model].mean() == pytest.approx(theirs, abs=LIKE_SKLEARN)
        assert theirs > 1.5 / n_classes or n_classes == 2  # there is something to learn
