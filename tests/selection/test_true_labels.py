"""A few true labels beside weak ones: held fast, corrected by, weighed in the choice, and refused where too few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError, DataError
from outlearn.estimator import WeakToStrongClassifier
from outlearn.learners import HeadSettings
from outlearn.learners.discriminant import fit_discriminants
from outlearn.learners.fitted import Heads
from outlearn.selection import (
    Learned,
    TrueLabels,
    choose,
    default_candidates,
    fit_answer,
    fit_answer_with_true_labels,
    selection_labelings,
)
from outlearn.selection.corrections import FREEDOM, STRENGTHS, Corrections
from outlearn.selection.true_labels import agreement_with, with_true_labels

BASE = HeadSettings(batch_size=32)
PARTS = {"student": slice(0, 500), "validation": slice(500, 560)}


class Biased:
    """Labelers that share an error: they call class 1 by one feature too many, and few true labels that tell."""

    def __init__(self, n_true: int = 60, *, n_classes: int = 2, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        n, d = 2700, 12
        self.labels = rng.integers(0, n_classes, n)
        centres = 1.8 * np.eye(n_classes, d)
        self.x = (centres[self.labels] + rng.normal(size=(n, d))).astype(np.float32)
        self.x[:, -1] = rng.normal(size=n)
        logits = 1.2 * self.x[:, :n_classes] + 3.0 * self.x[:, -1:] * np.eye(n_classes)[-1]
        noisy = logits + rng.normal(size=(4, n, n_classes))
        self.labelings = selection_labelings(
            {name: Predictions.from_logits(noisy[:, rows]) for name, rows in PARTS.items()}, "mean"
        )
        self.learned = Learned(
            self.x[:500],
            self.labelings.predictions["student"].probs,
            BASE,
            shares=np.full(n_classes, 1 / n_classes),
        )
        rows = slice(600, 600 + n_true)
        self.true = TrueLabels(self.x[rows], self.labels[rows])
        self.test = slice(700, n)

    def choose(self, true: TrueLabels | None = None):
        candidates = default_candidates(500, self.x.shape[1], BASE)[::5]
        seeds = range(self.labelings.predictions["student"].n_models)
        return choose(
            self.learned,
            self.labelings,
            validation_features=self.x[PARTS["validation"]],
            candidates=candidates,
            seeds=seeds,
            true=true,
        )

    def accuracy(self, logits: np.ndarray) -> float:
        return float((logits.argmax(-1) == self.labels[self.test]).mean())


@pytest.mark.parametrize("n_classes", [2, 4])
def test_true_labels_mend_what_labelers_share_in_error_and_lose_nothing_against_true_labels_alone(n_classes):
    world = Biased(n_classes=n_classes, seed=n_classes)
    choice, points = world.choose(), {"test": world.x[world.test]}
    weak = fit_answer(world.learned, world.labelings, choice, points, [(0, 0)])
    both = fit_answer_with_true_labels(world.learned, world.labelings, choice, points, [(0, 0)], world.true)
    truth, labels = world.true, world.labels[world.test]
    heads = [LogisticRegression(C=c).fit(truth.features, truth.labels) for c in (0.01, 0.1, 1.0)]
    alone = max(head.score(points["test"], labels) for head in heads)
    assert world.accuracy(both.logits["test"][0]) > world.accuracy(weak.logits["test"][0]) + 0.01
    assert world.accuracy(both.logits["test"][0]) > alone - 0.02
    np.testing.assert_allclose(both.heads.predict(points["test"]), both.logits["test"])


def test_labelers_that_mislead_pull_the_answer_below_true_labels_alone_by_little():
    world = Biased()
    turned = world.learned.targets[..., ::-1].copy()  # who follows the labelers is wrong where they are right
    misled = replace(world.learned, targets=turned)
    points = {"test": world.x[world.test]}
    answer = fit_answer_with_true_labels(misled, world.labelings, world.choose(), points, [(0, 0)], world.true)
    weak = fit_answer(misled, world.labelings, world.choose(), points, [(0, 0)])
    alone = Corrections.of(world.true, misled).alone(weak.heads).heads.predict(points["test"])[0]
    assert world.accuracy(weak.logits["test"][0]) < 0.4
    assert world.accuracy(answer.logits["test"][0]) > world.accuracy(alone) - 0.02


def test_students_of_true_labels_are_not_cut_at_class_shares_that_these_do_not_have():
    world = Biased(n_true=100)
    wrong = replace(world.learned, shares=np.array([0.9, 0.1]))
    answer = Heads(np.zeros(12), np.ones(12), np.zeros((1, 12, 2), np.float32), np.zeros((1, 2), np.float32))
    found, expected = (
        Corrections.of(world.true, learned).alone(answer).heads.predict(world.x[world.test])[0].argmax(-1)
        for learned in (wrong, world.learned)
    )
    np.testing.assert_array_equal(found, expected)


def test_of_a_class_that_no_true_label_shows_students_of_true_labels_say_what_the_answer_does():
    world = Biased(n_classes=4, n_true=90)
    shown = world.true.part(np.flatnonzero(world.true.labels != 2))
    answer = fit_answer(world.learned, world.labelings, world.choose(), {}, [(0, 0)]).heads
    made, of = Corrections.of(shown, world.learned), np.array([0, 1, 3])
    x = world.x[world.test]
    wanted = (lambda z: z[:, 2] - z[:, of].mean(-1))(answer.predict(x)[0])
    for found in (made.alone(answer), made.of_answer(answer)):
        z = found.heads.predict(x)[0]
        np.testing.assert_allclose(z[:, 2] - z[:, of].mean(-1), wanted, atol=1e-3)
    both = fit_answer_with_true_labels(world.learned, world.labelings, world.choose(), {"x": x}, [(0, 0)], shown)
    weak, called = answer.predict(x)[0].argmax(-1), both.logits["x"][0].argmax(-1)
    unseen = world.labels[world.test] == 2
    assert (called[unseen] == 2).mean() > (weak[unseen] == 2).mean() - 0.1  # with a say for its absence: 0.5 less
    assert world.accuracy(both.logits["x"][0]) > world.accuracy(answer.predict(x)[0])


def test_labels_of_which_none_can_be_held_out_teach_all_the_same():
    world = Biased(n_true=40)
    families = ["first" if label else "second" for label in world.true.labels.tolist()]
    made = Corrections.of(replace(world.true, groups=families), world.learned)
    answer = fit_answer(world.learned, world.labelings, world.choose(), {}, [(0, 0)]).heads
    assert len(made.rows) == 0
    assert world.accuracy(made.alone(answer).heads.predict(world.x[world.test])[0]) > 0.7


def test_a_correction_is_the_logistic_regression_on_the_features_and_what_the_answer_says():
    world = Biased(n_true=100)
    made = Corrections.of(world.true, world.learned)
    answer = Heads(np.zeros(12), np.ones(12), np.eye(12, 2, dtype=np.float32)[None], np.ones((1, 2), np.float32))
    x, mean, scale = world.true.features, world.learned.features.mean(0), world.learned.features.std(0)
    own = answer.predict(world.learned.features)[0]
    z = (lambda said: said - said.mean(-1, keepdims=True))(answer.predict(x)[0])
    inputs = np.concatenate([(x - mean) / scale, FREEDOM * z / (own - own.mean(-1, keepdims=True)).std()], axis=1)
    found = made.of_answer(answer).heads.predict(x)[0]
    margins = [
        LogisticRegression(C=c, tol=1e-8, max_iter=1000).fit(inputs, world.true.labels).decision_function(inputs)
        for c in STRENGTHS
    ]
    apart = np.array([np.abs(each - (found[:, 1] - found[:, 0])).max() / each.std() for each in margins])
    assert apart.min() < 0.1  # fits of a grid stop at 0.001 nats an example
    assert np.sort(apart)[1] > 0.3  # and a strength is a factor of ten from the next
    hidden = made.of_answer(answer.with_hidden(6)).heads.predict(x)[0]
    np.testing.assert_allclose(
        hidden - hidden.mean(-1, keepdims=True), found - found.mean(-1, keepdims=True), atol=1e-3
    )


def test_pairs_turn_round_when_their_texts_are_exchanged_and_sparse_features_give_what_dense_ones_do():
    world, x = Biased(), Biased().x[700:900]
    pairs = replace(world.learned, base=replace(BASE, bias=False), shares=None)
    choice = world.choose()
    found = fit_answer_with_true_labels(pairs, world.labelings, choice, {"a": x, "b": -x}, [(0, 0)], world.true)
    np.testing.assert_allclose(found.logits["a"], -found.logits["b"], atol=1e-5)
    raw = replace(world.learned, base=replace(BASE, standardise=False))
    thin = replace(raw, features=csr_array(raw.features))
    thin_true = replace(world.true, features=csr_array(world.true.features))
    dense = fit_answer_with_true_labels(raw, world.labelings, choice, {"a": x}, [(0, 0)], world.true)
    sparse = fit_answer_with_true_labels(thin, world.labelings, choice, {"a": csr_array(x)}, [(0, 0)], thin_true)
    np.testing.assert_allclose(sparse.logits["a"], dense.logits["a"], atol=1e-3)


def test_a_true_label_is_held_in_every_step_and_the_weak_ones_are_not():
    x = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    x[:40] += 2
    weak = np.full((1, 80, 2), 0.5)
    weak[0, :70, 0] = np.where(np.arange(70) < 40, 0.7, 0.3)
    weak[..., 1] = 1 - weak[..., 0]
    wrong = weak.copy()
    wrong[0, 70:] = [1.0, 0.0]  # points of the other class, called class 0
    free = fit_discriminants(x, wrong, steps=[8], weak_share=0.0, shares=np.array([0.5, 0.5]))[8]
    held = fit_discriminants(x, wrong, steps=[8], weak_share=0.0, shares=np.array([0.5, 0.5]), n_held=10)[8]
    margin = [np.diff(heads.predict(x[70:])[0])[:, 0].mean() for heads in (free, held)]
    assert margin[1] < margin[0]


def test_points_with_true_labels_come_last_and_every_labeling_learns_them():
    world = Biased()
    more = with_true_labels(world.learned, world.true)
    assert more.n_held == len(world.true) == more.targets.shape[1] - 500
    np.testing.assert_array_equal(more.targets[:, 500:].argmax(-1), np.tile(world.true.labels, (3, 1)))
    assert world.learned.n_held == 0


def test_few_true_labels_have_little_say_and_many_have_most():
    world = Biased(n_true=100)
    without, with_them = world.choose(), world.choose(world.true)
    kappa = with_them.truth
    by_criterion = without.values[:, list(_criteria()).index("pooled_consensus")]
    mixed = 0.5 * kappa + 0.5 * by_criterion  # 100 true labels weigh as much as the criterion
    assert with_them.order == np.argsort(-mixed, kind="stable").tolist()
    np.testing.assert_array_equal(without.values, with_them.values)
    assert without.n_true == 0


def _criteria():
    from outlearn.core.students.criteria import CRITERIA

    return CRITERIA


def test_agreement_with_true_labels_is_cohens_kappa():
    rng = np.random.default_rng(0)
    labels, hard = rng.integers(0, 3, 50), rng.integers(0, 3, (2, 1, 50))
    expected = [cohen_kappa_score(each[0], labels) for each in hard]
    np.testing.assert_allclose(agreement_with(labels, hard, 3), expected)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 0, 0, 1]])
def test_true_labels_of_one_class_are_refused(labels):
    with pytest.raises(DataError, match="Label more points"):
        TrueLabels(np.zeros((4, 2)), np.array(labels))


def test_the_estimator_learns_from_votes_and_a_few_labels_together():
    world = Biased()
    y = np.full(700, -1)
    y[600:660] = world.labels[600:660]
    rng = np.random.default_rng(1)
    shown = world.labelings.predictions["student"].probs[:2].argmax(-1)
    votes = np.concatenate([shown, rng.integers(0, 2, (2, 200))], axis=1)
    fits = {
        use: WeakToStrongClassifier(loss="auto", true_labels=use, random_state=0).fit(
            world.x[:700], y, weak_labels=votes
        )
        for use in ("none", "choose", "learn")
    }
    score = {use: model.score(world.x[world.test], world.labels[world.test]) for use, model in fits.items()}
    assert score["learn"] > score["none"]
    assert (fits["none"].choice_.n_true, fits["choose"].choice_.n_true) == (0, 60)


@pytest.mark.slow
def test_students_with_a_hidden_layer_are_taught_by_true_labels_too():
    world = Biased()
    y = np.full(260, -1)
    y[200:] = world.labels[600:660]
    x = np.concatenate([world.x[:200], world.x[600:660]])
    votes = world.labelings.predictions["student"].probs[:2, :200].argmax(-1)
    votes = np.concatenate([votes, np.full((2, 60), -1)], axis=1)
    fits = [
        WeakToStrongClassifier(loss="auto", hidden=4, epochs=1, true_labels=use, random_state=0).fit(
            x, y, weak_labels=votes
        )
        for use in ("none", "learn")
    ]
    assert fits[1].heads_.hidden_weight is not None
    none, learned = (fit.score(world.x[world.test], world.labels[world.test]) for fit in fits)
    assert learned > none


def test_true_labels_need_auto_and_a_use_that_there_is():
    x, y = np.zeros((10, 2)), np.array([0, 1] * 5)
    with pytest.raises(ConfigError, match='use loss "auto"'):
        WeakToStrongClassifier(true_labels="learn").fit(np.random.default_rng(0).normal(size=(10, 2)), y)
    with pytest.raises(ConfigError, match="learn"):
        WeakToStrongClassifier(loss="auto", true_labels="lern").fit(x, y)
