"""Random features over another encoder: what they are, what is stored once for all widths, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.random_features import RandomFeatureMap
from outlearn.data import make_task
from outlearn.encoders import get_encoder
from outlearn.encoders.random_features import LARGEST_WIDTH
from outlearn.encoders.tfidf import Tfidf
from outlearn.errors import ConfigError
from outlearn.experiment.stages.features import features_stage, learned_of, read_features
from outlearn.progress import Silent
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store

FLOAT32_SUM = 2e-6
FIT_ON = np.arange(20)


@pytest.fixture
def rows():
    features = np.random.default_rng(0).normal(3.0, 2.0, size=(30, 4)).astype(np.float32)
    features[:, 2] = 7.0  # does not vary
    return make_task(name="rows", class_names=["n", "p"], features=features, labels=[0, 1] * 15)


def of(kind="array", **parameters):
    return get_encoder({"kind": "random_features", "of": {"kind": kind}, "width": 12, **parameters})


@pytest.mark.parametrize("activation", ["relu", "cos"])
def test_they_are_units_over_standardised_features_without_those_that_do_not_vary(rows, activation):
    x = np.delete(rows.features, 2, axis=1).astype(float)
    standard = (x - x[FIT_ON].mean(axis=0)) / x[FIT_ON].std(axis=0)
    units = RandomFeatureMap.draw(3, 12, np.random.default_rng(5), activation)
    found = of(activation=activation, seed=5).encode(rows, np.arange(30), FIT_ON)
    np.testing.assert_allclose(found, units(standard), atol=FLOAT32_SUM)


def test_features_of_one_scale_keep_their_proportions(text_task):
    points = np.arange(24)
    counts = get_encoder({"kind": "tfidf"}).encode(text_task, points, points).toarray().astype(float)
    counts = counts[:, counts.std(axis=0) > 0]
    scale = np.sqrt(np.square(counts.std(axis=0)).mean())
    units = RandomFeatureMap.draw(counts.shape[1], 12, np.random.default_rng(0))
    found = of("tfidf").encode(text_task, points, points)
    np.testing.assert_allclose(found, units((counts - counts.mean(axis=0)) / scale), atol=FLOAT32_SUM)


def test_swapping_the_slots_of_a_pair_changes_the_sign(pair_task):
    swapped = make_task(
        name="swapped",
        kind="preference",
        class_names=["a", "b"],
        pairs=[pair[::-1] for pair in pair_task.pairs],
        labels=[0, 1] * 6,
    )
    points = np.arange(12)
    learned = of("tfidf").learn(pair_task, points)
    ready = of("tfidf").load(learned)
    np.testing.assert_allclose(ready(pair_task, points), -ready(swapped, points), atol=FLOAT32_SUM)


def test_the_encoder_below_encodes_once_for_all_widths(text_task, tmp_path, monkeypatch):
    encoded, load = [], Tfidf.load
    monkeypatch.setattr(Tfidf, "load", lambda self, learned: encoded.append(1) or load(self, learned))
    store = Store(tmp_path)
    for width in (4, 12):
        encoder = of("tfidf", width=width)
        entry = StageRunner(store, Silent()).result(features_stage(text_task, encoder, FIT_ON))
        assert len(encoded) == 1
        learned = learned_of(text_task, encoder, FIT_ON, entry)
        assert len(encoded) == 1
        expected = encoder.encode(text_task, np.arange(24), FIT_ON)
        np.testing.assert_allclose(read_features(entry), expected, atol=FLOAT32_SUM)
        np.testing.assert_allclose(encoder.load(learned)(text_task, np.arange(24)), expected, atol=FLOAT32_SUM)
        encoded[:] = [1]


def test_pairs_are_encoded_text_by_text_in_a_run_too(pair_task, tmp_path):
    encoder, points = of("tfidf"), np.arange(12)
    entry = StageRunner(Store(tmp_path), Silent()).result(features_stage(pair_task, encoder, points))
    np.testing.assert_allclose(read_features(entry), encoder.encode(pair_task, points, points), atol=FLOAT32_SUM)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, r"encoder.width is 0; expected a whole number in \[1, 16384\]"),
        ({"width": LARGEST_WIDTH + 1}, "encoder.width is 16385"),
        ({"width": 1.5}, "encoder.width is 1.5"),
        ({"seed": -1}, "encoder.seed is -1"),
        ({"activation": "tanh"}, "encoder.activation is 'tanh'"),
        ({"of": {"kind": "random_features"}}, r"encoder.of is random_features again.*raise encoder.width"),
        ({"of": "tfidf"}, r"encoder.of is 'tfidf'.*give a mapping with its kind"),
        ({"of": {"kind": "tfidff"}}, r"encoder.of.kind is 'tfidff'.*Did you mean \"tfidf\""),
        ({"of": {"kind": "tfidf", "dims": 0}}, "encoder.of.dims is 0"),
        ({"widht": 5}, "encoder.widht is no parameter.*width"),
    ],
)
def test_what_they_cannot_be_is_refused_by_name(change, message):
    with pytest.raises(ConfigError, match=message):
        get_encoder({"kind": "random_features", **change})


def test_features_that_do_not_vary_are_refused(rows):
    with pytest.raises(ConfigError, match=r"none of the 1 features of encoder.of \(array\) varies over the 20 points"):
        get_encoder({"kind": "random_features", "of": {"kind": "array", "columns": [2]}}).learn(rows, FIT_ON)


def test_a_parameter_is_no_parameter_of_an_encoder_that_stands_alone():
    with pytest.raises(ConfigError, match=r"encoder.of is no parameter of the encoder 'tfidf'"):
        get_encoder({"kind": "tfidf", "of": {"kind": "array"}})
