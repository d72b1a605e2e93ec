"""Texts that are made of several columns, and of one answer out of several."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from outlearn.data import load_task
from outlearn.errors import DataError

SCIQ = [
    {"question": f"what is {i}?", "correct_answer": f"right {i}", "d1": f"wrong {i}", "d2": f"false {i}"}
    for i in range(200)
]
QA = "Q: {question} A: {correct_answer|d1|d2}"


def write(folder: Path, records: list[dict], name: str = "data.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_template_joins_columns_with_its_own_words(tmp_path):
    rows = [{"title": f"t{i}", "stars": i, "content": f"c{i}", "label": i % 2} for i in range(6)]
    task = load_task(path=write(tmp_path, rows), text_column="{title} ({stars}): {content}")
    assert task.texts[:2] == ("t0 (0): c0", "t1 (1): c1")


def test_an_empty_cell_leaves_its_field_empty(tmp_path):
    rows = [{"title": None if i else "t", "content": f"c{i}", "label": i % 2} for i in range(6)]
    assert load_task(path=write(tmp_path, rows), text_column="{title}: {content}").texts[:2] == ("t: c0", ": c1")


def test_a_column_whose_name_has_braces_is_a_column(tmp_path):
    rows = [{"{a}": f"x{i}", "a": "y", "label": i % 2} for i in range(6)]
    assert load_task(path=write(tmp_path, rows), text_column="{a}").texts[0] == "x0"


def test_the_label_says_whether_the_shown_answer_is_the_right_one(tmp_path):
    task = load_task(path=write(tmp_path, SCIQ), text_column=QA)
    assert task.class_names == ("wrong", "right")
    for i, (text, label) in enumerate(zip(task.texts, task.labels, strict=True)):
        answers = [f"right {i}"] if label else [f"wrong {i}", f"false {i}"]
        assert text in {f"Q: what is {i}? A: {answer}" for answer in answers}


def test_the_coin_is_fair_and_every_wrong_answer_has_its_turn(tmp_path):
    task = load_task(path=write(tmp_path, SCIQ), text_column=QA)
    # 200 throws: outside 70..130 once in 40,000 seeds. About 50 of each of two wrong answers: outside 20..80 likewise.
    assert 70 <= task.labels.sum() <= 130
    for word in ("wrong", "false"):
        assert 20 <= sum(f"A: {word}" in text for text in task.texts) <= 80


def test_the_seed_decides_the_answers(tmp_path):
    path = write(tmp_path, SCIQ)
    first, again, other = (load_task(path=path, text_column=QA, seed=seed) for seed in (0, 0, 1))
    assert first.texts == again.texts
    assert first.texts != other.texts


def test_the_label_column_numbers_the_right_answer(tmp_path):
    rows = [{"a": f"zero {i}", "b": f"one {i}", "c": f"two {i}", "label": i % 3} for i in range(90)]
    task = load_task(path=write(tmp_path, rows), text_column="{a|b|c}")
    words = ("zero", "one", "two")
    for i, (text, label) in enumerate(zip(task.texts, task.labels, strict=True)):
        assert (text.split()[0] == words[i % 3]) == bool(label)


def test_pairs_take_templates(tmp_path):
    task = load_task(
        path=write(tmp_path, SCIQ), chosen_column="{question} {correct_answer}", rejected_column="{question} {d1}"
    )
    assert task.kind == "preference"
    assert all("right" in pair[slot] for pair, slot in zip(task.pairs, task.labels, strict=True))


def test_a_saved_dataset_takes_templates(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(SCIQ).save_to_disk(tmp_path / "saved")
    saved = load_task(path=tmp_path / "saved", text_column=QA)
    table = load_task(path=write(tmp_path, SCIQ), text_column=QA)
    assert saved.texts == table.texts
    np.testing.assert_array_equal(saved.labels, table.labels)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("{qestion}", "no column 'qestion' for the template '{qestion}'; .*question"),
        ("{question|d1} {correct_answer|d2}", "2 fields list alternatives .* expected one"),
    ],
)
def test_a_wrong_template_is_named(tmp_path, column, message):
    with pytest.raises(DataError, match=message):
        load_task(path=write(tmp_path, SCIQ), text_column=column)


@pytest.mark.parametrize("label", [-1, 3, "b", None, True])
def test_a_label_that_numbers_no_answer_is_named(tmp_path, label):
    rows = [{"a": f"x{i}", "b": f"y{i}", "c": f"z{i}", "label": 0} for i in range(5)]
    rows[3]["label"] = label
    with pytest.raises(DataError, match=r"line 4, column 'label': is .*0 to 2"):
        load_task(path=write(tmp_path, rows), text_column="{a|b|c}")


def test_an_empty_answer_is_named_only_where_it_would_be_shown(tmp_path):
    rows = [{**row, "d1": ""} for row in SCIQ]
    with pytest.raises(DataError, match="column 'd1': is empty"):
        load_task(path=write(tmp_path, rows), text_column=QA)
    rows = [{**row, "unused": ""} for row in SCIQ]
    assert load_task(path=write(tmp_path, rows), text_column=QA).n_points == 200


def test_a_cell_that_is_no_text_is_named(tmp_path):
    rows = [{"a": [i], "label": i % 2} for i in range(5)]
    with pytest.raises(DataError, match="line 1, column 'a': is a list; expected a text"):
        load_task(path=write(tmp_path, rows), text_column="{a}!")
