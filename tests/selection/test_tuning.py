"""What is tuned on true labels is at its best on them, and sees no others."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from outlearn.errors import DataError
from outlearn.learners.convex_grid import ConvexGrid
from outlearn.learners.head_learners import ConvexLearner
from outlearn.learners.jobs import HeadJob, HeadSettings
from outlearn.losses import get_loss
from outlearn.selection.folds import FOLDS, held_out_folds
from outlearn.selection.tuning import Grid, minibatch_candidates, tune


def blobs(n: int, n_classes: int = 2, d: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    return (rng.normal(size=(n, d)) + 1.5 * np.eye(n_classes, d)[labels]).astype(np.float32), labels


def test_digits_are_as_right_as_with_scikit_learns_cross_validated_logistic_regression():
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    train, test = order[:500], order[500:]
    features = x.astype(np.float32)
    found = tune(
        features[train], y[train], {"test": features[test]}, n_classes=10, sets=[np.ones(500)], grid=Grid(), seeds=[0]
    )
    scaled = StandardScaler().fit(x[train])
    theirs = LogisticRegressionCV(
        Cs=5, cv=3, max_iter=200, tol=1e-3, scoring="accuracy", l1_ratios=(0.0,), use_legacy_attributes=False
    )
    right = theirs.fit(scaled.transform(x[train]), y[train]).score(scaled.transform(x[test]), y[test])
    assert (found.logits["test"][0].argmax(-1) == y[test]).mean() > right - 0.01


def test_a_set_depends_on_its_own_labels_alone():
    x, y = blobs(120)
    points = {"own": x}
    half = (np.arange(120) < 60).astype(float)
    both = tune(x, y, points, n_classes=2, sets=[half, np.ones(120)], grid=Grid(), seeds=[1, 2])
    flipped = np.where(half > 0, y, 1 - y)
    other = tune(x, flipped, points, n_classes=2, sets=[half, np.ones(120)], grid=Grid(), seeds=[1, 2])
    np.testing.assert_array_equal(both.logits["own"][0], other.logits["own"][0])
    assert not np.array_equal(both.logits["own"][1], other.logits["own"][1])


def test_the_best_on_held_out_labels_is_chosen_with_minibatch_heads_among_the_rest():
    x, y = blobs(80)
    base = HeadSettings(epochs=2, batch_size=32)
    grid = Grid(strengths=(1e-4, 1.0), candidates=minibatch_candidates(80, base)[:2], base=base)
    found = tune(x, y, {"own": x}, n_classes=2, sets=[np.ones(80)], grid=grid, seeds=[0])
    assert found.accuracy.shape == (1, 4) == (1, len(grid.names))
    assert found.accuracy[0, found.chosen[0]] == found.accuracy[0].max()
    assert np.isfinite(found.logits["own"]).all()


def test_what_is_chosen_by_accuracy_is_calibrated_by_held_out_labels():
    x, y = blobs(1060, d=40)
    flipped = np.where(np.arange(1060) % 5 == 0, 1 - y, y)  # a fifth of the labels: nobody should be sure
    few = np.arange(60)
    sets, points = [np.ones(60)] * 2, {"new": x[60:]}
    found = tune(x[few], flipped[few], points, n_classes=2, sets=sets, grid=Grid(strengths=(100.0,)), seeds=[0, 1])
    logits = ConvexGrid.of(x[few], np.eye(2)[flipped[few]], points, strengths=(100.0,))
    as_fitted = logits.predict(logits.fit(few, np.ones((1, 60))), "new")[0, 0]
    loss = [log_loss(flipped[60:], softmax(each, axis=-1)) for each in (found.logits["new"][0], as_fitted)]
    assert loss[0] < 0.8 * loss[1]
    np.testing.assert_array_equal(found.logits["new"][0].argmax(-1), as_fitted.argmax(-1))


@pytest.mark.parametrize("grouped", [False, True])
def test_folds_are_stratified_and_keep_groups_together(grouped):
    labels = np.array([0] * 60 + [1] * 20 + [2] * 10)
    groups = [f"g{i // 2}" for i in range(90)] if grouped else None
    fold = held_out_folds(labels, groups, np.random.default_rng(0))
    counts = np.array([np.bincount(labels[fold == f], minlength=3) for f in range(FOLDS)])
    assert (np.ptp(counts, axis=0) <= (2 if grouped else 1)).all()
    if groups is not None:
        assert all(len({fold[i] for i in range(90) if groups[i] == g}) == 1 for g in set(groups))


def test_a_class_with_one_label_is_never_held_out_and_two_labels_never_together():
    rng = np.random.default_rng(0)
    labels = np.array([0] * 10 + [1] * 2 + [2])
    for _ in range(20):
        fold = held_out_folds(labels, None, rng)
        assert fold[-1] == -1
        assert fold[10] != fold[11]


def test_labels_of_one_class_are_an_error_and_too_few_to_hold_out_are_not():
    x, y = blobs(40)
    with pytest.raises(DataError, match="set 0 of true labels has 20 of class 0 only"):
        tune(x, y, {"own": x}, n_classes=2, sets=[(y == 0).astype(float)], grid=Grid(), seeds=[0])
    two = np.zeros(40)
    two[:2] = 1.0
    found = tune(x, y, {"own": x}, n_classes=2, sets=[two], grid=Grid(), seeds=[0])
    assert np.isnan(found.accuracy).all()
    assert np.isfinite(found.logits["own"]).all()
    assert "C 0.1" in Grid().names[found.chosen[0]]


def test_the_learner_as_configured_is_tried_and_fitted_as_it_is():
    x, y = blobs(80)
    learner = ConvexLearner(C=0.3)
    grid = Grid(strengths=(1e-9,), configured=learner)  # a ridge under which nothing is learned
    found = tune(x, y, {"own": x}, n_classes=2, sets=[np.ones(80)], grid=grid, seeds=[0])
    assert grid.names[found.chosen[0]] == "as configured"
    alone = learner.fit(x, np.eye(2)[y][None], [HeadJob(0, get_loss("forward_ce"))], {"own": x}, bias=True)
    as_fitted, logits = alone.logits["own"][-1, 0], found.logits["own"][0]
    np.testing.assert_allclose(logits, logits.std() / as_fitted.std() * as_fitted, atol=1e-5)  # calibrated
