"""The built-in tasks are what the documentation says, and a missing package is named."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from outlearn.data import DATASETS, Task, load_task, make_splits
from outlearn.errors import DataError, MissingExtraError

NEEDS_VADER = pytest.mark.skipif(importlib.util.find_spec("vaderSentiment") is None, reason="needs vaderSentiment")


@pytest.fixture(scope="module")
def vader() -> Task:
    return load_task(name="vader-lexicon")


def entries() -> list[tuple[str, list[int]]]:
    """Read the lexicon anew, in the plainest way."""
    spec = importlib.util.find_spec("vaderSentiment")
    path = Path(spec.submodule_search_locations[0]) / "vader_lexicon.txt"
    found = []
    for line in path.read_text(encoding="utf-8").strip().split("\n"):
        word, _, _, ratings = line.split("\t")
        found.append((word, [int(rating) for rating in re.findall(r"-?\d+", ratings)]))
    return found


@NEEDS_VADER
def test_vader_keeps_the_words_with_a_clear_rating(vader):
    kept = [(w, r) for w, r in entries() if re.match(r"[^\W\d_]", w) and abs(sum(r) / 10) > 0.4 - 1e-9]
    assert vader.n_points == len(kept) == 6800
    assert vader.texts == tuple(word for word, _ in kept)
    np.testing.assert_array_equal(vader.labels, [int(sum(r) > 0) for _, r in kept])
    assert round(vader.labels.mean(), 2) == 0.44


@NEEDS_VADER
def test_vader_target_is_the_share_of_positive_ratings_and_a_zero_counts_half(vader):
    ratings = dict(reversed(entries()))
    for i in (0, 100, 3000, 6799):
        r = ratings[vader.texts[i]]
        share = (sum(x > 0 for x in r) + 0.5 * sum(x == 0 for x in r)) / 10
        np.testing.assert_allclose(vader.target[i], [1 - share, share], rtol=1e-12)
    # Some words are contested, and the two readings of a word mostly agree.
    assert 0.2 < ((vader.target > 0) & (vader.target < 1)).all(axis=1).mean() < 0.8
    assert (vader.target.argmax(axis=1) == vader.labels).mean() > 0.98


@NEEDS_VADER
def test_vader_families_of_words_are_in_one_split(vader):
    splits = make_splits(vader)
    homes: dict[str, set[str]] = {}
    for name in splits.sizes():
        for i in getattr(splits, name):
            homes.setdefault(vader.texts[i][:4].lower(), set()).add(name)
    assert all(len(names) == 1 for names in homes.values())
    assert "earlier point: 17, 2 of them with another label" in splits.notes[1]
    assert vader.licence == "MIT"
    assert "Hutto" in vader.source


@NEEDS_VADER
def test_vader_intensity_asks_another_question_of_the_same_words(vader):
    task = load_task(name="vader-intensity")
    assert task.texts == vader.texts
    assert task.ids == vader.ids
    ratings = dict(reversed(entries()))
    for i, word in enumerate(task.texts[:200]):
        votes = sum(abs(x) >= 2 for x in ratings[word])
        assert task.labels[i] == (votes > 5)
        np.testing.assert_allclose(task.target[i], [1 - votes / 10, votes / 10], rtol=1e-12)
    assert round(task.labels.mean(), 2) == 0.55
    # It is another question: strength tells nearly nothing of the sign.
    assert abs(np.corrcoef(task.labels, vader.labels)[0, 1]) < 0.2


@NEEDS_VADER
def test_a_damaged_lexicon_is_named(tmp_path, monkeypatch):
    path = tmp_path / "vader_lexicon.txt"
    path.write_text("fine\t2.0\t0.5\t[2, 2]\nodd line\n", encoding="utf-8")
    monkeypatch.setattr("outlearn.data.built_in._lexicon_path", lambda: path)
    with pytest.raises(DataError, match=r"line 1: is no entry.*not ten whole ratings.*Reinstall"):
        load_task(name="vader-lexicon")


def test_vader_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"vaderSentiment.*outlearn\[offline\]"):
        load_task(name="vader-lexicon")


def test_digits_are_features_of_ten_classes():
    task = load_task(name="digits")
    assert (task.n_points, task.n_classes, task.texts) == (1797, 10, None)
    assert task.features.dtype == np.float32
    assert (task.features.min(), task.features.max()) == (0, 16)


def test_every_built_in_task_has_a_source_a_licence_and_documentation():
    docs = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for name in DATASETS:
        try:
            task = load_task(name=name)
        except MissingExtraError:
            continue
        assert task.name == name
        assert task.source
        assert task.licence in docs
        assert f"`{name}`" in docs


def test_importing_data_imports_neither_torch_nor_transformers_nor_datasets():
    heavy = ("torch", "transformers", "datasets", "sklearn")
    code = f"import sys, outlearn.data, outlearn.encoders; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
