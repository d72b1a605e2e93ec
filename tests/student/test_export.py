"""A student of heads on a decoder is one model of transformers; what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.experiment.finetuned_runs import write_pairs, write_texts
from tests.learners.finetuning.tiny import save_tiny_model
from tests.student.runs import keep
from tests.student.test_finetuned_students import plain_logits

import outlearn as ol
from outlearn.core.log_space import log_normalise
from outlearn.errors import ConfigError
from outlearn.results.run_folder import Run

pytest.importorskip("transformers")
SAME_LOGITS = 1e-5


def on_model(tmp_path: Path, family: str, data: Path, *overrides: str, pooling: str = "last") -> Run:
    model = save_tiny_model(tmp_path / "model", family, pad=True)
    encoder = {"kind": "hf", "model": str(model), "pooling": pooling, "max_length": 32}
    return keep(tmp_path, data, f"student.encoder={json.dumps(encoder)}", *overrides)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 4])
def test_heads_with_intercepts_are_exported_on_a_decoder_whose_last_norm_has_a_shift(tmp_path: Path, classes: int):
    data = write_texts(tmp_path / "texts.jsonl", classes=classes, n_points=240)
    finished = on_model(tmp_path, "gpt2", data)
    student = ol.load_student(finished.folder)
    texts = [point.text for point in finished.predictions.points][:20]
    student.export(tmp_path / "exported")
    found = log_normalise(plain_logits(tmp_path / "exported", texts).astype(np.float64))
    np.testing.assert_allclose(found, student.predict_log_proba(texts), atol=SAME_LOGITS)
    config = json.loads((tmp_path / "exported" / "config.json").read_text())
    assert list(config["id2label"].values()) == student.classes_.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_head_of_preferences_is_exported_as_a_reward_model(tmp_path: Path, family: str):
    finished = on_model(tmp_path, family, write_pairs(tmp_path / "pairs.jsonl", n_points=240))
    student = ol.load_student(finished.folder)
    student.export(tmp_path / "exported")
    texts = ["w1 w2 w3", "w30 w4", "w7"]
    np.testing.assert_allclose(
        plain_logits(tmp_path / "exported", texts)[:, 0], student.reward(texts), atol=SAME_LOGITS
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "pooling", "overrides", "message"),
    [
        ("bert", "mean", (), "reads 'mean' pooling"),
        ("bert", "last", (), "does not score the last token"),
        ("llama", "last", (), "normalises without a shift"),
        ("gpt2", "last", ("student.learner.hidden=3",), "has a hidden layer"),
        ("gpt2", "last", ("student.encoder.layer=[0, 1]",), r"pooling of layers 0, 1"),
    ],
)
def test_what_no_architecture_holds_is_refused(tmp_path: Path, family, pooling, overrides, message):
    data = write_texts(tmp_path / "texts.jsonl", n_points=240)
    finished = on_model(tmp_path, family, data, *overrides, pooling=pooling)
    with pytest.raises(ConfigError, match=message):
        ol.load_student(finished.folder).export(tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_words_are_no_model_of_transformers(films: Run, tmp_path: Path):
    with pytest.raises(ConfigError, match="'tfidf' is no model of transformers"):
        ol.load_student(films.folder).export(tmp_path / "exported")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch's exporter
@pytest.mark.parametrize(
    ("family", "pooling", "overrides"),
    [
        ("bert", "mean", ()),
        ("bert", "mean", ("student.encoder.layer=[1, -1]",)),
        ("gpt2", "last", ("student.learner.hidden=3",)),
    ],
)
def test_any_heads_on_a_model_are_one_onnx_graph(tmp_path: Path, family, pooling, overrides):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    from transformers import AutoTokenizer

    data = write_texts(tmp_path / "texts.jsonl", n_points=240)
    finished = on_model(tmp_path, family, data, *overrides, pooling=pooling)
    student = ol.load_student(finished.folder)
    student.export_onnx(tmp_path / "onnx")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "onnx")
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / "model.onnx")
    texts = ["w1 w2 w3", "w30", "w7 w8 w9 w10 w11 w12", "w2"]
    encoded = tokenizer(texts, padding=True, padding_side="right", return_tensors="np")
    (logits,) = session.run(None, {name: encoded[name] for name in ("input_ids", "attention_mask")})
    found = log_normalise(logits.astype(np.float64))
    np.testing.assert_allclose(found, student.predict_log_proba(texts), atol=SAME_LOGITS)
