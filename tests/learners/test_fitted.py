"""Fitted heads combine, and predict the same whatever way they are written."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from outlearn.core.predictions import Predictions
from outlearn.errors import DataError, ShapeError
from outlearn.learners import Heads

FLOAT64_SUM = 1e-10


def heads(models: int = 5, hidden: int | None = None, classes: int = 3, seed: int = 0) -> Heads:
    rng = np.random.default_rng(seed)
    sizes = [4, *([] if hidden is None else [hidden]), classes]
    layers = [(rng.normal(size=(models, a, b)), rng.normal(size=(models, b))) for a, b in itertools.pairwise(sizes)]
    return Heads(np.arange(4.0), np.arange(1.0, 5.0), *layers[-1], *(layers[0] if hidden else ()))


POINTS = np.random.default_rng(1).normal(size=(20, 4)) * 3 + 1


@pytest.mark.parametrize("hidden", [None, 7])
def test_the_dual_mean_of_heads_is_one_head(hidden):
    each = heads(hidden=hidden)
    expected = Predictions.from_logits(each.predict(POINTS)).dual_mean().log_probs
    combined = each.dual_mean()
    assert combined.n_models == 1
    np.testing.assert_allclose(combined.log_probs(POINTS), expected, atol=FLOAT64_SUM)


@pytest.mark.parametrize("hidden", [None, 7])
def test_members_may_be_sharpened_and_moved_before_they_are_combined(hidden):
    each = heads(hidden=hidden)
    rng = np.random.default_rng(2)
    scale, offset = rng.uniform(0.5, 2.0, 5), rng.normal(size=(5, 3))
    z = scale[:, None, None] * each.predict(POINTS) + offset[:, None, :]
    expected = Predictions.from_logits(z).dual_mean().log_probs
    found = each.dual_mean(scale=scale, offset=offset)
    np.testing.assert_allclose(found.log_probs(POINTS), expected, atol=FLOAT64_SUM)


@pytest.mark.parametrize("hidden", [None, 7])
def test_the_standardisation_can_stand_in_the_weights(hidden):
    each = heads(hidden=hidden)
    raw = each.on_raw_features()
    assert not raw.mean.any()
    assert (raw.scale == 1).all()
    np.testing.assert_allclose(raw.predict(POINTS), each.predict(POINTS), atol=FLOAT64_SUM)


@pytest.mark.parametrize("hidden", [None, 7])
def test_selected_heads_joined_again_are_the_heads(hidden):
    each = heads(hidden=hidden)
    again = Heads.joined([each.select([2, 0]), each.select(slice(3, 5)), each.select([1])])
    np.testing.assert_array_equal(again.predict(POINTS), each.predict(POINTS)[[2, 0, 3, 4, 1]])


def test_heads_that_do_not_belong_together_are_not_joined():
    with pytest.raises(DataError, match="standardised differently"):
        Heads.joined([heads(), Heads(**{**heads().arrays(), "mean": np.ones(4)})])
    with pytest.raises(DataError, match="cannot be joined"):
        Heads.joined([heads(hidden=3), heads(hidden=4)])


def test_a_scale_for_each_member_is_asked_for():
    with pytest.raises(ShapeError, match=r"expected \[5 models\]"):
        heads().dual_mean(scale=np.ones(4))
