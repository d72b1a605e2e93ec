"""Heads of numbers by minibatches: those of a plain loop, in units of their own labels, and refused what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.learners.one_by_one import train_alone

from outlearn.errors import ConfigError, DomainError, ShapeError
from outlearn.learners import HeadJob, HeadSettings, fit_predict
from outlearn.learners.ridge_heads import fit_ridge
from outlearn.losses import NUMBER_LOSSES, get_loss

TRAINED_FLOAT64 = 1e-8  # some 30 AdamW steps, as in the contract of heads of classes
ROUNDED_FLOAT32 = 1e-4


def _problem(n=37, d=5, labelings=3, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, d)) * 3.0 + 1.0
    numbers = np.exp(
        0.1 * features @ rng.standard_normal((d, labelings)) + 3 + 0.2 * rng.standard_normal((n, labelings))
    )
    return features, numbers.T[..., None], rng.standard_normal((11, d)), rng


def _in_units(labels, loss, weights):
    """Measure labels in their own units by the formulas of `learners.units`; return them and the way back."""
    mean = np.average(labels, weights=weights)
    if loss.link == "identity":
        deviation = np.sqrt(np.average((labels - mean) ** 2, weights=weights))
        return (labels - mean) / deviation, mean, deviation
    return labels / mean, np.log(mean), 1.0


@pytest.mark.parametrize("hidden", [None, 3])
@pytest.mark.parametrize("name", NUMBER_LOSSES)
def test_batched_heads_equal_heads_trained_alone(name, hidden):
    features, targets, points, rng = _problem()
    weights = rng.poisson(1.0, size=(2, len(features))).astype(float)
    targets[2, weights[1] == 0] = 0.0  # a gap: what stands there is nobody's business
    loss = get_loss(name)
    jobs = [HeadJob(0, loss, None, 0), HeadJob(1, get_loss("generalized_kl"), 0, 3), HeadJob(2, loss, 1, 5)]
    settings = HeadSettings(
        hidden=hidden, epochs=6, batch_size=8, learning_rate=0.05, weight_decay=0.1, order_groups=2, dtype="float64"
    )
    result = fit_predict(features, targets, jobs, {"test": points}, settings=settings, weights=weights)
    outputs = result.heads.predict(points)
    for i, job in enumerate(jobs):
        own = np.ones(len(features)) if job.weighting is None else weights[job.weighting]
        labels = np.where(own > 0, targets[job.labeling, :, 0], 1.0)
        learned, location, scale = _in_units(labels, job.loss, own)
        learned = np.where(own > 0, learned, 1.0)[None, :, None]
        alone = train_alone(features, learned, replace(job, labeling=0), points, settings, weights=weights)
        np.testing.assert_allclose(outputs[i], location + scale * alone, atol=TRAINED_FLOAT64 * max(1.0, scale))
        expected = job.loss.predicted(outputs[i])
        np.testing.assert_allclose(result.logits["test"][-1, i], expected, rtol=ROUNDED_FLOAT32)


def test_every_checkpoint_is_the_end_of_the_loop_that_stops_there():
    features, targets, points, _ = _problem()
    job, settings = HeadJob(1, get_loss("squared_error"), seed=1), HeadSettings(epochs=6, batch_size=8, dtype="float64")
    result = fit_predict(features, targets, [job], {"test": points}, settings=settings, checkpoints=[2, 4])
    learned, location, scale = _in_units(targets[1, :, 0], job.loss, None)
    for epoch, heads in zip(result.checkpoints, result.path, strict=True):
        alone = train_alone(
            features, learned[None, :, None], replace(job, labeling=0), points, settings, stop_after=epoch
        )
        np.testing.assert_allclose(heads.predict(points)[0], location + scale * alone, atol=1e-7)


@pytest.mark.parametrize("name", NUMBER_LOSSES)
def test_the_unit_of_the_labels_does_not_matter(name):
    features, targets, points, _ = _problem()
    loss, settings = get_loss(name), HeadSettings(epochs=5, batch_size=8, dtype="float64")

    def predicted(labels):
        return fit_predict(features, labels, [HeadJob(0, loss)], {"test": points}, settings=settings).logits["test"]

    np.testing.assert_allclose(predicted(1000.0 * targets), 1000.0 * predicted(targets), rtol=ROUNDED_FLOAT32)


def test_a_long_training_arrives_at_least_squares_whatever_the_scale_of_the_labels():
    features, targets, points, _ = _problem(n=60)
    labels = 1e6 + 1e4 * targets
    settings = HeadSettings(epochs=400, batch_size=60, learning_rate=0.05, weight_decay=0.0, dtype="float64")
    jobs = [HeadJob(k, get_loss("squared_error"), seed=k) for k in range(3)]
    found = fit_predict(features, labels, jobs, {"test": points}, settings=settings).logits["test"][-1, ..., 0]
    exact = fit_ridge(features, labels[..., 0], [1e-9]).predict(points)[0]
    np.testing.assert_allclose(found, exact, atol=1e-3 * labels.std())


def test_labels_that_are_all_one_number_are_learned():
    features, targets, points, _ = _problem()
    settings = HeadSettings(epochs=300, batch_size=37, learning_rate=0.05, dtype="float64")
    for name in NUMBER_LOSSES:
        constant = np.full_like(targets, 7.5)
        found = fit_predict(features, constant, [HeadJob(0, get_loss(name))], {"test": points}, settings=settings)
        np.testing.assert_allclose(found.logits["test"], 7.5, rtol=0.02)


def test_what_a_loss_cannot_take_is_named_with_the_generator_that_would():
    features, targets, _, _ = _problem()
    targets[1, 3] = -2.0
    job = HeadJob(1, get_loss("generalized_kl"))
    with pytest.raises(DomainError, match=r"at least 0; target\[3\] is -2.*fit squared_euclidean"):
        fit_predict(features, targets, [job], {})
    fit_predict(features, targets, [replace(job, loss=get_loss("squared_error"))], {})  # the advice arrives
    weights = np.ones((1, len(features)))
    weights[0, 3] = 0
    fit_predict(features, targets, [replace(job, weighting=0)], {}, weights=weights)  # nobody learns from it


def test_classes_and_numbers_are_trained_by_calls_of_their_own():
    features, targets, _, _ = _problem()
    with pytest.raises(ShapeError, match=r"37 examples, 1\] of numbers"):
        fit_predict(features, np.repeat(targets, 2, axis=2), [HeadJob(0, get_loss("squared_error"))], {})
    with pytest.raises(ShapeError, match="two classes"):
        fit_predict(features, targets, [HeadJob(0, get_loss("forward_ce"))], {})
    with pytest.raises(ConfigError, match="one is of numbers"):
        fit_predict(features, targets, [HeadJob(0, get_loss("squared_error")), HeadJob(0, get_loss("brier"))], {})
