"""A trained head beside discriminants: as much of a say as makes students agree, all of it where discriminants fail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import consensus
from outlearn.learners import HeadSettings
from outlearn.selection import Learned, choose, default_candidates, fit_answer, selection_labelings
from outlearn.selection.class_shares import comparable
from outlearn.selection.companion import _at_reconciled_shares, _standard_errors

pytestmark = pytest.mark.medium
TAUGHT, SEEN = slice(0, 500), slice(500, 1100)


def answered(x: np.ndarray, y: np.ndarray, view: slice, *, n_labels: int = 250, counted: float = 500):
    """Let four teachers of a part of the features label points; return the answer, and who is right on further ones."""
    rng, n_classes = np.random.default_rng(0), int(y.max()) + 1
    one_of_each = np.array([np.flatnonzero(y[TAUGHT] == k)[0] for k in range(n_classes)])
    rows = [np.concatenate([one_of_each, rng.choice(500, n_labels, replace=False)]) for _ in range(4)]
    teachers = [LogisticRegression(max_iter=200).fit(x[r][:, view], y[r]) for r in rows]
    said = np.stack([each.predict_proba(x[:, view]) for each in teachers])
    labelings = selection_labelings({"student": Predictions.from_probs(said[:, SEEN])}, "mean")
    shares = np.bincount(y[TAUGHT], minlength=n_classes) / 500
    learned = Learned(x[SEEN], labelings.predictions["student"].probs, HeadSettings(), shares=shares, counted=counted)
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


def test_its_say_adds_to_consensus_and_the_answer_stays_one_linear_head():
    answer, right, mean = answered(*clouds(2500, 24), slice(0, 12))
    assert set(answer.joined.consensus) == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert answer.joined.weight == 0 or answer.joined.agreed > answer.joined.consensus[0.0]
    assert right > mean
    assert answer.heads.n_models == answer.heads.weight.shape[0] == 1


def two_students(said: np.ndarray, wrong: np.ndarray) -> Predictions:
    logits = np.where(wrong[:, None], np.roll(said, 1, axis=-1), said)
    return Predictions.from_logits(np.stack([logits, logits]), teacher_of=np.arange(2))


def test_the_standard_error_of_a_gain_is_that_of_the_share_of_points_made_right():
    rng = np.random.default_rng(0)
    n = 3200
    said, wrong = np.eye(3)[rng.integers(0, 3, n)], rng.random(n) < 0.2
    who = Predictions.from_probs(np.stack([said, said]) * 0.8 + 0.2 / 3)
    before, after = two_students(said, wrong), two_students(said, wrong & (rng.random(n) < 0.7))
    gain = consensus(who, after).consensus - consensus(who, before).consensus
    # Labels that are wrong in a share e of points have kappa 1 - 1.5 e, both with labelers and (students being equal)
    # 1 with each other: c = sqrt(1 - 1.5 e), so that its gain g of a share f made right has se 0.75 sd(f) / c.
    right = (wrong & (after.probs[0].argmax(-1) == said.argmax(-1))).mean()
    expected = 0.75 * np.sqrt(right * (1 - right) / n) / consensus(who, after).consensus
    assert gain > 0
    assert _standard_errors(who, {0.5: after}, before)[0.5] == pytest.approx(expected, rel=0.4)


@pytest.mark.parametrize(("counted", "kept"), [(np.inf, False), (3, True)])
def test_it_is_cut_at_given_shares_and_keeps_its_own_where_few_labels_tell_of_others(counted, kept):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 400, 3))
    shares = np.array([0.2, 0.3, 0.5])
    learned = Learned(
        rng.normal(size=(400, 2)), softmax(logits, axis=-1), HeadSettings(), shares=shares, counted=counted
    )
    said = softmax(_at_reconciled_shares(logits, learned).logits(logits), axis=-1).mean(axis=1)
    own = softmax(comparable(logits, None).logits(logits), axis=-1).mean(axis=1)
    np.testing.assert_allclose(said, own if kept else [shares, shares], atol=2e-3)
