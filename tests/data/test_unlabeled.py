"""Points without a label are read as -1 and never guessed; they go to students, and nothing leaks through them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlearn.data import Task, load_task, make_splits, make_task
from outlearn.data.task import SPLIT_NAMES
from outlearn.data.wording import normalise
from outlearn.errors import DataError

LABELS = ["no", None, "yes", None, "no", "yes"]
FRACTIONS = {"teacher": 0.35, "student": 0.35, "validation": 0.05, "test": 0.25}


def records(labels: list[Any]) -> list[dict[str, Any]]:
    return [{"id": f"p{i}", "text": f"text {i}", "label": label} for i, label in enumerate(labels)]


def write(format: str, folder: Path, labels: list[Any]) -> Path:
    """Write one table whose missing labels are None."""
    path = folder / f"d.{format}"
    if format == "csv":
        cells = ["" if label is None else json.dumps(label).replace('"', '""') for label in labels]
        path.write_text(
            "id,text,label\n" + "".join(f'p{i},text {i},"{c.strip(chr(34))}"\n' for i, c in enumerate(cells))
        )
    elif format == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records(labels)))
    elif format == "jsonl without the key":
        path = folder / "k.jsonl"
        rows = [{k: v for k, v in record.items() if v is not None} for record in records(labels)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif format == "parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.Table.from_pylist(records(labels)), path)
    else:
        pytest.importorskip("datasets").Dataset.from_list(records(labels)).save_to_disk(path)
    return path


FORMATS = ("csv", "jsonl", "jsonl without the key", "parquet", "huggingface")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        (LABELS, ("no", "yes"), [0, -1, 1, -1, 0, 1]),
        ([None, 1, 2, 1, None, 2], ("1", "2"), [-1, 0, 1, 0, -1, 1]),
        ([None, 1, 0, 1, None, 0], ("0", "1"), [-1, 1, 0, 1, -1, 0]),
    ],
    ids=["names", "from 1", "from 0"],
)
def test_a_missing_label_is_a_point_without_one_in_every_format(format, labels, names, expected, tmp_path):
    task = load_task(path=write(format, tmp_path, labels))
    assert task.class_names == names
    np.testing.assert_array_equal(task.labels, expected)
    np.testing.assert_array_equal(task.labeled, np.array(expected) >= 0)
    assert task.notes == ("2 of 6 points have no label: students alone learn from them.",)
    assert task.fingerprint == load_task(path=write("jsonl", tmp_path, labels)).fingerprint


@pytest.mark.parametrize("format", ["jsonl", "parquet", "huggingface"])
def test_a_missing_distribution_has_a_target_of_nan(format, tmp_path):
    task = load_task(path=write(format, tmp_path, [[0.25, 0.75], None, [1.0, 0.0], None]))
    np.testing.assert_array_equal(task.labels, [1, -1, 0, -1])
    np.testing.assert_array_equal(task.target, [[0.25, 0.75], [np.nan] * 2, [1, 0], [np.nan] * 2])
    np.testing.assert_array_equal(task.select(np.array([1, 2, 0])).labels, [-1, 0, 1])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([0, -1, 1, 0]), [0, -1, 1, 0]),
        (np.array([0, np.nan, 1, -1, 0]), [0, -1, 1, -1, 0]),
        (np.array(["b", "", "c", "-1", "c"]), [0, -1, 1, -1, 1]),
        (np.array([[0.5, 0.5], [np.nan, np.nan], [0.0, 1.0], [1.0, 0.0]]), [0, -1, 1, 0]),
    ],
    ids=["numbers", "floats", "names", "distributions"],
)
def test_arrays_mark_a_missing_label_by_minus_1(labels, expected, tmp_path):
    np.savez(tmp_path / "d.npz", features=np.eye(len(labels)), labels=labels)
    np.testing.assert_array_equal(load_task(path=tmp_path / "d.npz").labels, expected)


def test_datasets_mark_a_missing_label_by_minus_1(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    made = datasets.Dataset.from_dict({"text": list("abcde"), "label": [1, -1, 0, -1, 1]}, features=features)
    made.save_to_disk(tmp_path / "d")
    made.to_parquet(tmp_path / "d.parquet")
    for path, names in (("d", ("no", "yes")), ("d.parquet", ("0", "1"))):
        task = load_task(path=tmp_path / path)
        assert task.class_names == names
        np.testing.assert_array_equal(task.labels, [1, -1, 0, -1, 1])


def test_labels_of_minus_1_and_1_are_not_taken_for_two_classes(tmp_path):
    np.savez(tmp_path / "d.npz", features=np.eye(4), labels=np.array([1, -1, 1, -1]))
    with pytest.raises(DataError, match=r"every label is 1: .* \(-1 marks a missing label.\)"):
        load_task(path=tmp_path / "d.npz")


def test_a_name_among_names_may_look_like_a_blank(tmp_path):
    (tmp_path / "d.csv").write_text("text,label\na,none\nb,some\nc,none\n")
    assert load_task(path=tmp_path / "d.csv").class_names == ("none", "some")


def test_a_file_of_unlabeled_student_points_needs_no_column_of_labels(tmp_path):
    for name in ("train", "student", "test"):
        rows = [{"text": f"{name} {i}", **({} if name == "student" else {"label": i % 2})} for i in range(8)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = load_task(path=tmp_path)
    assert {a for a, known in zip(task.assigned or (), task.labeled, strict=True) if not known} == {"student"}
    assert task.labeled.sum() == 16


def test_the_unsupervised_split_of_a_dataset_is_for_students(tmp_path):
    datasets = pytest.importorskip("datasets")
    label = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    parts = {
        name: datasets.Dataset.from_dict(
            {"text": [f"{name} {i}" for i in range(40)], "label": [-1 if none else i % 2 for i in range(40)]}, label
        )
        for name, none in (("train", False), ("test", False), ("unsupervised", True))
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "d")
    task = load_task(path=tmp_path / "d")
    splits = make_splits(task)
    assert not task.labeled[splits.student].all()
    assert splits.sizes()["test"] == 40


def few_labels(n_labeled: int, n_unlabeled: int, **parts: Any) -> Task:
    labels = [i % 2 for i in range(n_labeled)] + [-1] * n_unlabeled
    texts = [f"word {i}" for i in range(len(labels))]
    return make_task(name="few", class_names=["n", "y"], texts=texts, labels=labels, **parts)


@pytest.mark.parametrize(("n_labeled", "n_unlabeled"), [(500, 20_000), (500, 100), (990, 10), (40, 1)])
def test_students_take_labeled_points_only_up_to_their_fraction_and_the_rest_is_shared(n_labeled, n_unlabeled):
    task = few_labels(n_labeled, n_unlabeled)
    splits = make_splits(task)
    counts = {name: task.labeled[getattr(splits, name)].sum() for name in SPLIT_NAMES}
    assert len(splits.student) - counts["student"] == n_unlabeled
    student = max(0.0, FRACTIONS["student"] * task.n_points - n_unlabeled)
    assert abs(counts["student"] - student) <= 2  # one of each class
    for name in ("teacher", "validation", "test"):
        expected = (n_labeled - student) * FRACTIONS[name] / (1 - FRACTIONS["student"])
        assert abs(counts[name] - expected) <= 2
    assert splits.notes[1] == (
        f"The {n_unlabeled:,} points without a label are in the student split and count towards its fraction. Points "
        f"with a label: teacher {counts['teacher']:,}, student {counts['student']:,}, "
        f"validation {counts['validation']:,}, test {counts['test']:,}."
    )


@st.composite
def half_labeled_tasks(draw) -> Task:
    """Tasks with groups and with texts that repeat in other case, of which any part has no label."""
    n = draw(st.integers(80, 160))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    texts = [str.upper(t) if rng.integers(2) else t for t in (f"word {k}" for k in rng.integers(2 * n, size=n))]
    labels = np.concatenate([np.arange(40) % 2, rng.integers(2, size=n - 40)])
    labels[40:][rng.random(n - 40) < draw(st.sampled_from([0.1, 0.6, 1.0]))] = -1
    order = rng.permutation(n)
    groups = [f"g{g}" for g in rng.integers(3 * n, size=n)] if draw(st.booleans()) else None
    return make_task(name="drawn", class_names=["n", "y"], texts=texts, labels=labels[order], groups=groups)


@settings(max_examples=60)
@given(task=half_labeled_tasks(), seed=st.integers(0, 1000))
def test_unlabeled_points_are_in_student_alone_and_share_no_text_or_group_with_another_split(task, seed):
    splits = make_splits(task, teacher=0.3, student=0.3, validation=0.2, test=0.2, seed=seed)
    where = {int(i): name for name in SPLIT_NAMES for i in getattr(splits, name)}
    assert sorted([*where, *splits.removed.tolist()]) == list(range(task.n_points))
    homes: dict[str, set[str]] = {}
    for i, name in where.items():
        assert name == "student" or task.labeled[i]
        homes.setdefault("text " + normalise(task.texts[i]), set()).add(name)
        if task.groups is not None:
            homes.setdefault("group " + task.groups[i], set()).add(name)
    assert all(len(names) == 1 for names in homes.values())
    # No label is lost: of copies, one with a label is kept.
    kept = {normalise(task.texts[i]) for i in where if task.labeled[i]}
    assert kept == {normalise(text) for text, known in zip(task.texts, task.labeled, strict=True) if known}
    for name in ("teacher", "validation", "test"):
        assert set(task.labels[getattr(splits, name)].tolist()) == {0, 1}


def test_an_unlabeled_copy_of_a_labeled_text_is_removed_wherever_that_went():
    texts = [f"WORD {i}" for i in range(100)] * 2
    task = make_task(name="t", class_names=["n", "y"], texts=texts, labels=[-1] * 100 + [i % 2 for i in range(100)])
    splits = make_splits(task)
    np.testing.assert_array_equal(splits.removed, np.arange(100))
    assert splits.notes[1] == "Points removed because their content is that of an earlier point: 100."


def test_unlabeled_points_of_a_test_group_are_left_out_and_counted():
    groups = [f"g{i}" for i in range(100)] * 2
    task = few_labels(100, 100, groups=groups)
    splits = make_splits(task)
    elsewhere = {groups[i] for name in ("teacher", "validation", "test") for i in getattr(splits, name)}
    np.testing.assert_array_equal(splits.removed, [i for i in range(100, 200) if groups[i] in elsewhere])
    assert (
        f"; {len(splits.removed)} are left out, because points of their group are in another split" in splits.notes[1]
    )


def test_the_file_may_say_train_or_student_of_a_point_without_a_label_and_nothing_else():
    assigned = ["train"] * 60 + ["validation"] * 20 + ["test"] * 20 + ["student", "train"] * 25
    task = few_labels(100, 50, assigned=assigned)
    assert set(range(100, 150)) <= set(make_splits(task).student.tolist())
    for name in ("teacher", "validation", "test"):
        wrong = [*assigned[:120], name, name, *assigned[122:]]
        with pytest.raises(DataError, match=rf"point '120' has no label, and the file puts it in {name} \(and 1 more"):
            make_splits(few_labels(100, 50, assigned=wrong))


def test_too_few_labels_name_the_class_and_count_labeled_points_only():
    task = make_task(
        name="t", class_names=["n", "y"], texts=[f"t{i}" for i in range(60)], labels=[0] * 8 + [1] * 2 + [-1] * 50
    )
    with pytest.raises(DataError, match=r"no point of class 'y'.*There are 10 points with a label .*'y', has 2 points"):
        make_splits(task)


def test_a_pair_always_has_a_label():
    pairs = [("a", "b"), ("c", "d"), ("e", "f")]
    with pytest.raises(DataError, match="label -1 of point '1' is out of range"):
        make_task(name="t", class_names=["a", "b"], pairs=pairs, labels=[0, -1, 1], kind="preference")


def test_a_limit_draws_among_all_points_and_leaves_those_without_a_label_as_they_are(tmp_path):
    path = write("jsonl", tmp_path, [["no", "yes", None, None][i % 4] for i in range(400)])
    task = load_task(path=path, limit=100)
    of_file = load_task(path=path)
    np.testing.assert_array_equal(task.labels, [of_file.labels[of_file.ids.index(name)] for name in task.ids])
    assert 20 < (~task.labeled).sum() < 80
