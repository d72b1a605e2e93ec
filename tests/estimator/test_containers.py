"""Labels and points mean the same in every container: lists, arrays, series, frames, sparse matrices, texts."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

import outlearn as ol
from outlearn.errors import ConfigError, DataError, OutlearnError, ShapeError

RNG = np.random.default_rng(0)
N = 160
CLASSES = np.arange(N) % 2
X = (RNG.normal(size=(N, 4)) + 1.5 * CLASSES[:, None]).astype(np.float64)
NAMES = np.array(["no", "yes"])[CLASSES]
KNOWN = np.arange(N) < 60
FAST = {"n_teachers": 3, "epochs": 3, "random_state": 0}
TEXTS = [f"{'good fine' if k else 'bad poor'} thing number {i % 13}" for i, k in enumerate(CLASSES)]


def marked(gap: object) -> list[object]:
    return [name if known else gap for name, known in zip(NAMES.tolist(), KNOWN, strict=True)]


GAPS = {
    "None": marked(None),
    "list of NaN": marked(float("nan")),
    "list of -1": marked(-1),
    "-1": np.array(marked(-1), dtype=object),
    "text -1 among objects": np.array(marked("-1"), dtype=object),
    "text -1": np.array(marked("-1")),
    "blank": np.array(marked("  ")),
    "series of -1 as text": pd.Series(marked("-1")),
    "string dtype": pd.Series(marked(None), dtype="string"),
    "category": pd.Series(marked(None), dtype="category"),
    "NaN": pd.Series(marked(float("nan")), dtype=object),
    "Arrow": pa.array(marked(None)),
}


@pytest.mark.parametrize("container", GAPS)
def test_a_missing_label_is_missing_in_every_container(container):
    expected = ol.WeakToStrongClassifier(**FAST).fit(X, GAPS["None"])
    found = ol.WeakToStrongClassifier(**FAST).fit(X, GAPS[container])
    assert [name.decode() if isinstance(name, bytes) else str(name) for name in found.classes_] == ["no", "yes"]
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


FRAMES = {
    "frame": lambda x: pd.DataFrame(x, columns=list("abcd")),
    "sparse matrix": sparse.csr_matrix,
    "sparse array": sparse.coo_array,
    "Arrow": lambda x: pa.table({name: x[:, k] for k, name in enumerate("abcd")}),
}


@pytest.mark.parametrize("container", FRAMES)
def test_features_are_the_same_in_every_container(container):
    expected = ol.WeakToStrongClassifier(**FAST).fit(X, GAPS["None"]).predict_proba(X)
    given = FRAMES[container](X)
    found = ol.WeakToStrongClassifier(**FAST).fit(given, GAPS["None"]).predict_proba(given)
    np.testing.assert_allclose(found, expected, atol=1e-6)


ENCODERS = {
    "a kind": "tfidf",
    "a mapping": {"kind": "tfidf", "analyzer": "char_wb"},
    "a transformer": TfidfVectorizer(max_features=50),
}


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_texts_are_encoded_by_what_was_learned_in_fit_and_the_whole_pickles(encoder):
    model = ol.WeakToStrongClassifier(encoder=encoder, **{**FAST, "epochs": None}).fit(pd.Series(TEXTS), GAPS["None"])
    assert model.score(TEXTS[60:], NAMES[60:]) > 0.9
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(TEXTS[:5]), model.predict_proba(np.array(TEXTS[:5])))
    assert clone(model).encoder is not model.encoder_
    assert "teachers" in str(model.explain(TEXTS[60:], NAMES[60:], smoothing=0.01))


def test_an_encoder_is_what_a_pipeline_would_do_with_the_same_transformer():
    inside = ol.WeakToStrongClassifier(encoder=TfidfVectorizer(), **FAST).fit(TEXTS, GAPS["None"])
    outside = make_pipeline(TfidfVectorizer(), ol.WeakToStrongClassifier(**FAST)).fit(TEXTS, GAPS["None"])
    np.testing.assert_array_equal(inside.predict_proba(TEXTS), outside.predict_proba(TEXTS))


BAD = {
    "a number": ([1, 2] * 80, "tfidf", "X holds 1 at 0; expected a text"),
    "an empty text": (["", *TEXTS[1:]], "tfidf", "X holds '' at 0"),
    "a matrix": (X, "tfidf", "pass one column"),
    "no encoder": (TEXTS, 3, "encoder is 3; expected a kind"),
    "an unknown kind": (TEXTS, "tfdif", "tfidf"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_text_or_encoder_is_refused(name):
    texts, encoder, message = BAD[name]
    with pytest.raises((ConfigError, DataError), match=message):
        ol.WeakToStrongClassifier(encoder=encoder, **FAST).fit(texts, GAPS["None"])


def test_sparse_features_that_do_not_fit_are_refused_and_the_advice_works():
    from sklearn.decomposition import TruncatedSVD

    wide = sparse.random_array((N, 2_000_000), density=1e-5, random_state=0, format="csr")
    with pytest.raises(DataError, match=r"1\.2 GiB written out. Reduce it: make_pipeline\(TruncatedSVD"):
        ol.WeakToStrongClassifier(**FAST).fit(wide, GAPS["None"])
    small = TfidfVectorizer().fit_transform(TEXTS)
    make_pipeline(TruncatedSVD(5), ol.WeakToStrongClassifier(**FAST)).fit(small, GAPS["None"])


TRUTHS = {
    "array of objects": lambda values: np.array(values, dtype=object),
    "list": list,
    "series of objects": lambda values: pd.Series(values, dtype=object),
    "boolean series": lambda values: pd.Series(values, dtype="boolean"),
    "Arrow": pa.array,
}


@pytest.mark.parametrize("container", TRUTHS)
def test_true_and_false_are_the_same_classes_with_and_without_a_gap(container):
    said = [bool(k) if known else None for k, known in zip(CLASSES, KNOWN, strict=True)]
    expected = ol.WeakToStrongClassifier(**FAST).fit(X, np.where(KNOWN, CLASSES, -1))
    found = ol.WeakToStrongClassifier(**FAST).fit(X, TRUTHS[container](said))
    assert (found.classes_.dtype, found.classes_.tolist()) == (np.dtype(bool), [False, True])
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    votes = [said if teacher else said[::-1] for teacher in range(3)]
    taught = ol.WeakToStrongClassifier(**FAST).fit(X, weak_labels=np.array(votes, dtype=object))
    assert taught.predict(X).dtype == bool


POINTS = {
    "columns of one name": (lambda: pd.DataFrame(X, columns=list("abca")), r"2 columns called 'a'.*set_axis"),
    "masked": (lambda: np.ma.masked_array(X, X > 1), r"masked array.*filled"),
    "ragged": (lambda: [[1.0, 2.0], [3.0]] * (N // 2), "equally long rows"),
    "with gradients": (lambda: _with_gradients(X), "detach"),
}


def _with_gradients(values: np.ndarray) -> object:
    torch = pytest.importorskip("torch")
    return torch.tensor(values, requires_grad=True)


@pytest.mark.parametrize("name", POINTS)
def test_points_of_which_something_would_be_lost_are_refused_in_fit_and_after(name):
    make, message = POINTS[name]
    with pytest.raises(OutlearnError, match=message):
        ol.WeakToStrongClassifier(**FAST).fit(make(), GAPS["None"])
    fitted = ol.WeakToStrongClassifier(**FAST).fit(X, GAPS["None"])
    with pytest.raises(OutlearnError, match=message):
        fitted.predict(make())


def test_advice_for_columns_of_one_name_works():
    twice = pd.DataFrame(X, columns=list("abca"))
    ol.WeakToStrongClassifier(**FAST).fit(twice.set_axis(list("abcd"), axis=1), GAPS["None"])


@pytest.mark.parametrize("labels", [[[1], [1, 2]] * (N // 2), np.ones((N, 2))])
def test_labels_of_another_shape_are_refused(labels):
    with pytest.raises(ValueError, match=r"equally long rows|one label for each point"):
        ol.WeakToStrongClassifier(**FAST).fit(X, labels)


@pytest.mark.parametrize("state", [-1, 2**40, 1.5, "a", np.random.default_rng(0)])
def test_what_is_no_seed_is_refused_by_its_name(state):
    with pytest.raises(ConfigError, match=r"random_state is .*from 0 to 4294967295"):
        ol.WeakToStrongClassifier(**{**FAST, "random_state": state}).fit(X, GAPS["None"])


@pytest.mark.parametrize("kind", [ol.WeakToStrongClassifier, ol.WeakToStrongRegressor])
def test_answers_of_several_labelers_are_weak_labels_and_the_error_says_how_to_pass_them(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    table = np.where(rng.random((80, 4)) < 0.8, (X[:, :1] > 0), (X[:, :1] <= 0)).astype(int)
    with pytest.raises(ShapeError, match=r"\[80, 4\].*4 labelers.*weak_labels=np.asarray\(y\).T"):
        kind().fit(X, table)
    assert kind(random_state=0).fit(X, weak_labels=np.asarray(table).T).n_labelers_ == 4
