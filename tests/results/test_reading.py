"""Whatever is missing or damaged in a run folder is one error that names the file and says what to do."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from outlearn.errors import DataError
from outlearn.results.run_folder import load_run


def rewrite(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def results(change):
    """Return what changes results.json."""
    return lambda folder: rewrite(folder / "results.json", change)


RESULTS = {
    "run' does not exist": lambda f: f.rename(f.parent / "elsewhere"),
    "it is not a folder of results": lambda f: (f / "results.json").unlink(),
    "is damaged at line 1": lambda f: (f / "results.json").write_text("{"),
    "results.json' is damaged at line": lambda f: (f / "results.json").write_text(
        (f / "results.json").read_text()[:500]
    ),
    "cannot be read": lambda f: (f / "results.json").write_bytes(b"\xff\xfe\x00"),
    "it has no key 'schema'": lambda f: (f / "results.json").write_text("[1]"),
    "has schema 1; this version reads schema 3. Install the outlearn that wrote it": results(
        lambda r: r.update(schema=1)
    ),
    "holds the results of outlearn preflight, not of a run": results(lambda r: r.update(kind="preflight")),
    "teacher is missing": results(lambda r: r.pop("teacher")),
    "marker is no field": results(lambda r: r.update(marker=r["labeler"])),
    "students.reverse_ce holds 3, where an object belongs": results(lambda r: r["students"].update(reverse_ce=3)),
    "students.reverse_ce.epoch is missing": results(lambda r: r["students"]["reverse_ce"].pop("epoch")),
    "students.reverse_ce.pgr.gain: the key 'low' is missing": results(
        lambda r: r["students"]["reverse_ce"]["pgr"]["gain"].pop("low")
    ),
    "teacher.accuracy: expected a number, got 'high'": results(lambda r: r["teacher"]["accuracy"].update(mean="high")),
    "teacher.acuracy: expected a mean with low and high, or a reason; got 1": results(
        lambda r: r["teacher"].update(acuracy=1)
    ),
    "ceiling: the metric accuracy is missing": results(lambda r: r["ceiling"].pop("accuracy")),
    "task.n_test: Input should be a valid integer": results(lambda r: r["task"].update(n_test="many")),
    "has no config.yaml": lambda f: (f / "config.yaml").unlink(),
    "must hold keys and values": lambda f: (f / "config.yaml").write_text("- a"),
    "config.yaml' is damaged": lambda f: (f / "config.yaml").write_text("a: [1"),
}
PREDICTIONS = {
    "has no points.jsonl": lambda f: (f / "points.jsonl").unlink(),
    "points.jsonl' is damaged at line 1": lambda f: (f / "points.jsonl").write_text("{\n"),
    "expected an object with split": lambda f: (f / "points.jsonl").write_text("[]\n"),
    "students.safetensors' does not exist": lambda f: (f / "students.safetensors").unlink(),
    "students.safetensors' is damaged": lambda f: (f / "students.safetensors").write_bytes(b"abc"),
    "lacks the array 'test.log_probs'": lambda f: save_file({"x": np.zeros(1)}, f / "teachers.safetensors"),
    "does not name its models": lambda f: save_file(load_file(f / "teachers.safetensors"), f / "teachers.safetensors"),
    "do not fit together": lambda f: (f / "points.jsonl").write_text(
        "\n".join((f / "points.jsonl").read_text().splitlines()[:-1])
    ),
    "the label is 'yes', no class": lambda f: (f / "points.jsonl").write_text(
        (f / "points.jsonl").read_text().replace('"label": 1', '"label": "yes"')
    ),
    "does not list its losses, but 'mae'": lambda f: save_file(
        load_file(f / "students.safetensors"), f / "students.safetensors", metadata={"losses": '"mae"'}
    ),
    "outside the 2 classes": lambda f: (f / "points.jsonl").write_text(
        (f / "points.jsonl").read_text().replace('"label": 1', '"label": 7')
    ),
}


@pytest.mark.parametrize("message", RESULTS)
def test_a_damaged_folder_is_named_with_what_to_do(folder, message):
    RESULTS[message](folder)
    with pytest.raises(DataError) as error:
        load_run(folder)
    assert message in str(error.value)
    assert "run" in str(error.value).split(message)[-1]  # what to do


@pytest.mark.parametrize("message", PREDICTIONS)
def test_damaged_predictions_are_named_with_what_to_do(folder, message):
    PREDICTIONS[message](folder / "predictions")
    run = load_run(folder)
    with pytest.raises(DataError) as error:
        _ = run.predictions
    assert message in str(error.value)
    assert "Start the run again" in str(error.value)


def test_a_loss_without_students_is_an_error(folder):
    rewrite(folder / "results.json", lambda r: r["students"].update(other=r["students"]["reverse_ce"]))
    with pytest.raises(DataError, match="lacks the students of 'other'"):
        _ = load_run(folder).predictions


def test_the_predictions_are_read_back_as_they_were_written(folder):
    found = load_run(folder).predictions
    teachers, students = (load_file(folder / "predictions" / f"{who}.safetensors") for who in ("teachers", "students"))
    np.testing.assert_allclose(found.teachers.log_probs, teachers["test.log_probs"])
    chosen = students["loss_of"] == 1
    np.testing.assert_allclose(found.students["reverse_ce"].log_probs, students["test.log_probs"][chosen])
    assert list(found.students["reverse_ce"].teacher_of) == list(students["teacher_of"][chosen])
    lines = map(json.loads, (folder / "predictions" / "points.jsonl").read_text().splitlines())
    assert [p.id for p in found.points] == [line["id"] for line in lines if line["split"] == "test"]


def test_predictions_of_another_run_are_told_from_those_that_were_measured(folder):
    path = folder / "predictions" / "teachers.safetensors"
    arrays = load_file(path)
    arrays["test.log_probs"] = arrays["test.log_probs"][::-1].copy()
    save_file(arrays, path, metadata={"models": json.dumps(["a", "b"][: len(arrays["test.log_probs"])])})
    with pytest.raises(DataError, match=r"teachers\.safetensors' does not fit results\.json.*Start the run again"):
        _ = load_run(folder).predictions


def test_students_of_a_combination_are_measured_against_the_combination(folder):
    rewrite(folder / "results.json", lambda r: (r["labeler"].update(source="weighted"), r.update(files={})))
    path = folder / "predictions" / "students.safetensors"
    arrays = load_file(path)
    arrays["teacher_of"][:] = 0
    names = {"losses": json.dumps(["forward_ce", "reverse_ce"]), "sources": json.dumps(["weighted", "weighted"])}
    save_file(arrays, path, metadata=names)
    with pytest.raises(DataError, match=r"labeler-weighted\.safetensors' does not exist"):
        _ = load_run(folder).predictions
    combined = load_file(folder / "predictions" / "teachers.safetensors")["test.log_probs"][1:2]
    save_file({"test.log_probs": combined}, folder / "predictions" / "labeler-weighted.safetensors")
    np.testing.assert_allclose(load_run(folder).predictions.labelers["reverse_ce"].log_probs, combined, atol=1e-12)
