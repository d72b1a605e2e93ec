"""Points with NaN or inf are refused in this package's words, which name the first; what is advised arrives."""

from __future__ import annotations

import numpy as np
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
