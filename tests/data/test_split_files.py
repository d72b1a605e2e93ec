"""A folder with a file for each split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outlearn.data import load_task, make_splits
from outlearn.errors import DataError


def write(folder: Path, **files: list[dict]) -> Path:
    for name, records in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def points(name: str, n: int = 8) -> list[dict]:
    return [{"text": f"{name} {i}", "label": i % 2} for i in range(n)]


def test_each_point_goes_to_the_split_that_its_file_names(tmp_path):
    names = ("teacher", "student", "dev", "test")
    task = load_task(path=write(tmp_path, **{name: points(name) for name in names}))
    splits = make_splits(task)
    for split, name in zip(("teacher", "student", "validation", "test"), names, strict=True):
        assert {task.texts[i] for i in getattr(splits, split)} == {f"{name} {i}" for i in range(8)}


def test_a_folder_is_one_file_with_a_column_split(tmp_path):
    parts = {"train": points("a", 60), "test": points("b", 20)}
    folder = load_task(path=write(tmp_path, **parts))
    # Files are read in the order of their names.
    rows = [{**row, "split": name} for name in ("test", "train") for row in parts[name]]
    (tmp_path / "one").mkdir()
    assert folder.fingerprint == load_task(path=write(tmp_path / "one", all=rows) / "all.jsonl").fingerprint


def test_pairs_come_in_files_too(tmp_path):
    pairs = [{"chosen": f"yes {i}", "rejected": f"no {i}"} for i in range(40)]
    task = load_task(path=write(tmp_path, train=pairs[:30], test=pairs[30:]))
    assert task.kind == "preference"
    assert task.assigned.count("test") == 10


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"train_gt": points("a"), "test": points("b")},
            "holds 'train_gt.jsonl', which names no split. Name each file",
        ),
        ({"dev": points("a"), "validation": points("b")}, "'dev.jsonl' and 'validation.jsonl', both for validation"),
        ({"train": points("a"), "test": [{"text": "x", "y": 1}]}, "differ in the columns label, y"),
        ({"train": points("a"), "test": [{"text": "", "label": 0}]}, "record 1, column 'text': is empty"),
        ({"data": points("a")}, "is a folder; expected a file"),
    ],
)
def test_a_folder_that_cannot_be_read_is_named_with_the_reason(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        load_task(path=write(tmp_path, **files))
