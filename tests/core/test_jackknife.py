"""The jackknife removes a bias of c / M exactly, and shrinks one with higher orders."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.jackknife import jackknife_corrected, pseudo_values
from outlearn.errors import DomainError


@pytest.mark.parametrize("n_models", [2, 3, 10])
def test_plug_in_variance_becomes_the_unbiased_one(n_models):
    x = np.random.default_rng(0).normal(size=(n_models, 4))
    out = np.stack([np.delete(x, m, axis=0).var(axis=0) for m in range(n_models)])
    np.testing.assert_allclose(jackknife_corrected(x.var(axis=0), out), x.var(axis=0, ddof=1), rtol=1e-12)


def test_pseudo_values_of_a_mean_are_the_values():
    x = np.random.default_rng(1).normal(size=7)
    out = (x.sum() - x) / 6
    np.testing.assert_allclose(pseudo_values(x.mean(), out), x, rtol=1e-12)


def test_one_model_cannot_be_left_out():
    with pytest.raises(DomainError, match="at least 2 models"):
        jackknife_corrected(1.0, np.array([1.0]))
