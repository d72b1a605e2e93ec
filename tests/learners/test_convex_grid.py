"""Logistic regression at many strengths is that of scikit-learn at each, on whatever part of the examples."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from outlearn.learners.convex_grid import TOLERANCE, ConvexGrid

STRENGTHS = (0.01, 1.0, 30.0)


def example(n: int, d: int, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    return (rng.normal(size=(n, d)) + 1.2 * np.eye(n_classes, d)[labels]).astype(np.float32), labels


def probabilities(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n", [30, 200], ids=["fewer examples than features", "more"])
def test_each_head_is_scikit_learns_at_its_strength_and_its_weights(n, n_classes):
    x, y = example(n, 40, n_classes)
    rows = np.arange(n)[: 3 * n // 4]
    weights = np.ones((2, len(rows)))
    weights[0, ::3], weights[1, ::5] = 0.0, 2.0
    grid = ConvexGrid.of(x, np.eye(n_classes)[y], {"all": x}, strengths=STRENGTHS, standardise=False)
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
            assert np.abs(found[w, c] - theirs.predict_proba(x)).mean() < 0.02


def test_without_an_intercept_exchanged_texts_exchange_the_answer():
    x, y = example(30, 50, 2)
    grid = ConvexGrid.of(x, np.eye(2)[y], {"here": x, "swapped": -x}, strengths=(1.0,), bias=False)
    fitted = grid.fit(np.arange(30), np.ones((1, 30)))
    np.testing.assert_allclose(grid.predict(fitted, "here"), -grid.predict(fitted, "swapped"), atol=1e-5)


def test_a_class_that_a_part_does_not_show_is_improbable_and_nothing_is_nan():
    x, y = example(60, 5, 3)
    rows = np.flatnonzero(y < 2)
    grid = ConvexGrid.of(x, np.eye(3)[y], {"all": x}, strengths=STRENGTHS)
    found = probabilities(grid.predict(grid.fit(rows, np.ones((1, len(rows)))), "all"))
    assert np.isfinite(found).all()
    assert (found[..., 2].mean(axis=-1) < 0.1).all()
