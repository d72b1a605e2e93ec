"""A trained head beside discriminants: in their place where they fail, half with many classes, else nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from outlearn.core.predictions import Predictions
from outlearn.learners import HeadSettings
from outlearn.selection import Learned, choose, default_candidates, fit_answer, selection_labelings

pytestmark = pytest.mark.medium
TAUGHT, SEEN = slice(0, 500), slice(500, 1100)


def answered(x: np.ndarray, y: np.ndarray, view: slice, n_labels: int = 250):
    """Let four teachers of a part of the features label points; return the answer, and who is right on further ones."""
    rng, n_classes = np.random.default_rng(0), int(y.max()) + 1
    one_of_each = np.array([np.flatnonzero(y[TAUGHT] == k)[0] for k in range(n_classes)])
    rows = [np.concatenate([one_of_each, rng.choice(500, n_labels, replace=False)]) for _ in range(4)]
    teachers = [LogisticRegression(max_iter=200).fit(x[r][:, view], y[r]) for r in rows]
    said = np.stack([each.predict_proba(x[:, view]) for each in teachers])
    labelings = selection_labelings({"student": Predictions.from_probs(said[:, SEEN])}, "mean")
    shares = np.bincount(y[TAUGHT], minlength=n_classes) / 500
    learned = Learned(x[SEEN], labelings.predictions["student"].probs, HeadSettings(), shares=shares)
    candidates = default_candidates(600, 64, HeadSettings())[::6]
    choice = choose(learned, labelings, validation_features=None, candidates=candidates, seeds=[0] * 3)
    answer = fit_answer(learned, labelings, choice, {"test": x[1100:]}, [(0, 0)])
    mean = (said.mean(axis=0)[1100:].argmax(-1) == y[1100:]).mean()
    return answer, (answer.logits["test"][0].argmax(-1) == y[1100:]).mean(), mean


def pairs_of_digits(n: int, kinds: int) -> tuple[np.ndarray, np.ndarray]:
    digits, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(1)
    first, second = rng.choice(np.flatnonzero(labels < kinds), (2, n))
    x = np.concatenate([digits[first], digits[second]], axis=1).astype(np.float32) / 16
    return x, labels[first] * kinds + labels[second]


def clouds(n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    y = rng.integers(0, n_classes, n)
    return (0.9 * rng.normal(size=(n_classes, 30))[y] + rng.normal(size=(n, 30))).astype(np.float32), y


def test_it_answers_alone_where_classes_are_no_clouds_about_a_mean():
    answer, right, mean = answered(*pairs_of_digits(2500, 4), slice(0, 128, 3))
    assert answer.joined.weight == 1
    assert answer.joined.consensus[1.0] > answer.joined.consensus[0.0] + 0.03
    assert right > mean  # where discriminants fall below the teachers


def test_it_has_no_say_with_few_clouds_and_half_of_it_with_many():
    few, right, mean = answered(*clouds(2500, 5), slice(0, 12))
    assert few.joined.weight == 0
    assert right > mean
    many, right, mean = answered(*clouds(2500, 24), slice(0, 12))
    assert many.joined.weight == 0.5
    assert right > mean
    assert many.heads.n_models == many.heads.weight.shape[0] == 1  # still one linear head
