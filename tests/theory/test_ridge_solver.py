"""One factorisation for every penalty gives what a solve for each penalty gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from outlearn.errors import DomainError, ShapeError
from outlearn.theory import RidgePath

SAME = 1e-8  # float64 normal equations at penalties of 1e-3 and more


@settings(max_examples=40, deadline=None)
@given(examples=st.integers(1, 12), width=st.integers(1, 12), targets=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_every_penalty_and_label_vector_solves_the_normal_equations(examples, width, targets, seed):
    rng = np.random.default_rng(seed)
    features, labels = rng.standard_normal((examples, width)), rng.standard_normal((examples, targets))
    penalties = np.array([1e-3, 0.5, 40.0])
    found = RidgePath(features).coefficients(labels, penalties)
    assert found.shape == (3, width, targets)
    for penalty, coefficients in zip(penalties, found, strict=True):
        expected = np.linalg.solve(features.T @ features + penalty * np.eye(width), features.T @ labels)
        np.testing.assert_allclose(coefficients, expected, atol=SAME, rtol=SAME)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (12, 12), (1, 5), (5, 1)])
def test_it_agrees_with_scikit_learn(shape):
    rng = np.random.default_rng(1)
    features, labels = rng.standard_normal(shape), rng.standard_normal((shape[0], 4))
    found = RidgePath(features).coefficients(labels, [0.1, 10.0])
    for penalty, coefficients in zip((0.1, 10.0), found, strict=True):
        expected = Ridge(alpha=penalty, fit_intercept=False).fit(features, labels).coef_
        np.testing.assert_allclose(coefficients.T, np.reshape(expected, coefficients.T.shape), atol=SAME)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_penalty_zero_is_the_minimum_norm_solution_also_where_the_design_is_singular(shape):
    rng = np.random.default_rng(2)
    features = rng.standard_normal(shape)
    features[:, -1] = features[:, 0]
    labels = rng.standard_normal((shape[0], 2))
    found = RidgePath(features).coefficients(labels, [0.0, 1.0])
    np.testing.assert_allclose(found[0], np.linalg.pinv(features) @ labels, atol=SAME)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_eigenvalues_are_those_of_the_smaller_gram_matrix(shape):
    features = np.random.default_rng(3).standard_normal(shape)
    singular = np.linalg.svd(features, compute_uv=False)
    np.testing.assert_allclose(RidgePath(features).eigenvalues(), np.sort(singular**2), atol=SAME)


def test_the_labels_and_features_of_the_caller_are_not_changed():
    rng = np.random.default_rng(4)
    features, labels = rng.standard_normal((6, 3)), np.asfortranarray(rng.standard_normal((6, 2)))
    kept = features.copy(), labels.copy()
    RidgePath(features).coefficients(labels, [1.0])
    np.testing.assert_array_equal(features, kept[0])
    np.testing.assert_array_equal(labels, kept[1])


def test_bad_input_names_what_is_wrong():
    path = RidgePath(np.eye(3))
    with pytest.raises(ShapeError, match="2 rows and features 3"):
        path.coefficients(np.ones((2, 1)), [1.0])
    with pytest.raises(DomainError, match="-1"):
        path.coefficients(np.ones((3, 1)), [1.0, -1.0])
    with pytest.raises(DomainError, match="nan"):
        RidgePath(np.array([[np.nan]]))
    with pytest.raises(ShapeError, match=r"\(0, 3\)"):
        RidgePath(np.empty((0, 3)))
    with pytest.raises(DomainError, match="rounding"):
        RidgePath(np.ones((3, 2)) * 1e8).coefficients(np.ones((3, 1)), [1e-12])
