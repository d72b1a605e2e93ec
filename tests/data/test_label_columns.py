"""Tables of labels come wide or long, with other columns beside; what is taken for a labeler is said."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from outlearn.data import load_task, load_weak_labels, make_task
from outlearn.data.label_columns import LabelColumns
from outlearn.data.label_files import read_label_table
from outlearn.errors import AlignmentError, DataError

N = 60
RNG = np.random.default_rng(0)
VOTES = np.array(["neg", "pos"])[RNG.integers(0, 2, (3, N))]
TASK = make_task(
    name="t", class_names=["neg", "pos"], ids=[f"q{i}" for i in range(N)], texts=[f"text {i}" for i in range(N)],
    labels=np.arange(N) % 2,
)  # fmt: skip


def write(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def long_rows(who: list[str]) -> list[list[object]]:
    rows = [[f"q{i}", name, VOTES[m, i]] for i in range(N) for m, name in enumerate(who)]
    return [rows[k] for k in np.random.default_rng(1).permutation(len(rows))]


@pytest.mark.parametrize(
    ("header", "who"),
    [
        (["task", "worker", "label"], ["w1", "w2", "w3"]),
        (["id", "annotator_id", "sentiment"], ["7", "8", "9"]),
        (["id", "Rater", "answer"], ["ann", "bob", "cy"]),
    ],
)
def test_a_table_of_annotations_is_the_wide_table_of_the_same_labels(header, who, tmp_path):
    wide = write(tmp_path / "wide.csv", ["id", *who], [[f"q{i}", *VOTES[:, i]] for i in range(N)])
    long = write(tmp_path / "long.csv", header, long_rows(who))
    expected, found = read_label_table(wide, columns=LabelColumns(labelers=who)), read_label_table(long)
    order = [found.ids.index(name) for name in expected.ids]
    names = [f"{header[1]} {name}" if name.isdigit() else name for name in who]
    np.testing.assert_array_equal(found.labels[[found.names.index(n) for n in names]][:, order], expected.labels)
    assert f"Each row is one annotation, of {header[0]} by {header[1]}: {header[2]}." in found.notes
    points = np.arange(5, N)
    from_wide, from_long = (load_weak_labels(path, TASK, points) for path in (wide, long))
    np.testing.assert_array_equal(from_long.probs[[from_long.names.index(n) for n in names]], from_wide.probs)


def test_items_that_an_annotator_has_not_seen_are_gaps(tmp_path):
    rows = [row for row in long_rows(["w1", "w2", "w3"]) if (row[0], row[1]) != ("q3", "w2")]
    path = write(tmp_path / "long.csv", ["task", "worker", "label"], rows)
    found = load_weak_labels(path, TASK, np.arange(N), missing="abstain")
    assert np.argwhere(~found.answered).tolist() == [[found.names.index("w2"), 3]]
    with pytest.raises(DataError, match=r"w2 has no label for 1 of 60 points.*teacher.missing=abstain"):
        load_weak_labels(path, TASK, np.arange(N))


def test_an_annotation_twice_is_named_with_both_lines(tmp_path):
    rows = [["q0", "w1", "neg"], ["q0", "w2", "neg"], ["q1", "w1", "pos"], ["q0", "w1", "pos"]]
    path = write(tmp_path / "long.csv", ["task", "worker", "label"], rows)
    with pytest.raises(DataError, match=r"line 5, column 'worker': 'w1' has labeled 'q0' already, in line 2"):
        read_label_table(path)


def test_a_labeler_that_is_called_annotator_is_a_labeler(tmp_path):
    path = write(tmp_path / "wide.csv", ["id", "annotator", "model"], [[f"q{i}", *VOTES[:2, i]] for i in range(N)])
    assert read_label_table(path).names == ("annotator", "model")


def test_a_task_whose_ids_repeat_says_what_to_do_with_annotations(tmp_path):
    rows = [[f"q{i // 2}", f"text {i // 2}", "neg"] for i in range(N)]
    path = write(tmp_path / "d.csv", ["id", "text", "label"], rows)
    with pytest.raises(DataError, match=r"'q0' is already that of line 2.*one annotation.*id, annotator and label"):
        load_task(path=path)


def tickets(n: int) -> tuple[list[str], list[list[object]]]:
    """Make a table with dates and counts beside three labelers, and a few true labels."""
    rng = np.random.default_rng(n)
    truth = rng.integers(0, 3, n)
    names = np.array(["Billing", "Refund", "Shipping"])
    header = ["ticket_id", "created", "body", "replies", "llm", "ann", "bob", "gold"]
    rows = []
    for i, k in enumerate(truth):
        votes = [names[k] if rng.random() < 0.8 else names[rng.integers(3)] for _ in range(3)]
        votes[2] = votes[2] if rng.random() < 0.6 else ""
        gold = names[k] if i % 10 == 0 else ""
        rows.append([f"T{i}", f"2026-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}", f"{names[k]} case {i % 11}",
                     int(rng.integers(0, 4)), *votes, gold])  # fmt: skip
    return header, rows


@pytest.mark.parametrize("n", [120, 3000])
def test_columns_that_share_no_value_with_the_labels_are_left_out_and_named(n, tmp_path):
    path = write(tmp_path / "tickets.csv", *tickets(n))
    columns = LabelColumns(id="ticket_id", text="body", true="gold")
    table = read_label_table(path, columns=columns)
    assert table.names == ("llm", "ann", "bob")
    assert table.class_names == ("Billing", "Refund", "Shipping")
    assert any("left out" in note and "'created', 'replies'" in note for note in table.notes)
    assert (~table.answered[2]).sum() > n / 4
    found = read_label_table(path)
    assert (found.names, found.ids[:2]) == (table.names, ("T0", "T1"))
    np.testing.assert_array_equal(found.true_labels, table.true_labels)
    assert any(
        "the ids are in ticket_id" in note and "true labels are in gold (--id-column" in note for note in found.notes
    )


def test_the_largest_group_of_columns_that_share_values_labels_and_a_tie_is_asked_about(tmp_path):
    rows = [[f"q{i}", i % 4, i % 5, *VOTES[:, i]] for i in range(N)]
    path = write(tmp_path / "d.csv", ["id", "replies", "stars", "a", "b", "c"], rows)
    table = read_label_table(path)
    assert table.names == ("a", "b", "c")
    assert any("'replies', 'stars'" in note for note in table.notes)
    write(path, ["id", "replies", "stars", "a", "b"], [row[:5] for row in rows])
    with pytest.raises(DataError, match=r"'replies', 'stars' and 'a', 'b' share no value.*--labelers"):
        read_label_table(path)
    assert read_label_table(path, columns=LabelColumns(labelers=["a", "b"])).names == ("a", "b")


def test_labelers_that_write_classes_in_different_words_are_asked_about(tmp_path):
    rows = [[f"q{i}", VOTES[0, i], int(VOTES[1, i] == "pos")] for i in range(N)]
    with pytest.raises(DataError, match=r"'a' and 'b' share no value.*write their labels in one way"):
        read_label_table(write(tmp_path / "d.csv", ["id", "a", "b"], rows))


def test_a_table_without_a_column_of_labels_is_refused(tmp_path):
    path = write(tmp_path / "d.csv", ["id", "text"], [[f"q{i}", f"text {i}"] for i in range(N)])
    with pytest.raises(DataError, match="has no column of labels beside 'id', 'text'"):
        read_label_table(path)


def test_an_annotator_is_one_whatever_blanks_or_points_a_number_is_written_with(tmp_path):
    rows = [["q0", "1", "yes"], ["q0", " 2", "no"], ["q1", " 1", "no"], ["q1", "2", "yes"]]
    found = read_label_table(write(tmp_path / "long.csv", ["id", "annotator", "label"], rows))
    assert found.names == ("annotator 1", "annotator 2")
    np.testing.assert_array_equal(found.labels, [[1, 0], [0, 1]])
    file = tmp_path / "long.json"
    file.write_text(json.dumps([{"id": i, "annotator": float(a), "label": label} for i, a, label in rows]))
    assert read_label_table(file).names == found.names


def test_a_tie_is_no_vote_for_the_class_that_comes_first(tmp_path):
    rows = [["q0", "[0.5, 0.5]", "[1, 0]"], ["q1", "[0.2, 0.8]", ""], ["q2", "[0.9, 0.1]", "[0.3, 0.7]"]]
    table = read_label_table(write(tmp_path / "soft.csv", ["id", "a", "b"], rows)).with_ties_as_gaps()
    np.testing.assert_array_equal(table.labels, [[-1, 1, 0], [0, -1, 1]])
    assert "1 have no single one and count as no label" in table.notes[-1]


def soft_judge(path: Path, gold: list[str]) -> Path:
    """Write a judge's probabilities, in a column that tools call who labels, beside true labels."""
    rows = [[f"q{i}", json.dumps([0.25, 0.75] if i % 3 else [0.625, 0.375]), gold[i % 2]] for i in range(N)]
    return write(path, ["id", "judge", "gold"], rows)


@pytest.mark.parametrize("gold", [["0", "1"], ["neg", "pos"]])
def test_a_judge_of_probabilities_is_a_labeler_and_not_who_gave_the_true_labels(gold, tmp_path):
    path = soft_judge(tmp_path / "judge.csv", gold)

    table = read_label_table(path, columns=LabelColumns(classes=[] if gold[0] == "0" else gold))

    assert table.names == ("judge",)
    assert list(table.class_names) == gold
    assert table.labels[0, :3].tolist() == [0, 1, 1]
    assert table.true_labels is not None
    assert table.true_labels.tolist() == [i % 2 for i in range(N)]


def test_lists_of_probabilities_beside_names_ask_for_names_and_with_these_arrive(tmp_path):
    path = soft_judge(tmp_path / "judge.csv", ["neg", "pos"])
    with pytest.raises(DataError, match=r'distributions by name, such as \{"pos"'):
        read_label_table(path, columns=LabelColumns(labelers=["judge"]))

    rows = [[f"q{i}", json.dumps({"neg": 0.25, "pos": 0.75}), ["neg", "pos"][i % 2]] for i in range(N)]
    table = read_label_table(write(path, ["id", "judge", "gold"], rows), columns=LabelColumns(labelers=["judge"]))

    assert table.true_labels is not None
    assert table.true_labels.tolist() == [i % 2 for i in range(N)]


@pytest.mark.parametrize("strata", [False, True], ids=["true labels", "drawn list"])
def test_ids_without_their_leading_zeros_are_told_of_and_with_them_are_read(strata, tmp_path):
    rows = [[f"{i:04d}", VOTES[0, i], VOTES[1, i]] for i in range(N)]
    table = write(tmp_path / "votes.csv", ["id", "ann", "bob"], rows)
    header = ["id", "label", *(["stratum", "stratum_points"] if strata else [])]

    def truth(name: str, ids: list[str]) -> Path:
        return write(tmp_path / name, header, [[i, "pos", *([1, N] if strata else [])] for i in ids])

    with pytest.raises(AlignmentError, match=r"Leading zeros are gone.*'3' is '0003' there. Read the column as text"):
        read_label_table(table, true=truth("numbers.csv", ["3", "4", "5"]))

    read = read_label_table(table, true=truth("texts.csv", ["0003", "0004", "0005"]))
    assert read.true_labels is not None
    assert np.flatnonzero(read.true_labels >= 0).tolist() == [3, 4, 5]
