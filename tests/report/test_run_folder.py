"""Whatever is missing or damaged in a run folder is one error that names the file and says what to do."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.report.made_up import make_up

from outlearn.errors import ConfigError, DataError, StoreError
from outlearn.report.html import write_report
from outlearn.results.reading import read_measured, read_run


@pytest.fixture
def folder(tmp_path):
    return make_up(n_points=24, n_teachers=2, losses=("forward_ce", "mae")).write(tmp_path / "run")


def rewrite(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


RESULTS = {
    "does not exist": lambda f: f.rename(f.parent / "elsewhere"),
    "is not a run folder": lambda f: (f / "results.json").unlink(),
    "is damaged at line 1": lambda f: (f / "results.json").write_text("{"),
    "cannot be read": lambda f: (f / "results.json").write_bytes(b"\xff\xfe\x00"),
    "it has no key 'schema'": lambda f: (f / "results.json").write_text("[1]"),
    "has schema 2": lambda f: rewrite(f / "results.json", lambda r: r.update(schema=2)),
    "lacks the part 'teacher'": lambda f: rewrite(f / "results.json", lambda r: r.pop("teacher")),
    "is no record of metrics": lambda f: rewrite(f / "results.json", lambda r: r["students"].update(mae=3)),
    "has no config.yaml": lambda f: (f / "config.yaml").unlink(),
    "must hold keys and values": lambda f: (f / "config.yaml").write_text("- a"),
    "config.yaml' is damaged": lambda f: (f / "config.yaml").write_text("a: [1"),
}
PREDICTIONS = {
    "points.jsonl' cannot be read": lambda f: (f / "points.jsonl").unlink(),
    "points.jsonl' is damaged at line 1": lambda f: (f / "points.jsonl").write_text("{\n"),
    "expected an object with split": lambda f: (f / "points.jsonl").write_text("[]\n"),
    "students.safetensors' does not exist": lambda f: (f / "students.safetensors").unlink(),
    "students.safetensors' is damaged": lambda f: (f / "students.safetensors").write_bytes(b"abc"),
    "lacks the array 'test.log_probs'": lambda f: save_file({"x": np.zeros(1)}, f / "teachers.safetensors"),
    "does not name its models": lambda f: save_file(load_file(f / "teachers.safetensors"), f / "teachers.safetensors"),
    "do not fit together": lambda f: (f / "points.jsonl").write_text(
        "\n".join((f / "points.jsonl").read_text().splitlines()[:-1])
    ),
    "outside the 2 classes": lambda f: (f / "points.jsonl").write_text(
        (f / "points.jsonl").read_text().replace('"label": 1', '"label": 7')
    ),
}


@pytest.mark.parametrize("message", RESULTS)
def test_a_damaged_folder_is_named_with_what_to_do(folder, message):
    RESULTS[message](folder)
    with pytest.raises(DataError) as error:
        read_run(folder)
    assert message in str(error.value)
    assert "run" in str(error.value)


@pytest.mark.parametrize("message", PREDICTIONS)
def test_damaged_predictions_are_named_with_what_to_do(folder, message):
    PREDICTIONS[message](folder / "predictions")
    with pytest.raises(DataError) as error:
        read_measured(read_run(folder))
    assert message in str(error.value)
    assert "Start the run again" in str(error.value)


def test_a_loss_without_students_is_an_error(folder):
    rewrite(folder / "results.json", lambda r: r["students"].update(other=r["students"]["mae"]))
    with pytest.raises(DataError, match="lacks the students of 'other'"):
        read_measured(read_run(folder))


def test_the_predictions_are_read_back_as_they_were_written(tmp_path):
    made = make_up(n_points=24, n_teachers=3, losses=("forward_ce", "mae"))
    measured = read_measured(read_run(made.write(tmp_path / "run")))
    np.testing.assert_allclose(measured.teachers.log_probs, made.arrays["teachers"]["test.log_probs"])
    chosen = made.arrays["students"]["loss_of"] == 1
    np.testing.assert_allclose(measured.students["mae"].log_probs, made.arrays["students"]["test.log_probs"][chosen])
    assert list(measured.students["mae"].teacher_of) == list(made.arrays["students"]["teacher_of"][chosen])
    assert [p.text for p in measured.points] == [p["text"] for p in made.points if p["split"] == "test"]


def test_students_of_a_combination_are_measured_against_the_combination(folder):
    rewrite(folder / "config.yaml", lambda c: c.update(weak_labels={"source": "weighted"}))
    path = folder / "predictions" / "students.safetensors"
    arrays = load_file(path)
    arrays["teacher_of"][:] = 0
    save_file(arrays, path, metadata={"losses": json.dumps(["forward_ce", "mae"])})
    with pytest.raises(DataError, match=r"labeller\.safetensors' does not exist"):
        read_measured(read_run(folder))
    combined = load_file(folder / "predictions" / "teachers.safetensors")["test.log_probs"][1:2]
    save_file({"test.log_probs": combined}, folder / "predictions" / "labeller.safetensors")
    np.testing.assert_allclose(read_measured(read_run(folder)).source.log_probs, combined, atol=1e-12)


def test_the_report_refuses_what_it_cannot_do(folder, tmp_path):
    with pytest.raises(ConfigError, match="--format is 'pdf'"):
        write_report([folder], format="pdf")
    with pytest.raises(ConfigError, match="no run folder"):
        write_report([])
    with pytest.raises(ConfigError, match="one folder"):
        write_report([folder, folder], figures=tmp_path / "figures")
    with pytest.raises(StoreError, match="--out"):
        write_report([folder], tmp_path / "absent" / "report.html")


def test_writing_a_report_changes_nothing_else_and_gives_the_same_bytes_twice(folder):
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    first = write_report([folder]).read_bytes()
    assert write_report([folder]).read_bytes() == first
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "report.html"} == before
