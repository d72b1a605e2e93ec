"""One set of rules says what a label is, whichever reader asks: a task, labels from elsewhere, or preflight."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outlearn.data import LabelTable, load_task, load_weak_labels, make_task
from outlearn.data.label_cells import is_gap
from outlearn.data.label_columns import LabelColumns
from outlearn.data.label_files import read_label_table
from outlearn.errors import DataError

N = 40
TASK = make_task(name="t", class_names=["neg", "pos"], texts=[f"text {i}" for i in range(N)], labels=np.arange(N) % 2)


def cells(**changed: object) -> list[object]:
    """Alternate neg and pos, but for the cells that are changed, by their place."""
    return [changed.get(f"at{i}", ("neg", "pos")[i % 2]) for i in range(N)]


def of_task(path: Path) -> np.ndarray:
    return load_task(path=path, label_column="a").labels


def from_elsewhere(path: Path) -> np.ndarray:
    return load_weak_labels(path, TASK, np.arange(N), missing="abstain").labels[0]


def of_preflight(path: Path) -> np.ndarray:
    return read_label_table(path).labels[0]


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    "task": of_task, "from elsewhere": from_elsewhere, "preflight": of_preflight,
}  # fmt: skip


def write(path: Path, labels: list[object]) -> Path:
    """Write a table with the columns id, text, a (these labels) and, unless a task is read, b."""
    rows = [{"id": str(i), "text": f"text {i}", "a": label} for i, label in enumerate(labels)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(params=READERS)
def read(request, tmp_path) -> Callable[[list[object]], np.ndarray]:
    def go(labels: list[object]) -> np.ndarray:
        path = write(tmp_path / "d.jsonl", labels)
        if request.param == "from elsewhere":  # every column beside the id is a labeler there
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            path.write_text("".join(json.dumps({"id": row["id"], "a": row["a"]}) + "\n" for row in rows))
        return READERS[request.param](path)

    return go


PLAIN = [i % 2 for i in range(N)]


def test_gaps_are_gaps(read):
    found = read(cells(at0=None, at1="", at2="  ", at3=[], at4=[None, None]))
    np.testing.assert_array_equal(found, [-1] * 5 + PLAIN[5:])


def test_a_list_of_one_name_is_that_name(read):
    np.testing.assert_array_equal(read([[label] for label in cells()]), PLAIN)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("-1", "is -1, which often marks a missing label: leave the cell empty"),
        (-1, "is -1, which often marks a missing label: leave the cell empty"),
        ("nan", "is 'nan', which is no class. Leave the cell empty"),
        ("<NA>", "is '<NA>', which is no class. Leave the cell empty"),
        (["neg", "pos"], r"is .*which names several classes .neg, pos.; one class a point is expected"),
        (0.7, "is 0.7, expected a whole number or a name"),
    ],
)
def test_what_is_no_label_is_named_with_its_line_in_every_reader(read, cell, message):
    with pytest.raises(DataError, match=rf"line 8, column 'a': {message}"):
        read(cells(at7=cell))


@pytest.mark.parametrize("cell", ["Pos", "POS", "ｐｏｓ"])
def test_a_class_in_two_spellings_is_refused_in_every_reader(read, cell):
    with pytest.raises(DataError, match=rf"line 8, column 'a': is '{cell}'.*pos"):
        read(cells(at7=cell))


@pytest.mark.parametrize("reader", ["task", "preflight"])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["False", "FALSE", "False", "True"], "is 'FALSE', where another label is False"),
        (["very good", "very  good", "bad", "very good"], "is 'very  good', where another label is very good"),
        (["neg", "pos", "neg#pos", "neg"], "is 'neg#pos', which names several classes .neg, pos."),
        (["1", "0", "-1", "0"], "is -1, which often marks a missing label"),
        (["0", "1", "5", "0"], "is 5, out of range"),
    ],
)
def test_classes_that_are_found_in_the_labels_are_looked_at_with_care(reader, labels, message, tmp_path):
    path = write(tmp_path / "d.jsonl", (labels * N)[:N])
    with pytest.raises(DataError, match=message):
        READERS[reader](path)


def test_classes_that_are_named_may_be_any_numbers(tmp_path):
    path = write(tmp_path / "d.jsonl", ([-1, 5] * N)[:N])
    table = read_label_table(path, columns=LabelColumns(classes=["-1", "5"], labelers=["a"]))
    np.testing.assert_array_equal(table.labels[0], PLAIN)


def test_gaps_of_pandas_and_numpy_are_gaps():
    pandas = pytest.importorskip("pandas")
    gaps = [None, np.nan, np.float32("nan"), pandas.NA, pandas.NaT, np.ma.masked, " "]
    assert all(is_gap(cell) for cell in gaps)
    assert not any(is_gap(cell) for cell in (0, False, "no", "-1", [], 0.0))


def test_a_table_gives_votes_as_distributions_and_gaps_as_nan():
    table = LabelTable(("a",), np.array([[0, -1, 1]]), ("no", "yes"), ("x", "y", "z"))
    np.testing.assert_array_equal(table.distributions, [[[1, 0], [np.nan, np.nan], [0, 1]]])
    np.testing.assert_array_equal(table.answered, [[True, False, True]])


def test_a_point_with_a_probability_that_is_missing_or_off_needs_a_word_of_the_user(tmp_path):
    rows = [f"{i},0.3,0.6" if i else "0,,0.9" for i in range(N)]
    path = tmp_path / "p.csv"
    path.write_text("id,neg,pos\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError, match=r"line 2: is .None, 0.9.*With teacher.normalise they are divided") as caught:
        load_weak_labels(path, TASK, np.arange(N))
    assert "line 3: is [0.3, 0.6], which sums to 0.9" in str(caught.value)
    found = load_weak_labels(path, TASK, np.arange(N), normalise=True)
    np.testing.assert_allclose(found.probs[0, :2], [[0, 1], [1 / 3, 2 / 3]])
    path.write_text(path.read_text().replace("id,neg,pos", "id,prob_neg,prob_pos"))
    prefixed = load_weak_labels(path, TASK, np.arange(N), normalise=True)
    np.testing.assert_array_equal(prefixed.probs, found.probs)
    assert "the columns 'prob_neg', 'prob_pos' are the classes 'neg', 'pos'" in prefixed.notes[0]


def test_an_integer_too_large_for_a_float_is_no_gap():
    assert not is_gap(10**400)


@pytest.mark.parametrize("kind", ["lists", "class columns"])
def test_probabilities_of_two_decimals_are_scaled_and_a_note_says_so(kind, tmp_path):
    path = tmp_path / "p.csv"
    if kind == "lists":
        path.write_text("id,ann\n" + "".join(f'{i},"[0.33, {0.66 if i else 0.67}]"\n' for i in range(N)))
    else:
        path.write_text("id,neg,pos\n" + "".join(f"{i},0.33,{0.66 if i else 0.67}\n" for i in range(N)))
    found = load_weak_labels(path, TASK, np.arange(N))
    np.testing.assert_allclose(found.probs[0, :2], [[0.33, 0.67], [1 / 3, 2 / 3]])
    assert any(f"{N - 1} distributions sum to 1 within 0.01 only" in note for note in found.notes)
    path.write_text(path.read_text().replace("0.66", "0.65"))
    with pytest.raises(DataError, match=r"sums to 0\.98; a distribution is at least 0 and sums to 1"):
        load_weak_labels(path, TASK, np.arange(N))
