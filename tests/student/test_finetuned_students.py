"""A fine-tuned student is a folder of transformers, and answers as it did in its run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.experiment.finetuned_runs import learner, small_run, write_pairs, write_texts
from tests.learners.finetuning.tiny import save_tiny_model

import outlearn as ol
from outlearn.results.run_folder import Run

pytest.importorskip("transformers")
SAVED_FLOAT32 = 1e-5
TEACHER = ("teacher.encoder={kind: tfidf, max_features: 50}",)


def texts_of_test(finished: Run) -> list[tuple[str, ...]]:
    lines = (finished.folder / "predictions" / "points.jsonl").read_text().splitlines()
    points = [record for record in map(json.loads, lines) if record["split"] == "test"]
    return [tuple(record["pair"] or [record["text"]]) for record in points]


def plain_logits(folder: Path, texts: list[str]) -> np.ndarray:
    """Score texts one by one, as somebody without outlearn would."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        encoded = [tokenizer(text, return_tensors="pt", truncation=True, max_length=32) for text in texts]
        return torch.cat([model(**each).logits for each in encoded]).numpy()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "changes"),
    [("bert", {}), ("llama", {}), ("bert", {"adaptation": "lora"}), ("llama", {"template": "w1 {text} w2"})],
    ids=["bert", "llama", "bert by LoRA", "llama with a template"],
)
def test_a_fine_tuned_student_answers_as_in_its_run_and_in_plain_transformers(tmp_path: Path, family, changes):
    model = save_tiny_model(tmp_path / "model", family, pad=True)
    data = write_texts(tmp_path / "texts.jsonl")
    finished = small_run(tmp_path, data, [*TEACHER, *learner("student", model, **changes)], out="run")
    texts = [text for (text,) in texts_of_test(finished)]
    student = ol.load_student(finished.folder)
    expected = finished.predictions.students["forward_ce"].log_probs[0]
    np.testing.assert_allclose(student.predict_log_proba(texts), expected, atol=SAVED_FLOAT32)
    around = changes.get("template", "{text}")
    logits = plain_logits(finished.folder / "student", [around.replace("{text}", text) for text in texts])
    np.testing.assert_allclose(logits - logits[:, :1], expected - expected[:, :1], atol=SAVED_FLOAT32)
    config = json.loads((finished.folder / "student" / "config.json").read_text())
    assert list(config["id2label"].values()) == student.classes_.tolist()
    assert student.results.accuracy.mean == pytest.approx(
        (student.predict(texts) == student.classes_[finished.predictions.labels]).mean()
    )
    assert student.answers(["", texts[0]]).flags == ("empty", "")


@pytest.mark.slow
def test_a_fine_tuned_student_of_preferences_is_a_reward_model(tmp_path: Path):
    model = save_tiny_model(tmp_path / "model", "bert", pad=True)
    data = write_pairs(tmp_path / "pairs.jsonl")
    finished = small_run(tmp_path, data, [*TEACHER, *learner("student", model)], out="run")
    pairs = texts_of_test(finished)
    student = ol.load_student(finished.folder)
    expected = finished.predictions.students["forward_ce"].log_probs[0]
    np.testing.assert_allclose(student.predict_log_proba(pairs), expected, atol=SAVED_FLOAT32)
    first, second = (student.reward([pair[slot] for pair in pairs]) for slot in (0, 1))
    np.testing.assert_allclose(first - second, expected[:, 0] - expected[:, 1], atol=SAVED_FLOAT32)
    rewards = plain_logits(finished.folder / "student", [pair[0] for pair in pairs])
    np.testing.assert_allclose(rewards[:, 0], first, atol=SAVED_FLOAT32)


@pytest.mark.slow
def test_the_last_round_of_every_loss_is_kept(tmp_path: Path):
    model = save_tiny_model(tmp_path / "model", "bert", pad=True)
    overrides = [*TEACHER, *learner("student", model), "student.rounds=1", "student.loss=[forward_ce, reverse_ce]"]
    finished = small_run(tmp_path, write_texts(tmp_path / "texts.jsonl"), [*overrides, "student.keep=all"], out="run")
    texts = [text for (text,) in texts_of_test(finished)]
    for loss in ("forward_ce", "reverse_ce"):
        student = ol.load_student(finished.folder / "students" / loss)
        expected = finished.predictions.students[loss].log_probs[0]
        np.testing.assert_allclose(student.predict_log_proba(texts), expected, atol=SAVED_FLOAT32)
