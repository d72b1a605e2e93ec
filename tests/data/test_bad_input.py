"""Everything that can be wrong with a file is one DataError that names the place, what came, and what to do."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outlearn.data import load_task, make_task
from outlearn.data.input_errors import InputErrors
from outlearn.data.row_chunks import row_chunks
from outlearn.errors import ConfigError, DataError

GOOD = '{"text": "fine", "label": 1}\n{"text": "dull", "label": 0}\n{"text": "warm", "label": 1}\n'

# name of the file, its content, what the message must say
TEXT_FILES = {
    "empty file": ("d.csv", "", "d.csv is empty; expected at least one record"),
    "only a header": ("d.csv", "text,label\n", "has a header but no record"),
    "only blank lines": ("d.jsonl", "\n  \n", "holds only blank lines"),
    "only blank lines of label sentence": ("d.txt", "\n\n", "holds only blank lines"),
    "ragged row": ("d.csv", "text,label\nfine,1\ndull\nwarm, cosy,1\n", "line 3: 1 fields, expected 2 .text, label."),
    "second ragged row": (
        "d.csv",
        "text,label\nfine,1\ndull\nwarm, cosy,1\n",
        r"line 3: 1 fields, expected 2.* The same in line 4 \(3\)\.",
    ),
    "open quote": ("d.csv", 'text,label\nfine,1\n"dull,0\n', "line 3: unexpected end of data. Close every quote"),
    "bars": (
        "d.csv",
        "text|label\nfine, warm|1\n",
        r"line 1: the header 'text.label' is one column. What separates columns may be: commas, tabs, semicolons\.$",
    ),
    "column twice": ("d.csv", "text,text\nfine,1\n", "names 'text' more than once"),
    "no text column": (
        "d.csv",
        "texts,label\nfine,1\n",
        "no column 'text' .*known: label, texts. Did you mean \"texts\"",
    ),
    "no label column": ("d.csv", "text,lable\nfine,1\n", "no column 'label' .*Did you mean \"lable\""),
    "empty text": ("d.csv", "text,label\nfine,1\n  ,0\n", "line 3, column 'text': is empty. Fill it or drop"),
    "no label at all": (
        "d.csv",
        "text,label\nfine,\ndull,\n",
        "column 'label': no record has a label.*data.label_column",
    ),
    "nan beside numbers": (
        "d.csv",
        "text,label\na,0\nb,1\nc,0\nd,nan\n",
        "line 5, column 'label': is 'nan' where other labels are numbers. Leave the cell empty",
    ),
    "null text": ("d.jsonl", GOOD + '{"text": null, "label": 0}\n', "line 4, column 'text': is empty"),
    "number as text": (
        "d.jsonl",
        GOOD + '{"text": 7, "label": 0}\n',
        "line 4, column 'text': is 7, a number; expected a text",
    ),
    "one class beside points without a label": (
        "d.jsonl",
        '{"text": "a", "label": 1}\n{"text": "b", "label": 1}\n{"text": "c"}\n',
        "every label is 1: one class cannot be learned",
    ),
    "true in two spellings": (
        "d.jsonl",
        '{"text": "a", "label": true}\n{"text": "b", "label": false}\n{"text": "c", "label": "True"}\n',
        "line 3, column 'label': is 'True', where another label is true without quotes",
    ),
    "a number in two spellings": (
        "d.csv",
        "text,label\na,1\nb,0\nc,01\nd,0\n",
        "line 4, column 'label': is '01', where another label is 1. Write all labels in one way",
    ),
    "malformed JSON": ("d.jsonl", GOOD + '{"text": "hm", \n', "line 4: is not JSON"),
    "NaN in JSON": ("d.jsonl", GOOD + '{"text": "hm", "label": NaN}\n', "line 4: is not JSON .NaN is no JSON number"),
    "half a surrogate pair": (
        "d.jsonl",
        GOOD + '{"text": "hm \\ud800", "label": 0}\n',
        "line 4: spells half of a surrogate",
    ),
    "empty distribution": (
        "d.jsonl",
        '{"text": "a", "label": []}\n{"text": "b", "label": []}\n',
        "no record has a label",
    ),
    "distribution over one class": (
        "d.jsonl",
        '{"text": "a", "label": [1]}\n{"text": "b", "label": [1]}\n',
        "one class or none",
    ),
    "a number of many digits": ("d.csv", "text,label\na,0\nb," + "9" * 5000 + "\nc,1\n", "3 different labels"),
    "JSON array": ("d.jsonl", "[1, 2]\n", "line 1: is a JSON list, expected an object"),
    "one class": ("d.csv", "text,label\nfine,1\nwarm,1\n", "every label is 1: one class cannot be learned"),
    "one class by name": ("d.txt", "good fine\ngood warm\n", "every label is 'good': one class"),
    "one class in distributions": (
        "d.jsonl",
        '{"text": "a", "label": [0.9, 0.1]}\n{"text": "b", "label": [0.8, 0.2]}\n',
        "class '0' is the most probable of every point",
    ),
    "gap in labels": ("d.csv", "text,label\na,0\nb,1\nc,5\n", "line 4, column 'label': is 5, out of range"),
    "label -1": ("d.csv", "text,label\na,0\nb,1\nc,-1\n", "line 4, column 'label': is -1, which often marks a missing"),
    "fraction": (
        "d.csv",
        "text,label\na,0\nb,0.7\n",
        "line 3, column 'label': is 0.7, expected a whole number or a name",
    ),
    "mixed labels": (
        "d.jsonl",
        '{"text": "a", "label": 0}\n{"text": "b", "label": [0, 1]}\n',
        "line 2, column 'label': is .0, 1., a list, where the first label is a number",
    ),
    "sum not 1": (
        "d.jsonl",
        '{"text": "a", "label": [0.5, 0.5]}\n{"text": "b", "label": [0.5, 0.4]}\n',
        "line 2, column 'label': is .0.5, 0.4., which sums to 0.9",
    ),
    "negative probability": (
        "d.jsonl",
        '{"text": "a", "label": [0.5, 0.5]}\n{"text": "b", "label": [1.5, -0.5]}\n',
        "line 2.*at least 0",
    ),
    "length of distribution": (
        "d.jsonl",
        '{"text": "a", "label": [0.5, 0.5]}\n{"text": "b", "label": [0.2, 0.3, 0.5]}\n',
        "line 2.*one number for each of the 2 classes",
    ),
    "other class names": (
        "d.jsonl",
        '{"text": "a", "label": {"no": 1, "yes": 0}}\n{"text": "b", "label": {"no": 0, "yess": 1}}\n',
        r"line 2.*has the classes \['no', 'yess'\], expected \['no', 'yes'\]",
    ),
    "a class for each point": ("d.csv", "text,label\na,x\nb,y\nc,z\n", "3 different labels for 3 points.*right column"),
    "more classes than points": (
        "d.jsonl",
        '{"text": "a", "label": [0.4, 0.3, 0.3]}\n{"text": "b", "label": [0.3, 0.4, 0.3]}\n',
        "3 classes but only 2 points",
    ),
    "id twice": (
        "d.csv",
        "id,text,label\nq,a,0\nr,b,1\nq,c,1\n",
        "line 4, column 'id': the id 'q' is already that of line 2",
    ),
    "empty id": ("d.csv", "id,text,label\nq,a,0\n,b,1\n", "line 3, column 'id': has no id. Fill it"),
    "unknown split": (
        "d.csv",
        "text,label,split\na,0,train\nb,1,tset\n",
        "line 3, column 'split': is 'tset'.*\"test\"",
    ),
    "no text after label": ("d.txt", "1 fine\n0\n", "line 2: is '0'; expected a label, a space and a text"),
    "same texts in every pair": (
        "d.jsonl",
        '{"chosen": "a", "rejected": "a"}\n{"chosen": "c", "rejected": "c "}\n',
        "the two texts are the same in every record",
    ),
    "only chosen": ("d.jsonl", '{"chosen": "a", "label": 1}\n', "no column 'text'"),
    "share above 1": (
        "d.jsonl",
        '{"chosen": "a", "rejected": "b", "label": 1.5}\n',
        "line 1, column 'label': is 1.5; for a pair it is the share of raters",
    ),
    "text and pair": (
        "d.jsonl",
        '{"chosen": "a", "rejected": "b", "text": "c", "label": 1}\n',
        "text, chosen and rejected",
    ),
    "unknown suffix": ("d.xlsx", "{}", "ends in '.xlsx'; known: .csv, .tsv, .jsonl"),
    "text as npz": ("d.npz", "not an archive", "cannot be read as arrays without pickle"),
}


@pytest.mark.parametrize("case", TEXT_FILES.values(), ids=TEXT_FILES)
def test_a_bad_text_file_is_named_with_its_place_and_a_fix(case, tmp_path):
    name, content, message = case
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        load_task(path=path)
    assert str(path) in str(caught.value) or "task" in str(caught.value)


def _npz(**arrays: np.ndarray) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.savez(folder / "d.npz", **arrays)
        return folder / "d.npz"

    return write


FEATURES = np.arange(8.0).reshape(4, 2)
HOLED = np.where(FEATURES == 5, np.nan, FEATURES)
LABELS = np.array([0, 1, 0, 1])
ARCHIVES = {
    "NaN": (_npz(features=HOLED, labels=LABELS), "row 3: 1 features are not finite.*in column 1"),
    "beyond float32": (_npz(features=FEATURES * 1e40, labels=LABELS), "not finite in float32"),
    "no features": (_npz(labels=LABELS), "has no array features or X"),
    "no labels": (_npz(features=FEATURES), "has no array labels or label or y"),
    "two spellings": (_npz(features=FEATURES, X=FEATURES, labels=LABELS), "holds both 'features' and 'X'"),
    "one axis": (_npz(features=FEATURES[:, 0], labels=LABELS), r"features have shape \(4,\)"),
    "lengths": (_npz(features=FEATURES, labels=LABELS[:3]), r"label has shape \(3,\), but features have 4 rows"),
    "strings": (_npz(features=FEATURES.astype(str), labels=LABELS), "features have the type <U"),
    "pickle": (_npz(features=FEATURES, labels=np.array([0, 1, 0, None], dtype=object)), "without pickle"),
    "out of range": (
        _npz(features=FEATURES, labels=np.array([0, 1, 0, 9])),
        "row 4, column 'label': is 9, out of range",
    ),
    "not a distribution": (_npz(features=FEATURES, labels=np.full((4, 2), 0.4)), "row 1.*sums to 0.8"),
}


@pytest.mark.parametrize("case", ARCHIVES.values(), ids=ARCHIVES)
def test_a_bad_archive_is_named_with_its_array_and_a_fix(case, tmp_path):
    write, message = case
    with pytest.raises(DataError, match=message):
        load_task(path=write(tmp_path))


def test_a_single_array_is_no_archive(tmp_path):
    np.save(tmp_path / "d.npy", FEATURES)
    (tmp_path / "d.npy").rename(tmp_path / "d.npz")
    with pytest.raises(DataError, match="holds a single array"):
        load_task(path=tmp_path / "d.npz")


def test_a_missing_file_is_told_with_its_neighbour(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"trian.csv does not exist.*Did you mean \"train.csv\""):
        load_task(path=tmp_path / "trian.csv")
    with pytest.raises(DataError, match=r"does not exist. Check the path"):
        load_task(path=tmp_path / "nowhere" / "d.csv")
    with pytest.raises(DataError, match="does not exist"):
        load_task(path=tmp_path / "nowhere" / "d")


@pytest.mark.parametrize("name", ["folder", "folder.csv", "folder.npz"])
def test_a_folder_is_no_file(name, tmp_path):
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="is a folder; expected a file"):
        load_task(path=tmp_path / name)


def test_a_folder_without_a_dataset_is_no_dataset(tmp_path):
    with pytest.raises(DataError, match="is no folder that save_to_disk"):
        load_task(path=tmp_path, format="huggingface")


def test_bytes_that_are_not_utf8_are_placed(tmp_path):
    (tmp_path / "d.csv").write_bytes(b"text,label\nfine,1\ncr\xe8me,0\n")
    with pytest.raises(DataError, match=r"d.csv, line 3: byte 0xe8 is not UTF-8. The file may be latin-1"):
        load_task(path=tmp_path / "d.csv")
    (tmp_path / "d.csv").write_bytes("text,label\nfine,1\n".encode("utf-16")[:-1])
    with pytest.raises(DataError, match=r"byte order mark of UTF-16.*cut off"):
        load_task(path=tmp_path / "d.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(tmp_path):
    (tmp_path / "d.csv").write_text("text,label\n", encoding="utf-8")
    (tmp_path / "d.csv").chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        load_task(path=tmp_path / "d.csv")


def test_a_broken_parquet_file_is_told(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "d.parquet").write_text("text,label\n", encoding="utf-8")
    with pytest.raises(DataError, match="is not a Parquet file"):
        load_task(path=tmp_path / "d.parquet")


def test_a_parquet_file_with_a_text_that_is_no_utf8_is_refused_by_every_reader(tmp_path):
    pa = pytest.importorskip("pyarrow")
    texts = pa.array([b"fine", b"\xb3\xff"]).view(pa.string())
    pq = importlib.import_module("pyarrow.parquet")
    pq.write_table(pa.table({"text": texts, "label": [0, 1]}), tmp_path / "d.parquet")
    for read in (lambda path: load_task(path=path), lambda path: list(row_chunks(path))):
        with pytest.raises(DataError, match=r"d\.parquet holds a value that cannot be read .*utf-8.* Write it again"):
            read(tmp_path / "d.parquet")


def test_all_problems_of_a_file_come_at_once_and_one_mistake_is_one_line(tmp_path):
    lines = [",0" if i % 2 else f"text {i},0.{5 + i % 3}" for i in range(30)]
    (tmp_path / "d.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_task(path=tmp_path / "d.csv")
    # Columns are read one after another, so texts come first.
    empty, numbers = str(caught.value).splitlines()
    assert empty.endswith(
        "d.csv, line 3, column 'text': is empty. Fill it or drop the record. The same in 14 more lines: 5, 7, 9, ..."
    )
    assert "d.csv, line 2, column 'label': is 0.5, expected" in numbers
    assert numbers.endswith("The same in 14 more lines: 4 (0.7), 6 (0.6), 8, ...")


def test_of_many_different_mistakes_ten_are_shown_and_all_are_counted():
    errors = InputErrors("d.csv")
    for i in range(30):
        errors.add(f"mistake {'x' * (i % 15)} of {i}", at=i)
    assert len(errors) == 30
    with pytest.raises(DataError) as caught:
        errors.raise_if_any()
    shown = str(caught.value).splitlines()
    assert len(shown) == 11
    assert shown[2] == "d.csv, line 2: mistake xx of 2 The same in line 17 (17)."
    assert shown[-1] == "d.csv: and 10 problems more."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "vader"}, "known: diabetes, digits, vader-intensity, vader-lexicon, vader-valence"),
        ({"name": "digit"}, 'Did you mean "digits"'),
        ({"name": "org/data"}, "data.format: huggingface"),
        ({"name": "digits", "text_column": "t"}, "is built in"),
        ({"name": "digits", "limit": 0}, "data.limit is 0"),
        ({"path": "d.csv", "format": "excel"}, "data.format is 'excel'; known: csv"),
        ({"path": "d.csv", "subset": "x"}, "for Hugging Face datasets"),
        ({"path": "d.npz", "label_column": "x"}, "do not apply to .npz"),
    ],
)
def test_arguments_that_name_no_task_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        load_task(**arguments)


GOOD_TASK = {"name": "t", "class_names": ["n", "y"], "texts": ["a", "b", "c"], "labels": [0, 1, 0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, "2 labels but 3 texts"),
        ({"labels": [0, 1, 2]}, "label 2 of point '2' is out of range"),
        ({"labels": [0, -2, 1]}, "label -2 of point '1' is out of range.*0 to 1, or -1 for none"),
        ({"labels": [-1, -1, -1]}, "no point has a true label"),
        ({"labels": [0, -1, -1]}, "2 classes but only 1 points with a label"),
        (
            {"labels": [0, -1, 1], "target": np.full((3, 2), 0.5)},
            "target of point '1' .*without a label it must be nan",
        ),
        ({"class_names": ["n"]}, "expected two classes or more"),
        ({"class_names": ["n", "n"]}, "class names repeat"),
        ({"class_names": list("abcd")}, "4 classes but only 3 points"),
        ({"ids": ["p", "p", "q"]}, r"ids occur more than once \(1\), first 'p'"),
        ({"texts": ["a", " ", "c"]}, "text of point '1' is empty"),
        ({"texts": None}, "nothing to learn from"),
        ({"kind": "preference"}, "needs pairs"),
        ({"features": np.ones(3)}, "features have shape"),
        ({"features": np.array([[1.0], [np.inf], [0.0]])}, "1 values that are not finite, first inf at point '1'"),
        ({"target": np.ones((3, 3))}, "target has shape"),
        ({"target": np.ones((3, 2))}, "is no distribution"),
        ({"assigned": ["teacher", "test", "exam"]}, "split is 'exam'"),
        ({"groups": ["g"]}, "3 labels but 1 groups"),
        ({"labels": [0.0, 0.5, 1.0]}, "labels are float64"),
    ],
)
def test_make_task_refuses_parts_that_do_not_fit(change, message):
    with pytest.raises(DataError, match=message):
        make_task(**{**GOOD_TASK, **change})
    assert make_task(**GOOD_TASK).n_points == 3
