"""A kept student predicts what its run measured, of whatever it is handed, and is a classifier as any other."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tests.encoders.conftest import save_model
from tests.small_runs import make_task_file
from tests.student.runs import keep, texts_of_test, write_films

import outlearn as ol
from outlearn.errors import ConfigError, DataError, ShapeError, StoreError
from outlearn.results.run_folder import Run
from outlearn.student.novelty import Novelty

STORED_FLOAT32 = 1e-5  # logits in the run are float32 sums of torch, the student's of NumPy


@pytest.mark.parametrize("loss", ["forward_ce", "reverse_ce"])
def test_the_student_of_a_loss_is_the_dual_mean_of_its_students(films: Run, loss: str):
    student = ol.load_student(films.folder / "students" / loss)
    expected = films.predictions.students[loss].dual_mean().log_probs[0]
    np.testing.assert_allclose(student.predict_log_proba(texts_of_test(films)), expected, atol=STORED_FLOAT32)
    right = student.predict(texts_of_test(films)) == student.classes_[films.predictions.labels]
    assert student.results.accuracy.mean == pytest.approx(right.mean())


def test_the_student_of_a_run_is_that_of_its_first_loss(films: Run):
    assert ol.load_student(films.folder).record.training.loss == "forward_ce"


@pytest.mark.medium
@pytest.mark.parametrize(
    "overrides",
    [
        ("student.select=validation", "student.learner.epochs=20", "student.learner.learning_rate=0.1"),
        ("student.rounds=1",),
        ("student.learner.hidden=4",),
        ("student.learner={kind: convex}", "student.seeds=1", "student.loss=[forward_ce]"),
        ("weak_labels.source=mean",),
        ("student.encoder={kind: tfidf, dims: 8}",),
        ("student.encoder={kind: random_features, of: {kind: tfidf}, width: 40}",),
        ("student.loss=[forward_ce, auto]", "student.learner.epochs=1"),
    ],
    ids=lambda overrides: overrides[0],
)
def test_whatever_is_trained_is_kept_as_it_was_measured(tmp_path: Path, overrides: tuple[str, ...]):
    finished = keep(tmp_path, write_films(tmp_path / "films.jsonl"), *overrides)
    student = ol.load_student(finished.folder)
    loss = student.record.training.loss
    assert loss == ("auto" if "auto" in overrides[0] else "forward_ce")
    assert student.record.training.epoch == finished.students[loss].epoch
    expected = finished.predictions.students[loss].dual_mean().log_probs[0]
    np.testing.assert_allclose(student.predict_log_proba(texts_of_test(finished)), expected, atol=STORED_FLOAT32)


@pytest.mark.medium
def test_a_student_of_several_layers_reads_them_again(tmp_path: Path):
    pytest.importorskip("transformers")
    (tmp_path / "model").mkdir()
    model = save_model(tmp_path / "model", "bert", pad=True, side="right")
    encoder = f"student.encoder={{kind: hf, model: '{model}', layer: [1, -1], max_length: 32}}"
    finished = keep(tmp_path, write_films(tmp_path / "films.jsonl"), encoder, "student.loss=[forward_ce, auto]")
    student = ol.load_student(finished.folder)
    assert student.record.encoder.settings["layer"] == [1, -1]
    expected = finished.predictions.students["auto"].dual_mean().log_probs[0]
    np.testing.assert_allclose(student.predict_log_proba(texts_of_test(finished)), expected, atol=STORED_FLOAT32)


def test_no_student_is_kept_where_none_is_asked_for(tmp_path: Path):
    finished = keep(tmp_path, write_films(tmp_path / "films.jsonl"), "student.keep=none")
    assert not (finished.folder / "student").exists()
    with pytest.raises(DataError, match=r"kept no student.*--keep best"):
        ol.load_student(finished.folder)


def test_texts_come_in_any_container(films: Run):
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    student = ol.load_student(films.folder)
    texts = texts_of_test(films)[:7]
    expected = student.predict_proba(texts)
    for same in (
        tuple(texts),
        np.array(texts),
        np.array(texts, dtype=object)[:, None],
        pandas.Series(texts),
        pandas.DataFrame({"other": 0, "text": texts}),
        pyarrow.table({"text": texts}),
        {"text": texts},
    ):
        np.testing.assert_array_equal(student.predict_proba(same), expected)


def test_a_template_puts_columns_together(films: Run):
    student = ol.load_student(films.folder, text_column="a {what} film")
    np.testing.assert_array_equal(
        student.predict_proba({"what": ["dull", "fine"]}), student.predict_proba(["a dull film", "a fine film"])
    )
    with pytest.raises(DataError, match="no column 'what'"):
        student.predict({"text": ["dull"]})


def test_what_has_no_text_is_answered_by_the_class_shares_and_flagged(films: Run):
    student = ol.load_student(films.folder)
    found = student.answers(["a fine film", "", None, float("nan"), " \n", 12, "zzz yyy"])
    assert found.flags[1:5] == ("empty",) * 4
    assert found.flags[5:] == ("unknown", "unknown")
    np.testing.assert_allclose(np.exp(found.log_probs[1]), student.record.class_shares)
    assert len(student.predict(["", None])) == 2
    assert student.predict_proba([]).shape == (0, 2)


@pytest.mark.parametrize("n", [60, 300])
def test_without_points_kept_apart_few_new_ones_of_the_same_kind_are_unlike(n: int):
    """A fit lies near to its own few points: by their distances most new ones were called unlike."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n + 4000, 100)).astype(np.float32)
    novelty, beyond = Novelty.of(features[:n]), Novelty.cross_fitted_threshold(features[:n])
    assert (novelty.distance(features[n:]) > beyond).mean() < 0.05
    assert (novelty.distance(features[n:]) > novelty.threshold(features[:n])).mean() > 0.2
    assert (novelty.distance(3 * features[n:]) > beyond).mean() > 0.9


def test_a_text_unlike_the_training_texts_is_flagged(tmp_path: Path):
    finished = keep(
        tmp_path,
        make_task_file(tmp_path / "task.npz"),
        *("teacher.encoder={kind: array}", "student.encoder={kind: array}"),
    )
    student = ol.load_student(finished.folder)
    assert student.answers(np.full((1, 6), 40.0)).flags == ("unlike",)
    near = np.random.default_rng(1).normal(size=(2000, 6)) + 0.8 * np.repeat([[-1], [1]], 1000, axis=0)
    assert 0.0 < np.mean([flag == "unlike" for flag in student.answers(near).flags]) < 0.04
    with pytest.raises(ShapeError, match=r"reads \[points, features\]"):
        student.predict([1.0, 2.0])
    with pytest.raises(DataError, match="gives 5 features, and the student reads 6"):
        student.predict(np.zeros((2, 5)))
    with pytest.raises(DataError, match="row 1 holds a number that is not finite"):
        student.predict([[0.0] * 6, [np.nan] * 6])


def test_it_is_a_classifier_of_scikit_learn(films: Run):
    student = ol.load_student(films.folder)
    texts = texts_of_test(films)
    labels = student.classes_[films.predictions.labels]
    assert student.score(texts, labels) == pytest.approx(student.results.accuracy.mean)
    np.testing.assert_array_equal(clone(student).fit(texts, labels).predict(texts), student.predict(texts))
    again = pickle.loads(pickle.dumps(student))
    np.testing.assert_array_equal(again.predict_proba(texts), student.predict_proba(texts))
    lower = make_pipeline(FunctionTransformer(lambda X: [text.lower() for text in X]), student)
    np.testing.assert_array_equal(lower.predict([text.upper() for text in texts]), student.predict(texts))


def test_a_student_of_preferences_scores_texts(pairs: Run):
    student = ol.load_student(pairs.folder)
    first, second = ["a fine film", "a dull film"], ["a grey film", "a warm film"]
    log_odds = np.diff(student.predict_log_proba(list(zip(first, second, strict=True))), axis=1)[:, 0]
    np.testing.assert_allclose(student.reward(second) - student.reward(first), log_odds, atol=STORED_FLOAT32)
    np.testing.assert_array_equal(
        student.predict({"chosen": first, "rejected": second}), student.predict(list(zip(first, second, strict=True)))
    )
    with pytest.raises(DataError, match="expected two texts a row"):
        student.predict(["a fine film"])


def test_a_student_of_classes_gives_no_reward(films: Run):
    with pytest.raises(ConfigError, match="gives no reward"):
        ol.load_student(films.folder).reward(["a fine film"])


def test_it_is_saved_elsewhere_whole_and_nowhere_else(films: Run, tmp_path: Path):
    student = ol.load_student(films.folder)
    student.save(tmp_path / "mine")
    np.testing.assert_array_equal(
        ol.load_student(tmp_path / "mine").predict_proba(["a fine film"]), student.predict_proba(["a fine film"])
    )
    student.save(tmp_path / "mine")  # over a student, and over nothing else
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("do not lose")
    with pytest.raises(StoreError, match="not empty"):
        student.save(tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "other"]


def test_it_is_pushed_to_the_hub_with_its_card(films: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import shutil

    import huggingface_hub

    made: list[str] = []
    monkeypatch.setattr(huggingface_hub, "create_repo", lambda repo_id, **_: made.append(repo_id))

    def upload(*, repo_id: str, folder_path: Path, commit_message: str) -> str:
        shutil.copytree(folder_path, tmp_path / repo_id)
        return f"https://hub/{repo_id}"

    monkeypatch.setattr(huggingface_hub, "upload_folder", upload)
    student = ol.load_student(films.folder)
    assert student.push_to_hub("me/films", commit_message="first") == "https://hub/me/films"
    assert made == ["me/films"]
    there = ol.load_student(tmp_path / "me/films")
    np.testing.assert_array_equal(there.predict_proba(["a dull film"]), student.predict_proba(["a dull film"]))


def test_the_card_says_what_it_is_and_how_good(films: Run):
    from huggingface_hub import ModelCard

    card = ModelCard.load(films.folder / "student" / "README.md")
    (result,) = card.data.eval_results
    student = ol.load_student(films.folder)
    assert result.metric_value == round(student.results.accuracy.mean, 4)
    assert card.data.library_name == "outlearn"
    assert "`bad`, `good`" in card.text
    assert str(films.folder.parent) not in card.content + (films.folder / "student" / "student.json").read_text()


def test_class_names_of_a_card_are_no_html(tmp_path: Path):
    data = write_films(tmp_path / "films.jsonl")
    data.write_text(data.read_text().replace('"good"', '"<b>good</b>"'))
    keep(tmp_path, data)
    assert "<b>" not in (tmp_path / "run" / "student" / "README.md").read_text()


def test_a_student_is_data_and_holds_no_pickle(films: Run):
    names = {path.name for path in (films.folder / "student").iterdir()}
    assert names == {
        *("README.md", "manifest.json", "student.json", "heads.safetensors"),
        *("encoder.json", "encoder.safetensors", "novelty.safetensors"),
    }
    assert "fine" in json.loads((films.folder / "student" / "encoder.json").read_text())["terms"]


def test_predicting_by_words_loads_no_torch(films: Run):
    code = (
        "import sys, outlearn as ol; print(*ol.load_student(sys.argv[1]).predict(['a fine film']));"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(films.folder)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*ol.load_student(films.folder).predict(["a fine film"]), "False", "False"]
