"""The same records give the same task, whatever file they come in."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outlearn.data import FORMATS, Task, load_task
from outlearn.errors import ConfigError, DataError

RECORDS: list[dict[str, Any]] = [
    {"id": "p0", "text": 'a "fine", warm film', "label": "good", "group": "g0", "split": "teacher"},
    {"id": "p1", "text": "two\nlines of gloom", "label": "bad", "group": "g1", "split": "student"},
    {"id": "p2", "text": "crème brûlée \u2028 with a separator", "label": "good", "group": "g2", "split": "validation"},
    {"id": "p3", "text": "dull", "label": "bad", "group": "g1", "split": "test"},
    {"id": "p4", "text": "bright", "label": "mixed", "group": "g3", "split": "test"},
]


def write_csv(path: Path, records: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows(
            {k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in record.items()} for record in records
        )
    return path


def write_jsonl(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def write_parquet(path: Path, records: list[dict[str, Any]]) -> Path:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(records), path)
    return path


def write_saved_dataset(path: Path, records: list[dict[str, Any]]) -> Path:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(records).save_to_disk(path)
    return path


WRITERS = {"csv": write_csv, "jsonl": write_jsonl, "parquet": write_parquet, "huggingface": write_saved_dataset}


def assert_same_points(a: Task, b: Task) -> None:
    assert (a.kind, a.class_names, a.ids, a.texts, a.pairs) == (b.kind, b.class_names, b.ids, b.texts, b.pairs)
    assert (a.groups, a.assigned) == (b.groups, b.assigned)
    np.testing.assert_array_equal(a.labels, b.labels)
    assert a.fingerprint == b.fingerprint


@pytest.mark.parametrize("format", WRITERS)
def test_every_table_format_round_trips(format, tmp_path):
    task = load_task(path=WRITERS[format](tmp_path / f"data.{format}", RECORDS))
    assert task.ids == tuple(r["id"] for r in RECORDS)
    assert task.texts == tuple(r["text"] for r in RECORDS)
    assert task.class_names == ("bad", "good", "mixed")
    assert [task.class_names[i] for i in task.labels] == [r["label"] for r in RECORDS]
    assert task.groups == tuple(r["group"] for r in RECORDS)
    assert task.assigned == tuple(r["split"] for r in RECORDS)
    assert task.target is None
    assert task.source.endswith(f"data.{format}")


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 2, 1, 0],
        [1, 2, 3, 2, 1],
        ["no", "yes", "no", "yes", "no"],
        [[0.5, 0.5], [0.25, 0.75], [1.0, 0.0], [0.0, 1.0], [0.125, 0.875]],
        [
            {"no": 0.5, "yes": 0.5},
            {"no": 0.25, "yes": 0.75},
            {"no": 1, "yes": 0},
            {"no": 0, "yes": 1},
            {"no": 1, "yes": 0},
        ],
    ],
    ids=["from 0", "from 1", "names", "lists", "objects"],
)
def test_every_kind_of_label_reads_the_same_from_every_format(format, labels, tmp_path):
    records = [{"text": f"text {i}", "label": label} for i, label in enumerate(labels)]
    task = load_task(path=WRITERS[format](tmp_path / f"d.{format}", records))
    if isinstance(labels[0], list | dict):
        rows = [list(row.values()) if isinstance(row, dict) else row for row in labels]
        np.testing.assert_array_equal(task.target, rows)
        np.testing.assert_array_equal(task.labels, np.argmax(rows, axis=1))
    else:
        assert [task.class_names[i] for i in task.labels] == [str(label) for label in labels]
        assert task.class_names == tuple(str(label) for label in sorted(set(labels)))
    assert_same_points(task, load_task(path=write_jsonl(tmp_path / "reference.jsonl", records)))


def test_ids_default_to_row_numbers_from_0(tmp_path):
    records = [{"text": "a", "label": 0}, {"text": "b", "label": 1}, {"text": "c", "label": 1}]
    assert load_task(path=write_jsonl(tmp_path / "d.jsonl", records)).ids == ("0", "1", "2")


def test_label_sentence_lines_are_a_label_and_the_rest(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("1 a stirring , funny film\n0 dull .\r\n\n1   warm\n", encoding="utf-8")
    task = load_task(path=path)
    assert task.texts == ("a stirring , funny film", "dull .", "warm")
    np.testing.assert_array_equal(task.labels, [1, 0, 1])
    assert task.name == f"{tmp_path.name}/train"


@pytest.mark.parametrize("names", [("features", "labels"), ("X", "y")])
def test_npz_round_trips(names, tmp_path):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(6, 3)), np.array([0, 1, 2, 0, 1, 2])
    ids = np.array([f"n{i}" for i in range(6)])
    np.savez(tmp_path / "d.npz", **{names[0]: features, names[1]: labels}, ids=ids, groups=labels, splits=["train"] * 6)
    task = load_task(path=tmp_path / "d.npz")
    np.testing.assert_array_equal(task.features, features.astype(np.float32))
    np.testing.assert_array_equal(task.labels, labels)
    assert task.ids == tuple(ids)
    assert task.groups == ("0", "1", "2", "0", "1", "2")
    assert task.assigned == ("train",) * 6
    assert task.texts is None


def test_npz_takes_names_and_distributions_as_labels(tmp_path):
    features = np.eye(4)
    np.savez(tmp_path / "names.npz", features=features, labels=np.array(["a", "b", "a", "b"]))
    assert load_task(path=tmp_path / "names.npz").class_names == ("a", "b")
    soft = np.array([[0.5, 0.5], [0.25, 0.75], [1, 0], [0, 1]])
    np.savez(tmp_path / "soft.npz", features=features, labels=soft)
    np.testing.assert_array_equal(load_task(path=tmp_path / "soft.npz").target, soft)


def test_a_class_label_of_a_saved_dataset_names_the_classes(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    data = datasets.Dataset.from_dict({"sentence": ["a", "b", "c"], "label": [1, 0, 1]}, features=features)
    data.save_to_disk(tmp_path / "d")
    task = load_task(path=tmp_path / "d", text_column="sentence")
    assert task.class_names == ("neg", "pos")
    np.testing.assert_array_equal(task.labels, [1, 0, 1])


def test_the_splits_of_a_saved_dataset_are_kept_apart_or_one_is_read(tmp_path):
    datasets = pytest.importorskip("datasets")
    part = {
        name: datasets.Dataset.from_dict({"text": [f"{name} {i}" for i in range(4)], "label": [0, 1, 0, 1]})
        for name in ("train", "validation", "test")
    }
    datasets.DatasetDict(part).save_to_disk(tmp_path / "d")
    task = load_task(path=tmp_path / "d")
    assert task.assigned == ("train",) * 4 + ("validation",) * 4 + ("test",) * 4
    only = load_task(path=tmp_path / "d", split="train")
    assert (only.n_points, only.assigned) == (4, None)
    with pytest.raises(DataError, match=r"no split 'trian'; known: test, train, validation. Did you mean \"train\""):
        load_task(path=tmp_path / "d", split="trian")


def test_splits_with_other_names_must_be_chosen(tmp_path):
    datasets = pytest.importorskip("datasets")
    part = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})
    datasets.DatasetDict({"train": part, "extra": part}).save_to_disk(tmp_path / "d")
    with pytest.raises(DataError, match=r"'extra' is none of teacher.*data\.split"):
        load_task(path=tmp_path / "d")


def test_a_dataset_that_is_not_on_this_machine_is_an_error_and_not_a_download():
    pytest.importorskip("datasets")
    with pytest.raises(DataError, match=r"'nobody/nothing-here' cannot be loaded .*save_to_disk"):
        load_task(name="nobody/nothing-here", format="huggingface")


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    (tmp_path / "d.csv").write_text("\ufefftext,label\nfine,1\ndull,0\nwarm,1\n", encoding="utf-8")
    assert load_task(path=tmp_path / "d.csv").texts == ("fine", "dull", "warm")


def test_columns_may_have_other_names(tmp_path):
    records = [{"sentence": f"s{i}", "stars": i % 2, "uid": i + 7, "author": "x", "part": "dev"} for i in range(4)]
    task = load_task(
        path=write_jsonl(tmp_path / "d.jsonl", records),
        text_column="sentence",
        label_column="stars",
        id_column="uid",
        group_column="author",
        split_column="part",
    )
    assert task.ids == ("7", "8", "9", "10")
    assert task.groups == ("x",) * 4
    assert task.assigned == ("validation",) * 4


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path):
    first = load_task(path=write_jsonl(tmp_path / "a.jsonl", RECORDS))
    moved = load_task(path=write_csv(tmp_path / "b.csv", RECORDS))
    assert first.fingerprint == moved.fingerprint
    for key, value in {"text": "x", "label": "bad", "group": "g9", "split": "student", "id": "q"}.items():
        changed = [{**RECORDS[0], key: value}, *RECORDS[1:]]
        assert load_task(path=write_jsonl(tmp_path / "c.jsonl", changed)).fingerprint != first.fingerprint


def test_limit_draws_points_by_seed_and_says_so(tmp_path):
    path = write_jsonl(tmp_path / "d.jsonl", [{"text": f"t{i}", "label": i % 2} for i in range(100)])
    drawn = load_task(path=path, limit=30, seed=1)
    assert drawn.n_points == 30
    assert drawn.ids == load_task(path=path, limit=30, seed=1).ids != load_task(path=path, limit=30, seed=2).ids
    assert list(map(int, drawn.ids)) == sorted(map(int, drawn.ids))
    assert drawn.texts == tuple(f"t{i}" for i in drawn.ids)
    assert drawn.notes == ("30 of 100 points were drawn at random (data.limit).",)
    assert load_task(path=path, limit=100).fingerprint == load_task(path=path).fingerprint
    assert load_task(path=path, limit=30, limit_seed=1, seed=2).ids == drawn.ids


def test_arrays_of_a_task_cannot_be_written_to(tmp_path):
    task = load_task(path=write_jsonl(tmp_path / "d.jsonl", RECORDS))
    with pytest.raises(ValueError, match="read-only"):
        task.labels[0] = 1


def test_every_format_is_documented():
    docs = Path(__file__).resolve().parents[2] / "docs" / "data.md"
    text = docs.read_text(encoding="utf-8")
    assert all(f"`{format}`" in text for format in FORMATS)


def test_exactly_one_of_name_and_path_is_wanted(tmp_path):
    with pytest.raises(ConfigError, match="give exactly one"):
        load_task()
    with pytest.raises(ConfigError, match="give exactly one"):
        load_task(name="digits", path=tmp_path / "d.csv")


def test_classes_that_a_dataset_declares_and_does_not_use_are_left_out_and_named(tmp_path):
    datasets = pytest.importorskip("datasets")
    names = ["spam", "ham", "other", "unknown"]
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    data = datasets.Dataset.from_dict({"text": list("abcdef"), "label": [3, 0, 3, -1, 0, 3]}, features=features)
    data.save_to_disk(tmp_path / "saved")
    task = load_task(path=tmp_path / "saved")
    assert task.class_names == ("spam", "unknown")
    assert task.labels.tolist() == [1, 0, 1, -1, 0, 1]
    assert any("left out: ham, other" in note for note in task.notes)
