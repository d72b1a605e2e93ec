"""Pairs of texts become two-class points whose slot alone says nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from outlearn.data import load_task


def pairs_file(path, n: int, label=None):
    lines = []
    for i in range(n):
        record = {"chosen": f"good answer {i}", "rejected": f"bad answer {i}"}
        if label is not None:
            record["label"] = label(i)
        lines.append(json.dumps(record))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def preferred(task, i: int) -> str:
    return task.pairs[i][task.labels[i]]


def test_the_label_is_the_slot_of_the_chosen_text(tmp_path):
    task = load_task(path=pairs_file(tmp_path / "p.jsonl", 400))
    assert (task.kind, task.class_names, task.texts, task.target) == ("preference", ("a", "b"), None, None)
    assert all(preferred(task, i) == f"good answer {i}" for i in range(400))
    np.testing.assert_array_equal(task.labels, task.first_slot)
    # Binomial(400, 1/2): within 4 standard deviations of 200.
    assert abs(task.labels.sum() - 200) < 4 * 10


def test_the_seed_decides_the_slots(tmp_path):
    path = pairs_file(tmp_path / "p.jsonl", 50)
    assert load_task(path=path, seed=1).pairs == load_task(path=path, seed=1).pairs
    assert load_task(path=path, seed=1).pairs != load_task(path=path, seed=2).pairs


def test_the_slots_do_not_depend_on_the_limit(tmp_path):
    path = pairs_file(tmp_path / "p.jsonl", 50)
    whole, part = load_task(path=path), load_task(path=path, limit=20)
    assert all(part.pairs[k] == whole.pairs[int(i)] for k, i in enumerate(part.ids))
    assert all(preferred(part, k) == f"good answer {i}" for k, i in enumerate(part.ids))


@pytest.mark.parametrize("as_list", [False, True], ids=["number", "list"])
def test_a_label_is_the_share_that_preferred_the_chosen_text(as_list, tmp_path):
    shares = [0.75, 0.25, 1.0, 0.0, 0.625]
    label = (lambda i: [shares[i], 1 - shares[i]]) if as_list else (lambda i: shares[i])
    task = load_task(path=pairs_file(tmp_path / "p.jsonl", 5, label))
    for i, share in enumerate(shares):
        assert task.target[i, task.first_slot[i]] == share
        assert preferred(task, i) == (f"good answer {i}" if share > 0.5 else f"bad answer {i}")


def test_shares_of_0_and_1_are_hard_labels(tmp_path):
    task = load_task(path=pairs_file(tmp_path / "p.jsonl", 20, lambda i: i % 2))
    assert task.target is None
    assert all(preferred(task, i).startswith("good" if i % 2 else "bad") for i in range(20))


def test_columns_of_a_pair_may_have_other_names(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"win": "a", "lose": "b"}\n{"win": "c", "lose": "d"}\n', encoding="utf-8")
    task = load_task(path=path, chosen_column="win", rejected_column="lose")
    assert [preferred(task, i) for i in range(2)] == ["a", "c"]


def test_a_pair_of_equal_texts_is_left_out_and_said_and_the_others_keep_their_ids(tmp_path):
    path = tmp_path / "p.jsonl"
    lines = [{"chosen": f"c{i}", "rejected": "c1" if i == 1 else f"r{i}"} for i in range(4)]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    task = load_task(path=path)
    assert task.ids == ("0", "2", "3")
    assert [preferred(task, k) for k in range(3)] == ["c0", "c2", "c3"]
    assert task.notes == ("Pairs left out because their two texts are the same, so that neither is better: 1.",)
