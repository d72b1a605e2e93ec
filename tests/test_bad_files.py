"""Files and settings that nobody meant to write: one line with what to do and exit code 2, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from outlearn.cli import main
from outlearn.core.spreadsheet_cells import guarded, unguarded
from outlearn.core.yaml_text import parse_yaml
from outlearn.data import load_task
from outlearn.errors import ConfigError, DataError, OutlearnError
from outlearn.experiment.load_config import load_config
from outlearn.language_models.loaded_weights import device_of, refuse_missing_weights

FUZZED = 3000 if os.environ.get("OUTLEARN_LONG_FUZZ") else 100
BOUNDED = settings(max_examples=FUZZED, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HALF_A_CHARACTER = "\\ud800"
DEEP = "[" * 5000


def rows(path: Path, text: Callable[[int], str] = lambda i: f"word{i}") -> Path:
    body = "".join(f"{text(i)} {'good' if i % 2 else 'bad'},{'yes' if i % 2 else 'no'}\n" for i in range(40))
    path.write_text("text,label\n" + body)
    return path


def huge_npz(path: Path) -> Path:
    """Write arrays of which the header claims far more than the file holds."""
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000, 3), }"
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("features.npy", "labels.npy"):
            archive.writestr(name, b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
    return path


def bomb() -> str:
    """Write a kilobyte of aliases that stand for a hundred million values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 8)]
    return "\n".join([*lines, "data: *a7"])


def merging_bomb() -> str:
    """Write mappings that each merge the one before ten times."""
    lines = [f"b{i}: &b{i} {{<<: [{', '.join([f'*b{i - 1}'] * 10)}], k{i}: 1}}" for i in range(1, 9)]
    return "\n".join(["b0: &b0 {k0: 1}", *lines, "data: *b8"])


OVERRIDES = {
    "a date that is none": ("data.label_column=2001-13-45", "put it in quotes to keep it text"),
    "a date": ("data.label_column=2001-12-05", "input should be text; put it in quotes"),
    "a switch for a name": ("data.label_column=no", "input should be text; put it in quotes"),
    "a switch for a number": ("student.seeds=true", "input should be a number, not true or false"),
    "a switch for a part": ("teacher.learner={kind: convex, C: yes}", "input should be a number, not true or false"),
    "an hour": ("seed=1:30", "valid integer"),
    "an octal number of YAML 1.1": ("student.seeds=0o3", "valid integer"),
    "one key twice": ("teacher.learner={kind: convex, C: 1, C: 2}", "gives the key 'C' twice.* keep one"),
    "a number of 5,000 digits": ("seed=" + "9" * 5000, "put it in quotes to keep it text"),
    "5,000 brackets": (f"student.loss={DEEP}", "nested too deeply"),
    "endless training": ("student.learner.epochs=1e18", "less than or equal to 1000000"),
    "a billion seeds": ("student.seeds=1000000000", "less than or equal to 1000"),
    "a billion teachers": ("teacher.models=1000000000", "less than or equal to 10000"),
    "a layer wider than memory": ("student.learner.hidden=1000000000000", "less than or equal to 65536"),
}


@pytest.mark.parametrize("case", OVERRIDES)
def test_a_setting_that_cannot_be_is_refused_by_a_bound_that_is_named(case):
    override, message = OVERRIDES[case]
    with pytest.raises(ConfigError, match=message) as error:
        load_config(overrides=["data.name=digits", override])
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: &a\n  name: *a\n", "alias .* inside what it stands for"),
        (bomb(), "more than 100,000 values"),
        (merging_bomb(), "more than 100,000 values"),
        ("seed: 1\ndata: {name: digits}\nseed: 2\n", "gives the key 'seed' twice, again at line 3"),
        (f'name: "{HALF_A_CHARACTER}"', "no character"),
        (DEEP, "nested too deeply"),
        ("a: [", "not valid YAML"),
        ("x" * 2**21, "longer than"),
    ],
)
def test_a_file_of_settings_that_cannot_be_read_says_why(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name in ("pipe.csv", "zero.csv"):
        with pytest.raises(DataError, match=r"pipe or a device.*write it to a file first"):
            load_task(path=tmp_path / name)
    with pytest.raises(ConfigError, match="pipe or a device"):
        load_config(tmp_path / "zero.yaml")


def test_tables_of_any_width_depth_or_length_are_read_or_refused(tmp_path):
    wide = tmp_path / "wide.csv"
    wide.write_text(",".join(f"c{i}" for i in range(30_000)) + "\n" + ",".join("1" * 30_000) + "\n")
    with pytest.raises(DataError, match=r"30,000 columns, expected at most 20,000"):
        load_task(path=wide)
    (tmp_path / "deep.csv").write_text(f"text,label\na b,{DEEP}\nc d,x\n")
    with pytest.raises(DataError, match="different labels"):
        load_task(path=tmp_path / "deep.csv")
    with pytest.raises(DataError, match="cannot be read"):
        load_task(path=huge_npz(tmp_path / "huge.npz"))
    long = rows(tmp_path / "long.csv", lambda i: "word " * (200_000 if i == 3 else i + 1))
    assert max(map(len, load_task(path=long).texts)) > 10**6 - 10


def model_folder(folder: Path, write: Callable[[Path], object], config: object = None) -> Path:
    folder.mkdir()
    described = {
        "model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "vocab_size": 8, "max_position_embeddings": 32,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(described if config is None else config))
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "word"]))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    write(folder / "model.safetensors")
    return folder


WEIGHTS: dict[str, tuple[Callable[[Path], object], object, str]] = {
    "an empty file": (lambda path: path.write_bytes(b""), None, "cannot be loaded"),
    "no header": (lambda path: path.write_bytes(b"\x10" + b"\0" * 7), None, "cannot be loaded"),
    "no tensors": (lambda path: save_file({}, path, metadata={"format": "pt"}), None, "lacks .* weights"),
    "a config that is a list": (lambda path: save_file({}, path), [1], "cannot be loaded"),
}


@pytest.mark.medium
@pytest.mark.parametrize("case", WEIGHTS)
@pytest.mark.parametrize("learner", ["encoder", "finetune"])
def test_a_model_without_its_weights_is_refused_not_filled_with_random_ones(
    tmp_path, monkeypatch, capsys, case, learner
):
    pytest.importorskip("transformers")
    write, config, message = WEIGHTS[case]
    folder = model_folder(tmp_path / "model", write, config)
    student = (
        [f"student.encoder={{kind: hf, model: {folder}, max_length: 16}}", "student.learner.epochs=1"]
        if learner == "encoder"
        else [f"student.learner={{kind: finetune, model: {folder}, max_length: 16, epochs: 1}}", "student.seeds=1"]
    )
    chosen = [
        f"data.path={rows(tmp_path / 'task.csv', lambda i: f'word{i}')}", "teacher.models=1", "teacher.labels=6",
        "student.loss=forward_ce", "student.checkpoints=[]", "data.fractions={teacher: .3, student: .3, "
        "validation: .2, test: .2}", *student,
    ]  # fmt: skip
    code, said = shell(
        monkeypatch, capsys, "run", "--store", str(tmp_path / "s"), "--out", str(tmp_path / "o"), *sets(chosen)
    )
    assert code == 2
    assert message.split()[0] in said
    assert not (tmp_path / "o").exists()


def sets(overrides: list[str]) -> list[str]:
    return [part for override in overrides for part in ("--set", override)]


def shell(monkeypatch, capsys, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["outlearn", *arguments])
    before = signal.getsignal(signal.SIGTERM)
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        signal.signal(signal.SIGTERM, before)
    return code, capsys.readouterr().err


def test_missing_weights_are_named_and_a_pooler_may_be_new():
    refuse_missing_weights("m", ["pooler.dense.weight"])
    with pytest.raises(DataError, match=r"lacks 1 of its weights, first 'encoder\.layer\.0\.weight'.*Copy its"):
        refuse_missing_weights("m", ["pooler.dense.weight", "encoder.layer.0.weight"])


@pytest.mark.parametrize("name", ["cuda:99", "frog", "cpu:x"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(ConfigError, match=r"encoder\.device is .*this machine has cpu"):
        device_of(name, key="encoder.device")


@pytest.mark.parametrize("command", [["theory", "ridge"], ["run", "--set", "data.name=digits"]])
def test_a_name_that_no_disk_takes_is_one_line(monkeypatch, capsys, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    code, said = shell(monkeypatch, capsys, *command, "--out", "x" * 300)
    assert (code, said.count("\n")) == (2, 1)
    assert "File name too long" in said


@given(st.text())
@BOUNDED
def test_a_guarded_cell_is_no_formula_and_comes_back_as_it_was(text):
    cell = guarded(text)
    assert str(cell)[:1] not in tuple("=+-@\t\r") or not text
    assert unguarded(str(cell)) == text


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("seed", "data", "data.name", "data.fractions", "teacher.models", "teacher.encoder", "teacher.learner",
        "student.loss", "student.learner", "student.checkpoints", "weak_labels", "measure.order")  # fmt: skip


@given(st.sampled_from(KEYS), plain)
@BOUNDED
def test_any_value_of_any_setting_is_taken_or_refused_in_lines(key, value):
    said = "taken"
    try:
        load_config(overrides=["data.name=digits", f"{key}={yaml.safe_dump(value, allow_unicode=True)}"])
    except OutlearnError as error:
        said = str(error)
    assert said


@given(st.text(max_size=200))
@BOUNDED
def test_any_text_is_yaml_or_an_error_with_its_reason(text):
    said = "is plain data"
    try:
        parse_yaml(text)
    except ValueError as error:
        said = str(error)
    assert said.startswith(("is ", "holds "))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".json", ".txt", ".npz", ".parquet"])
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
@BOUNDED
def test_any_bytes_are_a_table_or_refused_in_lines(tmp_path, ending, content):
    path = tmp_path / f"any{ending}"
    path.write_bytes(content)
    said = path.name
    try:
        load_task(path=path)
    except OutlearnError as error:
        said = str(error)
    assert path.stem in said


def test_formulas_in_points_to_check_come_back_as_they_were(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    labels = tmp_path / "labels.csv"
    classes = ("=ham", "+spam")
    lines = [f"-{i}," + ",".join(classes[int(rng.random() < 0.2) ^ (i % 2)] for _ in range(3)) for i in range(80)]
    labels.write_text("id,a,b,c\n" + "\n".join(lines) + "\n")
    code, _ = shell(monkeypatch, capsys, "preflight", str(labels), "--out", str(tmp_path / "out"))
    assert code == 0
    sheet = tmp_path / "out" / "points_to_check.csv"
    head, *points = sheet.read_text().splitlines()
    assert points
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in points for cell in line.split(","))
    filled = [
        ",".join([line.split(",")[0], "'=ham" if i % 2 else "'+spam", *line.split(",")[2:]])
        for i, line in enumerate(points)
    ]
    sheet.write_text("\n".join([head, *filled]) + "\n")
    code, said = shell(monkeypatch, capsys, "preflight", str(labels), "--true", str(sheet))
    assert code == 0, said


@pytest.mark.parametrize("label", ["[]", "{}"])
def test_a_distribution_over_no_class_is_refused(tmp_path, label):
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(f'{{"text": "word{i}", "label": {label}}}\n' for i in range(20)))
    with pytest.raises(DataError, match=r"no class|one class or none"):
        load_task(path=path)
