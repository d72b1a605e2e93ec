"""Runs of numbers whose models are fine-tuned as a whole: teachers, students, ceiling, the student that is kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.experiment.finetuned_runs import learner, words
from tests.learners.finetuning.tiny import save_tiny_model

import outlearn as ol
from outlearn.errors import ConfigError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.report.html import write_report
from outlearn.report.number_summary import number_summary
from outlearn.results.any_run import load_run
from outlearn.results.true_labels import NotTrained, TrueLabelModels
from outlearn.store.store import Store

pytest.importorskip("transformers")
pytest.importorskip("peft")

pytestmark = pytest.mark.medium

SAVED_FLOAT32 = 1e-4
SETTINGS = [
    "data.task=regression", "teacher.models=2", "teacher.labels=16", "student.checkpoints=[0.5]", "ceiling.models=1",
]  # fmt: skip


def _ratings(path, n=120):
    """Write texts whose number grows with the first word."""
    rng = np.random.default_rng(0)
    rows = [
        {"text": words(rng, i, level := int(rng.integers(0, 39)), level + 1), "label": 100.0 + 2.0 * level}
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _run(tmp_path, overrides, out="run"):
    data, teacher = _ratings(tmp_path / "ratings.jsonl"), "teacher.encoder={kind: tfidf}"
    trained = any(each.startswith("teacher.learner") for each in overrides)
    config = load_config(overrides=[f"data.path={data}", *SETTINGS, *([] if trained else [teacher]), *overrides])
    return run(config, store=Store(tmp_path / "store"), out=tmp_path / out)


def _texts(finished):
    return [point.text for point in finished.predictions.points]


@pytest.mark.parametrize(
    ("family", "changes", "loss"),
    [
        ("bert", {"epochs": 6}, "squared_error"),
        ("bert", {"adaptation": "lora"}, "generalized_kl"),
        ("llama", {"template": "w1 {text} w2"}, "reverse_generalized_kl"),
    ],
    ids=["bert", "bert by LoRA", "llama with a template"],
)
def test_a_fine_tuned_student_of_numbers_answers_as_in_its_run_and_in_plain_transformers(
    tmp_path, family, changes, loss
):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = save_tiny_model(tmp_path / "model", family, pad=True)
    finished = _run(tmp_path, [*learner("student", model, **changes), f"student.loss=[{loss}, auto]"])
    assert set(finished.students) == {loss}
    assert any("auto was left out" in caveat and "fine-tuned" in caveat for caveat in finished.task.caveats)
    student, texts = ol.load_student(finished.folder), _texts(finished)
    expected = finished.predictions.students[loss].values[0]
    np.testing.assert_allclose(student.predict(texts), expected, rtol=SAVED_FLOAT32)
    assert student.record.results.mse.mean == pytest.approx(finished.students[loss].each["mse"][0], rel=SAVED_FLOAT32)
    # As the model card says it, by transformers alone.
    folder, record = finished.folder / "student", student.record
    network, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder).eval(), None
    tokenizer = AutoTokenizer.from_pretrained(folder)
    around = changes.get("template", "{text}")
    with torch.no_grad():
        z = [network(**tokenizer(around.replace("{text}", t), return_tensors="pt")).logits.item() for t in texts]
    outputs = record.location + record.scale * np.array(z)
    np.testing.assert_allclose(outputs if record.link == "identity" else np.exp(outputs), expected, rtol=SAVED_FLOAT32)
    assert f"{record.location:.6g}" in (folder / "README.md").read_text()
    assert student.answers(["", texts[0]]).flags == ("empty", "")
    student.save(tmp_path / "copy")
    np.testing.assert_allclose(ol.load_student(tmp_path / "copy").predict(texts), expected, rtol=SAVED_FLOAT32)


def test_teachers_students_and_ceilings_may_all_be_fine_tuned_and_are_measured(tmp_path):
    model = save_tiny_model(tmp_path / "model", "bert", pad=True)
    both = [*learner("teacher", model), *learner("student", model, epochs=6)]
    finished = _run(tmp_path, [*both, "student.loss=[squared_error, generalized_kl]"])
    results = finished.results
    assert results.ceiling.tuning is None
    assert results.ceiling.labels == results.task.n_student
    assert isinstance(results.controls.own_labels, TrueLabelModels)
    assert isinstance(results.equivalents, NotTrained)
    assert "fine-tuned" in results.equivalents.reason
    for student in results.students.values():
        assert [at.epoch for at in student.path] == [0.5, 6]
    assert load_run(finished.folder).results.to_json() == results.to_json()  # of two models a nan is not itself
    assert "gap = misfit + residual" in number_summary(results)
    assert "Along training" in write_report([finished.folder]).read_text(encoding="utf-8")
    again = _run(tmp_path, [*both, "student.loss=[squared_error, generalized_kl]"], out="again")
    assert again.all_cached


def test_what_is_not_defined_for_a_number_is_refused_with_what_to_do(tmp_path):
    model = save_tiny_model(tmp_path / "model", "bert", pad=True)
    template = {"start": "words", "template": "{text} w1"}
    with pytest.raises(ConfigError, match="a number has none; use start: probe"):
        _run(tmp_path, [*learner("student", model, **template), "student.loss=[squared_error]"])
    _run(tmp_path, [*learner("student", model, template="{text} w1", start="probe"), "student.loss=[squared_error]"])
    with pytest.raises(ConfigError, match=r"auto cannot choose: .* fine-tuned as a whole\. Name a loss"):
        _run(tmp_path, [*learner("student", model), "student.loss=[auto]"], out="auto")
    with pytest.raises(ConfigError, match="probabilities of classes; leave it out"):
        _run(tmp_path, [*learner("student", model), "student.loss=[squared_error]", "student.rounds=1"])
