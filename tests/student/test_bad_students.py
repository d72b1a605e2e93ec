"""A student's folder that is not whole, not its own or of another version says so, and what to do."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.encoders.conftest import save_model
from tests.student.runs import keep, write_films

import outlearn as ol
from outlearn.errors import ConfigError, DataError
from outlearn.results.run_folder import Run
from outlearn.student.numbers import is_number_student


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def sign(folder: Path, name: str) -> None:
    """Write the hash of a changed file into the manifest, as somebody who wants to get through would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / name).read_bytes()
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda f: (f / "heads.safetensors").unlink(), r"lacks heads\.safetensors\. Copy it whole"),
    "foreign": (lambda f: (f / "notes.txt").write_text("x"), r"not its own: notes\.txt\. Remove them"),
    "truncated": (lambda f: truncate(f / "encoder.safetensors"), "it was cut off or changed"),
    "altered": (lambda f: alter(f / "novelty.safetensors"), "was altered: its sha256"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), r"holds no student: it has no manifest\.json"),
    "half a manifest": (lambda f: truncate(f / "manifest.json"), r"manifest\.json' is damaged at line"),
    "another manifest": (lambda f: (f / "manifest.json").write_text('{"a": 1}'), "is not that of a student"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_folder_that_is_not_whole_is_refused_by_name(copied: Path, case: str):
    spoil, message = SPOILED[case]
    spoil(copied)
    with pytest.raises(DataError, match=message):
        ol.load_student(copied)


@pytest.mark.parametrize("name", ["missing", "altered"])
def test_the_run_started_again_writes_the_student_anew(tmp_path: Path, name: str):
    data = write_films(tmp_path / "films.jsonl")
    folder = keep(tmp_path, data).folder
    SPOILED[name][0](folder / "student")
    with pytest.raises(DataError, match="Start the run again with the same configuration and --out"):
        ol.load_student(folder)
    keep(tmp_path, data)
    assert ol.load_student(folder).predict(["a fine film"]).shape == (1,)


def test_a_student_of_another_format_names_the_version_that_wrote_it(copied: Path):
    manifest = json.loads((copied / "manifest.json").read_text())
    (copied / "manifest.json").write_text(json.dumps({**manifest, "schema": 99, "outlearn": "9.9"}))
    with pytest.raises(DataError, match=r"has format 99, and this version reads 1\. Install the outlearn .*9\.9"):
        ol.load_student(copied)


def test_another_list_of_classes_does_not_fit_the_heads(copied: Path):
    record = json.loads((copied / "student.json").read_text())
    (copied / "student.json").write_text(
        json.dumps({**record, "class_names": ["bad", "good", "so so"], "class_shares": [0.4, 0.4, 0.2]})
    )
    sign(copied, "student.json")
    with pytest.raises(DataError, match=r"heads of 2 classes, and student\.json says 6 of 3 \(bad, good, so so\)"):
        ol.load_student(copied)


@pytest.mark.parametrize("entry", [{"bytss": 1, "sha256": "0"}, {"bytes": "1", "sha256": "0"}, 7])
def test_a_manifest_without_sizes_or_hashes_is_refused(copied: Path, entry: object):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["files"]["heads.safetensors"] = entry
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"has no size or hash. Copy it again"):
        ol.load_student(copied)


def test_a_field_that_is_gone_is_named(copied: Path):
    record = json.loads((copied / "student.json").read_text())
    del record["class_shares"]
    (copied / "student.json").write_text(json.dumps(record))
    sign(copied, "student.json")
    with pytest.raises(DataError, match="class_shares is missing"):
        ol.load_student(copied)


def rewritten(folder: Path, name: str, change: Callable[[dict], object]) -> None:
    """Change what a file says, and sign it."""
    path = folder / name
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
    else:
        arrays = {key: array.copy() for key, array in load_file(path).items()}
        change(arrays)
        save_file(arrays, path)
    sign(folder, name)


FORGED: dict[str, tuple[str, Callable[[dict], object], str]] = {
    "other arrays": (
        "heads.safetensors",
        lambda a: a.update(idf=a.pop("mean")),
        "it holds bias, idf.*expected bias, m",
    ),
    "another axis": ("heads.safetensors", lambda a: a.update(mean=a["mean"][:-1]), "scale has .* features, and others"),
    "other types": (
        "heads.safetensors",
        lambda a: a.update(bias=a["bias"].astype(int)),
        "bias is .* of int64; expected f",
    ),
    "not finite": ("heads.safetensors", lambda a: a["weight"].fill(np.nan), "weight holds numbers that are not finite"),
    "no scale": ("heads.safetensors", lambda a: a["scale"].fill(0), "scale holds numbers .* not above 0"),
    "no novelty": ("novelty.safetensors", lambda a: a.pop("noise"), "expected directions, mean, noise, variances"),
    "a term less": ("encoder.json", lambda c: c["terms"].pop(), "terms, and other weights"),
    "a term twice": ("encoder.json", lambda c: c["terms"].append(c["terms"][0]), "no list of different terms"),
    "no terms": ("encoder.json", lambda c: c.update(terms=7), "no list of different terms"),
    "a share less": ("student.json", lambda c: c["class_shares"].pop(), "1 shares for the classes"),
    "no members": ("student.json", lambda c: c.update(members=0), "members is 0"),
    "no encoder": ("student.json", lambda c: c.update(encoder=None), "heads stand on an encoder"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_file_that_was_rewritten_and_signed_is_refused_where_it_does_not_fit(copied: Path, case: str):
    name, change, message = FORGED[case]
    rewritten(copied, name, change)
    with pytest.raises(DataError, match=message):
        ol.load_student(copied).predict(["a fine film"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
@pytest.mark.parametrize("name", ["student.json", "heads.safetensors", "manifest.json"])
def test_a_pipe_in_place_of_a_file_is_refused_at_once(copied: Path, name: str):
    (copied / name).unlink()
    os.mkfifo(copied / name)
    with pytest.raises(DataError, match=r"lacks|holds no student|no file but a folder, a pipe"):
        ol.load_student(copied)
    if name == "student.json":  # read first, to know which kind of student it is
        with pytest.raises(DataError, match="no file but a folder, a pipe"):
            is_number_student(copied)


@pytest.mark.parametrize(("path", "message"), [("nowhere", "does not exist"), ("file.txt", "is a file")])
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, path: str, message: str):
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(DataError, match=message):
        ol.load_student(tmp_path / path)


@pytest.fixture
def on_a_model(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Run, Path]:
    """Run with heads on a tiny model of one's own, or on an encoder above it; the run, and the model's folder."""
    (tmp_path / "model").mkdir()
    model = save_model(tmp_path / "model", "bert", pad=True, side="right")
    encoder = getattr(request, "param", "%s") % f"{{kind: hf, model: '{model}', max_length: 32}}"
    return keep(tmp_path, write_films(tmp_path / "films.jsonl"), f"student.encoder={encoder}"), model


@pytest.mark.medium
@pytest.mark.parametrize(
    "on_a_model", ["%s", "{kind: random_features, width: 20, of: %s}"], ids=["alone", "below"], indirect=True
)
def test_an_encoder_that_moved_is_asked_for_and_found_by_the_advice(on_a_model, tmp_path: Path):
    finished, model = on_a_model
    expected = ol.load_student(finished.folder).predict_proba(["a fine film"])
    model.rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"encoder is not there.*--model FOLDER"):
        ol.load_student(finished.folder).predict(["a fine film"])
    moved = ol.load_student(finished.folder, model=str(tmp_path / "elsewhere"))
    np.testing.assert_array_equal(moved.predict_proba(["a fine film"]), expected)


@pytest.mark.medium
def test_an_encoder_with_other_files_is_refused_by_their_names(on_a_model):
    finished, model = on_a_model
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    with pytest.raises(DataError, match=r"not the one that the student was trained on: config\.json has another"):
        ol.load_student(finished.folder).predict(["a fine film"])


def test_a_model_is_not_asked_of_an_encoder_without_one(films: Run):
    with pytest.raises(ConfigError, match="reads no model from disk; leave --model out"):
        ol.load_student(films.folder, model="somewhere").predict(["a fine film"])
