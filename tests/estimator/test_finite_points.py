"""Points with NaN or inf are refused in this package's words, which name the first; what is advised arrives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

import outlearn as ol
from outlearn.errors import DomainError


@pytest.mark.parametrize("container", [np.asarray, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_named_with_their_place(container, bad):
    x = np.random.default_rng(0).normal(size=(60, 4))
    y = (x[:, 0] > 0).astype(int)
    damaged = x.copy()
    damaged[5, 2] = damaged[5, 3] = damaged[7, 1] = bad
    match = rf"inf in 2 of its 60 points, first {bad} in row 5, column 2; .*SimpleImputer"
    with pytest.raises(DomainError, match=match):
        ol.WeakToStrongClassifier().fit(container(damaged), y)
    with pytest.raises(DomainError, match=match):
        ol.WeakToStrongClassifier().fit(x, y).predict(container(damaged))


def test_filling_what_is_missing_as_advised_fits():
    x = np.random.default_rng(0).normal(size=(60, 4))
    y = (x[:, 0] > 0).astype(int)
    x[5, 2] = np.nan
    fitted = make_pipeline(SimpleImputer(), ol.WeakToStrongClassifier()).fit(x, y)
    assert len(fitted.predict(x)) == len(x)


TIMES = np.arange("2001-01", "2001-03", dtype="datetime64[D]")[:40].reshape(20, 2)
NOT_NUMBERS = {
    "complex": (np.ones((20, 2)) + 1j, "complex128.*real and imaginary parts"),
    "sparse complex": (csr_array(np.ones((20, 2)) + 1j), "complex128.*hstack"),
    "texts": (np.full((20, 2), "a"), "texts.*encoder=.*OneHotEncoder"),
    "one text a point": (["a text"] * 20, "texts.*encoder"),
    "a series of texts": (pd.Series(["a text"] * 20), "'a text' in row 0 of its only column.*encoder"),
    "times": (TIMES, "datetime64.*X.min"),
    "spans": (TIMES - TIMES[0, 0], "timedelta64.*days"),
    "records": (np.zeros(20, dtype=[("a", float), ("b", float)]), "records.*structured_to_unstructured"),
    "long doubles": (np.ones((20, 2), dtype=np.longdouble), "wider.*astype"),
    "objects": (np.array([[1, 2], [3, {}]] * 10, dtype=object), "a dict, {}, in row 1 of column 1"),
    "objects, a text": (np.array([[1, 2], ["a", 2]] * 10, dtype=object), "'a' in row 1 of column 0"),
    "objects, a gap": (np.array([[1, 2], [None, 2]] * 10, dtype=object), "first nan in row 1, column 0.*SimpleImputer"),
    "objects, too large": (np.array([[1, 10**400]] * 20, dtype=object), "no float holds"),
    "frame with times": (pd.DataFrame({"when": TIMES[:, 0], "b": 1.0}), "column 'when' holds datetime64"),
    "frame with times of a zone": (
        pd.DataFrame({"when": pd.DatetimeIndex(TIMES[:, 0], tz="UTC"), "b": 1.0}),
        "a Timestamp.*column 'when'.*X.min",
    ),
    "frame with a category": (
        pd.DataFrame({"k": pd.Categorical(["u", "v"] * 10), "b": 1.0}),
        "'u' in row 0 of column 'k'",
    ),
    "frame with a gap": (pd.DataFrame({"a": pd.array([1, None] * 10, "Int64"), "b": 1.0}), "a gap, <NA>, in row 1"),
}


@pytest.mark.parametrize(
    "estimator", [ol.WeakToStrongClassifier(), ol.WeakToStrongRegressor()], ids=["classes", "numbers"]
)
@pytest.mark.parametrize(("points", "match"), NOT_NUMBERS.values(), ids=NOT_NUMBERS)
def test_points_that_are_no_numbers_are_named_with_what_to_do(estimator, points, match):
    with pytest.raises(DomainError, match=match):
        estimator.fit(points, np.arange(20) % 2)


def test_numbers_made_as_advised_fit():
    y = np.arange(20) % 2
    for x in (
        np.concatenate([NOT_NUMBERS["complex"][0].real, NOT_NUMBERS["complex"][0].imag], axis=1) + y[:, None],
        (TIMES - TIMES.min()) / np.timedelta64(1, "D"),
        pd.DataFrame({"k": pd.Categorical([1, 2] * 10)}),
        np.array([["1", "2.5"], [3, 4]] * 10, dtype=object),
    ):
        assert len(ol.WeakToStrongClassifier().fit(x, y).predict(x)) == 20


@pytest.mark.parametrize(
    "estimator", [ol.WeakToStrongClassifier(), ol.WeakToStrongRegressor()], ids=["classes", "numbers"]
)
def test_labels_of_other_points_are_not_scored(estimator):
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(float)
    fitted = estimator.fit(x, y)
    for labels in (y[:50], np.tile(y, 2)):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            fitted.score(x, labels)
