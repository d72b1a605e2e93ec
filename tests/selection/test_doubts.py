"""Labels that break what a choice assumes: it answers all the same, and says which assumption looks broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import CRITERIA
from outlearn.learners.jobs import HeadSettings
from outlearn.selection import (
    ClassShares,
    DiscriminantCandidate,
    Learned,
    choose,
    doubts,
    fit_answer,
    selection_labelings,
)
from outlearn.selection.class_shares import given_shares, shares_of_weak_labels

CANDIDATES = tuple(DiscriminantCandidate(steps, share) for steps, share in ((0, 0.0), (1, 0.3), (3, 0.3)))
NAMES = ("no", "yes")
N = 300


def points(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, N)
    return y, (rng.normal(size=(N, 8)) + 0.7 * (2 * y[:, None] - 1)).astype(np.float32)


def votes(labels: np.ndarray, answered: np.ndarray | None = None) -> Predictions:
    found = Predictions.from_probs(np.where(np.eye(2)[labels] > 0, 0.9, 0.1))
    return found if answered is None else replace(found, answered=answered)


def asked(
    labelers: Predictions, x: np.ndarray, shares: ClassShares | None = None, source: str = "mean"
) -> tuple[tuple[str, ...], np.ndarray]:
    """Choose and answer; return the doubts and what the answer calls each point."""
    labelings = selection_labelings({"student": labelers}, source)
    who = labelings.predictions["student"]
    weights = None if who.answered is None else who.answered.astype(float)
    shares = shares or shares_of_weak_labels(labelings.learned("student"))
    learned = Learned(x, who.probs, HeadSettings(), weights, shares.values)
    choice = choose(learned, labelings, validation_features=None, candidates=CANDIDATES, seeds=range(who.n_models))
    models = [(m, 0) for m in range(labelings.n_answers)]
    answer = fit_answer(learned, labelings, choice, {"x": x}, models)
    return doubts(choice, shares, answer.called, NAMES), answer.logits["x"].argmax(-1)


def erring(y: np.ndarray, n: int, rate: float = 0.3, seed: int = 1) -> np.ndarray:
    wrong = np.random.default_rng(seed).random((n, len(y))) < rate
    return np.where(wrong, 1 - y, y)


@pytest.mark.parametrize("source", ["mean", "each"])
@pytest.mark.parametrize("n", [2, 3, 4, 8])
def test_labelers_that_err_by_chance_raise_no_doubt_however_many_they_are(n, source):
    y, x = points()
    said, answer = asked(votes(erring(y, n)), x, source=source)
    assert said == ()
    assert (answer == y).mean() > 0.9


def test_labelers_that_agree_on_everything_are_said_to():
    y, x = points()
    same = np.broadcast_to(erring(y, 1), (4, N))
    said, answer = asked(votes(same), x)
    assert any("agree at 100.0% of the points" in each for each in said)
    assert (answer == y).mean() > 0.8


def test_labels_of_one_class_are_said_to_tell_nothing():
    _, x = points()
    said, _ = asked(votes(np.zeros((4, N), int)), x)
    assert any("names one class nearly everywhere" in each for each in said)


def test_two_labelers_without_a_common_point_are_compared_by_their_students_and_that_is_said():
    y, x = points()
    answered = np.array([np.arange(N) < N // 2, np.arange(N) >= N // 2])
    said, answer = asked(votes(erring(y, 2), answered), x)
    assert any("No point is labeled by two of the labelers" in each for each in said)
    assert (answer == y).mean() > 0.85


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["seen by students", "not seen by students"])
def test_errors_that_labelers_share_are_doubted(kind, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 1500)
    x = rng.normal(size=(1500, 20)).astype(np.float32)
    x[:, 0] += 2 * y - 1
    hard = x[:, 1] > 0.8 if kind == "seen by students" else rng.random(1500) < 0.25
    wrong = rng.random((4, 1500)) < np.where(hard, 0.9, 0.15)
    said, _ = asked(votes(np.where(wrong, 1 - y, y)), x)
    assert any("on other things than labelers do" in each for each in said)


def test_shares_that_contradict_the_labels_are_named_with_the_class():
    y, x = points()
    said, answer = asked(votes(erring(y, 4)), x, given_shares([0.1, 0.9], 2))
    (far,) = (each for each in said if "class shares" in each)
    assert "that were given" in far
    assert "against 4" in far
    assert answer.mean() > 0.75


def test_students_that_agree_with_each_other_only_are_doubted_and_a_collapsed_answer_too():
    y, x = points()
    labelings = selection_labelings({"student": votes(erring(y, 4))}, "mean")
    learned = Learned(x, labelings.predictions["student"].probs, HeadSettings())
    choice = choose(learned, labelings, validation_features=None, candidates=CANDIDATES, seeds=[0, 1, 2])
    values = choice.values.copy()
    values[:, list(CRITERIA).index("crossed_kappa")] = 0.05
    said = doubts(replace(choice, values=values), None, np.array([[0.5, 0.5]]), NAMES)
    assert len(said) == 1
    assert "on other things than labelers do" in said[0]
    assert not doubts(replace(choice, values=values), None, np.array([[0.5, 0.5]]), NAMES, members_answer=False)
    said = doubts(choice, None, np.array([[0.99, 0.01]]), NAMES)
    assert any("calls 99% of the points no" in each for each in said)
