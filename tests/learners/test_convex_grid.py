"""Logistic regression at many strengths is that of scikit-learn at each, on whatever part of the examples."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from outlearn.learners import convex_grid
from outlearn.learners.convex_grid import TOLERANCE, ConvexGrid
from outlearn.learners.objective import Objective

STRENGTHS = (0.01, 1.0, 30.0)


def example(n: int, d: int, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    return (rng.normal(size=(n, d)) + 1.2 * np.eye(n_classes, d)[labels]).astype(np.float32), labels


def probabilities(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("along_a_path", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n", [30, 200], ids=["fewer examples than features", "more"])
def test_each_head_is_scikit_learns_at_its_strength_and_its_weights(n, n_classes, along_a_path):
    x, y = example(n, 40, n_classes)
    rows = np.arange(n)[: 3 * n // 4]
    weights = np.ones((2, len(rows)))
    weights[0, ::3], weights[1, ::5] = 0.0, 2.0
    grid = ConvexGrid.of(x, np.eye(n_classes)[y], {"all": x}, strengths=STRENGTHS, standardise=False)
    if along_a_path:
        path = grid.path(rows[None], weights[None])
        fitted = np.concatenate([path.at(strength).parameters()[0] for strength in STRENGTHS], axis=1)
    else:
        fitted = grid.fit(rows, weights)
    found = probabilities(grid.predict(fitted, "all"))
    assert found.shape == (2, len(STRENGTHS), n, n_classes)

    def objective(probs: np.ndarray, ridge: np.ndarray, w: int, strength: float) -> float:
        loss = -np.log(probs[rows, y[rows]].astype(float))
        return float((weights[w] @ loss + (ridge**2).sum() / (2 * strength)) / weights[w].sum())

    for w in range(2):
        for c, strength in enumerate(STRENGTHS):
            theirs = LogisticRegression(C=strength, max_iter=5000, tol=1e-8).fit(x[rows], y[rows], weights[w])
            least = objective(theirs.predict_proba(x), theirs.coef_, w, strength)
            ours = objective(found[w, c], fitted[w, c, :-1], w, strength)
            assert least - 1e-6 < ours < least + TOLERANCE
            # The gap is at least the mean KL(theirs || ours); by Pinsker, half the mean distance is at most its root.
            distance = 0.5 * np.abs(found[w, c] - theirs.predict_proba(x)).sum(axis=-1)[rows]
            assert np.average(distance, weights=weights[w]) < np.sqrt(TOLERANCE / 2)


def test_without_an_intercept_exchanged_texts_exchange_the_answer():
    x, y = example(30, 50, 2)
    grid = ConvexGrid.of(x, np.eye(2)[y], {"here": x, "swapped": -x}, strengths=(1.0,), bias=False)
    fitted = grid.fit(np.arange(30), np.ones((1, 30)))
    np.testing.assert_allclose(grid.predict(fitted, "here"), -grid.predict(fitted, "swapped"), atol=1e-5)


def test_pairs_that_are_all_alike_say_nothing_without_an_intercept():
    x, y = np.zeros((6, 9), dtype=np.float32), np.arange(6) % 2
    grid = ConvexGrid.of(x, np.eye(2)[y], {}, strengths=STRENGTHS, bias=False, standardise=False)
    path = grid.path(np.arange(6)[None], np.ones((1, 2, 6))).at(*STRENGTHS)
    np.testing.assert_array_equal(path.parameters(), np.zeros((1, 2, len(STRENGTHS), 9, 1)))
    np.testing.assert_array_equal(path.logits(), np.zeros((1, 2, len(STRENGTHS), 6, 2)))


def test_a_class_that_a_part_does_not_show_is_improbable_and_nothing_is_nan():
    x, y = example(60, 5, 3)
    rows = np.flatnonzero(y < 2)
    grid = ConvexGrid.of(x, np.eye(3)[y], {"all": x}, strengths=STRENGTHS)
    found = probabilities(grid.predict(grid.fit(rows, np.ones((1, len(rows)))), "all"))
    assert np.isfinite(found).all()
    assert (found[..., 2].mean(axis=-1) < 0.1).all()


MANY = 120


def many_classes(n: int = 600, d: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % MANY
    return (rng.normal(size=(n, d)) + 1.5 * rng.normal(size=(MANY, d))[labels] + 3.0).astype(np.float32), labels


def test_a_path_predicts_its_own_examples_as_its_parameters_do():
    for n in (30, 200):
        x, y = example(n, 40, 3)
        rows = np.arange(n)[::2]
        grid = ConvexGrid.of(x, np.eye(3)[y], {}, strengths=STRENGTHS)
        path = grid.path(rows[None], np.ones((1, 2, len(rows)))).at(0.01).at(1.0, 30.0)
        np.testing.assert_allclose(path.logits()[0], grid.predict(path.parameters()[0], rows), atol=1e-4)
        np.testing.assert_array_equal(path.head(0, 1, 0), path.parameters()[0, 1, 0])


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n", [20, 60], ids=["fewer examples than features", "more"])
def test_sets_side_by_side_are_fitted_as_each_alone(n, n_classes, monkeypatch):
    monkeypatch.setattr(convex_grid, "TOLERANCE", 1e-8)  # heads that are there move on until a fifth of them is
    x, y = example(180, 30, n_classes)
    x[1] = x[0]  # the first set spans a direction less
    grid = ConvexGrid.of(x, np.eye(n_classes)[y], {}, strengths=STRENGTHS)
    rows = np.stack([np.arange(s * n, (s + 1) * n) for s in range(3)])
    weights = np.ones((3, 2, n))
    weights[:, 1, ::4] = 0.0

    def along(sets: list[int]) -> tuple[np.ndarray, np.ndarray]:
        path = grid.path(rows[sets], weights[sets]).at(0.01)
        path = path.of_sets([s for s, which in enumerate(sets) if which != 1]).at(1.0, 30.0)
        return path.logits(), path.parameters()

    together = along([0, 1, 2])
    for place, s in enumerate([0, 2]):
        for found, alone in zip(together, along([s]), strict=True):
            np.testing.assert_allclose(found[place], alone[0], atol=2e-3)


def test_of_many_classes_every_strength_arrives_whatever_is_fitted_beside_it():
    x, y = many_classes()
    rows, wide = np.arange(len(x)), (1e-4, 0.03, 3.0)
    weights = np.ones((3, len(x)))
    weights[1, ::3], weights[2, 1::3] = 0.0, 0.0

    def fit(strengths: tuple[float, ...], which: list[int]) -> np.ndarray:
        grid = ConvexGrid.of(x, np.eye(MANY)[y], {}, strengths=strengths, standardise=False)
        path = grid.path(rows[None], weights[None, which])
        return np.concatenate([path.at(strength).logits()[0] for strength in strengths], axis=1)

    together, alone = fit(wide, [0, 1, 2])[1], fit(wide, [1])[0]
    np.testing.assert_allclose(probabilities(alone), probabilities(together), atol=0.01)  # rounding, over 100 steps
    for c, strength in enumerate(wide):
        from_0 = fit((strength,), [1])[0, 0]
        # Both are as near the minimum as the tolerance says, so that by Pinsker each is near it on average.
        distance = 0.5 * np.abs(probabilities(from_0) - probabilities(together[c])).sum(axis=-1)
        assert distance[weights[1] > 0].mean() < 2 * np.sqrt(TOLERANCE / 2)
        assert (from_0.argmax(-1) == together[c].argmax(-1)).mean() > 0.98


def test_heads_that_do_not_arrive_are_named_with_how_far_they_may_be(monkeypatch):
    x, y = many_classes()
    monkeypatch.setattr(convex_grid, "STEPS", 3)
    grid = ConvexGrid.of(x, np.eye(MANY)[y], {}, strengths=(1e-6, 100.0), standardise=False)
    with pytest.warns(
        UserWarning, match=r"120 classes is at most .* nats per example above its minimum at C 1e\+02, not"
    ):
        grid.fit(np.arange(len(x)), np.ones((1, len(x))))


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_the_own_hessian_is_the_hessian_at_0(n_classes, bias):
    x, y = example(50, 4, n_classes)
    x += 2.0
    data = ConvexGrid.of(x, np.eye(n_classes)[y], {}, strengths=(1.0,), bias=bias, standardise=False).data
    k = 1 if n_classes == 2 else n_classes
    rows, ridge = data.features.double(), torch.tensor([0.01, 10.0], dtype=torch.float64)
    table = torch.full((50, k, 2), 1 / 50, dtype=torch.float64)
    objective = Objective(rows, table, table[:, :1], ridge, bias)
    gradient = torch.from_numpy(np.random.default_rng(0).normal(size=(rows.shape[1], k, 2)))
    gradient -= gradient.mean(1, keepdim=True) if k > 1 else 0.0  # as every gradient of a softmax is
    step = objective.own_preconditioner()(gradient.view(rows.shape[1], -1)).view(gradient.shape)
    z = rows.block(0, 50)
    for head in range(2):
        hessian = (0.25 if k == 1 else 1 / k) * z.T @ z / 50 + ridge[head] * torch.eye(rows.shape[1])
        if bias:
            hessian[-1, -1] -= ridge[head]
        torch.testing.assert_close(hessian @ step[..., head], gradient[..., head])


def test_of_many_classes_a_head_that_goes_on_from_a_stronger_ridge_is_no_further_from_its_minimum():
    x, y = many_classes(n=convex_grid.LABELS_A_CLASS * MANY, d=10)
    grid = ConvexGrid.of(x, np.eye(MANY)[y], {}, strengths=(1.0,))
    rows, z = np.arange(len(x)), (x - x.mean(axis=0)) / x.std(axis=0)

    def objective(head: np.ndarray) -> float:
        logits = z @ head[:-1] + head[-1]
        loss = np.log(np.exp(logits).sum(axis=-1)) - logits[rows, y]
        return float(loss.mean() + (head[:-1] ** 2).sum() / (2 * 30.0 * len(x)))

    path = grid.path(rows[None], np.ones((1, 1, len(x))))
    went_on = path.at(0.3).at(30.0).parameters()[0, 0, 0].astype(np.float64)
    alone = grid.path(rows[None], np.ones((1, 1, len(x)))).at(30.0).parameters()[0, 0, 0].astype(np.float64)
    assert objective(went_on) <= objective(alone) + convex_grid.TOLERANCE_ON


def test_points_without_any_feature_are_told_by_how_common_their_classes_are():
    """More features than rows, and none of them there: nothing but the intercept is left to fit."""
    targets = np.repeat(np.eye(2), [30, 10], axis=0)
    grid = ConvexGrid.of(np.zeros((40, 100), np.float32), targets, {}, strengths=(0.01, 1.0))
    logits = grid.predict(grid.fit(np.arange(40), np.ones((1, 40))), np.arange(40))
    assert np.ptp(logits[..., 1] - logits[..., 0]) < 1e-6
    share = probabilities(logits)[0, 0, 0, 0]
    lost = 0.75 * np.log(0.75 / share) + 0.25 * np.log(0.25 / (1 - share))  # nats
    assert 0 <= lost < TOLERANCE
