"""Weak labels are joined by id, never by order; what does not join is named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from outlearn.data import load_task, load_weak_labels, make_task
from outlearn.errors import ConfigError, DataError

TASK = make_task(
    name="t", class_names=["neg", "pos"], ids=["p", "q", "r", "s"], texts=list("abcd"), labels=[0, 1, 0, 1]
)
NUMBERED = make_task(name="n", class_names=["1", "2", "3"], texts=list("abcd"), labels=[0, 1, 2, 0])
POINTS = np.array([2, 0, 3])


def write(path, content: str):
    path.write_text(content, encoding="utf-8")
    return path


def load(tmp_path, content: str, *, task=TASK, points=POINTS, name="gpt.csv", **options):
    return load_weak_labels(write(tmp_path / name, content), task, points, **options)


def test_rows_are_joined_by_id_and_come_in_the_order_asked_for(tmp_path):
    weak = load(tmp_path, "id,pos,neg\ns,0.9,0.1\np,0.2,0.8\nq,1,0\nr,0.3,0.7\n")
    assert (weak.ids, weak.names, weak.notes) == (("r", "p", "s"), ("gpt",), ())
    np.testing.assert_allclose(weak.probs, [[[0.7, 0.3], [0.8, 0.2], [0.1, 0.9]]], rtol=1e-15)
    shuffled = load(tmp_path, "neg,id,pos\n0.7,r,0.3\n0,q,1\n0.1,s,0.9\n0.8,p,0.2\n")
    np.testing.assert_array_equal(weak.probs, shuffled.probs)


def test_counts_of_votes_become_shares(tmp_path):
    weak = load(tmp_path, "id,neg,pos\nr,3,1\np,0,5\ns,1,0\n")
    np.testing.assert_array_equal(weak.probs[0], [[0.75, 0.25], [0, 1], [1, 0]])


def test_each_column_is_a_teacher_and_each_cell_a_vote_or_a_distribution(tmp_path):
    content = 'id,ann,model\nr,pos,"[0.25, 0.75]"\np,neg,"{""pos"": 1, ""neg"": 0}"\ns,1,pos\n'
    weak = load(tmp_path, content)
    assert weak.names == ("ann", "model")
    np.testing.assert_array_equal(weak.probs, [[[0, 1], [1, 0], [0, 1]], [[0.25, 0.75], [0, 1], [0, 1]]])


def test_numbers_are_names_where_the_classes_are_numbers(tmp_path):
    weak = load(tmp_path, "id,ann\n0,1\n1,2\n2,3\n", task=NUMBERED, points=np.arange(3))
    np.testing.assert_array_equal(weak.probs[0], np.eye(3))
    with pytest.raises(DataError, match="column 'ann': is '0', which is no class; known: 1, 2, 3"):
        load(tmp_path, "id,ann,other\n0,0,1\n1,2,1\n2,3,1\n", task=NUMBERED, points=np.arange(3))


def test_each_file_is_a_teacher_and_equal_names_are_numbered(tmp_path):
    (tmp_path / "b").mkdir()
    first = write(tmp_path / "votes.csv", "id,label\np,neg\nq,pos\nr,neg\ns,neg\n")
    second = write(tmp_path / "b" / "votes.csv", "id,label\np,pos\nq,pos\nr,pos\ns,pos\n")
    third = write(
        tmp_path / "llm.jsonl", "".join(json.dumps({"id": i, "x": 0, "y": [0.5, 0.5]}) + "\n" for i in "pqrs")
    )
    weak = load_weak_labels([first, second, third], TASK, POINTS)
    assert weak.names == ("votes", "votes#2", "llm/x", "llm/y")
    np.testing.assert_array_equal(weak.probs[:, 0], [[1, 0], [0, 1], [1, 0], [0.5, 0.5]])


def test_parquet_tables_hold_lists(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = [{"uid": i, "llm": [0.25, 0.75]} for i in "srqp"]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "w.parquet")
    weak = load_weak_labels(tmp_path / "w.parquet", TASK, POINTS, id_column="uid")
    np.testing.assert_array_equal(weak.probs, np.tile([0.25, 0.75], (1, 3, 1)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,neg,pos\np,1,0\nr,1,0\n", "1 of 3 points have no row: 's'"),
        (
            "id,neg,pos\np,1,0\nr,1,0\ns,1,0\nr,0,1\n",
            "line 5, column 'id': the id 'r' is already that of line 3. Make ids different",
        ),
        (
            "id,neg,pos\np,1,0\nr,1,0\ns,1,0\nx,0,1\n",
            r"ids name no point of task 't' \(1\): 'x'. Its ids are like 'p', 'q'",
        ),
        ("uid,neg,pos\np,1,0\n", "no column 'id'.*Did you mean \"uid\""),
        ("id,neg,pos\n,1,0\np,1,0\nr,1,0\ns,1,0\n", "line 2, column 'id': has no id"),
        ("id\np\nr\ns\n", "has no column beside 'id'"),
        ("id,neg,psitive\np,1,0\nr,1,0\ns,1,0\n", "are not the classes 'neg', 'pos'"),
        ("id,neg,pos\np,0.9,0.2\nr,1,0\ns,1,0\n", "line 2: is .0.9, 0.2., which sums to 1.1"),
        ("id,neg,pos\np,-1,2\nr,1,0\ns,1,0\n", "line 2: is .-1, 2., .* a distribution is at least 0"),
        ("id,neg,pos\np,yes,0\nr,1,0\ns,1,0\n", "line 2: is .'yes', 0.; expected a finite number"),
        ("id,neg,pos\np,,0\nr,1,0\ns,1,0\n", "line 2: is .None, 0."),
        ("id,neg,pos\np,0,0\nr,1,0\ns,1,0\n", "line 2: is empty. Fill it, or set teacher.missing=abstain"),
        (
            "id,ann\np,poss\nr,neg\ns,neg\n",
            "line 2, column 'ann': is 'poss', which is no class or number from 0 to 1.*\"pos\"",
        ),
        ("id,ann\np,-1\nr,neg\ns,neg\n", "is -1, which often marks a missing label: leave the cell empty"),
        (
            "id,ann\np,0.7\nr,neg\ns,neg\n",
            "is 0.7, expected a whole number or a name: one fraction is no class. Write .* a list",
        ),
        ('id,ann\np,"[0.7, 0.2]"\nr,neg\ns,neg\n', "sums to 0.9"),
        ("id,ann\np,\nr,neg\ns,neg\n", "line 2, column 'ann': is empty. Fill it"),
        ("", "is empty"),
    ],
)
def test_what_does_not_join_or_is_no_label_is_named(content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        load(tmp_path, content)


def test_ids_that_fail_are_counted_and_the_first_few_named(tmp_path):
    task = make_task(name="t", class_names=["a", "b"], texts=[f"t{i}" for i in range(100)], labels=np.arange(100) % 2)
    with pytest.raises(DataError, match=r"99 of 100 points have no row: '1', '2', '3', '4', '5', \.\.\."):
        load(tmp_path, "id,a,b\n0,1,0\n", task=task, points=np.arange(100))


def test_a_teacher_may_abstain_where_the_user_says_so(tmp_path):
    content = "id,ann,bob\nr,,neg\np,neg,pos\ns,pos,\n"
    weak = load(tmp_path, content, missing="abstain")
    np.testing.assert_array_equal(weak.answered, [[False, True, True], [True, True, False]])
    np.testing.assert_array_equal(weak.labels, [[-1, 0, 1], [0, 1, -1]])
    np.testing.assert_array_equal(weak.probs[:, 0], [[np.nan, np.nan], [1, 0]])
    np.testing.assert_array_equal(weak.probs[:, 2], [[0, 1], [np.nan, np.nan]])
    assert weak.notes[0] == "ann has no label for 1 of 3 points: gaps, which are neither learned from nor scored."
    # So is a row that is not there; the note counts it.
    absent = load(tmp_path, "id,ann\nr,neg\np,neg\n", missing="abstain")
    np.testing.assert_array_equal(absent.answered, [[True, True, False]])
    assert "has no label for 1 of 3 points" in absent.notes[0]
    with pytest.raises(DataError, match=r"have no row: 's'.*teacher.missing=abstain"):
        load(tmp_path, "id,ann\nr,neg\np,neg\n")
    with pytest.raises(DataError, match="has no label at all"):
        load(tmp_path, "id,ann\nr,\np,\ns,\n", missing="abstain")


def test_labels_of_pairs_speak_of_chosen_and_rejected_whatever_the_slots(tmp_path):
    pairs = "".join(json.dumps({"chosen": f"good {i}", "rejected": f"bad {i}"}) + "\n" for i in range(40))
    task = load_task(path=write(tmp_path / "pairs.jsonl", pairs), seed=3)
    assert 0 < task.first_slot.sum() < 40
    points = np.arange(40)
    votes = "id,llm\n" + "".join(f"{i},chosen\n" for i in range(40))
    weak = load(tmp_path, votes, task=task, points=points)
    # An annotator who always prefers the chosen text is always right.
    np.testing.assert_array_equal(weak.probs[0].argmax(1), task.labels)
    shares = "id,chosen,rejected\n" + "".join(f"{i},0.25,0.75\n" for i in range(40))
    weak = load(tmp_path, shares, task=task, points=points)
    np.testing.assert_array_equal(weak.probs[0][points, task.labels], np.full(40, 0.25))


def test_options_and_files_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="missing is 'zero'"):
        load(tmp_path, "id,ann\n", missing="zero")
    with pytest.raises(ConfigError, match="one path or more"):
        load_weak_labels([], TASK, POINTS)
    with pytest.raises(DataError, match=r"does not exist"):
        load_weak_labels(tmp_path / "none.csv", TASK, POINTS)
    with pytest.raises(DataError, match=r"a table of labels is .csv, .tsv, .jsonl, .json or .parquet"):
        load(tmp_path, "1 text\n", name="w.txt")
