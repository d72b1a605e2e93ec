"""Tables with few columns: a hidden layer answers where no line tells the classes, and gives the class shares."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_circles
from sklearn.linear_model import LogisticRegression

import outlearn as ol
from outlearn.core.predictions import Predictions
from outlearn.learners import HeadSettings
from outlearn.selection import Learned, choose, default_candidates, fit_answer, selection_labelings
from outlearn.selection.class_shares import shares_called

pytestmark = pytest.mark.medium
N = 900
X, Y = make_circles(N, noise=0.1, factor=0.5, random_state=0)
X = X.astype(np.float32)
LABELED = slice(0, 500)


def votes(labels, labelers=5, wrong=0.25):
    rng = np.random.default_rng(1)
    return np.where(rng.random((labelers, len(labels))) < wrong, 1 - labels, labels)


def test_circles_are_answered_by_a_hidden_layer_at_the_shares_that_it_calls():
    model = ol.WeakToStrongClassifier(loss="auto", random_state=0).fit(X[LABELED], weak_labels=votes(Y[LABELED]))
    assert model.heads_.hidden_weight is not None
    assert model.score(X[500:], Y[500:]) > 0.95


def test_where_a_line_does_it_stays_a_line():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 6))
    y = (x @ rng.normal(size=6) + 0.5 * rng.normal(size=900) > 0).astype(int)
    model = ol.WeakToStrongClassifier(loss="auto", random_state=0).fit(x[LABELED], weak_labels=votes(y[LABELED]))
    assert model.heads_.hidden_weight is None


def test_true_labels_that_teach_keep_the_hidden_layer():
    y = np.where(np.arange(500) < 60, Y[LABELED], -1)
    model = ol.WeakToStrongClassifier(loss="auto", true_labels="learn", random_state=0)
    model.fit(X[LABELED], y, weak_labels=votes(Y[LABELED]))
    assert model.heads_.hidden_weight is not None
    assert model.score(X[500:], Y[500:]) > 0.95  # a line is right at half of the points


def test_a_distillate_is_one_linear_head():
    labelings = selection_labelings({"student": Predictions.from_probs(np.eye(2)[votes(Y[LABELED])])}, "mean")
    learned = Learned(X[LABELED], labelings.predictions["student"].probs, HeadSettings(), shares=np.full(2, 0.5))
    candidates = default_candidates(500, 2, HeadSettings())[::9]
    choice = choose(learned, labelings, validation_features=None, candidates=candidates, seeds=[0] * 3)
    for form, hidden in (("average", True), ("distilled", False)):
        answer = fit_answer(learned, labelings, choice, {}, [(0, 0)], form=form)
        assert (answer.heads.hidden_weight is not None) == hidden
        assert (answer.joined.candidate.hidden is not None) == hidden


def test_shares_are_those_of_whom_the_majority_of_the_other_half_confirms():
    inner = np.abs(X).max(axis=1) < 0.45  # a square inside, of about a fifth
    said = Predictions.from_probs(np.eye(2)[votes(inner.astype(int), wrong=0.3)])
    assert shares_called(said, X).values[1] == pytest.approx(inner.mean(), abs=0.06)
    line = LogisticRegression().fit(X, said.probs.mean(axis=0).argmax(axis=-1))
    assert line.predict(X).mean() < inner.mean() - 0.06
