"""Every loss of the registry trains in the batched engine exactly as it trains alone by autograd."""

from __future__ import annotations

import numpy as np
import pytest
from tests.learners.one_by_one import log_probs, train_alone

from outlearn.learners import HeadJob, HeadSettings, fit_predict
from outlearn.losses import LOSSES, Regularised, get_loss

pytestmark = pytest.mark.medium

# Some 30 AdamW steps in float64, where m / sqrt(v) magnifies the rounding of small gradients.
TRAINED_FLOAT64 = 1e-8


def _problem(n_classes: int, *, n: int = 37, d: int = 5, labelings: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, d)) * 3.0 + 1.0
    logits = rng.standard_normal((labelings, n, n_classes)) * 2.0
    targets = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return features, targets, rng.standard_normal((11, d)), rng


# Every loss with two classes and with three, without a hidden layer and with one, in turn.
TRAINED = [(name, k, (None, 3)[(i + k) % 2]) for i, name in enumerate(LOSSES) for k in (2, 3)]


@pytest.mark.parametrize(("name", "n_classes", "hidden"), TRAINED)
def test_batched_heads_equal_heads_trained_alone(name, n_classes, hidden):
    features, targets, points, rng = _problem(n_classes)
    loss = get_loss(name)
    weights = rng.poisson(1.0, size=(2, len(features))).astype(float)
    weighting = (None, 1) if not loss.batch_coupled else (None, None)
    jobs = [HeadJob(labeling, loss, w, seed) for labeling, w, seed in ((0, weighting[0], 0), (2, weighting[1], 5))]
    # Another loss beside it, of the same group as the second, shares buffers but must not leak.
    jobs.insert(1, HeadJob(1, get_loss("reverse_ce"), 0, 3))
    settings = HeadSettings(
        hidden=hidden, epochs=6, batch_size=8, learning_rate=0.05, weight_decay=0.1, order_groups=2, dtype="float64"
    )
    result = fit_predict(features, targets, jobs, {"test": points}, settings=settings, weights=weights)
    for i, job in enumerate(jobs):
        alone = train_alone(features, targets, job, points, settings, weights=weights)
        np.testing.assert_allclose(log_probs(result.heads.predict(points))[i], alone, atol=TRAINED_FLOAT64)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("inner", ["forward_ce", "reverse_kl", "cace", "aux_conf", "brier"])
def test_a_regularised_loss_trains_as_alone_whatever_is_inside(inner, n_classes):
    features, targets, points, _ = _problem(n_classes)
    job = HeadJob(1, Regularised(get_loss(inner), entropy=0.3), seed=2)
    settings = HeadSettings(epochs=4, batch_size=8, learning_rate=0.05, dtype="float64")
    result = fit_predict(features, targets, [job], {}, settings=settings)
    alone = train_alone(features, targets, job, points, settings)
    np.testing.assert_allclose(log_probs(result.heads.predict(points))[0], alone, atol=TRAINED_FLOAT64)
