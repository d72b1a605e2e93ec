"""The variance of labelers: against its definition, the decomposition of log loss, and what it is for new labelers."""

import numpy as np
import pytest
from scipy.special import softmax

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.intervals import Withheld
from outlearn.core.labelers.label_variance import label_variance
from outlearn.core.predictions import Predictions

EXACT = 1e-9


def labelers(n_labelers=4, n=200, seed=0):
    rng = np.random.default_rng(seed)
    return softmax(rng.normal(size=(n, 3)) + 0.8 * rng.normal(size=(n_labelers, n, 3)), axis=2)


def test_both_variances_are_those_of_the_bias_variance_decomposition():
    probs, truth = labelers(), np.random.default_rng(1).integers(0, 3, 200)
    found = label_variance(probs, truth)
    for generator, half, plug_in, corrected in (
        ("negative_entropy", 1.0, found.nats_plug_in, found.nats),
        ("squared_euclidean", 0.5, found.squared_plug_in, found.squared),
    ):
        parts = bias_variance(truth, Predictions.from_probs(probs), generator=generator)
        assert plug_in.mean == pytest.approx(half * parts.variance.mean(), abs=EXACT)
        assert corrected.mean == pytest.approx(half * parts.summary(correction="jackknife").variance.mean, abs=EXACT)
    assert found.log_loss.mean == pytest.approx(-np.log(probs[:, np.arange(200), truth]).mean(), abs=EXACT)
    assert found.bias.mean == pytest.approx(found.log_loss.mean - found.nats.mean, abs=EXACT)


def test_few_labelers_corrected_say_what_many_do():
    many = label_variance(labelers(40, 400))
    few = [label_variance(labelers(40, 400)[3 * k : 3 * k + 3]) for k in range(12)]
    for name in ("nats", "squared"):
        truth = getattr(many, name).mean
        corrected = np.mean([getattr(each, name).mean for each in few])
        plug_in = np.mean([getattr(each, f"{name}_plug_in").mean for each in few])
        assert abs(corrected - truth) < 0.1 * truth < abs(plug_in - truth)


def test_votes_have_no_variance_in_nats_and_one_labeler_none_at_all():
    votes = np.eye(3)[np.random.default_rng(0).integers(0, 3, (2, 50))]
    found = label_variance(votes)
    assert isinstance(found.nats, Withheld)
    assert found.squared.mean == pytest.approx((votes[0] != votes[1]).any(axis=1).mean() / 2, abs=EXACT)
    assert isinstance(label_variance(votes[:1]), Withheld)
