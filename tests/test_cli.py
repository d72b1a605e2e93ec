"""The command line: what it prints and writes, and one clear line and exit code 2 for every mistake of a user's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SMALL = (
    "teacher.models=2",
    "teacher.labels=12",
    "student.seeds=1",
    "student.learner.epochs=2",
    "student.checkpoints=[]",
    "student.loss=[forward_ce, reverse_ce]",
)


def write_features(path: Path, **replaced: np.ndarray) -> Path:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 160)
    features = (rng.normal(size=(160, 3)) + labels[:, None]).astype(np.float32)
    np.savez(path, **{"features": features, "labels": labels, **replaced})
    return path


def settings(*overrides: str) -> list[str]:
    return [part for override in (*SMALL, *overrides) for part in ("--set", override)]


def test_a_run_prints_the_table_and_leaves_a_folder_that_a_second_run_reads_back(cli, tmp_path):
    path = write_features(tmp_path / "task.npz")
    code, out, err = cli("run", "--out", "first", *settings(f"data.path={path}"))
    assert code == 0, err
    assert "reverse_ce" in out
    assert "What was found" in out
    names = {item.name for item in (tmp_path / "first").iterdir()}
    assert names == {"config.yaml", "results.json", "summary.txt", "report.html", "log.jsonl", "predictions", "student"}
    code, out, _ = cli("run", "--out", "second", *settings(f"data.path={path}"))
    assert code == 0
    assert "Nothing was trained" in out
    first, second = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("first", "second"))
    assert first["students"] == second["students"]


def test_without_out_each_run_has_a_new_folder(cli, tmp_path):
    path = write_features(tmp_path / "task.npz")
    for _ in range(2):
        assert cli("run", *settings(f"data.path={path}"))[0] == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_the_store_can_be_listed_verified_and_cleaned(cli, tmp_path):
    path = write_features(tmp_path / "task.npz")
    cli("run", "--store", "kept", *settings(f"data.path={path}"))
    code, out, _ = cli("store", "ls", "--store", "kept")
    assert code == 0
    assert {"features", "teachers", "students", "ceilings"} <= {line.split()[1] for line in out.splitlines()}
    assert cli("store", "verify", "--store", "kept")[0] == 0
    victim = next((tmp_path / "kept" / "objects").glob("*/*/arrays.safetensors"))
    victim.write_bytes(victim.read_bytes()[:-1])
    code, out, _ = cli("store", "verify", "--store", "kept")
    assert code == 1
    assert victim.parent.name in out
    code, out, _ = cli("store", "gc", "--store", "kept")
    assert code == 0
    assert "1 folders removed" in out


@pytest.mark.parametrize("command", ["ls", "verify", "gc"])
def test_a_folder_that_is_no_store_is_refused_and_left_as_it_is(cli, tmp_path, command):
    precious = tmp_path / "mine" / "damaged" / "thesis"
    precious.mkdir(parents=True)
    for folder in ("mine", "typo"):
        code, _, err = cli("store", command, "--store", folder)
        assert code == 2
        assert "is not a store" in err
    assert precious.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def make(content: bytes | str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


LONG = "text,label\n" + "".join(f"some words {i},{i % 2}\n" for i in range(100))
JSONL = "".join(json.dumps({"text": f"some words {i}", "label": i % 2}) + "\n" for i in range(100))

BAD_FILES = {
    "missing.csv": (None, "missing.csv"),
    "empty.csv": (make(""), "empty"),
    "header.csv": (make("text,label\n"), "no record"),
    "one_class.csv": (make("text,label\n" + "".join(f"words {i},1\n" for i in range(50))), "class"),
    "columns.csv": (make("price,label\n" + "".join(f"{i % 9},{i % 2}\n" for i in range(99))), "column of texts"),
    "latin.csv": (make(LONG.encode() + "caf\xe9,1\n".encode("latin-1")), "UTF-8"),
    "ragged.csv": (make(LONG + "a,1,2,3\n"), "line 102"),
    "blank.csv": (make(LONG + " ,1\n"), "line 102"),
    "unlabeled.csv": (make("text,label\n" + "".join(f"words {i},\n" for i in range(100))), "data.label_column"),
    "broken.jsonl": (make(JSONL + '{"text": \n'), "line 101"),
    "list.jsonl": (make(JSONL + "[1]\n"), "line 101"),
    "sums.jsonl": (make(JSONL.replace('"label": 0', '"label": [0.5, 0.6]')), "sum"),
    "ids.csv": (make("id,text,label\n" + "".join(f"{i % 50},words {i},{i % 2}\n" for i in range(100))), "id"),
    "few.csv": (make("text,label\na,0\nb,1\n"), "few.csv|points|split"),
    "a_class_each.csv": (make("text,label\n" + "".join(f"t{i},c{i}\n" for i in range(60))), "class"),
    "unknown.xyz": (make(LONG), "xyz"),
    "noise.npz": (make(b"not a zip"), "npz"),
    "folder.csv": (lambda path: path.mkdir(), "folder"),
    "nan.npz": (
        lambda path: write_features(path, features=np.full((160, 3), np.nan, dtype=np.float32)),
        "nan|NaN|finite",
    ),
    "range.npz": (lambda path: write_features(path, labels=np.arange(160) - 5), "label"),
    "lengths.npz": (lambda path: write_features(path, labels=np.zeros(3, dtype=int)), "160|3"),
    "pickled.npz": (lambda path: write_features(path, ids=np.array([object()] * 160)), "pickle|object"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_data_is_one_clear_error_and_leaves_no_result(cli, tmp_path, name):
    import re

    write, message = BAD_FILES[name]
    if write:
        write(tmp_path / name)
    code, out, err = cli("run", "--out", "out", *settings(f"data.path={name}"))
    assert code == 2, (out, err)
    lines = err.splitlines()
    assert lines
    assert all(line.startswith("outlearn: ") for line in lines), err
    assert "Traceback" not in err
    assert re.search(message, err), err
    assert not (tmp_path / "out").exists()


BAD_COMMANDS = [
    (["run", "nowhere.yaml"], "nowhere.yaml"),
    (["run", "."], "folder"),
    (["run", "--set", "student.loss=revers_ce"], 'Did you mean "reverse_ce"'),
    (["run", "--set", "student.loss={kind: cace, threshold: 2}"], "threshold"),
    (["run", "--set", "student.loss={kind: reverse_ce, smoothing: 0}", "--set", "weak_labels.kind=hard"], "smoothing"),
    (["run", "--set", "student"], "key=value"),
    (["run", "--set", "student.nonsense=1"], "student.nonsense"),
    (["run", "--set", "data.name=digitz"], "digits"),
    (["run", "--set", "teacher.encoder={kind: hf, model: ./nowhere}"], "nowhere"),
    (["run", "--set", "teacher.encoder={kind: tfidf}"], "text"),
    (["run", "--set", "teacher.external=votes.csv"], "votes.csv"),
    (["run", "--set", "teacher.models=1000"], "teacher.labels|teacher.models"),
    (["run", "--store", "a_file"], "--store"),
    (["run", "--out", "a_file"], "--out"),
    (["run", "--out", "full"], "--out"),
    (["run", "--nonsense"], "nonsense"),
    (["nonsense"], "nonsense"),
    (["report", "nowhere"], "nowhere"),
    (["report", "full"], "full"),
    (["theory", "nonsense"], "random-features"),
    (["theory", "ridge", "--set", "nonsense=1"], "nonsense"),
    (["store", "ls", "--store", "a_file"], "--store"),
    (["explain", "--teacher", "nowhere.npy", "--student", "nowhere.npy", "--target", "nowhere.npy"], "nowhere.npy"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), BAD_COMMANDS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_bad_command_is_one_clear_error(cli, tmp_path, arguments, message):
    import re

    (tmp_path / "a_file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    if "nonsense" not in message and arguments[0] == "run" and "data.name=digitz" not in arguments:
        # The digits need no extra; the error must come before anything long.
        arguments = [*arguments, "--set", "data.name=digits"]
    code, out, err = cli(*arguments)
    assert code == 2, (out, err)
    assert "Traceback" not in err
    assert re.search(message, err), err
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["thesis.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_clear_error(cli, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    code, _, err = cli("run", "--out", "closed/run", "--set", "data.name=digits")
    assert code == 2
    assert "--out" in err
