"""Every encoder keeps the contract; the light ones equal a plain computation."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import issparse

from outlearn.data import load_task, make_task
from outlearn.encoders import ENCODERS, get_encoder
from outlearn.encoders.array import centre_columns
from outlearn.encoders.encoder import Learned
from outlearn.encoders.package_files import sha256_of
from outlearn.errors import ConfigError, DataError, MissingExtraError

NEEDS_WORDLLAMA = pytest.mark.skipif(importlib.util.find_spec("wordllama") is None, reason="needs wordllama")
WORDS = ("a fine film", "dull", "a dull film", "warm and fine")
POINTS = np.arange(4)


def dense(features):
    """Spread out what is sparse."""
    return features.toarray() if issparse(features) else features


@pytest.fixture
def film_task():
    return make_task(
        name="films", class_names=["n", "p"], texts=WORDS, labels=[1, 0, 0, 1], features=np.arange(16.0).reshape(4, 4)
    )


def config_of(kind: str, model_folder) -> dict:
    return {"kind": kind, "model": str(model_folder("bert")), "max_length": 32} if kind == "hf" else {"kind": kind}


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_encoder_gives_finite_float32_rows_in_the_order_of_the_points(kind, model_folder, film_task):
    try:
        encoder = get_encoder(config_of(kind, model_folder))
        whole = dense(encoder.encode(film_task, POINTS, POINTS))
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert whole.dtype == np.float32
    assert whole.shape[0] == 4
    assert np.isfinite(whole).all()
    part = dense(encoder.encode(film_task, np.array([3, 0]), POINTS))
    # Float32 sums in another order.
    np.testing.assert_allclose(part, whole[[3, 0]], atol=2e-6)
    assert encoder.kind == kind
    assert len(encoder.fingerprint) == 64
    assert encoder.fingerprint == get_encoder(config_of(kind, model_folder)).fingerprint
    calls = []
    encoder.encode(film_task, POINTS, POINTS, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1] > 0


@pytest.mark.parametrize(
    "config",
    [
        *({"kind": kind} for kind in ENCODERS),
        {"kind": "tfidf", "dims": 2, "analyzer": "char_wb"},
        {"kind": "random_features", "of": {"kind": "tfidf"}},
    ],
    ids=str,
)
def test_an_encoder_loaded_with_what_it_learned_encodes_points_that_it_has_not_seen(config, model_folder, film_task):
    try:
        encoder = get_encoder({**config_of(config["kind"], model_folder), **config})
        learned = encoder.learn(film_task, POINTS[:3])
        ready = encoder.load(Learned(learned.terms, {name: a.copy() for name, a in learned.arrays.items()}))
        expected = dense(encoder.encode(film_task, POINTS, POINTS[:3]))
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert bool(learned.arrays or learned.terms) == encoder.fits
    other = make_task(
        name="two", class_names=["n", "p"], texts=WORDS[2:], labels=[0, 1], features=film_task.features[2:]
    )
    for _ in range(2):  # it stays ready
        np.testing.assert_allclose(dense(ready(other, np.arange(2))), expected[2:], atol=2e-6)


@pytest.mark.parametrize("kind", ENCODERS)
def test_only_an_encoder_that_fits_depends_on_the_points_it_is_fitted_on(kind, model_folder, film_task):
    try:
        encoder = get_encoder(config_of(kind, model_folder))
        first = dense(encoder.encode(film_task, POINTS, np.array([0, 1])))
    except MissingExtraError as error:
        pytest.skip(str(error))
    second = dense(encoder.encode(film_task, POINTS, np.array([2, 3])))
    same = first.shape == second.shape and np.array_equal(first, second)
    assert same is not encoder.fits


@pytest.mark.parametrize(
    "config",
    [
        {"kind": "tfidf"},
        {"kind": "wordllama", "dim": 16},
        {"kind": "random_features", "of": {"kind": "tfidf"}, "width": 40},
    ],
    ids=["tfidf", "wordllama", "random_features"],
)
def test_pairs_are_differences_and_a_linear_head_on_them_is_bradley_terry(config, pair_task):
    both = [text for pair in pair_task.pairs for text in pair]
    texts = make_task(name="t", class_names=["n", "p"], texts=both, labels=[0, 1] * 12)
    try:
        each = get_encoder(config).encode(texts, np.arange(24), np.arange(24))
    except MissingExtraError as error:
        pytest.skip(str(error))
    features = get_encoder(config).encode(pair_task, np.arange(12), np.arange(12))
    reward = each @ np.linspace(-1, 1, each.shape[1])
    # The logit of the pair is the difference of two rewards, one for each text by itself.
    np.testing.assert_allclose(features @ np.linspace(-1, 1, each.shape[1]), reward[::2] - reward[1::2], atol=1e-5)


def test_tfidf_equals_the_formula_by_hand(film_task):
    features = dense(get_encoder({"kind": "tfidf", "sublinear": False}).encode(film_task, np.array([0]), POINTS))
    # Terms in order: and, dull, film, fine, warm ("a" is too short). idf = log((1 + 4) / (1 + df)) + 1.
    # "a fine film": film and fine, each once, each in two of four texts; scaled to length 1.
    np.testing.assert_allclose(features, [[0, 0, np.sqrt(0.5), np.sqrt(0.5), 0]], rtol=1e-6)


def test_tfidf_sees_no_word_outside_the_points_it_is_fitted_on(film_task):
    features = dense(get_encoder({"kind": "tfidf"}).encode(film_task, POINTS, np.array([0])))
    assert features.shape == (4, 2)  # film, fine
    np.testing.assert_array_equal(features[1], [0, 0])


def test_tfidf_reduces_to_the_dimensions_asked_for_and_keeps_inner_products(film_task):
    whole = dense(get_encoder({"kind": "tfidf"}).encode(film_task, POINTS, POINTS))
    reduced = get_encoder({"kind": "tfidf", "dims": 4}).encode(film_task, POINTS, POINTS)
    assert reduced.shape == (4, 4)
    # Four texts span four dimensions, so the rotation loses nothing.
    np.testing.assert_allclose(reduced @ reduced.T, whole @ whole.T, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "tfidf", "dims": 9}, "encoder.dims is 9, but 4 texts with 5 terms span at most 4"),
        ({"kind": "array", "columns": [4]}, "encoder.columns holds 4, but the task has features 0 to 3"),
        ({"kind": "array", "columns": "centre:5"}, "it needs a square image of at least as many pixels"),
    ],
)
def test_parameters_that_do_not_fit_the_task_are_refused(config, message, film_task):
    with pytest.raises(ConfigError, match=message):
        get_encoder(config).encode(film_task, POINTS, POINTS)


def test_tfidf_without_a_term_is_refused():
    task = make_task(name="t", class_names=["n", "p"], texts=["!", "?", "."], labels=[0, 1, 0])
    with pytest.raises(ConfigError, match="tfidf finds no term in the 3 points it is fitted on"):
        get_encoder({"kind": "tfidf"}).encode(task, np.arange(3), np.arange(3))


@NEEDS_WORDLLAMA
def test_wordllama_is_the_mean_of_the_tokens_rows(film_task):
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = Path(importlib.util.find_spec("wordllama").submodule_search_locations[0])
    table = load_file(folder / "weights" / "l2_supercat_256.safetensors")["embedding.weight"].astype(np.float64)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    expected = [table[tokenizer.encode(word, add_special_tokens=False).ids].mean(axis=0) for word in WORDS]
    features = get_encoder({"kind": "wordllama"}).encode(film_task, POINTS, POINTS)
    # float32 of float16 embeddings.
    np.testing.assert_allclose(features, expected, atol=1e-6)
    short = get_encoder({"kind": "wordllama", "dim": 64}).encode(film_task, POINTS, POINTS)
    np.testing.assert_allclose(short, features[:, :64], atol=1e-6)


def test_wordllama_without_its_package_names_the_extra(monkeypatch, film_task):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"wordllama.*outlearn\[offline\]"):
        get_encoder({"kind": "wordllama"}).encode(film_task, POINTS, POINTS)


def test_array_takes_the_columns_asked_for(film_task):
    features = get_encoder({"kind": "array", "columns": [3, 0]}).encode(film_task, np.array([1, 2]), POINTS)
    np.testing.assert_array_equal(features, [[7, 4], [11, 8]])
    whole = get_encoder({"kind": "array"}).encode(film_task, POINTS, POINTS)
    np.testing.assert_array_equal(whole, film_task.features)


def test_the_eight_centre_pixels_are_the_middle_of_two_rows():
    task = load_task(name="digits")
    features = get_encoder({"kind": "array", "columns": "centre:8"}).encode(task, np.arange(5), np.arange(5))
    image = task.features[:5].reshape(5, 8, 8)
    np.testing.assert_array_equal(features, image[:, 3:5, 2:6].reshape(5, 8))


@pytest.mark.parametrize(
    ("n_features", "n_columns", "expected"), [(9, 1, [4]), (16, 4, [5, 6, 9, 10]), (9, 9, range(9))]
)
def test_centre_columns_are_the_nearest_pixels(n_features, n_columns, expected):
    np.testing.assert_array_equal(centre_columns(n_features, n_columns), list(expected))


def test_array_needs_features_and_text_encoders_need_texts():
    texts = make_task(name="t", class_names=["n", "p"], texts=["a", "b"], labels=[0, 1])
    with pytest.raises(ConfigError, match=r"has texts but no features.*Use tfidf, wordllama or hf"):
        get_encoder({"kind": "array"}).encode(texts, np.arange(2), np.arange(2))
    numbers = make_task(name="n", class_names=["n", "p"], features=np.eye(2), labels=[0, 1])
    with pytest.raises(ConfigError, match="has features but no texts"):
        get_encoder({"kind": "tfidf"}).encode(numbers, np.arange(2), np.arange(2))


class Silent:
    """A tokenizer that finds no token in the word dull."""

    def no_truncation(self) -> None: ...

    def no_padding(self) -> None: ...

    def encode_batch(self, texts, *, add_special_tokens):
        return [SimpleNamespace(ids=[] if text == "dull" else [5]) for text in texts]


@NEEDS_WORDLLAMA
def test_a_text_without_a_token_is_named_and_not_averaged_over_nothing(monkeypatch):
    import tokenizers

    task = make_task(name="t", class_names=["n", "p"], texts=["fine", "dull"], labels=[0, 1])
    monkeypatch.setattr(tokenizers, "Tokenizer", SimpleNamespace(from_file=lambda path: Silent()))
    with pytest.raises(DataError, match="the text 'dull' has no token"):
        get_encoder({"kind": "wordllama"}).encode(task, np.arange(2), np.arange(2))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "encoder.kind is None; known: array, hf, random_features, tfidf, wordllama"),
        ({"kind": "tfidff"}, 'Did you mean "tfidf"'),
        (
            {"kind": "tfidf", "max_feature": 3},
            "encoder.max_feature is no parameter of the encoder 'tfidf'.*max_features",
        ),
        ({"kind": "tfidf", "max_features": 0}, "encoder.max_features is 0"),
        ({"kind": "tfidf", "max_features": "many"}, "encoder.max_features is 'many'"),
        ({"kind": "tfidf", "ngram": [2, 1]}, r"encoder.ngram is \[2, 1\]"),
        ({"kind": "tfidf", "analyzer": "char"}, "encoder.analyzer is 'char'"),
        ({"kind": "tfidf", "dims": 0}, "encoder.dims is 0"),
        ({"kind": "wordllama", "dim": 257}, "encoder.dim is 257; expected a whole number in .1, 256."),
        ({"kind": "array", "columns": "center:8"}, "encoder.columns is 'center:8'"),
        ({"kind": "array", "columns": []}, "expected one or more different columns"),
        ({"kind": "hf", "pooling": "max"}, "encoder.pooling is 'max'"),
        ({"kind": "hf", "cut": "middle"}, "encoder.cut is 'middle'"),
        ({"kind": "hf", "max_length": 0}, "encoder.max_length is 0"),
        ({"kind": "hf", "tokens_per_batch": 0}, "encoder.tokens_per_batch is 0"),
    ],
)
def test_bad_parameters_are_refused_by_name(config, message):
    with pytest.raises(ConfigError, match=message):
        get_encoder(config)


def test_all_bad_parameters_come_at_once():
    with pytest.raises(ConfigError) as caught:
        get_encoder({"kind": "hf", "max_length": "x", "layer": "y"})
    assert len(str(caught.value).splitlines()) == 2


def test_a_file_is_hashed_once_until_it_changes(tmp_path, monkeypatch):
    path, read = tmp_path / "weights", []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, kind: read.append(1) or digest(file, kind))
    path.write_bytes(b"a")
    first = sha256_of(path)
    assert sha256_of(path) == first == hashlib.sha256(b"a").hexdigest()
    assert len(read) == 1
    path.write_bytes(b"b")
    assert sha256_of(path) == hashlib.sha256(b"b").hexdigest()
