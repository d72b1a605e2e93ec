"""Arrays of other kinds, where Predictions or NumPy arrays are expected: what would be lost is refused, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import outlearn as ol
from outlearn.core.numbers import Numbers
from outlearn.errors import DomainError, OutlearnError

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, 40)
T, S, C = (ol.Predictions.from_logits(RNG.normal(size=(4, 40, 2))) for _ in range(3))
ARRAY: Any = T.log_probs
MASKED = np.ma.masked_array(LABELS, LABELS == 1)

TAKE_PREDICTIONS: dict[str, Callable[[], object]] = {
    "risk_gap": lambda: ol.risk_gap(LABELS, teacher=ARRAY, student=S),
    "bias_variance": lambda: ol.bias_variance(LABELS, ARRAY),
    "posterior_mean": lambda: ol.posterior_mean(ARRAY, S, method="regression"),
    "explain": lambda: ol.explain(LABELS, teacher=T, student=ARRAY),
    "sharpening": lambda: ol.sharpening(LABELS, ARRAY),
    "blind_spots": lambda: ol.blind_spots(LABELS, teacher=ARRAY, student=S),
    "denoising_control": lambda: ol.denoising_control(LABELS, teacher=ARRAY, student=S),
    "performance_gap_recovered": lambda: ol.performance_gap_recovered(LABELS, teacher=T, student=S, ceiling=ARRAY),
    "dawid_skene": lambda: ol.dawid_skene(ARRAY),
    "teacher_weights": lambda: ol.teacher_weights(ARRAY),
}


@pytest.mark.parametrize("name", TAKE_PREDICTIONS)
def test_an_array_in_the_place_of_predictions_is_told_how_to_become_some(name):
    with pytest.raises(DomainError, match=r"of type ndarray.*Predictions\.from_logits"):
        TAKE_PREDICTIONS[name]()
    wrapped = ol.Predictions.from_logits(ARRAY)
    ol.risk_gap(LABELS, teacher=wrapped, student=S)


TAKE_LABELS: dict[str, Callable[[Any], object]] = {
    "risk_gap": lambda labels: ol.risk_gap(labels, teacher=T, student=S).summary(),
    "bias_variance": lambda labels: ol.bias_variance(labels, T).summary(),
    "sharpening": lambda labels: ol.sharpening(labels, T),
    "blind_spots": lambda labels: ol.blind_spots(labels, teacher=T, student=S).summary(),
    "denoising_control": lambda labels: ol.denoising_control(labels, teacher=T, student=S),
    "performance_gap_recovered": lambda labels: ol.performance_gap_recovered(labels, teacher=T, student=S, ceiling=C),
}


@pytest.mark.parametrize("name", TAKE_LABELS)
def test_masked_labels_are_refused_and_what_is_left_of_them_is_taken(name):
    for labels, message in ((MASKED, "masked array"), ([[0], [0, 1]], "equally long rows")):
        with pytest.raises(OutlearnError, match=message):
            TAKE_LABELS[name](labels)
    for same in (LABELS.tolist(), np.ma.masked_array(LABELS)):  # a mask of nothing hides nothing
        assert str(TAKE_LABELS[name](same)) == str(TAKE_LABELS[name](LABELS))


def test_generators_refuse_what_is_no_plain_array():
    torch = pytest.importorskip("torch")
    g = ol.get_generator("squared_euclidean")
    for values, message in (
        (np.ma.masked_array([1.0, 2.0], [0, 1]), "a is a masked array"),
        ([[1.0], [1.0, 2.0]], "a is no array of numbers"),
        (torch.ones(2, requires_grad=True), "detach"),
    ):
        with pytest.raises(DomainError, match=message):
            g.divergence(values, np.ones(2))
    assert g.divergence([0.0, 2.0], np.ones(2)) == 2.0


def test_numbers_are_read_by_the_same_rule_and_the_advice_for_a_mask_works():
    values = np.ma.masked_array(RNG.normal(size=(3, 40)), RNG.random((3, 40)) < 0.1)
    with pytest.raises(DomainError, match=r"masked array.*values\.filled\(np\.nan\)"):
        Numbers.from_values(values)
    read = Numbers.from_values(values.filled(np.nan))
    np.testing.assert_array_equal(read.answered, ~values.mask)
